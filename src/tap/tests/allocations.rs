//! Verifying allocates nothing, on a server as on a small device.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "support/city.rs"]
mod city;

use city::{City, terms};
use std::hint::black_box;
use symbolon_ccks::*;
use symbolon_tap::{Challenge, Presentation};

/// How often memory was asked for in the meantime.
fn allocations(action: impl FnOnce()) -> u64 {
    allocation_counter::measure(action).count_total
}

fn verifying_allocates_nothing<S: Suite>() {
    let city = City::<S>::new();
    let (terminal, card) = (city.key(Class::Terminal), city.key(Class::Card));
    let terms = terms();
    let digest = terminal.credential().unwrap().digest();
    let challenge = Challenge::sign(&terminal, terms, &[6; 32]).unwrap();
    let presentation = Presentation::sign(&card, &terms, &digest, 1, &[6; 32]).unwrap();
    let parameters = city.secret.parameters(Time::new(1).unwrap(), city.authority.name());
    let prepared = prepare_parameters(&parameters).unwrap();

    let opening = allocations(|| {
        black_box(Authority::<S>::open(Source::from(&*prepared), city.authority.id()).unwrap());
    });
    assert_eq!(opening, 0, "opening an authority");
    let kept = Authority::<S>::open(Source::from(&*prepared), city.authority.id()).unwrap();
    for authority in [&city.authority, &kept] {
        let of_challenge = allocations(|| {
            Challenge::parse(black_box(challenge.as_bytes())).unwrap().verify(authority).unwrap();
        });
        assert_eq!(of_challenge, 0, "a challenge");
        let of_presentation = allocations(|| {
            let presentation = Presentation::parse(black_box(presentation.as_bytes())).unwrap();
            presentation.verify(authority, &terms, &digest).unwrap();
        });
        assert_eq!(of_presentation, 0, "a presentation");
        let of_refusal = allocations(|| {
            let presentation = Presentation::parse(black_box(presentation.as_bytes())).unwrap();
            presentation.verify(authority, &terms, &card.credential().unwrap().digest()).unwrap_err();
        });
        assert_eq!(of_refusal, 0, "a presentation that does not verify");
    }
    let of_signing = allocations(|| {
        black_box(Challenge::sign(&terminal, terms, &[7; 32]).unwrap());
    });
    assert_eq!(of_signing, 0, "signing");
}

#[test]
fn p256_verifying_allocates_nothing() {
    verifying_allocates_nothing::<P256>();
}

#[test]
fn secp256k1_verifying_allocates_nothing() {
    verifying_allocates_nothing::<Secp256k1>();
}

/// The counter counts: without this, the others would say nothing.
#[test]
fn what_allocates_is_counted() {
    assert!(allocations(|| drop(black_box(vec![0u8; 100]))) > 0);
    assert!(allocations(|| drop(black_box(City::<P256>::new()))) > 0);
}
