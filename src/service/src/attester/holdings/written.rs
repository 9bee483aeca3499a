//! What the attester keeps on a card, written as JSON: byte strings in hex, times in seconds since 1970 UTC.

use serde::Serialize;
use symbolon_ccks::Time;
use symbolon_store::records::{
    ActivationCodeRecord, CardRecord, ChallengeRecord, HolderRequestKind, IssuedRecord, ItemEnd, OfferRecord,
    PseudonymItemRecord, PseudonymRequestRecord, TraceAuditRecord, VoucherRecord, VoucherState,
};

use super::Kept;
use crate::ServiceError;

impl Kept {
    pub(super) fn to_json(&self) -> Result<String, ServiceError> {
        let written = Written {
            card: &self.card,
            revoked_since: self.revoked_since.map(Time::seconds),
            activation_code: self.code.as_ref().map(Code::of),
            offers: self.offers.iter().map(Offer::of).collect(),
            credentials: self.credentials.iter().map(Issued::of).collect(),
            linkage_handle: self.handle.as_ref().map(|handle| handle.handle.to_string()),
            linkage_handle_since: self.handle.as_ref().map(|handle| handle.created.seconds()),
            quotas: self.quotas.iter().map(|(period, quota)| (period.number(), quota.used, quota.next)).collect(),
            challenges: self.challenges.iter().map(Challenge::of).collect(),
            pseudonym_requests: self.requests.iter().map(Request::of).collect(),
            vouchers: self.vouchers.iter().map(Voucher::of).collect(),
            traces: &self.traces,
        };
        serde_json::to_string(&written).map_err(|_| ServiceError::Internal("what is kept does not encode"))
    }
}

#[derive(Serialize)]
struct Written<'k> {
    card: &'k CardRecord,
    revoked_since: Option<u64>,
    activation_code: Option<Code>,
    offers: Vec<Offer>,
    credentials: Vec<Issued>,
    linkage_handle: Option<String>,
    linkage_handle_since: Option<u64>,
    /// Period, how many pseudonyms were asked for, how many linkage values were.
    quotas: Vec<(u32, u16, u16)>,
    challenges: Vec<Challenge>,
    pseudonym_requests: Vec<Request>,
    vouchers: Vec<Voucher>,
    traces: &'k [TraceAuditRecord],
}

/// A voucher that the card asked for, as it signed it, and what became of it.
#[derive(Serialize)]
struct Voucher {
    sale: String,
    credential: String,
    signed: u64,
    request_id: String,
    body: String,
    signature: String,
    operator: String,
    meter: String,
    sector: String,
    quantity: u32,
    amount: u32,
    currency: u16,
    line: u32,
    asked: u64,
    state: &'static str,
    sequence: Option<u32>,
    not_after: Option<u64>,
    voucher: Option<String>,
}

impl Voucher {
    fn of(voucher: &VoucherRecord) -> Self {
        let issued = voucher.issued.as_ref();
        Self {
            sale: hex::encode(voucher.id),
            credential: hex::encode(voucher.credential.as_bytes()),
            signed: voucher.signed.seconds(),
            request_id: hex::encode(voucher.request),
            body: hex::encode(&voucher.body),
            signature: hex::encode(voucher.signature.as_bytes()),
            operator: voucher.operator.as_str().to_owned(),
            meter: voucher.meter.to_string(),
            sector: voucher.sector.to_string(),
            quantity: voucher.quantity,
            amount: voucher.amount,
            currency: voucher.currency,
            line: voucher.line,
            asked: voucher.asked.seconds(),
            state: match voucher.state {
                VoucherState::Asked => "asked",
                VoucherState::Issued => "issued",
                VoucherState::Delivered => "delivered",
                VoucherState::Refused => "refused",
                VoucherState::Lapsed => "lapsed",
                VoucherState::Refunded => "refunded",
                VoucherState::Owed => "owed",
            },
            sequence: issued.map(|issued| issued.sequence),
            not_after: issued.map(|issued| issued.not_after.seconds()),
            voucher: issued.map(|issued| hex::encode(issued.bytes)),
        }
    }
}

#[derive(Serialize)]
struct Code {
    locator: String,
    hash: String,
    expires: u64,
    failed_attempts: u32,
    used: Option<u64>,
}

impl Code {
    fn of(code: &ActivationCodeRecord) -> Self {
        Self {
            locator: hex::encode(code.locator),
            hash: hex::encode(code.hash),
            expires: code.expires.seconds(),
            failed_attempts: code.failed_attempts,
            used: code.used.map(Time::seconds),
        }
    }
}

#[derive(Serialize)]
struct Offer {
    nonce: String,
    identity: String,
    former: Option<String>,
    expires: u64,
    used: Option<u64>,
}

impl Offer {
    fn of(offer: &OfferRecord) -> Self {
        Self {
            nonce: hex::encode(offer.nonce),
            identity: hex::encode(offer.identity.as_bytes()),
            former: offer.former.map(|former| hex::encode(former.as_bytes())),
            expires: offer.expires.seconds(),
            used: offer.used.map(Time::seconds),
        }
    }
}

/// A credential of the card, as archived.
#[derive(Serialize)]
struct Issued {
    credential: String,
    enrolment_point: String,
    contribution: String,
    offer_nonce: String,
    possession: String,
    asked_by: &'static str,
    signed: String,
    signature: String,
    key: String,
    issued: u64,
}

impl Issued {
    fn of(issued: &IssuedRecord) -> Self {
        Self {
            credential: hex::encode(issued.credential.as_bytes()),
            enrolment_point: hex::encode(issued.enrolment_point.as_bytes()),
            contribution: hex::encode(issued.contribution),
            offer_nonce: hex::encode(issued.offer_nonce),
            possession: hex::encode(issued.possession.as_bytes()),
            asked_by: match issued.request.kind {
                HolderRequestKind::PossessionOnly => "possession_only",
                HolderRequestKind::RegisteredKey => "registered_key",
                HolderRequestKind::FormerCredential => "former_credential",
            },
            signed: hex::encode(&issued.request.signed),
            signature: hex::encode(&issued.request.signature),
            key: hex::encode(&issued.request.key),
            issued: issued.issued.seconds(),
        }
    }
}

/// A request for pseudonyms, as the card signed it.
#[derive(Serialize)]
struct Request {
    request_id: String,
    credential: String,
    signed: u64,
    received: u64,
    body: String,
    signature: String,
    period: u32,
    profile: u8,
    reservation: String,
    budget: u32,
    postpaid_line: u32,
    first_number: Option<u16>,
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    commitment: String,
    answer: Option<String>,
    refusal: Option<String>,
}

impl Request {
    fn of((request, items): &(PseudonymRequestRecord, Vec<PseudonymItemRecord>)) -> Self {
        let item = |item: &PseudonymItemRecord| {
            let (answer, refusal) = match &item.end {
                Some(ItemEnd::Answered(answer)) => (Some(hex::encode(answer.as_bytes())), None),
                Some(ItemEnd::Refused(reason)) => (None, Some(reason.clone())),
                None => (None, None),
            };
            Item { commitment: hex::encode(item.commitment.as_bytes()), answer, refusal }
        };
        Self {
            request_id: hex::encode(request.id),
            credential: hex::encode(request.credential.as_bytes()),
            signed: request.signed.seconds(),
            received: request.received.seconds(),
            body: hex::encode(&request.body),
            signature: hex::encode(request.signature.as_bytes()),
            period: request.period.number(),
            profile: request.profile.0,
            reservation: hex::encode(request.reservation),
            budget: request.budget,
            postpaid_line: request.line,
            first_number: request.first,
            items: items.iter().map(item).collect(),
        }
    }
}

#[derive(Serialize)]
struct Challenge {
    challenge: String,
    asked_by: String,
    expires: u64,
    used_by: Option<String>,
}

impl Challenge {
    fn of(challenge: &ChallengeRecord) -> Self {
        Self {
            challenge: hex::encode(challenge.challenge),
            asked_by: hex::encode(challenge.asked_by),
            expires: challenge.expires.seconds(),
            used_by: challenge.used_by.map(hex::encode),
        }
    }
}
