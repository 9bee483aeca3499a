//! Names, identities and credentials as bytes, and the hash to scalars.

use elliptic_curve::{Field as _, ops::Reduce as _};
use proptest::prelude::*;
use symbolon_ccks::*;

use crate::city::TestSuite;
use crate::for_each_suite;

for_each_suite!(hashes_as_rfc_9380);

fn hashes_as_rfc_9380<S: TestSuite>() {
    // expand_message_xmd written out after RFC 9380, 5.3.1, then reduced by long division.
    use sha2::{Digest, Sha256};
    for message in [b"".as_slice(), b"abc", &[0x5a; 200]] {
        let mut tag = format!("SYMBOLON-V1-{}-CREDENTIAL", S::NAME).into_bytes();
        tag.push(tag.len() as u8);
        let b0 = Sha256::new().chain_update([0; 64]).chain_update(message).chain_update([0, 48, 0]);
        let b0 = b0.chain_update(&tag).finalize();
        let b1 = Sha256::new().chain_update(b0).chain_update([1]).chain_update(&tag).finalize();
        let mixed: Vec<u8> = b0.iter().zip(b1).map(|(left, right)| left ^ right).collect();
        let b2 = Sha256::new().chain_update(mixed).chain_update([2]).chain_update(&tag).finalize();
        let wide: Vec<u8> = b1.iter().chain(&b2[..16]).copied().collect();
        let expected = wide
            .iter()
            .fold(S::Scalar::ZERO, |sum, byte| sum * S::Scalar::from(256) + S::Scalar::from(u64::from(*byte)));
        assert_eq!(hash_to_scalar::<S>("CREDENTIAL", &[message]), expected);
        let wide: [u8; 48] = wide.try_into().unwrap();
        assert_eq!(S::Scalar::reduce(&elliptic_curve::array::Array(wide)), expected);
    }
}

#[test]
fn names_take_only_their_characters() {
    for good in ["a", "water-company", "beijing.cn-1", &"x".repeat(63)] {
        assert_eq!(Name::parse(good).unwrap().as_str(), good);
        assert_eq!(Name::parse(good).unwrap().encoded()[0] as usize, good.len());
    }
    for bad in ["", "A", "a b", "ü", "a_b", "a,b", "a\0", &"x".repeat(64), &"x".repeat(300)] {
        assert!(Name::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn identities_keep_their_rules() {
    let identity = P256::city().identity(Class::Card, 1);
    let problem_with = |offset: usize, byte: u8| {
        let mut bytes = *identity.as_bytes();
        bytes[offset] = byte;
        Identity::parse(&bytes).err().map(|error| error.problem)
    };
    assert_eq!(problem_with(0, 2), Some("the version is not 1"));
    assert_eq!(problem_with(1, 3), Some("the suite is not known"));
    for class in [0, 4] {
        assert_eq!(problem_with(2, class), Some("the class is not card, terminal or pseudonym"));
    }
    assert_eq!(problem_with(3, 0), Some("no sector is set"));
    assert_eq!(problem_with(3, 8), Some("an unknown sector is set"));
    assert_eq!(problem_with(28, 1), Some("a time is 2^40 seconds or more"));
    assert_eq!(problem_with(42, 0), Some("not_after is not later than not_before"));
    assert_eq!(problem_with(44, 1), Some("spend_limit is above the budget"));
    assert_eq!(problem_with(55, 1), Some("byte 55 is not zero"));
    assert_eq!(Identity::parse(&[0; 55]).unwrap_err().problem, "wrong length");
    assert_eq!(Identity::parse(&[0; 57]).unwrap_err().problem, "wrong length");
}

proptest! {
    #[test]
    fn reads_back_what_it_wrote(mut bytes in proptest::array::uniform::<_, 89>(any::<u8>())) {
        // Steer random bytes towards legal ones, so that both outcomes are met.
        bytes[0] = 1;
        bytes[1] = 1 + bytes[1] % 2;
        bytes[2] = 1 + bytes[2] % 4;
        bytes[3] %= 9;
        bytes[28..31].fill(0);
        bytes[36..39].fill(0);
        bytes[55] %= 2;
        bytes[56] = 2 + bytes[56] % 3;
        if let Ok(credential) = Credential::parse(&bytes) {
            prop_assert_eq!(credential.as_bytes(), &bytes);
            let identity = Identity::new(credential.identity().fields()).unwrap();
            prop_assert_eq!(identity.as_bytes(), &bytes[..56]);
        }
    }
}
