//! An authority a suite, and who is issued keys by it.

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use std::sync::LazyLock;
use symbolon_ccks::*;

/// An authority, made once a suite, with everything that a test needs beside it.
pub(crate) struct City<S: Suite> {
    pub(crate) secret: AuthoritySecret<S>,
    pub(crate) parameters: Vec<u8>,
    pub(crate) authority: Authority<'static, S>,
}

impl<S: Suite> City<S> {
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let name = Name::parse(name).unwrap();
        let parameters = secret.parameters(Time::new(1_700_000_000).unwrap(), &name);
        let authority = Authority::parse(&parameters).unwrap();
        Self { secret, parameters, authority }
    }

    pub(crate) fn identity(&self, class: Class, subject: u8) -> Identity {
        Identity::new(IdentityFields {
            suite: S::ID,
            class,
            sectors: Sectors::ALL,
            authority_prefix: self.authority.id().prefix(),
            subject: Subject::from_bytes([subject; 16]),
            not_before: Time::new(1_000).unwrap(),
            not_after: Time::new(2_000).unwrap(),
            spend_limit: 500,
            budget: 5_000,
            currency: 156,
            tariff: 0,
        })
        .unwrap()
    }

    pub(crate) fn issue(&self, identity: &Identity, seed: u64) -> (SigningKey<S>, EnrolmentKey<S>, Issued) {
        let enrolment = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let offer = Offer::new(*identity, [9; 32]);
        let challenge = [8; 32];
        let message = match identity.class() {
            Class::Pseudonym => PossessionMessage::Pseudonym { period: 3, challenge: &challenge },
            _ => PossessionMessage::Offer(&offer),
        };
        let possession = enrolment.prove_possession(self.authority.id(), message, &[1; 32]).unwrap();
        let issued =
            self.secret.issue(&self.authority, identity, message, enrolment.point(), &possession, &[2; 32]).unwrap();
        let key =
            enrolment.complete(&self.authority, identity, &issued.credential, issued.contribution.as_bytes()).unwrap();
        (key, enrolment, issued)
    }
}

pub(crate) trait TestSuite: Suite {
    fn city() -> &'static City<Self>;
    fn elsewhere() -> &'static City<Self>;
}

static P256_CITY: LazyLock<City<P256>> = LazyLock::new(|| City::new(1, "beijing"));
static P256_ELSEWHERE: LazyLock<City<P256>> = LazyLock::new(|| City::new(2, "tianjin"));
static SECP256K1_CITY: LazyLock<City<Secp256k1>> = LazyLock::new(|| City::new(1, "beijing"));
static SECP256K1_ELSEWHERE: LazyLock<City<Secp256k1>> = LazyLock::new(|| City::new(2, "tianjin"));

impl TestSuite for P256 {
    fn city() -> &'static City<Self> {
        &P256_CITY
    }
    fn elsewhere() -> &'static City<Self> {
        &P256_ELSEWHERE
    }
}

impl TestSuite for Secp256k1 {
    fn city() -> &'static City<Self> {
        &SECP256K1_CITY
    }
    fn elsewhere() -> &'static City<Self> {
        &SECP256K1_ELSEWHERE
    }
}
