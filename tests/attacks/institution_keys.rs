//! Attack 7: collecting institution keys.
//!
//! An institution key is `d = sum of h_j * x_j` over 64 secrets x_j, where the h_j are known to everybody. 64 of them are
//! 64 equations in 64 unknowns: whoever has them has the whole vector and makes the key of any name, the authority's own
//! among them, which signs the trust bundle. 63 of them leave a line of solutions, on which every value is possible.
//! So an authority derives at most 63 names in its life, and refuses the next.

use crate::{
    bureau::with_bureau,
    city::{FIRST_INSTITUTION, TestSuite},
    equations::Equations,
    forger::{self, times_generator},
};
use elliptic_curve::Field;
use symbolon_ccks::{BadSignature, INSTITUTIONS, Name, Purpose, Signer, hash_to_scalar};
use symbolon_service::ServiceError;

for_each_suite!(
    sixty_four_keys_give_the_vector_away,
    sixty_three_keys_say_nothing_about_another,
    the_sixty_fourth_name_is_refused,
);

/// The h_j of a name.
fn factors<S: TestSuite>(name: &Name) -> Vec<S::Scalar> {
    let id = S::city().authority.id().as_bytes();
    (0..64u8).map(|index| hash_to_scalar::<S>("INSTITUTION", &[id, name.encoded(), &[index]])).collect()
}

/// The equations that the keys of this many operators are; the authority's own key is not among them.
fn collect<S: TestSuite>(count: usize) -> Equations<S::Scalar> {
    let city = S::city();
    let mut equations = Equations::new();
    for number in 0..count {
        let name = Name::parse(format!("operator-{number}")).unwrap();
        let key = city.secret.institution_key(&city.authority, &name);
        let secret = S::decode_scalar(&key.secret_bytes()).unwrap();
        assert!(equations.learn(factors::<S>(&name), secret));
    }
    equations
}

/// Whether a forger gets a trust bundle accepted with this secret.
fn signs_bundles<S: TestSuite>(secret: &S::Scalar) -> bool {
    let authority = &S::city().authority;
    let signer = Signer::Institution(authority.name());
    let message = b"nobody is revoked";
    let signature = forger::sign::<S>(authority.id(), signer, Purpose::Bundle, message, secret);
    let verdict = authority.verify(signer, Purpose::Bundle, &[message], &signature);
    assert!(matches!(verdict, Ok(()) | Err(BadSignature)));
    verdict.is_ok()
}

fn sixty_four_keys_give_the_vector_away<S: TestSuite>() {
    let city = S::city();
    let equations = collect::<S>(INSTITUTIONS);
    // Every secret of the vector.
    let secrets = city.secret_scalars();
    for index in 0..INSTITUTIONS {
        let mut unit = vec![S::Scalar::ZERO; INSTITUTIONS];
        unit[index] = S::Scalar::ONE;
        assert_eq!(equations.predict(unit), Some(secrets[FIRST_INSTITUTION + index]));
    }
    // A 65th name's key, and the authority's own.
    let name = Name::parse("clearing-house").unwrap();
    let forged = equations.predict(factors::<S>(&name)).unwrap();
    assert_eq!(city.authority.institution_key(&name).unwrap(), times_generator::<S>(&forged));
    let own = equations.predict(factors::<S>(city.authority.name())).unwrap();
    assert!(signs_bundles::<S>(&own));
}

fn sixty_three_keys_say_nothing_about_another<S: TestSuite>() {
    let city = S::city();
    let own = city.authority.name();
    let mut equations = collect::<S>(INSTITUTIONS - 1);
    assert_eq!(equations.predict(factors::<S>(own)), None);
    // The forger supposes something of the one dimension that is left. Whatever it supposes is consistent with all 63
    // keys, gives a key for every name, and the key is wrong.
    let mut unit = vec![S::Scalar::ZERO; INSTITUTIONS];
    unit[INSTITUTIONS - 1] = S::Scalar::ONE;
    assert!(equations.learn(unit, forger::scalar::<S>("a guess")));
    let guess = equations.predict(factors::<S>(own)).unwrap();
    assert!(!signs_bundles::<S>(&guess));
}

fn the_sixty_fourth_name_is_refused<S: TestSuite>() {
    // The forger asks for one name after another. The authority's own is the first that is counted, so that it gets 62;
    // it may have each of them as often as it likes, and no other.
    with_bureau::<S>(async |city, bureau| {
        let own = city.authority.name();
        let mut equations = Equations::new();
        for number in 1..INSTITUTIONS - 1 {
            let name = Name::parse(format!("operator-{number}")).unwrap();
            for _ in 0..2 {
                let key = bureau.institutions.key(&name).await.unwrap();
                let secret = S::decode_scalar(&key.secret_bytes()).unwrap();
                equations.learn(factors::<S>(&name), secret);
            }
        }
        assert_eq!(equations.rank(), 62);
        for name in ["operator-63", "operator-64", "a", "clearing-house"] {
            let refused = bureau.institutions.key(&Name::parse(name).unwrap()).await.err();
            assert_eq!(refused, Some(ServiceError::InstitutionsExhausted), "{name}");
        }
        assert_eq!(bureau.institutions.list().await.unwrap().len(), INSTITUTIONS - 1);
        // Nothing follows about the authority's own key, which is all that counts.
        assert_eq!(equations.predict(factors::<S>(own)), None);
    });
}
