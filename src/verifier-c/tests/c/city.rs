//! An authority, a terminal that is provisioned from it, and its cards.

use std::fs;
use std::path::Path;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use symbolon_ccks::*;

/// The time at which everything happens.
pub(crate) const NOON: u64 = 1_800_000_000;

pub(crate) fn time(seconds: u64) -> Time {
    Time::new(seconds).unwrap()
}

/// An authority.
pub(crate) struct City<S: Suite> {
    pub(crate) secret: AuthoritySecret<S>,
    pub(crate) authority: Authority<'static, S>,
    pub(crate) parameters: Vec<u8>,
}

impl<S: Suite> City<S> {
    pub(crate) fn new() -> Self {
        Self::of("harbour", 5)
    }

    /// One of several.
    pub(crate) fn of(name: &str, seed: u64) -> Self {
        let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let parameters = secret.parameters(time(NOON), &Name::parse(name).unwrap());
        let authority = Authority::parse(&parameters).unwrap();
        Self { secret, authority, parameters }
    }

    /// A card for all sectors: 500 a tap, tariff 2, valid for a day around noon.
    pub(crate) fn card_fields(&self) -> IdentityFields {
        IdentityFields {
            suite: S::ID,
            class: Class::Card,
            sectors: Sectors::ALL,
            authority_prefix: self.authority.id().prefix(),
            subject: Subject::from_bytes([7; 16]),
            not_before: time(NOON - 43_200),
            not_after: time(NOON + 43_200),
            spend_limit: 500,
            budget: 5_000,
            currency: 156,
            tariff: 2,
        }
    }

    /// The terminal: a gate that is a meter too.
    pub(crate) fn terminal_fields(&self) -> IdentityFields {
        IdentityFields {
            class: Class::Terminal,
            subject: Subject::terminal(&Name::parse("ferry").unwrap(), [3; 8]),
            spend_limit: 0,
            budget: 0,
            tariff: 0,
            not_after: time(NOON + 1_000_000),
            ..self.card_fields()
        }
    }

    /// The institution key with which the authority signs bundles, acknowledgements and vouchers.
    pub(crate) fn institution(&self) -> SigningKey<S> {
        self.secret.institution_key(&self.authority, self.authority.name())
    }

    pub(crate) fn key(&self, fields: IdentityFields) -> SigningKey<S> {
        let identity = Identity::new(fields).unwrap();
        let enrolment = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(1));
        let offer = Offer::new(identity, [9; 32]);
        let message = PossessionMessage::Offer(&offer);
        let possession = enrolment.prove_possession(self.authority.id(), message, &[1; 32]).unwrap();
        let issued =
            self.secret.issue(&self.authority, &identity, message, enrolment.point(), &possession, &[2; 32]).unwrap();
        enrolment.complete(&self.authority, &identity, &issued.credential, issued.contribution.as_bytes()).unwrap()
    }

    pub(crate) fn terminal(&self) -> SigningKey<S> {
        self.key(self.terminal_fields())
    }

    /// Writes what a terminal is made of, as `gate.c` reads it.
    pub(crate) fn provision(&self, folder: &Path) {
        let key = self.terminal();
        let write = |name, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
        write("authority.id", self.authority.id().as_bytes());
        write("authority.prepared", &prepare_parameters(&self.parameters).unwrap());
        write("terminal.credential", key.credential().unwrap().as_bytes());
        write("terminal.secret", key.secret_bytes().as_slice());
    }
}
