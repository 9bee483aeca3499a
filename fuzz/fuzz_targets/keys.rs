//! The structures of the scheme: name, identity, credential, offer, point, signature, and secrets as they are stored.
//!
//! What parses is written back from its parts. Arbitrary bytes that parse never verify, and never panic a verifier.
#![no_main]

use libfuzzer_sys::fuzz_target;
use symbolon_ccks::{
    CompressedPoint, Credential, EnrolmentKey, Identity, Name, Offer, Purpose, Signature, Signer, SigningKey, Suite,
};
use symbolon_fuzz::{assert_same_bytes, city::City, with_city};

fuzz_target!(|input: &[u8]| {
    let Some((selector, bytes)) = input.split_first() else {
        return;
    };
    with_city!(selector, city => match selector / 2 % 7 {
        0 => name(city, bytes),
        1 => _ = identity(city, bytes),
        2 => credential(city, bytes),
        3 => offer(city, bytes),
        4 => point(city, bytes),
        5 => signature(city, bytes),
        _ => secret(city, bytes),
    });
});

fn name<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(name) = Name::parse(bytes) else { return };
    assert_same_bytes("name", bytes, name.as_ascii());
    assert_same_bytes("name", bytes, name.as_str().as_bytes());
    assert_eq!(name.encoded().split_first(), Some((&(bytes.len() as u8), bytes)));
    let signature = city.signature();
    let verdict = city.authority.verify(Signer::Institution(&name), Purpose::Bundle, &[bytes], &signature);
    assert!(verdict.is_err());
}

/// Whether there is one.
fn identity<S: Suite>(city: &City<S>, bytes: &[u8]) -> bool {
    let Ok(identity) = Identity::parse(bytes) else { return false };
    let written = Identity::new(identity.fields()).expect("the fields of a legal identity");
    assert_same_bytes("identity", bytes, written.as_bytes());
    assert!(city.authority.digits(identity).iter().all(|digit| *digit < 16));
    true
}

fn credential<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(credential) = Credential::parse(bytes) else { return };
    assert!(identity(city, credential.identity().as_bytes()), "a credential of no identity");
    let written = Credential::new(*credential.identity(), *credential.reconstruction_point());
    assert_same_bytes("credential", bytes, written.as_bytes());
    let challenge = &city.challenges[0];
    let is_signer = credential == challenge.terminal();
    let message: &[&[u8]] = &[challenge.terms().as_bytes()];
    let signer = Signer::Credential(credential);
    let verdict = city.authority.verify(signer, Purpose::Challenge, message, challenge.signature());
    assert_eq!(verdict.is_ok(), is_signer, "a signature under another credential");
}

fn offer<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(offer) = Offer::parse(bytes) else { return };
    assert!(identity(city, offer.identity().as_bytes()), "an offer of no identity");
    let written = Offer::new(*offer.identity(), *offer.nonce());
    assert_same_bytes("offer", bytes, written.as_bytes());
}

fn point<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(point) = CompressedPoint::parse(bytes) else { return };
    let written = [&[2 + u8::from(point.y_is_odd())], point.x().as_slice()].concat();
    assert_same_bytes("point", bytes, &written);
    if let Some(decoded) = S::decode_point(point) {
        let encoded = S::encode_point(&S::Projective::from(decoded)).expect("not the identity");
        assert_same_bytes("point", bytes, encoded.as_bytes());
    }
    let verdict = city.authority.verify(Signer::Point(point), Purpose::Possession, &[bytes], &city.signature());
    assert!(verdict.is_err());
}

fn signature<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(signature) = Signature::parse(bytes) else { return };
    let written = [signature.commitment().as_bytes().as_slice(), signature.response()].concat();
    assert_same_bytes("signature", bytes, &written);
    let challenge = &city.challenges[0];
    let signer = Signer::Credential(challenge.terminal());
    let verdict = city.authority.verify(signer, Purpose::Challenge, &[challenge.terms().as_bytes()], signature);
    assert_eq!(verdict.is_ok(), signature == challenge.signature(), "another signature of the same message");
}

fn secret<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(bytes) = <&[u8; 32]>::try_from(bytes) else { return };
    if let Some(key) = EnrolmentKey::<S>::from_bytes(bytes) {
        assert_same_bytes("enrolment key", bytes, key.secret_bytes().as_slice());
    }
    let card = &city.cards[0];
    let credential = card.credential().expect("a card's key");
    let restored = SigningKey::from_credential(&city.authority, credential, bytes);
    assert_eq!(restored.is_ok(), *bytes == *card.secret_bytes(), "a key other than the card's");
}
