//! The attester's verbs: who asked for pseudonyms, what waits, what is to be published, and which cases were opened.

use symbolon_ccks::{Period, Subject, Time};
use symbolon_pseudonym::{Commitment, LinkageHandle};

use super::{Listed, Page, Result};
use crate::records::{
    AttesterCounts, ChallengeRecord, ItemEnd, LinkageHandleRecord, PseudonymItemRecord, PseudonymQuota,
    PseudonymRequestRecord, PublishedSeedsRecord, RequestId, ReservationId, TraceApprovalRecord, TraceAuditRecord,
    WaitingItemRecord, WaitingItems,
};

/// Challenges, handles and quotas of cards.
pub trait Attestation {
    /// This challenge.
    fn challenge(&self, challenge: &[u8; 32]) -> Result<Option<ChallengeRecord>>;
    /// The challenge that a card was given for this request.
    fn challenge_for(&self, card: &Subject, asked_by: &RequestId) -> Result<Option<ChallengeRecord>>;
    /// Challenges of a card that are remembered.
    fn challenges_of(&self, card: &Subject) -> Result<Vec<ChallengeRecord>>;
    /// Adds a challenge.
    fn add_challenge(&mut self, challenge: &ChallengeRecord) -> Result<()>;
    /// Says under which request a challenge was used; whether it was unused or that request's already.
    fn use_challenge(&mut self, challenge: &[u8; 32], request: &RequestId) -> Result<bool>;
    /// Forgets challenges that expired at `now`, and says how many.
    fn forget_expired_challenges(&mut self, now: Time) -> Result<u64>;
    /// What the linkage authorities know a card by.
    fn linkage_handle(&self, card: &Subject) -> Result<Option<LinkageHandleRecord>>;
    /// Adds the handle of a card that has none.
    fn add_linkage_handle(&mut self, card: &Subject, handle: &LinkageHandleRecord) -> Result<()>;
    /// What a card had of a period.
    fn pseudonym_quota(&self, card: &Subject, period: Period) -> Result<PseudonymQuota>;
    /// What a card had of each period that is remembered, in order.
    fn pseudonym_quotas(&self, card: &Subject) -> Result<Vec<(Period, PseudonymQuota)>>;
    /// Replaces what a card had of a period.
    fn set_pseudonym_quota(&mut self, card: &Subject, period: Period, quota: PseudonymQuota) -> Result<()>;
    /// The most linkage values that any card had of a period not before `period`.
    fn most_pseudonyms_since(&self, period: Period) -> Result<u16>;
}

/// Requests for pseudonyms and their items.
pub trait PseudonymRequests {
    /// The request of this card and id.
    fn pseudonym_request(&self, card: &Subject, id: &RequestId) -> Result<Option<PseudonymRequestRecord>>;
    /// The request that an item of this commitment came in, and its place there.
    fn request_of_commitment(&self, commitment: &Commitment) -> Result<Option<(PseudonymRequestRecord, u32)>>;
    /// Requests of a card, oldest first.
    fn pseudonym_requests(&self, card: &Subject) -> Result<Vec<PseudonymRequestRecord>>;
    /// Requests that are not prepared, oldest first.
    fn unprepared_requests(&self, limit: u16) -> Result<Vec<PseudonymRequestRecord>>;
    /// Keeps a request with its items, in order; a conflict when one of them came before.
    fn add_pseudonym_request(&mut self, request: &PseudonymRequestRecord, items: &[Commitment]) -> Result<()>;
    /// Keeps how far a request has come: state and first number.
    fn update_pseudonym_request(&mut self, request: &PseudonymRequestRecord) -> Result<()>;
    /// Forgets a request and its items, as if it had never come.
    fn drop_pseudonym_request(&mut self, card: &Subject, id: &RequestId) -> Result<()>;
    /// The items of a request, in order.
    fn pseudonym_items(&self, card: &Subject, id: &RequestId) -> Result<Vec<PseudonymItemRecord>>;
    /// Ends an item, which waits no longer; whether it had not ended before.
    fn end_pseudonym_item(&mut self, commitment: &Commitment, end: &ItemEnd) -> Result<bool>;
    /// Has an item wait to be passed on.
    fn add_waiting_item(&mut self, item: &WaitingItemRecord) -> Result<()>;
    /// How much waits of the periods `first` to `last`, both among them.
    fn waiting(&self, first: Period, last: Period) -> Result<WaitingItems>;
    /// What waits, with the card that asked, in the order of commitments; only what the issuer has seen, if so said.
    fn waiting_items(&self, seen_only: bool) -> Result<Vec<(Subject, WaitingItemRecord)>>;
    /// Says that the issuer has seen these.
    fn mark_passed(&mut self, items: &[Commitment]) -> Result<()>;
    /// Forgets requests, answers and quotas of periods before `period`, and says how many requests.
    fn forget_pseudonym_requests_before(&mut self, period: Period) -> Result<u64>;
    /// Money of so many pseudonyms of a reservation that is to be released.
    fn add_release(&mut self, reservation: &ReservationId, count: u16) -> Result<()>;
    /// What is to be released.
    fn releases(&self, limit: u16) -> Result<Vec<(ReservationId, u16)>>;
    /// It was released.
    fn drop_release(&mut self, reservation: &ReservationId) -> Result<()>;
}

/// Seeds of cards that were taken out for good.
pub trait PublishedSeeds {
    /// Has the seeds of this handle revealed; does nothing when they are to be already.
    fn reveal_seeds(&mut self, handle: &LinkageHandle, since: Time) -> Result<()>;
    /// Handles whose seeds are to be revealed, and since when their cards are out of use.
    fn seeds_to_reveal(&self, limit: u16) -> Result<Vec<(LinkageHandle, Time)>>;
    /// Publishes the seeds of a handle, without the handle; or nothing, when the authorities have none.
    fn publish_seeds(&mut self, handle: &LinkageHandle, seeds: Option<&PublishedSeedsRecord>) -> Result<()>;
    /// Published seeds of `period` and later ones, in ascending order of period and seeds.
    fn published_seeds_since(&self, period: Period) -> Result<Vec<PublishedSeedsRecord>>;
    /// Forgets published seeds of periods before `period`, and says how many.
    fn forget_published_seeds_before(&mut self, period: Period) -> Result<u64>;
}

/// Cases.
pub trait Traces {
    /// Keeps an officer's approval; a later one of the same takes its place.
    fn approve_trace(&mut self, approval: &TraceApprovalRecord) -> Result<()>;
    /// Approvals of a case and pseudonym at `since` or later, oldest first.
    fn trace_approvals(&self, digest: &[u8; 32], since: Time) -> Result<Vec<TraceApprovalRecord>>;
    /// Approvals that are remembered, oldest first.
    fn trace_approvals_listed(&self, page: Page) -> Result<Vec<Listed<TraceApprovalRecord>>>;
    /// Forgets approvals before `time`, and says how many.
    fn forget_trace_approvals_before(&mut self, time: Time) -> Result<u64>;
    /// Keeps what a card's owner is to be shown.
    fn add_trace_audit(&mut self, audit: &TraceAuditRecord) -> Result<()>;
    /// Traces that led to a card, oldest first.
    fn trace_audits(&self, card: &Subject) -> Result<Vec<TraceAuditRecord>>;
    /// How much the attester has to do.
    fn attester_counts(&self) -> Result<AttesterCounts>;
}
