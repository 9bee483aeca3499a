//! An authority of each suite, a card, its terminals, and taps between them.

use std::sync::OnceLock;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use symbolon_ccks::{
    Authority, AuthoritySecret, Class, EnrolmentKey, Identity, IdentityFields, Name, Offer, P256, PossessionMessage,
    Secp256k1, Sector, Sectors, SigningKey, Subject, Suite, Time,
};
use symbolon_tap::{Challenge, Flags, Kind, Presentation, Terms, TermsFields};
use symbolon_wallet::{Checked, CounterStore, Refused, Wallet};

pub(crate) const NOW_SECONDS: u64 = 1_800_000_000;
pub(crate) const NONCE: [u8; 8] = *b"holder!!";
pub(crate) const RANDOM: [u8; 32] = [7; 32];

pub(crate) struct World<S: Suite> {
    pub(crate) secret: AuthoritySecret<S>,
    pub(crate) authority: Authority<'static, S>,
    pub(crate) card: SigningKey<S>,
    pub(crate) terminal: SigningKey<S>,
}

/// A suite with a world of its own, made once.
pub(crate) trait TestSuite: Suite {
    fn world() -> &'static World<Self>;
}

impl TestSuite for P256 {
    fn world() -> &'static World<Self> {
        static WORLD: OnceLock<World<P256>> = OnceLock::new();
        WORLD.get_or_init(|| World::new(1))
    }
}

impl TestSuite for Secp256k1 {
    fn world() -> &'static World<Self> {
        static WORLD: OnceLock<World<Secp256k1>> = OnceLock::new();
        WORLD.get_or_init(|| World::new(1))
    }
}

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

pub(crate) fn time(seconds: u64) -> Time {
    Time::new(seconds).unwrap()
}

pub(crate) fn now() -> Time {
    time(NOW_SECONDS)
}

impl<S: Suite> World<S> {
    pub(crate) fn new(seed: u64) -> Self {
        let secret = AuthoritySecret::<S>::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let parameters = secret.parameters(now(), &Name::parse("city").unwrap());
        let authority = Authority::<S>::parse(&parameters).unwrap();
        let issue = |class| issue(&secret, &authority, fields(&authority, class));
        Self { card: issue(Class::Card), terminal: issue(Class::Terminal), secret, authority }
    }

    pub(crate) fn issue(&self, fields: IdentityFields) -> SigningKey<S> {
        issue(&self.secret, &self.authority, fields)
    }

    pub(crate) fn fields(&self, class: Class) -> IdentityFields {
        fields(&self.authority, class)
    }

    pub(crate) fn wallet<C: CounterStore>(&self, counters: C) -> Wallet<'_, S, C> {
        Wallet::new(&self.authority, &self.card, counters).unwrap()
    }
}

fn fields<S: Suite>(authority: &Authority<'_, S>, class: Class) -> IdentityFields {
    IdentityFields {
        suite: S::ID,
        class,
        sectors: Sectors::from(Sector::Water) | Sector::Transport.into(),
        authority_prefix: authority.id().prefix(),
        subject: Subject::from_bytes([class as u8; 16]),
        not_before: time(NOW_SECONDS - 100_000),
        not_after: time(NOW_SECONDS + 100_000),
        spend_limit: 6000,
        budget: 10_000,
        currency: 156,
        tariff: 3,
    }
}

fn issue<S: Suite>(secret: &AuthoritySecret<S>, authority: &Authority<'_, S>, fields: IdentityFields) -> SigningKey<S> {
    let enrolment = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(9));
    let offer = Offer::new(Identity::new(fields).unwrap(), [9; 32]);
    let message = PossessionMessage::Offer(&offer);
    let possession = enrolment.prove_possession(authority.id(), message, &RANDOM).unwrap();
    let issued = secret.issue(authority, offer.identity(), message, enrolment.point(), &possession, &RANDOM).unwrap();
    enrolment.complete(authority, offer.identity(), &issued.credential, issued.contribution.as_bytes()).unwrap()
}

pub(crate) fn terms_fields() -> TermsFields {
    TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Transport,
        flags: Flags::Tap,
        nonce: *b"holder!!terminal",
        time: now(),
        amount: 500,
        currency: 156,
        reference: [5; 16],
    }
}

/// A challenge for the card's `NONCE`.
pub(crate) fn challenge<S: Suite>(terminal: &SigningKey<S>, fields: TermsFields) -> Challenge {
    Challenge::sign(terminal, Terms::new(fields).unwrap(), &RANDOM).unwrap()
}

/// A challenge of the world's terminal for the card's nonce `selection`.
pub(crate) fn numbered<S: Suite>(world: &World<S>, selection: u8, kind: Kind, amount: u32) -> Challenge {
    let mut fields = TermsFields { kind, amount, ..terms_fields() };
    fields.nonce[..8].copy_from_slice(&[selection; 8]);
    challenge(&world.terminal, fields)
}

/// A whole tap, the holder agreeing to whatever is asked.
pub(crate) fn pay<S: Suite, C: CounterStore>(
    wallet: &mut Wallet<'_, S, C>,
    challenge: &Challenge,
) -> Result<Presentation, Refused> {
    match wallet.select(challenge.terms().holder_nonce()).check(challenge.as_bytes(), now())? {
        Checked::Answered(presentation) => Ok(presentation),
        Checked::Question(question) => {
            let amount = question.amount();
            question.confirm(amount)?.sign(&RANDOM)
        }
    }
}
