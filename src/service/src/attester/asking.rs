//! A wallet asks: for a challenge, then for pseudonyms.

use symbolon_ccks::{Period, Suite, Time};
use symbolon_pseudonym::{Commitment, Issuance, LinkageHandle, Profile, RequestBody, SealedAnswer};
use symbolon_store::{
    Store, Transaction,
    records::{
        CardRecord, ChallengeRecord, ItemEnd, LinkageHandleRecord, PseudonymItemRecord, PseudonymQuota,
        PseudonymRequestRecord, PseudonymRequestState, ReservationId,
    },
};

use super::{
    Attester, active_card_of, card_of,
    mixing::{waiting_ahead, waiting_for},
    of_a_card,
};
use crate::{Policy, ServiceError, enrolment::SignedRequest, links::ItemRefusal};

/// The method that gives a challenge.
pub const CHALLENGE_METHOD: &str = "/symbolon.v1.PseudonymService/GetChallenge";

/// Challenges that a card is given without using any; then it gets the newest of them again.
const MOST_OUTSTANDING: usize = 16;

/// A challenge, for one request of the card that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenChallenge {
    /// The challenge.
    pub challenge: [u8; 32],
    /// No longer good from this second on.
    pub expires: Time,
}

/// What a request for pseudonyms is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pseudonyms {
    /// What became of each item, in order; the same for ever.
    Ready(Vec<Result<SealedAnswer, ItemRefusal>>),
    /// Some items wait for others: send the same request again.
    Waiting {
        /// After so long.
        retry_after_seconds: u64,
    },
}

impl<S: Suite, D: Store> Attester<S, D> {
    /// Gives a card a challenge. The same request gets the same one. A signature is asked for, so that nobody else fills
    /// the store, and neither does the card by asking on and on.
    ///
    /// # Errors
    /// [`ServiceError::InvalidField`] when the signed body is not empty; [`ServiceError::ClassNotOffered`],
    /// [`ServiceError::BadSignature`], [`ServiceError::StaleRequest`] and [`ServiceError::NeverIssued`] of the signed
    /// request; [`ServiceError::CardNotActive`].
    pub async fn challenge(&self, request: SignedRequest) -> Result<GivenChallenge, ServiceError> {
        let now = self.authenticate(&request, CHALLENGE_METHOD)?;
        if !request.body.is_empty() {
            return Err(ServiceError::InvalidField { field: "body", problem: "not empty" });
        }
        let challenge = self.context.random();
        let expires = now.saturating_add(self.context.policy().pseudonyms.challenge_lifetime_seconds);
        let give = move |unit: &mut dyn Transaction| {
            let card = active_card_of(unit, &request, now)?.number;
            if let Some(given) = unit.challenge_for(&card, &request.request_id)? {
                return Ok(GivenChallenge { challenge: given.challenge, expires: given.expires });
            }
            let mut outstanding = unit.challenges_of(&card)?;
            outstanding.retain(|given| given.used_by.is_none() && now < given.expires);
            if let Some(given) = outstanding.last().filter(|_| outstanding.len() >= MOST_OUTSTANDING) {
                return Ok(GivenChallenge { challenge: given.challenge, expires: given.expires });
            }
            let asked_by = request.request_id;
            unit.add_challenge(&ChallengeRecord { challenge, card, asked_by, expires, used_by: None })?;
            Ok(GivenChallenge { challenge, expires })
        };
        self.context.store().write::<_, ServiceError, _>(give).await
    }

    /// Gives pseudonyms, or says when to come again. The exact same request may come again, however late and often; it
    /// gets the same pseudonyms and never more.
    ///
    /// # Errors
    /// [`ServiceError::Malformed`], [`ServiceError::ClassNotOffered`], [`ServiceError::BadSignature`] and
    /// [`ServiceError::NeverIssued`] of the signed request; [`ServiceError::RequestIdReused`] when another body came under
    /// its id. When it comes first: [`ServiceError::StaleRequest`], [`ServiceError::CardNotActive`],
    /// [`ServiceError::ChallengeUnknown`], [`ServiceError::NoProfile`], [`ServiceError::QuotaExceeded`];
    /// [`ServiceError::InvalidField`] for another period than the present or the next one, or for an item that came in
    /// another request; [`ServiceError::InsufficientFunds`], which leaves nothing behind. [`ServiceError::RoleUnavailable`] when
    /// another role does not answer: the same request goes on from there.
    pub async fn request(&self, request: SignedRequest) -> Result<Pseudonyms, ServiceError> {
        let body = RequestBody::parse(&request.body)?;
        request.verify_signature(self.keys.authority(), RequestBody::METHOD)?;
        of_a_card(&request)?;
        let taken = self.take(request, body).await?;
        let (card, id, period) = (taken.card, taken.id, taken.period);
        self.prepare(taken).await?;
        let now = self.context.now();
        self.pass_on(now).await?;
        let present = self.present(now)?;
        let look = move |unit: &dyn Transaction| {
            let waiting = if period > present { waiting_ahead(unit, present)? } else { waiting_for(unit, present)? };
            Ok((unit.pseudonym_items(&card, &id)?, waiting))
        };
        let (items, waiting) = self.context.store().read::<_, ServiceError, _>(look).await?;
        if let Some(ready) = ready(items)? {
            return Ok(Pseudonyms::Ready(ready));
        }
        let pseudonyms = &self.context.policy().pseudonyms;
        let oldest = waiting.oldest.unwrap_or(now);
        let mixed = match period > present {
            true => oldest.saturating_add(pseudonyms.mixing_ahead.delay_seconds).min(period.start(pseudonyms.boundary)),
            false => oldest.saturating_add(pseudonyms.mixing.delay_seconds),
        };
        let retry_after_seconds = mixed.seconds().saturating_sub(now.seconds()).max(1);
        Ok(Pseudonyms::Waiting { retry_after_seconds })
    }

    /// Counts a request that comes first, or finds what is kept of it.
    async fn take(&self, request: SignedRequest, body: RequestBody) -> Result<PseudonymRequestRecord, ServiceError> {
        let taking = Taking {
            request,
            body,
            now: self.context.now(),
            policy: self.context.policy().clone(),
            issuance: self.issuance.clone(),
            reservation: self.context.random(),
            handle: LinkageHandle::from_bytes(self.context.random()),
        };
        self.context.store().write(move |unit| taking.take(unit)).await
    }
}

/// What became of every item; `None` while one waits.
fn ready(items: Vec<PseudonymItemRecord>) -> Result<Option<Vec<Result<SealedAnswer, ItemRefusal>>>, ServiceError> {
    let end = |item: PseudonymItemRecord| match item.end {
        None => Ok(None),
        Some(ItemEnd::Answered(answer)) => Ok(Some(Ok(answer))),
        Some(ItemEnd::Refused(reason)) => {
            let refusal = ItemRefusal::ALL.into_iter().find(|refusal| refusal.as_str() == reason);
            refusal.map(|refusal| Some(Err(refusal))).ok_or(ServiceError::Internal("an unknown refusal is stored"))
        }
    };
    items.into_iter().map(end).collect()
}

/// A request to be taken, and what was drawn for it.
struct Taking {
    request: SignedRequest,
    body: RequestBody,
    now: Time,
    policy: Policy,
    issuance: std::sync::Arc<Issuance>,
    reservation: ReservationId,
    handle: LinkageHandle,
}

impl Taking {
    fn take(&self, unit: &mut dyn Transaction) -> Result<PseudonymRequestRecord, ServiceError> {
        let (id, card) = (self.request.request_id, card_of(unit, &self.request)?.number);
        if let Some(known) = unit.pseudonym_request(&card, &id)? {
            return if known.body == self.request.body { Ok(known) } else { Err(ServiceError::RequestIdReused) };
        }
        self.request.check_time(self.now, self.policy.request_time_tolerance_seconds)?;
        let card = active_card_of(unit, &self.request, self.now)?;
        self.use_challenge(unit, &card)?;
        self.check_period()?;
        let profile = self.issuance.profile_for(self.request.credential.identity()).ok_or(ServiceError::NoProfile)?;
        self.count(unit, &card)?;
        if unit.linkage_handle(&card.number)?.is_none() {
            let record = LinkageHandleRecord { handle: self.handle, created: self.now };
            unit.add_linkage_handle(&card.number, &record)?;
        }
        let record = self.record(&card, profile);
        let commitments = self.body.items().iter().map(|item| item.commitment).collect::<Vec<_>>();
        self.check_unheard(unit, &commitments)?;
        unit.add_pseudonym_request(&record, &commitments)?;
        Ok(record)
    }

    fn use_challenge(&self, unit: &mut dyn Transaction, card: &CardRecord) -> Result<(), ServiceError> {
        let challenge = unit.challenge(self.body.challenge())?;
        let good = challenge.is_some_and(|given| given.card == card.number && self.now < given.expires);
        let good = good && unit.use_challenge(self.body.challenge(), &self.request.request_id)?;
        if good { Ok(()) } else { Err(ServiceError::ChallengeUnknown) }
    }

    fn check_period(&self) -> Result<(), ServiceError> {
        let present = Period::at(self.now, self.policy.pseudonyms.boundary);
        let asked = self.body.period();
        if present.is_some_and(|present| asked == present || asked == present.next()) {
            Ok(())
        } else {
            Err(ServiceError::InvalidField { field: "period", problem: "neither the present one nor the next" })
        }
    }

    /// Counts the items against the card's quota: in the unit of work that takes them, so that no two requests count
    /// from the same number.
    fn count(&self, unit: &mut dyn Transaction, card: &CardRecord) -> Result<(), ServiceError> {
        let (period, most) = (self.body.period(), self.issuance.per_period());
        let quota = unit.pseudonym_quota(&card.number, period)?;
        let used = quota.used.checked_add(self.items()).filter(|used| *used <= most);
        let used = used.ok_or(ServiceError::QuotaExceeded(most))?;
        Ok(unit.set_pseudonym_quota(&card.number, period, PseudonymQuota { used, ..quota })?)
    }

    /// How many pseudonyms; a body has 256 items at most.
    fn items(&self) -> u16 {
        self.body.items().len() as u16
    }

    /// A commitment names its item to the issuer, and ties a pseudonym to one signature of one card.
    fn check_unheard(&self, unit: &dyn Transaction, commitments: &[Commitment]) -> Result<(), ServiceError> {
        for commitment in commitments {
            if unit.request_of_commitment(commitment)?.is_some() {
                return Err(ServiceError::InvalidField { field: "items", problem: "one came in another request" });
            }
        }
        Ok(())
    }

    fn record(&self, card: &CardRecord, profile: &Profile) -> PseudonymRequestRecord {
        let lines = &self.policy.pseudonyms.postpaid_lines;
        PseudonymRequestRecord {
            card: card.number,
            id: self.request.request_id,
            credential: self.request.credential,
            signed: self.request.time,
            body: self.request.body.clone(),
            signature: self.request.signature,
            period: self.body.period(),
            count: self.items(),
            profile: profile.id(),
            reservation: self.reservation,
            budget: profile.budget(),
            line: lines.iter().find(|(tariff, _)| *tariff == card.tariff).map_or(0, |(_, line)| *line),
            state: PseudonymRequestState::Taken,
            first: None,
            received: self.now,
        }
    }
}
