//! Two authorities, the second the first one's successor, and a terminal and a card under each.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::{format, vec, vec::Vec};
use symbolon_ccks::{
    Authority, AuthoritySecret, Class, CredentialDigest, EnrolmentKey, Identity, IdentityFields, Name, Offer,
    PossessionMessage, Sector, Sectors, SigningKey, Subject, Suite, Time, prepare_parameters,
};
use symbolon_tap::{
    Acknowledgement, AcknowledgementFields, BundleContent, BundleFields, Challenge, Flags, Kind, Limit, Presentation,
    Record, Successor, SuccessorFields, Terms, TermsFields, encode_bundle,
};

/// When the day begins.
pub(crate) const MORNING: u64 = 1_800_000_000;

const HOLDS: &str = "the day's own values are well formed";

fn time(seconds: u64) -> Time {
    Time::new(seconds).expect(HOLDS)
}

/// What belongs to one authority.
pub(crate) struct District<S: Suite> {
    secret: AuthoritySecret<S>,
    pub(crate) authority: Authority<'static, S>,
    pub(crate) prepared: Vec<u8>,
    pub(crate) gate: SigningKey<S>,
    /// One tap that verifies. Others are made from it: nothing in flash verifies a tap's signature again.
    tap: Record,
    acknowledgements: RefCell<BTreeMap<[u8; 32], Vec<u8>>>,
}

impl<S: Suite> District<S> {
    fn new(number: u8) -> Self {
        let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(u64::from(number)));
        let name = Name::parse(format!("district-{number}")).expect(HOLDS);
        let parameters = secret.parameters(time(MORNING), &name);
        let authority = Authority::parse(&parameters).expect("the authority's own parameters are well formed");
        let prepared = prepare_parameters(&parameters).expect("parameters that parse can be prepared");
        let key = |class, subject| holder(&secret, &authority, class, subject);
        let gate = key(Class::Terminal, Subject::terminal(&name, [1; 8]));
        let card = key(Class::Card, Subject::from_bytes([7; 16]));
        let terms = terms(0, 0);
        let challenge = Challenge::sign(&gate, terms, &[1; 32]).expect("the gate signs challenges");
        let digest = challenge.terminal().digest();
        let presentation = Presentation::sign(&card, &terms, &digest, 1, &[2; 32]).expect("the card signs taps");
        Self {
            secret,
            authority,
            prepared,
            gate,
            tap: Record::new(terms, presentation),
            acknowledgements: RefCell::default(),
        }
    }

    /// The tap of this number: its counter.
    pub(crate) fn tap(&self, number: u32, nonce_number: u32) -> Record {
        let mut bytes = *self.tap.presentation().as_bytes();
        bytes[1..5].copy_from_slice(&number.to_be_bytes());
        let presentation = *Presentation::parse(&bytes).expect("every counter is well formed");
        Record::new(terms(u64::from(number), nonce_number), presentation)
    }

    pub(crate) fn card(&self) -> CredentialDigest {
        self.tap.presentation().holder().digest()
    }

    pub(crate) fn bundle(&self, sequence: u64) -> Vec<u8> {
        let fields = BundleFields {
            sectors: Sectors::ALL,
            sequence,
            issued_at: time(MORNING + sequence),
            valid_until: time(MORNING + 86_400),
            oldest_not_before: time(0),
            part: 0,
            parts: 1,
        };
        let key = self.secret.institution_key(&self.authority, self.authority.name());
        let revoked = (0..20_u8).map(|card| Subject::from_bytes([card; 16])).collect::<Vec<_>>();
        let limits = [Limit::new(Sector::Transport, 156, 500)];
        let content = BundleContent { revoked: &revoked, limits: &limits, ..BundleContent::default() };
        encode_bundle(&key, &fields, &content, &[3; 32]).expect("the authority signs bundles")
    }

    /// What the authority answers to an upload, made once: 46 bytes and the signature.
    pub(crate) fn acknowledgement(&self, upload_digest: [u8; 32]) -> Vec<u8> {
        let mut known = self.acknowledgements.borrow_mut();
        known.entry(upload_digest).or_insert_with(|| self.acknowledge(upload_digest)).clone()
    }

    fn acknowledge(&self, upload_digest: [u8; 32]) -> Vec<u8> {
        let fields = AcknowledgementFields { upload_digest, settled: 1, duplicate: 0, refused: 0, time: time(MORNING) };
        let acknowledgement = Acknowledgement::new(fields);
        let key = self.secret.institution_key(&self.authority, self.authority.name());
        let signature = acknowledgement.sign(&key, &[4; 32]).expect("the authority signs acknowledgements");
        [acknowledgement.as_bytes().as_slice(), signature.as_bytes()].concat()
    }

    pub(crate) fn names(&self, next: &Self, next_from: u64) -> Successor {
        let fields = SuccessorFields {
            next_suite: S::ID,
            next_authority: *next.authority.id(),
            next_from: time(next_from),
            this_until: time(MORNING + 1_000_000),
        };
        Successor::sign(&self.secret.rotation_key(&self.authority), fields, &[5; 32]).expect("another authority")
    }
}

fn terms(seconds: u64, nonce_number: u32) -> Terms {
    let mut nonce = [9; 16];
    nonce[8..12].copy_from_slice(&nonce_number.to_be_bytes());
    Terms::new(TermsFields {
        kind: Kind::Entry,
        sector: Sector::Transport,
        flags: Flags::Tap,
        nonce,
        time: time(MORNING + seconds),
        amount: 200,
        currency: 156,
        reference: [6; 16],
    })
    .expect(HOLDS)
}

fn holder<S: Suite>(
    secret: &AuthoritySecret<S>,
    authority: &Authority<'_, S>,
    class: Class,
    subject: Subject,
) -> SigningKey<S> {
    let is_card = class == Class::Card;
    let identity = Identity::new(IdentityFields {
        suite: S::ID,
        class,
        sectors: Sectors::ALL,
        authority_prefix: authority.id().prefix(),
        subject,
        not_before: time(MORNING - 1_000),
        not_after: time(MORNING + 1_000_000),
        spend_limit: if is_card { 500 } else { 0 },
        budget: if is_card { 5_000 } else { 0 },
        currency: 156,
        tariff: 0,
    })
    .expect(HOLDS);
    let enrolment = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(u64::from(is_card)));
    let offer = Offer::new(identity, [9; 32]);
    let message = PossessionMessage::Offer(&offer);
    let issue = || {
        let possession = enrolment.prove_possession(authority.id(), message, &[1; 32]).ok()?;
        secret.issue(authority, &identity, message, enrolment.point(), &possession, &[2; 32]).ok()
    };
    let issued = issue().expect("the enrolment key is the holder's own");
    let key = enrolment.complete(authority, &identity, &issued.credential, issued.contribution.as_bytes());
    key.expect("the authority issues what it was asked for")
}

/// The two authorities, and what the terminal is sent.
pub(crate) struct City<S: Suite> {
    pub(crate) districts: [District<S>; 2],
    /// Bundles of each authority with the sequences from 1 on.
    pub(crate) bundles: [Vec<Vec<u8>>; 2],
    pub(crate) successor: Successor,
    pub(crate) second_successor: Successor,
    /// Bundles that no terminal may take, each in its own way wrong, once it has taken the first authority's second.
    pub(crate) hostile_bundles: Vec<Vec<u8>>,
}

impl<S: Suite> City<S> {
    pub(crate) fn new() -> Self {
        let districts = [District::new(1), District::new(2)];
        let [first, second] = &districts;
        let bundles = [first, second].map(|district| (1..=4).map(|sequence| district.bundle(sequence)).collect());
        let successor = first.names(second, MORNING);
        let second_successor = first.names(second, MORNING + 1);
        let hostile_bundles = hostile_bundles(&districts, 2);
        Self { successor, second_successor, bundles, hostile_bundles, districts }
    }
}

fn hostile_bundles<S: Suite>([first, second]: &[District<S>; 2], sequence: u64) -> Vec<Vec<u8>> {
    let next = first.bundle(sequence + 1);
    let changed = |offset: usize| {
        let mut bytes = next.clone();
        if let Some(byte) = bytes.get_mut(offset) {
            *byte ^= 1;
        }
        bytes
    };
    let cut_off = next.split_last().map(|(_, rest)| rest.to_vec()).unwrap_or_default();
    let far_ahead = first.bundle(sequence + 65_537);
    vec![first.bundle(sequence), changed(150), changed(next.len() - 1), cut_off, second.bundle(1), far_ahead]
}
