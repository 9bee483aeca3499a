//! Who may sign what, and signatures that somebody changed.

use elliptic_curve::Field as _;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use symbolon_ccks::*;

use crate::city::TestSuite;
use crate::for_each_suite;

for_each_suite!(
    enforces_who_signs_what,
    refuses_mauled_signatures,
    refuses_every_bit_flip_of_a_credential,
    institution_keys_agree,
);

fn enforces_who_signs_what<S: TestSuite>() {
    use Purpose::*;
    let city = S::city();
    let key = |class| city.issue(&city.identity(class, 7), 7).0;
    let own = city.secret.institution_key(&city.authority, city.authority.name());
    let other = Name::parse("water-company").unwrap();
    let holders: [(SigningKey<S>, &[Purpose]); 6] = [
        (key(Class::Card), &[Transaction, Request]),
        (key(Class::Terminal), &[Challenge, Upload, Receipt, Request]),
        (key(Class::Pseudonym), &[Transaction]),
        (own, &[Bundle, Acknowledgement, Voucher]),
        (city.secret.institution_key(&city.authority, &other), &[]),
        (city.secret.rotation_key(&city.authority), &[Successor]),
    ];
    for (key, allowed) in &holders {
        for purpose in Purpose::ALL {
            let signed = key.sign(purpose, &[b"message"], &[0; 32]);
            assert_eq!(signed.is_ok(), allowed.contains(&purpose), "{key:?} {purpose:?}");
            let Ok(signature) = signed else { continue };
            for verified_as in Purpose::ALL {
                let verdict = city.authority.verify(key.signer(), verified_as, &[b"message"], &signature);
                assert_eq!(verdict.is_ok(), verified_as == purpose, "{key:?} {purpose:?}");
            }
        }
    }
    let enrolment = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(5));
    for purpose in Purpose::ALL {
        let may = Signer::Point(enrolment.point()).may_sign(purpose, city.authority.name());
        assert_eq!(may, purpose == Possession);
    }
}

fn refuses_mauled_signatures<S: TestSuite>() {
    let city = S::city();
    let (key, ..) = city.issue(&city.identity(Class::Card, 1), 1);
    let signature = key.sign(Purpose::Transaction, &[b"m"], &[3; 32]).unwrap();
    let verify = |bytes: &[u8]| {
        Signature::parse(bytes).ok().is_some_and(|signature| {
            city.authority.verify(key.signer(), Purpose::Transaction, &[b"m"], signature).is_ok()
        })
    };
    assert!(verify(signature.as_bytes()));
    for bit in 0..Signature::SIZE * 8 {
        let mut bytes = *signature.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!verify(&bytes), "bit {bit}");
    }
    // z + n has the same value modulo n and must be refused; so must 0 and n themselves.
    let minus_one = S::encode_scalar(&-S::Scalar::ONE);
    let mut order = minus_one;
    order[31] += 1;
    for response in [[0; 32], order, [0xff; 32], minus_one] {
        let mut bytes = *signature.as_bytes();
        bytes[33..].copy_from_slice(&response);
        assert!(!verify(&bytes));
    }
    // -R with any z.
    let mut bytes = *signature.as_bytes();
    bytes[0] ^= 1;
    let z = S::decode_scalar(signature.response()).unwrap();
    bytes[33..].copy_from_slice(&S::encode_scalar(&-z));
    assert!(!verify(&bytes));
}

fn institution_keys_agree<S: TestSuite>() {
    let city = S::city();
    for name in ["beijing", "water-company", "a", &"z".repeat(63)] {
        let name = Name::parse(name).unwrap();
        let key = city.secret.institution_key(&city.authority, &name);
        assert_eq!(city.authority.institution_key(&name).ok(), key.public_key(), "{name}");
    }
    assert_eq!(city.authority.rotation_key(), city.secret.rotation_key(&city.authority).public_key());
}

fn refuses_every_bit_flip_of_a_credential<S: TestSuite>() {
    let city = S::city();
    let (key, _, issued) = city.issue(&city.identity(Class::Card, 1), 1);
    let signature = key.sign(Purpose::Transaction, &[b"m"], &[3; 32]).unwrap();
    for bit in 0..Credential::SIZE * 8 {
        let mut bytes = *issued.credential.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(credential) = Credential::parse(&bytes) else {
            continue;
        };
        let signer = Signer::Credential(credential);
        let verdict = city.authority.verify(signer, Purpose::Transaction, &[b"m"], &signature);
        assert_eq!(verdict, Err(BadSignature), "bit {bit}");
    }
}
