//! What the holder of a card may know: what could be told of it, and all that is kept on it.

mod written;

use symbolon_ccks::{Period, Suite, Time};
use symbolon_pseudonym::{LinkageHandle, SealingKey};
use symbolon_store::{
    Store, Transaction,
    records::{
        ActivationCodeRecord, CardRecord, CardState, ChallengeRecord, IssuedRecord, ItemEnd, LinkageHandleRecord,
        OfferRecord, PseudonymItemRecord, PseudonymQuota, PseudonymRequestRecord, TraceAuditRecord, VoucherRecord,
    },
};

use super::{Attester, card_of, registry::account_handle};
use crate::{ServiceError, cards::present_state, enrolment::SignedRequest, links::LinkageHolding};

/// The method that says what could be told of a card.
pub const PRIVACY_METHOD: &str = "/symbolon.v1.PseudonymService/GetPrivacy";

/// The method that gives everything kept on a card.
pub const EXPORT_METHOD: &str = "/symbolon.v1.PseudonymService/ExportHoldings";

/// What the attester can tell of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivacyView {
    /// Where the card stands.
    pub state: CardState,
    /// The present period.
    pub period: Period,
    /// How many pseudonyms a card gets in one period.
    pub per_period: u16,
    /// What the card asked for, by period, oldest first.
    pub uses: Vec<PeriodUse>,
    /// From which period on its pseudonyms are published as revoked.
    pub published_from: Option<Period>,
    /// Cases that opened one of its pseudonyms, oldest first.
    pub traces: Vec<TraceAuditRecord>,
}

/// What a card asked for in one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodUse {
    /// The period.
    pub period: Period,
    /// How many pseudonyms it asked for.
    pub asked: u16,
    /// How many of them were issued.
    pub issued: u16,
    /// Whether they can still be used.
    pub outstanding: bool,
}

/// Everything that is kept on a card, as far as it can be found by the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// What the attester keeps, JSON.
    pub attester: String,
    /// What the linkage authorities keep under the card's handle, A's first; `None` before it asked for pseudonyms.
    pub linkage: [Option<LinkageHolding>; 2],
    /// What clearing keeps on the card's account: JSON, sealed to the holder.
    pub clearing: Vec<u8>,
}

impl Holdings {
    /// A linkage authority's part as JSON.
    pub fn linkage_json(holding: &Option<LinkageHolding>) -> String {
        let held = holding.as_ref().map(|holding| {
            serde_json::json!({
                "since": holding.since.seconds(),
                "seed_of_period": holding.period.number(),
                "published_from_period": holding.published_from.map(Period::number),
            })
        });
        serde_json::json!({ "seed": held }).to_string()
    }
}

impl<S: Suite, D: Store> Attester<S, D> {
    /// Says what the attester can tell of the card, and who opened its pseudonyms. The signed body is empty.
    ///
    /// # Errors
    /// [`ServiceError::InvalidField`] when the body is not empty; [`ServiceError::ClassNotOffered`],
    /// [`ServiceError::BadSignature`], [`ServiceError::StaleRequest`] and [`ServiceError::NeverIssued`] of the signed
    /// request.
    pub async fn privacy(&self, request: SignedRequest) -> Result<PrivacyView, ServiceError> {
        let now = self.authenticate(&request, PRIVACY_METHOD)?;
        if !request.body.is_empty() {
            return Err(ServiceError::InvalidField { field: "body", problem: "not empty" });
        }
        let kept = self.context.store().read(move |unit| Kept::of(unit, &request)).await?;
        let boundary = self.context.policy().pseudonyms.boundary;
        let period = Period::at(now, boundary).ok_or(ServiceError::Internal("the clock is before the first period"))?;
        let use_of = |(period, quota): &(Period, PseudonymQuota)| PeriodUse {
            period: *period,
            asked: quota.used,
            issued: kept.issued_in(*period),
            outstanding: now < period.expiry(boundary),
        };
        let published = match &kept.handle {
            Some(handle) => self.holding(handle.handle).await?.map(|held| held.and_then(|held| held.published_from)),
            None => [None, None],
        };
        Ok(PrivacyView {
            state: present_state(&kept.card, now),
            period,
            per_period: self.issuance.per_period(),
            uses: kept.quotas.iter().map(use_of).collect(),
            // Both seeds are needed, so that it counts from where the later one begins.
            published_from: match published {
                [Some(a), Some(b)] => Some(a.max(b)),
                _ => None,
            },
            traces: kept.traces,
        })
    }

    /// Gives the holder everything that is kept on the card. The signed body is the key that clearing's part is sealed
    /// to, 32 bytes.
    ///
    /// # Errors
    /// As [`Self::privacy`], and [`ServiceError::InvalidField`] when the body is not 32 bytes;
    /// [`ServiceError::RoleUnavailable`] when another role does not answer.
    pub async fn export(&self, request: SignedRequest) -> Result<Holdings, ServiceError> {
        self.authenticate(&request, EXPORT_METHOD)?;
        let key = request.body.as_slice().try_into().map(SealingKey::from_bytes);
        let key = key.map_err(|_| ServiceError::InvalidField { field: "body", problem: "not a key of 32 bytes" })?;
        let kept = self.context.store().read(move |unit| Kept::of(unit, &request)).await?;
        let clearing = self.links.clearing.export(account_handle(&kept.card.account)?, key).await?;
        let linkage = match &kept.handle {
            Some(handle) => self.holding(handle.handle).await?,
            None => [None, None],
        };
        Ok(Holdings { attester: kept.to_json()?, linkage, clearing })
    }

    async fn holding(&self, handle: LinkageHandle) -> Result<[Option<LinkageHolding>; 2], ServiceError> {
        let [a, b] = &self.links.linkage;
        let (a, b) = tokio::try_join!(a.holding(handle), b.holding(handle))?;
        Ok([a, b])
    }
}

/// What the attester's store holds on one card.
struct Kept {
    card: CardRecord,
    revoked_since: Option<Time>,
    code: Option<ActivationCodeRecord>,
    offers: Vec<OfferRecord>,
    credentials: Vec<IssuedRecord>,
    handle: Option<LinkageHandleRecord>,
    quotas: Vec<(Period, PseudonymQuota)>,
    challenges: Vec<ChallengeRecord>,
    requests: Vec<(PseudonymRequestRecord, Vec<PseudonymItemRecord>)>,
    vouchers: Vec<VoucherRecord>,
    traces: Vec<TraceAuditRecord>,
}

impl Kept {
    fn of(unit: &dyn Transaction, request: &SignedRequest) -> Result<Self, ServiceError> {
        let card = card_of(unit, request)?;
        let requests = unit.pseudonym_requests(&card.number)?.into_iter().map(|request| {
            let items = unit.pseudonym_items(&request.card, &request.id)?;
            Ok::<_, ServiceError>((request, items))
        });
        Ok(Self {
            revoked_since: unit.revoked_since(&card.number)?,
            code: unit.activation_code_of(&card.number)?,
            offers: unit.offers_to(&card.number)?,
            challenges: unit.challenges_of(&card.number)?,
            credentials: unit.issued_to(&card.number)?,
            handle: unit.linkage_handle(&card.number)?,
            quotas: unit.pseudonym_quotas(&card.number)?,
            requests: requests.collect::<Result<_, _>>()?,
            vouchers: unit.vouchers_of_card(&card.number, u32::MAX)?,
            traces: traces_of(unit, &card)?,
            card,
        })
    }

    fn issued_in(&self, period: Period) -> u16 {
        let of_period = self.requests.iter().filter(|(request, _)| request.period == period);
        let items = of_period.flat_map(|(_, items)| items);
        items.filter(|item| matches!(item.end, Some(ItemEnd::Answered(_)))).count() as u16
    }
}

/// Traces that led to a card, and before them those that led to the cards whose place it took.
fn traces_of(unit: &dyn Transaction, card: &CardRecord) -> Result<Vec<TraceAuditRecord>, ServiceError> {
    let mut traces = unit.trace_audits(&card.number)?;
    let mut former = card.replaces;
    while let Some(number) = former {
        let mut earlier = unit.trace_audits(&number)?;
        earlier.append(&mut traces);
        traces = earlier;
        // A card takes the place of an older one, so that this comes to an end.
        former = unit.card(&number)?.and_then(|card| card.replaces);
    }
    Ok(traces)
}
