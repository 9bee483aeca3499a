//! The issuer by itself, between a clearing and an exchange that fail when they are told to.

mod crashing;
mod delivering;
mod forgetting;
mod issuing;
mod opening;
mod refusing;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use symbolon_ccks::{
    AuthoritySecret, CredentialDigest, EnrolmentKey, LinkageAuthority, LinkageSeed, LinkageValue, Name, P256, Period,
    PossessionMessage, Secp256k1, SigningKey, Subject, Suite, Time,
};
use symbolon_pseudonym::{
    AccountHandle, Answer, ClearingTag, Commitment, ItemChallenge, ItemContent, PairwiseKey, ProfileId, ResponseKey,
    SealedAnswer, SealedValue, SealingKey, SealingSecret, TagUse,
};
use symbolon_service::{
    PseudonymPolicy, ServiceError,
    authority::AuthorityKeys,
    issuer::{Issuer, IssuerKeys},
    links::{
        Binding, ClearingLink, ExchangeLink, IssueItem, IssuerLink as _, ItemOutcome, OpenedSubject, PostingBatch,
        Reservation, ServiceRole, VoucherPayment,
    },
};
use symbolon_store::SqliteStore;
use tonic::async_trait;
use zeroize::Zeroizing;

use crate::scene::Scene;

const FILE: &str = "issuer.db";
const TRACE_KEY: [u8; 32] = [0x33; 32];

/// What happens to the next call of another role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fault {
    #[default]
    None,
    /// It does not arrive.
    Before,
    /// It takes effect, and the answer gets lost.
    After,
}

/// Clearing and exchange, as far as the issuer sees them.
#[derive(Default)]
struct Others {
    state: Mutex<OthersState>,
}

#[derive(Default)]
struct OthersState {
    bind_fault: Fault,
    register_fault: Fault,
    /// Subjects that clearing refuses from now on.
    refuses: BTreeSet<Subject>,
    refuses_all: bool,
    /// What clearing took.
    bound: BTreeMap<Subject, ClearingTag>,
    /// The calls it got.
    binds: Vec<Vec<Binding>>,
    /// What the exchange knows.
    registered: BTreeSet<CredentialDigest>,
    /// The calls it got.
    registrations: Vec<Vec<(CredentialDigest, Period)>>,
}

impl Others {
    fn state(&self) -> MutexGuard<'_, OthersState> {
        self.state.lock().unwrap()
    }
}

const UNREACHABLE: ServiceError = ServiceError::RoleUnavailable(ServiceRole::Clearing);

#[async_trait]
impl ClearingLink for Others {
    async fn open_account(&self, _: AccountHandle, _: Name, _: u16) -> Result<(), ServiceError> {
        unreachable!("not the issuer's to ask")
    }

    async fn account_fits(&self, _: AccountHandle, _: Name, _: u16) -> Result<bool, ServiceError> {
        unreachable!("not the issuer's to ask")
    }

    async fn reserve(&self, _: Reservation) -> Result<(), ServiceError> {
        unreachable!("not the issuer's to ask")
    }

    async fn release(&self, _: [u8; 16], _: u16) -> Result<(), ServiceError> {
        unreachable!("not the issuer's to ask")
    }

    async fn bind(&self, bindings: Vec<Binding>) -> Result<Vec<bool>, ServiceError> {
        // As a call over a network does, it lets others run.
        tokio::task::yield_now().await;
        let mut state = self.state();
        if state.bind_fault == Fault::Before {
            return Err(UNREACHABLE);
        }
        let OthersState { refuses, refuses_all, bound, .. } = &mut *state;
        let take = |binding: &Binding| {
            let free = !*refuses_all && !refuses.contains(&binding.subject);
            free && *bound.entry(binding.subject).or_insert(binding.tag) == binding.tag
        };
        let taken = bindings.iter().map(take).collect();
        state.binds.push(bindings);
        if state.bind_fault == Fault::After { Err(UNREACHABLE) } else { Ok(taken) }
    }

    async fn post(&self, _: PostingBatch) -> Result<(), ServiceError> {
        unreachable!("not the issuer's to ask")
    }

    async fn pay_voucher(&self, _: VoucherPayment) -> Result<(), ServiceError> {
        unreachable!("not the issuer's to ask")
    }

    async fn open_subject(&self, _: &str, _: Subject) -> Result<OpenedSubject, ServiceError> {
        unreachable!("not the issuer's to ask")
    }

    async fn export(&self, _: AccountHandle, _: SealingKey) -> Result<Vec<u8>, ServiceError> {
        unreachable!("not the issuer's to ask")
    }
}

#[async_trait]
impl ExchangeLink for Others {
    async fn register(&self, pseudonyms: Vec<(CredentialDigest, Period)>) -> Result<(), ServiceError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        if state.register_fault == Fault::Before {
            return Err(ServiceError::RoleUnavailable(ServiceRole::Exchange));
        }
        state.registered.extend(pseudonyms.iter().map(|(digest, _)| *digest));
        state.registrations.push(pseudonyms);
        let lost = state.register_fault == Fault::After;
        if lost { Err(ServiceError::RoleUnavailable(ServiceRole::Exchange)) } else { Ok(()) }
    }
}

fn keys<S: Suite>() -> Arc<AuthorityKeys<S>> {
    let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(1));
    AuthorityKeys::establish(secret, Time::new(1).unwrap(), &Name::parse("city").unwrap()).unwrap()
}

/// Making an authority takes a while, so a suite has one for all tests.
trait TestSuite: Suite {
    fn keys() -> Arc<AuthorityKeys<Self>>;
}

impl TestSuite for P256 {
    fn keys() -> Arc<AuthorityKeys<Self>> {
        static KEYS: OnceLock<Arc<AuthorityKeys<P256>>> = OnceLock::new();
        Arc::clone(KEYS.get_or_init(keys))
    }
}

impl TestSuite for Secp256k1 {
    fn keys() -> Arc<AuthorityKeys<Self>> {
        static KEYS: OnceLock<Arc<AuthorityKeys<Secp256k1>>> = OnceLock::new();
        Arc::clone(KEYS.get_or_init(keys))
    }
}

struct Bureau<S: TestSuite = P256> {
    scene: Scene,
    others: Arc<Others>,
    sealing: SealingSecret,
    issuer: Option<Issuer<S, SqliteStore>>,
    /// The seeds of all values asked for here, of A and B.
    seeds: [LinkageSeed; 2],
}

fn linkage_keys() -> [PairwiseKey; 2] {
    [PairwiseKey::from_bytes([0xa; 32]), PairwiseKey::from_bytes([0xb; 32])]
}

fn account() -> AccountHandle {
    AccountHandle::from_bytes([0xac; 16])
}

fn tag_key() -> PairwiseKey {
    PairwiseKey::from_bytes([0xc; 32])
}

impl Bureau {
    fn new() -> Self {
        Self::of_suite(5)
    }
}

impl<S: TestSuite> Bureau<S> {
    fn of_suite(seed: u64) -> Self {
        let scene = Scene::new(seed);
        let sealing = SealingSecret::generate(&mut scene.draws());
        let seeds = [LinkageSeed::from_bytes(scene.random()), LinkageSeed::from_bytes(scene.random())];
        let mut bureau = Self { scene, others: Arc::default(), sealing, issuer: None, seeds };
        bureau.reopen();
        bureau
    }

    /// Lets go of the issuer and its store without a word, and opens them again.
    fn reopen(&mut self) {
        self.issuer = None;
        let role_keys = IssuerKeys {
            sealing: SealingSecret::from_bytes(&self.sealing.to_bytes()),
            linkage: linkage_keys(),
            trace: Zeroizing::new(TRACE_KEY),
        };
        let (clearing, exchange) = (self.others.clone(), self.others.clone());
        self.issuer = Some(Issuer::new(self.scene.context(FILE), S::keys(), role_keys, clearing, exchange));
    }

    fn issuer(&self) -> &Issuer<S, SqliteStore> {
        self.issuer.as_ref().unwrap()
    }

    fn present(&self) -> Period {
        self.scene.clock.period()
    }

    /// A pseudonym asked for as it should be: the `j`-th of the present period.
    fn asked(&self, j: u32) -> Asked<S> {
        self.asked_for(self.present(), j)
    }

    fn asked_for(&self, period: Period, j: u32) -> Asked<S> {
        let values = [0, 1].map(|authority| self.seeds[authority].value(j ^ period.number().rotate_left(16)));
        self.asked_with(period, values)
    }

    fn asked_with(&self, period: Period, values: [LinkageValue; 2]) -> Asked<S> {
        let holder = EnrolmentKey::generate(&mut self.scene.draws());
        self.asked_over(holder, period, values)
    }

    fn asked_over(&self, holder: EnrolmentKey<S>, period: Period, values: [LinkageValue; 2]) -> Asked<S> {
        let challenge = ItemChallenge::from_bytes(self.scene.random());
        let message = PossessionMessage::Pseudonym { period: period.number(), challenge: challenge.as_bytes() };
        let possession = holder.prove_possession(S::keys().id(), message, &self.scene.random()).unwrap();
        let content = ItemContent {
            suite: S::ID,
            period,
            point: *holder.point(),
            possession,
            salt: self.scene.random(),
            response_key: ResponseKey::from_bytes(self.scene.random()),
        };
        let mut asked = Asked { holder, content, values, item: None };
        asked.item = Some(IssueItem {
            challenge,
            commitment: asked.content.commitment(),
            period,
            profile: ProfileId(1),
            sealed: self.seal(&asked.content, &challenge),
            values: self.sealed_values(&asked),
            tag: self.tag(period),
        });
        asked
    }

    fn seal(&self, content: &ItemContent, challenge: &ItemChallenge) -> symbolon_pseudonym::SealedItem {
        content.seal(S::keys().id(), challenge, self.sealing.public(), &mut self.scene.draws()).unwrap()
    }

    fn sealed_values(&self, asked: &Asked<S>) -> [SealedValue; 2] {
        let commitment = asked.content.commitment();
        let [key_a, key_b] = linkage_keys();
        let seal = |value: &LinkageValue, authority, key| {
            SealedValue::seal(value, authority, asked.content.period, &commitment, key, self.scene.random())
        };
        let [of_a, of_b] = &asked.values;
        [seal(of_a, LinkageAuthority::A, &key_a), seal(of_b, LinkageAuthority::B, &key_b)]
    }

    fn tag(&self, period: Period) -> ClearingTag {
        ClearingTag::seal(&account(), TagUse::Pseudonym(period), &tag_key(), self.scene.random())
    }

    async fn issue(&self, asked: &[&Asked<S>]) -> Vec<ItemOutcome> {
        self.issue_items(asked.iter().map(|asked| asked.item().clone()).collect()).await
    }

    async fn issue_items(&self, items: Vec<IssueItem>) -> Vec<ItemOutcome> {
        let count = items.len();
        let outcomes = self.issuer().issue(items).await.unwrap();
        assert_eq!(outcomes.len(), count);
        outcomes
    }

    async fn issue_one(&self, item: IssueItem) -> ItemOutcome {
        self.issue_items(vec![item]).await.remove(0)
    }
}

/// A pseudonym asked for, with what only the wallet knows of it.
struct Asked<S: Suite> {
    holder: EnrolmentKey<S>,
    content: ItemContent,
    values: [LinkageValue; 2],
    item: Option<IssueItem>,
}

impl<S: TestSuite> Asked<S> {
    fn item(&self) -> &IssueItem {
        self.item.as_ref().unwrap()
    }

    fn commitment(&self) -> Commitment {
        self.content.commitment()
    }

    fn subject(&self) -> Subject {
        self.values[0].subject_with(&self.values[1])
    }

    fn open(&self, sealed: &SealedAnswer) -> Answer {
        sealed.open(&self.content.response_key, &self.commitment()).unwrap()
    }

    /// What the wallet ends with: the answer has to be what the published profile says, for its subject.
    fn complete(&self, sealed: &SealedAnswer) -> SigningKey<S> {
        let answer = self.open(sealed);
        let (keys, policy) = (S::keys(), PseudonymPolicy::default());
        let profile = policy.profiles.iter().find(|profile| profile.id() == self.item().profile).unwrap();
        let identity =
            profile.identity(S::ID, keys.id().prefix(), self.subject(), self.content.period, policy.boundary).unwrap();
        let contribution = answer.contribution.as_bytes();
        self.holder.complete(keys.authority(), &identity, &answer.credential, contribution).unwrap()
    }
}

fn answer(outcome: &ItemOutcome) -> &SealedAnswer {
    match outcome {
        ItemOutcome::Issued(answer) => answer,
        other => panic!("not issued: {other:?}"),
    }
}
