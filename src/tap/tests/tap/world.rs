//! An authority of each suite, with a card and two terminals, and one sample of every structure.

use std::sync::OnceLock;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use symbolon_ccks::{
    Authority, AuthorityId, AuthoritySecret, Class, EnrolmentKey, Identity, IdentityFields, Issued, LinkageSeed, Name,
    Offer, P256, Period, PeriodBoundary, PossessionMessage, Secp256k1, Sector, Sectors, SigningKey, Subject, Suite,
    SuiteId, Time,
};
use symbolon_tap::{
    Acknowledgement, AcknowledgementFields, BundleContent, BundleFields, Challenge, Fare, FareFields, FilterContent,
    FilterSet, Flags, Kind, Limit, Outcome, Presentation, Receipt, Record, RecordHint, RevokedSeed, RevokedSeeds, Rule,
    RuleFields, Scope, SelectResponse, StaleAction, Successor, SuccessorFields, Tariff, Terms, TermsFields,
    encode_bundle, encode_upload,
};

pub(crate) const NOW_SECONDS: u64 = 1_800_000_000;
pub(crate) const RANDOM: [u8; 32] = [7; 32];

/// A holder, and what the authority's archive has about it.
pub(crate) struct Holder<S: Suite> {
    pub(crate) key: SigningKey<S>,
    pub(crate) enrolment: EnrolmentKey<S>,
    pub(crate) issued: Issued,
}

pub(crate) struct World<S: Suite> {
    pub(crate) secret: AuthoritySecret<S>,
    pub(crate) authority: Authority<'static, S>,
    pub(crate) card: Holder<S>,
    pub(crate) other_card: Holder<S>,
    pub(crate) terminal: Holder<S>,
    pub(crate) other_terminal: Holder<S>,
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

impl<S: Suite> World<S> {
    pub(crate) fn new(seed: u64) -> Self {
        let secret = AuthoritySecret::<S>::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let parameters = secret.parameters(time(NOW_SECONDS), &Name::parse("city").unwrap());
        let authority = Authority::<S>::parse(&parameters).unwrap();
        let issue = |class, subject| issue(&secret, &authority, holder_fields(&authority, class, subject));
        Self {
            card: issue(Class::Card, [0xc1; 16]),
            other_card: issue(Class::Card, [0xc2; 16]),
            terminal: issue(Class::Terminal, [0xe1; 16]),
            other_terminal: issue(Class::Terminal, [0xe2; 16]),
            secret,
            authority,
        }
    }

    pub(crate) fn city(&self) -> SigningKey<S> {
        self.secret.institution_key(&self.authority, self.authority.name())
    }
}

pub(crate) fn holder_fields<S: Suite>(authority: &Authority<'_, S>, class: Class, subject: [u8; 16]) -> IdentityFields {
    IdentityFields {
        suite: S::ID,
        class,
        sectors: Sectors::from(Sector::Water) | Sector::Transport.into(),
        authority_prefix: authority.id().prefix(),
        subject: Subject::from_bytes(subject),
        not_before: time(NOW_SECONDS - 1000),
        not_after: time(NOW_SECONDS + 1000),
        spend_limit: 6000,
        budget: 10_000,
        currency: 156,
        tariff: 3,
    }
}

pub(crate) fn issue<S: Suite>(
    secret: &AuthoritySecret<S>,
    authority: &Authority<'_, S>,
    fields: IdentityFields,
) -> Holder<S> {
    issue_seeded(secret, authority, fields, [fields.subject.as_bytes()[0]; 32])
}

/// Issues over a holder's secret drawn from `seed`.
pub(crate) fn issue_seeded<S: Suite>(
    secret: &AuthoritySecret<S>,
    authority: &Authority<'_, S>,
    fields: IdentityFields,
    seed: [u8; 32],
) -> Holder<S> {
    let enrolment = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::from_seed(seed));
    let offer = Offer::new(Identity::new(fields).unwrap(), [9; 32]);
    let message = PossessionMessage::Offer(&offer);
    let possession = enrolment.prove_possession(authority.id(), message, &RANDOM).unwrap();
    let issued = secret.issue(authority, offer.identity(), message, enrolment.point(), &possession, &RANDOM).unwrap();
    let contribution = issued.contribution.as_bytes();
    let key = enrolment.complete(authority, offer.identity(), &issued.credential, contribution).unwrap();
    Holder { key, enrolment, issued }
}

pub(crate) fn terms_fields() -> TermsFields {
    TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Transport,
        flags: Flags::Tap,
        nonce: *b"holder!!terminal",
        time: time(NOW_SECONDS),
        amount: 0x0102,
        currency: 156,
        reference: *b"operator's  own.",
    }
}

pub(crate) fn terms() -> Terms {
    Terms::new(terms_fields()).unwrap()
}

pub(crate) fn spending(kind: Kind, amount: u32) -> Terms {
    Terms::new(TermsFields { kind, amount, ..terms_fields() }).unwrap()
}

/// One sample of every structure, in bytes where its length is not fixed.
pub(crate) struct Samples {
    pub(crate) select: SelectResponse,
    pub(crate) challenge: Challenge,
    pub(crate) presentation: Presentation,
    pub(crate) record: Record,
    pub(crate) receipt: Receipt,
    pub(crate) acknowledgement: Acknowledgement,
    pub(crate) upload: Vec<u8>,
    pub(crate) upload_with_hints: Vec<u8>,
    pub(crate) bundle: Vec<u8>,
    pub(crate) successor: Successor,
}

pub(crate) fn bundle_fields() -> BundleFields {
    BundleFields {
        sectors: Sectors::ALL,
        sequence: 0x0102_0304,
        issued_at: time(NOW_SECONDS),
        valid_until: time(NOW_SECONDS + 86_400),
        oldest_not_before: time(NOW_SECONDS - 86_400),
        part: 1,
        parts: 3,
    }
}

pub(crate) fn successor_fields() -> SuccessorFields {
    SuccessorFields {
        next_suite: SuiteId::Secp256k1Sha256,
        next_authority: AuthorityId::from_bytes([0xaa; 32]),
        next_from: time(NOW_SECONDS + 10),
        this_until: time(NOW_SECONDS + 20),
    }
}

pub(crate) fn records<S: Suite>(world: &World<S>, count: u32) -> Vec<Record> {
    let terminal = world.terminal.issued.credential.digest();
    let record = |counter| {
        let presentation = Presentation::sign(&world.card.key, &terms(), &terminal, counter, &RANDOM).unwrap();
        Record::new(terms(), presentation)
    };
    (1..=count).map(record).collect()
}

/// Two cards revoked from period 100 on, and one from period 101 on.
pub(crate) fn revoked_seeds() -> [RevokedSeed; 3] {
    let seeds = |first| [first, 7].map(|byte| LinkageSeed::from_bytes([byte; 32]));
    [(100, 3), (100, 4), (101, 1)].map(|(period, first)| RevokedSeed::new(Period::new(period).unwrap(), &seeds(first)))
}

pub(crate) fn rules() -> [Rule; 3] {
    let fields = RuleFields {
        sector: Sector::Transport,
        class: Class::Pseudonym,
        currency: 156,
        tier: 6000,
        tap_cap: 800,
        fresh_seconds: 86_400,
        stale: StaleAction::Accept,
        stale_cap: 200,
        stale_seconds: 259_200,
    };
    let cards = RuleFields { class: Class::Card, stale: StaleAction::Refer, stale_cap: 0, ..fields };
    let water = RuleFields { sector: Sector::Water, stale: StaleAction::Decline, stale_seconds: 0, ..cards };
    [fields, water, cards].map(|fields| Rule::new(fields).unwrap())
}

pub(crate) fn tariffs() -> [Tariff; 3] {
    [(Sector::Transport, 3, 500), (Sector::Transport, 2, 0), (Sector::Water, 3, 1000)]
        .map(|(sector, tariff, permille)| Tariff::new(sector, tariff, permille).unwrap())
}

pub(crate) const OPERATOR: [u8; 8] = *b"operator";

pub(crate) fn fares() -> [Fare; 4] {
    let fare = |operator, from, to, fare| {
        let fields = FareFields { operator, currency: 156, from: [from; 16], to: [to; 16], fare };
        Fare::new(fields).unwrap()
    };
    [fare(OPERATOR, 1, 2, 300), fare(OPERATOR, 0, 0, 900), fare(OPERATOR, 2, 1, 400), fare(*b"another.", 1, 2, 50)]
}

/// Five subjects of period 100, and no card.
pub(crate) fn filter_sets() -> [FilterSet; 2] {
    let period = Scope::period(Period::new(100).unwrap());
    let subjects = [1, 2, 3, 4, 5].map(|byte| Subject::from_bytes([byte; 16]));
    [(Scope::CARDS, &subjects[..0]), (period, &subjects)]
        .map(|(scope, subjects)| FilterSet::build(scope, subjects, 1).unwrap())
}

impl Samples {
    pub(crate) fn new<S: Suite>(world: &World<S>) -> Self {
        let subjects = [[3; 16], [1; 16], [2; 16], [1; 16]].map(Subject::from_bytes);
        let limits = [Limit::new(Sector::Transport, 156, 900), Limit::new(Sector::Water, 156, 700)];
        let entries = revoked_seeds();
        let content = BundleContent {
            revoked: &subjects,
            limits: &limits,
            seeds: RevokedSeeds::new(PeriodBoundary::DEFAULT, 20, &entries).unwrap(),
            issuance: Some(b"for wallets"),
            rules: &rules(),
            tariffs: &tariffs(),
            fares: &fares(),
            filter: FilterContent { boundary: PeriodBoundary::DEFAULT, sets: &filter_sets() },
        };
        let records = records(world, 3);
        let hints = vec![RecordHint::new([5; 32], [6; 32]); records.len()];
        let key = &world.terminal.key;
        Self {
            select: SelectResponse::new(S::ID, 3, world.authority.id().prefix(), *b"holder!!"),
            challenge: Challenge::sign(key, terms(), &RANDOM).unwrap(),
            presentation: *records[0].presentation(),
            record: records[0],
            receipt: Receipt::new(&records[0], Outcome::Accepted, time(NOW_SECONDS)),
            acknowledgement: Acknowledgement::new(AcknowledgementFields {
                upload_digest: [4; 32],
                settled: 1,
                duplicate: 2,
                refused: 3,
                time: time(NOW_SECONDS),
            }),
            upload: encode_upload(key, 77, &records, None, &RANDOM).unwrap(),
            upload_with_hints: encode_upload(key, 77, &records, Some(&hints), &RANDOM).unwrap(),
            bundle: encode_bundle(&world.city(), &bundle_fields(), &content, &RANDOM).unwrap(),
            successor: Successor::sign(&world.secret.rotation_key(&world.authority), successor_fields(), &RANDOM)
                .unwrap(),
        }
    }
}
