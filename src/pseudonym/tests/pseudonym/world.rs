//! An authority of each suite with an issuer, and an issue from end to end.

use std::sync::OnceLock;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use symbolon_ccks::{
    Authority, AuthoritySecret, Identity, Name, P256, Period, PeriodBoundary, PossessionMessage, Secp256k1, Sector,
    Sectors, Subject, Suite, Time,
};
use symbolon_pseudonym::{
    Answer, Asking, Issuance, ItemChallenge, ItemContent, Profile, ProfileFields, ProfileId, RequestItem, SealedAnswer,
    SealingSecret,
};

pub(crate) const PERIOD: u32 = 20_000;
pub(crate) const CHALLENGE: ItemChallenge = ItemChallenge::from_bytes([0x11; 32]);
pub(crate) const PROFILE: ProfileId = ProfileId(7);

pub(crate) struct World<S: Suite> {
    pub(crate) secret: AuthoritySecret<S>,
    pub(crate) authority: Authority<'static, S>,
    pub(crate) sealing: SealingSecret,
    pub(crate) issuance: Issuance,
}

/// A suite with a world of its own, made once, and another city's.
pub(crate) trait TestSuite: Suite {
    fn world() -> &'static World<Self>;
    fn elsewhere() -> &'static World<Self>;
}

macro_rules! test_suite {
    ($suite:ty) => {
        impl TestSuite for $suite {
            fn world() -> &'static World<Self> {
                static WORLD: OnceLock<World<$suite>> = OnceLock::new();
                WORLD.get_or_init(|| World::new(1))
            }
            fn elsewhere() -> &'static World<Self> {
                static WORLD: OnceLock<World<$suite>> = OnceLock::new();
                WORLD.get_or_init(|| World::new(2))
            }
        }
    };
}
test_suite!(P256);
test_suite!(Secp256k1);

/// Runs generic tests for each suite.
macro_rules! for_each_suite {
    ($($name:ident),+ $(,)?) => {
        mod p256 {
            $(#[test] fn $name() { super::$name::<symbolon_ccks::P256>(); })+
        }
        mod secp256k1 {
            $(#[test] fn $name() { super::$name::<symbolon_ccks::Secp256k1>(); })+
        }
    };
}
pub(crate) use for_each_suite;

pub(crate) fn random(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub(crate) fn period() -> Period {
    Period::new(PERIOD).unwrap()
}

pub(crate) fn profile_fields(id: u8) -> ProfileFields {
    ProfileFields {
        id: ProfileId(id),
        sectors: Sectors::from(Sector::Transport),
        tariff: 3,
        spend_limit: 1_500,
        budget: 2_000,
        currency: 156,
    }
}

impl<S: Suite> World<S> {
    fn new(seed: u64) -> Self {
        let secret = AuthoritySecret::<S>::generate(&mut random(seed));
        let parameters = secret.parameters(Time::new(1_700_000_000).unwrap(), &Name::parse("city").unwrap());
        let sealing = SealingSecret::generate(&mut random(seed + 100));
        let issuance = issuance(&sealing, [7, 8].map(profile_fields).to_vec());
        Self { secret, authority: Authority::parse(&parameters).unwrap(), sealing, issuance }
    }

    pub(crate) fn ask(&self, seed: u64) -> (Asking<S>, RequestItem) {
        let id = self.authority.id();
        Asking::begin(id, &self.issuance, period(), PROFILE, &CHALLENGE, &mut random(seed)).unwrap()
    }

    pub(crate) fn opened(&self, item: &RequestItem) -> ItemContent {
        item.sealed.open(self.authority.id(), &CHALLENGE, &item.commitment, &self.sealing).unwrap()
    }

    /// The identity that an honest issuer gives.
    pub(crate) fn identity(&self, subject: u8) -> Identity {
        let subject = Subject::from_bytes([subject; 16]);
        let profile = self.issuance.profile(PROFILE).unwrap();
        profile.identity(S::ID, self.authority.id().prefix(), subject, period(), self.issuance.boundary()).unwrap()
    }

    /// Issues whatever identity is given over an item's U.
    pub(crate) fn issue(&self, content: &ItemContent, identity: &Identity) -> Answer {
        let message = PossessionMessage::Pseudonym { period: content.period.number(), challenge: CHALLENGE.as_bytes() };
        let issued = self
            .secret
            .issue(&self.authority, identity, message, &content.point, &content.possession, &[9; 32])
            .unwrap();
        Answer { credential: issued.credential, contribution: issued.contribution }
    }

    /// The sealed answer of an issuer that gives `identity`.
    pub(crate) fn answer(&self, item: &RequestItem, identity: &Identity) -> SealedAnswer {
        let content = self.opened(item);
        SealedAnswer::seal(&self.issue(&content, identity), &content.response_key, &item.commitment)
    }
}

pub(crate) fn issuance(sealing: &SealingSecret, profiles: Vec<ProfileFields>) -> Issuance {
    let profiles = profiles.into_iter().map(|fields| Profile::new(fields).unwrap()).collect();
    Issuance::new(PeriodBoundary::DEFAULT, 20, *sealing.public(), profiles).unwrap()
}
