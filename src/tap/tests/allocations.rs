//! Verifying allocates nothing, on a server as on a small device.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::hint::black_box;
use symbolon_ccks::*;
use symbolon_tap::*;

/// How often memory was asked for in the meantime.
fn allocations(action: impl FnOnce()) -> u64 {
    allocation_counter::measure(action).count_total
}

struct City<S: Suite> {
    secret: AuthoritySecret<S>,
    parameters: Vec<u8>,
    authority: Authority<'static, S>,
}

impl<S: Suite> City<S> {
    fn new() -> Self {
        let secret = AuthoritySecret::<S>::generate(&mut ChaCha20Rng::seed_from_u64(1));
        let parameters = secret.parameters(Time::new(1).unwrap(), &Name::parse("beijing").unwrap());
        let authority = Authority::parse(&parameters).unwrap();
        Self { secret, parameters, authority }
    }

    fn key(&self, class: Class) -> SigningKey<S> {
        let identity = Identity::new(IdentityFields {
            suite: S::ID,
            class,
            sectors: Sectors::ALL,
            authority_prefix: self.authority.id().prefix(),
            subject: Subject::from_bytes([class as u8; 16]),
            not_before: Time::new(1_000).unwrap(),
            not_after: Time::new(2_000).unwrap(),
            spend_limit: 500,
            budget: 5_000,
            currency: 156,
            tariff: 0,
        });
        let identity = identity.unwrap();
        let offer = Offer::new(identity, [1; 32]);
        let message = PossessionMessage::Offer(&offer);
        let holder = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(class as u64));
        let possession = holder.prove_possession(self.authority.id(), message, &[2; 32]).unwrap();
        let issued =
            self.secret.issue(&self.authority, &identity, message, holder.point(), &possession, &[3; 32]).unwrap();
        holder.complete(&self.authority, &identity, &issued.credential, issued.contribution.as_bytes()).unwrap()
    }
}

fn verifying_allocates_nothing<S: Suite>() {
    let city = City::<S>::new();
    let (terminal, card) = (city.key(Class::Terminal), city.key(Class::Card));
    let terms = Terms::new(TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Water,
        flags: Flags::Tap,
        nonce: [4; 16],
        time: Time::new(1_500).unwrap(),
        amount: 300,
        currency: 156,
        reference: [5; 16],
    });
    let terms = terms.unwrap();
    let digest = terminal.credential().unwrap().digest();
    let challenge = Challenge::sign(&terminal, terms, &[6; 32]).unwrap();
    let presentation = Presentation::sign(&card, &terms, &digest, 1, &[6; 32]).unwrap();
    let prepared = prepare_parameters(&city.parameters).unwrap();

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
