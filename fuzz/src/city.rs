//! A city to fuzz: an authority, two cards, two terminals, and what they signed.

use crate::pseudonym;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::sync::{LazyLock, OnceLock};
use symbolon_ccks::{
    Authority, AuthorityId, AuthoritySecret, Class, EnrolmentKey, Identity, IdentityFields, LinkageSeed, Name, Offer,
    P256, PeriodBoundary, PossessionMessage, Secp256k1, Sector, Sectors, Signature, SigningKey, Subject, Suite,
    SuiteId, Time,
};
use symbolon_tap::{
    Acknowledgement, AcknowledgementFields, BundleContent, BundleFields, Challenge, Flags, Kind, Limit, Outcome,
    Presentation, Receipt, Record, RecordHint, RevokedSeed, RevokedSeeds, SelectResponse, Successor, SuccessorFields,
    Terms, TermsFields, encode_bundle, encode_upload,
    misuse::Item,
    voucher::{SignedVoucher, Unit, Voucher, VoucherFields},
};

/// The time of every tap.
pub const NOON: u64 = 1_750_000_000;

/// An authority, two cards and two terminals, and everything valid that they made. Signing is slow, so it is done once.
pub struct City<S: Suite> {
    /// The encoded parameters.
    pub parameters: Vec<u8>,
    /// The authority.
    pub authority: Authority<'static, S>,
    /// Two cards that differ in number and tariff alone.
    pub cards: [SigningKey<S>; 2],
    /// Two terminals.
    pub terminals: [SigningKey<S>; 2],
    /// What each card says first.
    pub selects: [SelectResponse; 2],
    /// Of the first terminal on two terms, and of the second on the first terms.
    pub challenges: [Challenge; 3],
    /// To the first challenge: of the first card, of the second, and of the first again under another counter.
    pub answers: [Presentation; 3],
    /// Of the first card, to the second and the third challenge.
    pub other_answers: [Presentation; 2],
    /// Three records of the first terminal.
    pub records: [Record; 3],
    /// They uploaded, without hints and with some that are wrong.
    pub uploads: [Vec<u8>; 2],
    /// Items of one card: two under one counter, and one under another.
    pub items: [Item; 3],
    /// A trust bundle with a section of each type.
    pub bundle: Vec<u8>,
    /// Bundles that follow it or do not, each in its parts: an older one, two later ones, one in two parts.
    pub later_bundles: Vec<Vec<Vec<u8>>>,
    /// A successor of the other suite.
    pub successor: Successor,
    /// Vouchers for the first terminal, two of them, and for the second.
    pub vouchers: [SignedVoucher; 3],
    /// The key with which the authority signs.
    pub institution: SigningKey<S>,
    /// The flash of a terminal that has the bundle, once it was made.
    pub image: OnceLock<Vec<u8>>,
}

static P256_CITY: LazyLock<City<P256>> = LazyLock::new(|| City::new("beijing"));
static SECP256K1_CITY: LazyLock<City<Secp256k1>> = LazyLock::new(|| City::new("tianjin"));

/// The city of P-256.
pub fn p256() -> &'static City<P256> {
    &P256_CITY
}

/// The city of secp256k1.
pub fn secp256k1() -> &'static City<Secp256k1> {
    &SECP256K1_CITY
}

fn time(offset: i64) -> Time {
    Time::new(NOON.saturating_add_signed(offset)).expect("within a few days of noon")
}

impl<S: Suite> City<S> {
    fn new(name: &str) -> Self {
        let secret = AuthoritySecret::<S>::generate(&mut ChaCha20Rng::seed_from_u64(1));
        let name = Name::parse(name).expect("a legal name");
        let parameters = secret.parameters(time(-1_000_000), &name);
        let authority = Authority::parse(&parameters).expect("what was just written");
        let key = |class, number| issue(&secret, &authority, class, number);
        let cards = [key(Class::Card, 1), key(Class::Card, 2)];
        let terminals = [key(Class::Terminal, 3), key(Class::Terminal, 4)];
        let challenges = [(0, 1), (0, 2), (1, 1)].map(|(terminal, number)| challenge(&terminals[terminal], number));
        let asked = &challenges[0];
        let institution = secret.institution_key(&authority, authority.name());
        let records = [(0, 1, 1), (1, 2, 1), (0, 3, 2)]
            .map(|(card, number, counter)| record(&terminals[0], &cards[card], number, counter));
        let items = [(1, 1), (2, 1), (3, 2)].map(|(number, counter)| {
            let record = record(&terminals[0], &cards[0], number, counter);
            Item::new(&record, asked.terminal().digest())
        });
        Self {
            selects: [select(&cards[0]), select(&cards[1])],
            answers: [answer(&cards[0], asked, 1), answer(&cards[1], asked, 1), answer(&cards[0], asked, 2)],
            other_answers: [answer(&cards[0], &challenges[1], 1), answer(&cards[0], &challenges[2], 1)],
            uploads: [upload(&terminals[0], &records, false), upload(&terminals[0], &records, true)],
            bundle: bundle(&institution, 3, (0, 1)),
            later_bundles: [vec![(2, (0, 1))], vec![(4, (0, 1))], vec![(5, (0, 1))], vec![(6, (0, 2)), (6, (1, 2))]]
                .map(|parts| parts.into_iter().map(|(sequence, part)| bundle(&institution, sequence, part)).collect())
                .to_vec(),
            vouchers: [(0, 1), (0, 2), (1, 1)].map(|(meter, number)| voucher(&institution, &terminals[meter], number)),
            image: OnceLock::new(),
            institution,
            successor: successor(&secret.rotation_key(&authority)),
            records,
            items,
            challenges,
            parameters,
            authority,
            cards,
            terminals,
        }
    }

    /// An acknowledgement of the upload.
    pub fn acknowledgement(&self) -> Acknowledgement {
        let fields =
            AcknowledgementFields { upload_digest: [4; 32], settled: 3, duplicate: 2, refused: 1, time: time(0) };
        Acknowledgement::new(fields)
    }

    /// The authority's answer to an upload: the acknowledgement, then its signature.
    pub fn acknowledge(&self, upload_digest: [u8; 32]) -> Vec<u8> {
        let fields = AcknowledgementFields { upload_digest, settled: 1, duplicate: 0, refused: 0, time: time(0) };
        let acknowledgement = Acknowledgement::new(fields);
        let signature = acknowledgement.sign(&self.institution, &[4; 32]).expect("the authority's key");
        [acknowledgement.as_bytes().as_slice(), signature.as_bytes()].concat()
    }

    /// The operator of the terminals, as codes name it.
    pub fn operator(&self) -> [u8; 16] {
        let mut operator = [0; 16];
        operator[..8].copy_from_slice(
            &self.terminals[0].credential().expect("a terminal's key").identity().subject().as_bytes()[..8],
        );
        operator
    }

    /// A code that a card shows on a screen: 209 bytes.
    pub fn code(&self, card: &SigningKey<S>, counter: u32) -> Vec<u8> {
        let terms = Terms::new(TermsFields {
            kind: Kind::Purchase,
            sector: Sector::Transport,
            flags: Flags::ScreenCode,
            nonce: [1; 16],
            time: time(0),
            amount: 200,
            currency: 156,
            reference: self.operator(),
        })
        .expect("legal terms");
        let presentation = Presentation::sign_code(card, &terms, counter, &[5; 32]).expect("a card's key");
        [terms.as_bytes().as_slice(), presentation.as_bytes()].concat()
    }

    /// A receipt.
    pub fn receipt(&self) -> Receipt {
        Receipt::new(&self.records[0], Outcome::Accepted, time(0))
    }

    /// An offer.
    pub fn offer(&self) -> Offer {
        Offer::new(*self.cards[0].credential().expect("a card's key").identity(), [9; 32])
    }

    /// A signature.
    pub fn signature(&self) -> Signature {
        *self.challenges[0].signature()
    }
}

fn issue<S: Suite>(
    secret: &AuthoritySecret<S>,
    authority: &Authority<'static, S>,
    class: Class,
    number: u8,
) -> SigningKey<S> {
    let identity = Identity::new(IdentityFields {
        suite: S::ID,
        class,
        sectors: Sectors::ALL,
        authority_prefix: authority.id().prefix(),
        subject: Subject::from_bytes([number; 16]),
        not_before: time(-86_400),
        not_after: time(86_400),
        spend_limit: 500,
        budget: 5_000,
        currency: 156,
        tariff: number % 2,
    })
    .expect("legal fields");
    let enrolment = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(u64::from(number)));
    let offer = Offer::new(identity, [9; 32]);
    let message = PossessionMessage::Offer(&offer);
    let possession = enrolment.prove_possession(authority.id(), message, &[1; 32]).expect("an honest holder");
    let issued = secret
        .issue(authority, &identity, message, enrolment.point(), &possession, &[2; 32])
        .expect("an honest holder");
    enrolment
        .complete(authority, &identity, &issued.credential, issued.contribution.as_bytes())
        .expect("an honest authority")
}

fn select<S: Suite>(card: &SigningKey<S>) -> SelectResponse {
    let identity = card.credential().expect("a card's key").identity();
    SelectResponse::new(S::ID, identity.tariff(), identity.authority_prefix(), [1; 8])
}

/// `number` tells the terms apart.
fn challenge<S: Suite>(terminal: &SigningKey<S>, number: u8) -> Challenge {
    let mut nonce = [1; 16];
    nonce[8..].fill(number);
    let terms = Terms::new(TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Transport,
        flags: Flags::Tap,
        nonce,
        time: time(0),
        amount: 200 + u32::from(number),
        currency: 156,
        reference: [number; 16],
    })
    .expect("legal terms");
    Challenge::sign(terminal, terms, &[number; 32]).expect("a terminal's key")
}

fn answer<S: Suite>(card: &SigningKey<S>, challenge: &Challenge, counter: u32) -> Presentation {
    let terminal = challenge.terminal().digest();
    Presentation::sign(card, challenge.terms(), &terminal, counter, &[5; 32]).expect("a card's key")
}

fn record<S: Suite>(terminal: &SigningKey<S>, card: &SigningKey<S>, number: u8, counter: u32) -> Record {
    let challenge = challenge(terminal, number);
    Record::new(*challenge.terms(), answer(card, &challenge, counter))
}

fn upload<S: Suite>(terminal: &SigningKey<S>, records: &[Record; 3], with_hints: bool) -> Vec<u8> {
    let hints = [RecordHint::new([1; 32], [2; 32]); 3];
    let hints = with_hints.then_some(hints.as_slice());
    encode_upload(terminal, 7, records, hints, &[6; 32]).expect("three records of a terminal")
}

fn voucher<S: Suite>(key: &SigningKey<S>, meter: &SigningKey<S>, number: u32) -> SignedVoucher {
    let meter = meter.credential().expect("a terminal's key").identity().subject();
    let fields = VoucherFields {
        unit: Unit::WattHours,
        meter,
        sequence: number,
        quantity: 1_000 * number,
        time: time(-60),
        not_after: time(86_400),
    };
    Voucher::new(fields).expect("legal fields").sign(key, &[9; 32]).expect("the authority's key")
}

fn bundle<S: Suite>(key: &SigningKey<S>, sequence: u64, (part, parts): (u16, u16)) -> Vec<u8> {
    let fields = BundleFields {
        sectors: Sectors::ALL,
        sequence,
        issued_at: time(-3_600),
        valid_until: time(86_400),
        oldest_not_before: time(-1_000_000),
        part,
        parts,
    };
    let revoked = [Subject::from_bytes([8; 16]), Subject::from_bytes([9; 16])];
    let limits = [Limit::new(Sector::Water, 156, 10_000), Limit::new(Sector::Transport, 156, 1_000)];
    let period = pseudonym::period();
    let entries =
        [1, 2].map(|byte| RevokedSeed::new(period, &[byte, 9].map(|byte| LinkageSeed::from_bytes([byte; 32]))));
    let seeds = RevokedSeeds::new(PeriodBoundary::DEFAULT, 20, &entries).expect("they ascend");
    let issuance = pseudonym::issuance().encode();
    let content = BundleContent {
        revoked: &revoked,
        limits: &limits,
        seeds,
        issuance: Some(&issuance),
        ..BundleContent::default()
    };
    encode_bundle(key, &fields, &content, &[7; 32]).expect("legal fields")
}

fn successor<S: Suite>(key: &SigningKey<S>) -> Successor {
    let fields = SuccessorFields {
        next_suite: SuiteId::Secp256k1Sha256,
        next_authority: AuthorityId::from_bytes([3; 32]),
        next_from: time(0),
        this_until: time(86_400),
    };
    Successor::sign(key, fields, &[8; 32]).expect("the rotation key")
}
