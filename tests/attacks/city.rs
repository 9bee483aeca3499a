//! A city to attack: an authority with its secrets, and what it issues.

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::sync::LazyLock;
use symbolon_ccks::{
    Authority, AuthoritySecret, COLUMNS, Class, EnrolmentKey, INSTITUTIONS, Identity, IdentityFields, Issued, Name,
    Offer, P256, PossessionMessage, ROWS, Secp256k1, Sectors, SigningKey, Subject, Suite, Time,
};

/// Within the validity of everything that [`City::identity`] makes.
pub(crate) const NOON: u64 = 1_750_000_000;

/// An authority with its secret side, which only weak constructions built for an attack may look into.
pub(crate) struct City<S: Suite> {
    pub(crate) secret: AuthoritySecret<S>,
    pub(crate) authority: Authority<'static, S>,
}

/// A key and what it came from.
pub(crate) struct Holder<S: Suite> {
    pub(crate) key: SigningKey<S>,
    pub(crate) enrolment: EnrolmentKey<S>,
    pub(crate) issued: Issued,
}

impl<S: Suite> City<S> {
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        Self::with_secret(secret, name)
    }

    pub(crate) fn with_secret(secret: AuthoritySecret<S>, name: &str) -> Self {
        let created = Time::new(1_700_000_000).unwrap();
        let parameters = secret.parameters(created, &Name::parse(name).unwrap());
        let authority = Authority::parse(&parameters).unwrap();
        Self { secret, authority }
    }

    pub(crate) fn identity(&self, class: Class, number: u64) -> Identity {
        Identity::new(self.fields(class, number)).unwrap()
    }

    pub(crate) fn fields(&self, class: Class, number: u64) -> IdentityFields {
        let mut subject = [class as u8; 16];
        subject[8..].copy_from_slice(&number.to_be_bytes());
        IdentityFields {
            suite: S::ID,
            class,
            sectors: Sectors::ALL,
            authority_prefix: self.authority.id().prefix(),
            subject: Subject::from_bytes(subject),
            not_before: Time::new(NOON - 1_000_000).unwrap(),
            not_after: Time::new(NOON + 1_000_000).unwrap(),
            spend_limit: 500,
            budget: 5_000,
            currency: 156,
            tariff: 0,
        }
    }

    pub(crate) fn issue(&self, identity: &Identity, seed: u64) -> Holder<S> {
        let enrolment = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let issued = self.answer(identity, &enrolment, &[2; 32]);
        let s = issued.contribution.as_bytes();
        let key = enrolment.complete(&self.authority, identity, &issued.credential, s).unwrap();
        Holder { key, enrolment, issued }
    }

    /// What the authority answers to a holder that proves possession as it must.
    pub(crate) fn answer(&self, identity: &Identity, enrolment: &EnrolmentKey<S>, random: &[u8; 32]) -> Issued {
        let offer = Offer::new(*identity, [9; 32]);
        let message = match identity.class() {
            Class::Pseudonym => PossessionMessage::Pseudonym { period: 3, challenge: &[8; 32] },
            _ => PossessionMessage::Offer(&offer),
        };
        let possession = enrolment.prove_possession(self.authority.id(), message, &[1; 32]).unwrap();
        self.secret.issue(&self.authority, identity, message, enrolment.point(), &possession, random).unwrap()
    }

    /// The authority's secret scalars: T, the matrix a column at a time, the institution vector.
    pub(crate) fn secret_scalars(&self) -> Vec<S::Scalar> {
        let bytes = self.secret.to_bytes();
        let (scalars, _) = bytes[..bytes.len() - 32].as_chunks::<32>();
        scalars.iter().map(|scalar| S::decode_scalar(scalar).unwrap()).collect()
    }

    /// `m`, the sum of the matrix secrets of an identity: what plain CPK hands to the holder as its private key.
    pub(crate) fn matrix_secret(&self, identity: &Identity) -> S::Scalar {
        let scalars = self.secret_scalars();
        let digits = self.authority.digits(identity);
        (0..COLUMNS).map(|column| scalars[1 + column * ROWS + usize::from(digits[column])]).sum()
    }
}

/// The first secret of the institution vector is scalar number this.
pub(crate) const FIRST_INSTITUTION: usize = 1 + ROWS * COLUMNS;
const _: () = assert!(FIRST_INSTITUTION + INSTITUTIONS == symbolon_ccks::AFFINE_POINTS);

/// A suite with two cities, made once each.
pub(crate) trait TestSuite: Suite {
    fn city() -> &'static City<Self>;
    fn elsewhere() -> &'static City<Self>;
}

macro_rules! cities {
    ($suite:ident) => {
        impl TestSuite for $suite {
            fn city() -> &'static City<Self> {
                static CITY: LazyLock<City<$suite>> = LazyLock::new(|| City::new(1, "beijing"));
                &CITY
            }
            fn elsewhere() -> &'static City<Self> {
                static CITY: LazyLock<City<$suite>> = LazyLock::new(|| City::new(2, "tianjin"));
                &CITY
            }
        }
    };
}

cities!(P256);
cities!(Secp256k1);
