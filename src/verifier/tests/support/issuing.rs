//! Keys as an authority issues them, for every test of this crate.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use symbolon_ccks::*;

/// A key with a credential of this identity.
pub(crate) fn issue<S: Suite>(
    secret: &AuthoritySecret<S>,
    authority: &Authority<'_, S>,
    fields: IdentityFields,
) -> SigningKey<S> {
    let identity = Identity::new(fields).unwrap();
    let enrolment = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(1));
    let (offer, challenge) = (Offer::new(identity, [9; 32]), [8; 32]);
    let message = match fields.class {
        Class::Pseudonym => PossessionMessage::Pseudonym { period: 1, challenge: &challenge },
        Class::Card | Class::Terminal => PossessionMessage::Offer(&offer),
    };
    let possession = enrolment.prove_possession(authority.id(), message, &[1; 32]).unwrap();
    let issued = secret.issue(authority, &identity, message, enrolment.point(), &possession, &[2; 32]).unwrap();
    enrolment.complete(authority, &identity, &issued.credential, issued.contribution.as_bytes()).unwrap()
}
