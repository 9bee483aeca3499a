//! The attester: knows cards, their states and quotas, and never a pseudonym.
//!
//! To the exchange it is the registry of cards and terminals. To wallets it gives pseudonyms, which it asks of the issuer
//! without saying for whom: it counts what a card asks, has clearing set money aside, asks both linkage authorities for
//! values that it cannot read, and passes every item on by itself among those of other cards. The sealed answers come
//! back by their commitments.

mod asking;
mod holdings;
mod mixing;
mod preparing;
pub(crate) mod registry;
mod revoking;
mod tracing;

use std::sync::Arc;

use symbolon_ccks::{Class, Period, Suite, Time};
use symbolon_pseudonym::{Issuance, PairwiseKey};
use symbolon_store::{
    Store, Transaction,
    records::{AttesterCounts, CardRecord, CardState},
};
use tokio::sync::Mutex;

pub use self::{
    asking::{CHALLENGE_METHOD, GivenChallenge, Pseudonyms},
    holdings::{EXPORT_METHOD, Holdings, PRIVACY_METHOD, PeriodUse, PrivacyView},
    registry::Registry,
    tracing::{OpenedCase, TraceEvidence},
};
use crate::{
    Context, PseudonymPolicy, ServiceError,
    authority::AuthorityKeys,
    cards::present_state,
    enrolment::SignedRequest,
    links::{ClearingLink, IssuerLink, LinkageLink},
};

/// The attester's own keys.
#[derive(Clone)]
pub struct AttesterKeys {
    /// Shared with clearing: tags are sealed under it.
    pub clearing: PairwiseKey,
}

/// The roles that the attester asks.
#[derive(Clone)]
pub struct Links {
    /// Issues pseudonyms.
    pub issuer: Arc<dyn IssuerLink>,
    /// Give linkage values: A, then B.
    pub linkage: [Arc<dyn LinkageLink>; 2],
    /// Sets money aside, and opens cases.
    pub clearing: Arc<dyn ClearingLink>,
}

/// What the attester does for wallets and officers, and by itself.
pub struct Attester<S: Suite, D> {
    context: Context<D>,
    keys: Arc<AuthorityKeys<S>>,
    role_keys: AttesterKeys,
    issuance: Arc<Issuance>,
    links: Links,
    /// One batch is passed on at a time; holds when the last one was.
    passing: Arc<Mutex<Option<Time>>>,
}

impl<S: Suite, D: Clone> Clone for Attester<S, D> {
    fn clone(&self) -> Self {
        Self {
            context: self.context.clone(),
            keys: Arc::clone(&self.keys),
            role_keys: self.role_keys.clone(),
            issuance: Arc::clone(&self.issuance),
            links: self.links.clone(),
            passing: Arc::clone(&self.passing),
        }
    }
}

impl<S: Suite, D: Store> Attester<S, D> {
    /// The use cases on the attester's store; `issuance` is what is published about pseudonyms.
    pub fn new(
        context: Context<D>,
        keys: Arc<AuthorityKeys<S>>,
        role_keys: AttesterKeys,
        issuance: Arc<Issuance>,
        links: Links,
    ) -> Self {
        Self { context, keys, role_keys, issuance, links, passing: Arc::default() }
    }

    /// What is published about pseudonyms.
    pub fn issuance(&self) -> &Issuance {
        &self.issuance
    }

    /// Does what is to be done by itself, a little at a time: finishes requests that were interrupted, passes on what
    /// has waited, publishes the seeds of revoked cards and forgets what is over. Each part is tried, whatever becomes of
    /// the others.
    ///
    /// # Errors
    /// The first error of a part.
    pub async fn tend(&self) -> Result<(), ServiceError> {
        let now = self.context.now();
        let finished = self.finish_requests().await.map(drop);
        let passed = self.pass_on(now).await.map(drop);
        let published = self.publish_revocations(now).await.map(drop);
        let forgotten = self.forget_old(now).await;
        finished.and(passed).and(published).and(forgotten)
    }

    /// How much there is to do.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn counts(&self) -> Result<AttesterCounts, ServiceError> {
        self.context.store().read(|unit| Ok(unit.attester_counts()?)).await
    }

    /// Forgets challenges, approvals, requests with their answers, and published seeds that cannot matter any more.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn forget_old(&self, now: Time) -> Result<(), ServiceError> {
        let policy = self.context.policy();
        let (pseudonyms, memory) = (policy.pseudonyms.clone(), policy.request_memory_seconds);
        let forget = move |unit: &mut dyn Transaction| {
            unit.forget_expired_challenges(now)?;
            unit.forget_trace_approvals_before(now.saturating_sub(pseudonyms.approval_seconds))?;
            // A card's last pseudonyms are of the period after the one that its seeds were published from.
            unit.forget_published_seeds_before(first_awaited(&pseudonyms, now, 1)?)?;
            let remembered = now.saturating_sub(memory);
            unit.forget_pseudonym_requests_before(first_awaited(&pseudonyms, remembered, 0)?)?;
            Ok(())
        };
        self.context.store().write::<_, ServiceError, _>(forget).await
    }

    /// The period of `now`.
    fn present(&self, now: Time) -> Result<Period, ServiceError> {
        Period::at(now, self.context.policy().pseudonyms.boundary)
            .ok_or(ServiceError::Internal("the clock is before the first period"))
    }

    /// Verifies a request that a card has signed just now.
    fn authenticate(&self, request: &SignedRequest, method: &'static str) -> Result<Time, ServiceError> {
        let now = self.context.now();
        request.verify(self.keys.authority(), method, now, self.context.policy().request_time_tolerance_seconds)?;
        of_a_card(request).map(|()| now)
    }
}

/// The first period of which records are still awaited at `now` when its pseudonyms are used for `more` periods after it.
fn first_awaited(policy: &PseudonymPolicy, now: Time, more: u32) -> Result<Period, ServiceError> {
    let mut first = Period::at(now, policy.boundary).unwrap_or(Period::new(0)?);
    let awaited = |period: Period| {
        let last = Period::new(period.number().saturating_add(more)).unwrap_or(period);
        now < last.expiry(policy.boundary).saturating_add(policy.late_records_seconds)
    };
    while let Some(before) = first.number().checked_sub(1) {
        let before = Period::new(before)?;
        if !awaited(before) {
            break;
        }
        first = before;
    }
    Ok(first)
}

/// Cards ask for pseudonyms, not terminals.
fn of_a_card(request: &SignedRequest) -> Result<(), ServiceError> {
    if request.credential.identity().class() == Class::Card { Ok(()) } else { Err(ServiceError::ClassNotOffered) }
}

/// The card that a credential was issued to, whatever its state.
fn card_of(unit: &dyn Transaction, request: &SignedRequest) -> Result<CardRecord, ServiceError> {
    // Its signature verifies: it has a key, which only the authority's secret could have made beside the archive.
    unit.issued(&request.credential.digest())?.ok_or(ServiceError::NeverIssued)?;
    unit.card(&request.credential.identity().subject())?.ok_or(ServiceError::NotFound("card"))
}

/// The same, if the card may be used.
fn active_card_of(unit: &dyn Transaction, request: &SignedRequest, now: Time) -> Result<CardRecord, ServiceError> {
    let card = card_of(unit, request)?;
    match present_state(&card, now) {
        CardState::Active => Ok(card),
        other => Err(ServiceError::CardNotActive(other)),
    }
}
