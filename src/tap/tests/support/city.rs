//! An authority, whom it issues keys to, and the terms of a tap.

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use symbolon_ccks::*;
use symbolon_tap::{Flags, Kind, Terms, TermsFields};

/// An authority.
pub(crate) struct City<S: Suite> {
    pub(crate) secret: AuthoritySecret<S>,
    pub(crate) authority: Authority<'static, S>,
}

impl<S: Suite> City<S> {
    pub(crate) fn new() -> Self {
        let secret = AuthoritySecret::<S>::generate(&mut ChaCha20Rng::seed_from_u64(1));
        let parameters = secret.parameters(Time::new(1).unwrap(), &Name::parse("beijing").unwrap());
        let authority = Authority::parse(&parameters).unwrap();
        Self { secret, authority }
    }

    pub(crate) fn identity(&self, class: Class) -> Identity {
        let fields = IdentityFields {
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
        };
        Identity::new(fields).unwrap()
    }

    pub(crate) fn key(&self, class: Class) -> SigningKey<S> {
        let identity = self.identity(class);
        let offer = Offer::new(identity, [1; 32]);
        let message = PossessionMessage::Offer(&offer);
        let holder = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(class as u64));
        let possession = holder.prove_possession(self.authority.id(), message, &[2; 32]).unwrap();
        let issued =
            self.secret.issue(&self.authority, &identity, message, holder.point(), &possession, &[3; 32]).unwrap();
        holder.complete(&self.authority, &identity, &issued.credential, issued.contribution.as_bytes()).unwrap()
    }
}

/// What a tap asks for.
pub(crate) fn terms() -> Terms {
    let fields = TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Water,
        flags: Flags::Tap,
        nonce: [4; 16],
        time: Time::new(1_500).unwrap(),
        amount: 300,
        currency: 156,
        reference: [5; 16],
    };
    Terms::new(fields).unwrap()
}
