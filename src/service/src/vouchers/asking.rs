//! A card asks: the price is agreed, the account pays, the voucher is signed.

use symbolon_ccks::{Suite, Time};
use symbolon_store::{
    Store, Transaction,
    records::{
        CardState, IssuedVoucher, TerminalRecord, TerminalState, VoucherId, VoucherMovement, VoucherRecord,
        VoucherState,
    },
};
use symbolon_tap::voucher::{Unit, Voucher, VoucherFields};

use super::{BUY_METHOD, VoucherBody, Vouchers, of_a_card};
use crate::{Policy, ServiceError, attester::registry::account_handle, cards::present_state, enrolment::SignedRequest};

/// A meter takes a sequence that is less than so much below the highest that it took.
const WINDOW: u32 = 64;

impl<S: Suite, D: Store> Vouchers<S, D> {
    /// Sells a voucher. The same request gets the same voucher, whatever has become of it since; one that was refused
    /// is tried again.
    ///
    /// # Errors
    /// Those of the signature and its time; [`ServiceError::NotFound`] for a meter that there is not, or that nothing is
    /// sold for; [`ServiceError::InvalidField`] when card, meter and sector do not go together;
    /// [`ServiceError::PriceAbove`], [`ServiceError::MeterFull`], [`ServiceError::VouchersOutstanding`],
    /// [`ServiceError::InsufficientFunds`], [`ServiceError::CardNotActive`], [`ServiceError::RequestIdReused`];
    /// [`ServiceError::RoleUnavailable`] when clearing does not answer: send the same request again.
    pub async fn buy(&self, request: SignedRequest) -> Result<VoucherRecord, ServiceError> {
        request.verify_signature(self.keys.authority(), BUY_METHOD)?;
        of_a_card(&request)?;
        let body = VoucherBody::parse(&request.body)?;
        let asking = Asking {
            request,
            body,
            now: self.context.now(),
            policy: self.context.policy().clone(),
            id: self.context.random(),
        };
        let voucher = self.context.store().write(move |unit| asking.ask(unit)).await?;
        self.finish(voucher).await
    }

    /// Has a voucher that was asked for paid, and issues it.
    pub(super) async fn finish(&self, voucher: VoucherRecord) -> Result<VoucherRecord, ServiceError> {
        if voucher.state != VoucherState::Asked {
            return Ok(voucher);
        }
        match self.pay(&voucher, VoucherMovement::Sold).await {
            Ok(()) => self.issue(voucher.id).await,
            // Whether it was paid is not known: the same is asked again.
            Err(away @ ServiceError::RoleUnavailable(_)) => Err(away),
            Err(refusal) => self.refuse(voucher.id, refusal).await,
        }
    }

    /// Notes that a voucher was not paid; one that was issued meanwhile is told all the same.
    async fn refuse(&self, id: VoucherId, refusal: ServiceError) -> Result<VoucherRecord, ServiceError> {
        let refuse = move |unit: &mut dyn Transaction| {
            unit.move_voucher(&id, VoucherState::Asked, VoucherState::Refused)?;
            found(unit, &id)
        };
        let voucher = self.context.store().write(refuse).await?;
        if voucher.issued.is_some() { Ok(voucher) } else { Err(refusal) }
    }

    /// Signs a voucher that is paid, under the meter's next sequence.
    async fn issue(&self, id: VoucherId) -> Result<VoucherRecord, ServiceError> {
        let (keys, now, random) = (self.keys.clone(), self.context.now(), self.context.random::<32>());
        let validity_seconds = self.context.policy().vouchers.validity_seconds;
        let issue = move |unit: &mut dyn Transaction| {
            let voucher = found(unit, &id)?;
            if !matches!(voucher.state, VoucherState::Asked | VoucherState::Refused) {
                return Ok(voucher);
            }
            let standing = unit.meter_standing(&voucher.meter, &voucher.card, now)?;
            let sequence = standing.newest.checked_add(1);
            let fits = |sequence: &u32| standing.oldest_outstanding.is_none_or(|oldest| sequence - oldest < WINDOW);
            // One that waits keeps its place free, so that only one that was refused and paid all the same can find none.
            let Some(sequence) = sequence.filter(fits) else {
                unit.move_voucher(&id, voucher.state, VoucherState::Lapsed)?;
                return found(unit, &id);
            };
            let not_after = now.saturating_add(validity_seconds);
            let signed = Voucher::new(VoucherFields {
                unit: Unit::of(voucher.sector)
                    .ok_or(ServiceError::Internal("a voucher for a sector without meters"))?,
                meter: voucher.meter,
                sequence,
                quantity: voucher.quantity,
                time: now,
                not_after,
            })?
            .sign(keys.own_key(), &random)
            .map_err(|_| ServiceError::Internal("a voucher cannot be signed"))?;
            let issued =
                IssuedVoucher { sequence, not_after, reference: signed.reference(), bytes: *signed.as_bytes() };
            unit.issue_voucher(&id, &issued)?;
            found(unit, &id)
        };
        let voucher: VoucherRecord = self.context.store().write(issue).await?;
        if voucher.issued.is_some() { Ok(voucher) } else { Err(ServiceError::MeterFull) }
    }
}

fn found(unit: &dyn Transaction, id: &VoucherId) -> Result<VoucherRecord, ServiceError> {
    unit.voucher(id)?.ok_or(ServiceError::Internal("a voucher that was asked for is gone"))
}

/// A request to be taken, and what was drawn for it.
struct Asking {
    request: SignedRequest,
    body: VoucherBody,
    now: Time,
    policy: Policy,
    id: VoucherId,
}

impl Asking {
    /// Writes the request down when it comes first, or again after a refusal; else finds what is kept of it.
    fn ask(&self, unit: &mut dyn Transaction) -> Result<VoucherRecord, ServiceError> {
        let credential = &self.request.credential;
        unit.issued(&credential.digest())?.ok_or(ServiceError::NeverIssued)?;
        let known = unit.voucher_asked(&credential.identity().subject(), &self.request.request_id)?;
        if let Some(known) = &known
            && known.body != self.request.body
        {
            return Err(ServiceError::RequestIdReused);
        }
        if let Some(known) = &known
            && known.state != VoucherState::Refused
        {
            return Ok(known.clone());
        }
        let voucher = self.checked(unit)?;
        match known {
            Some(refused) => {
                unit.move_voucher(&refused.id, VoucherState::Refused, VoucherState::Asked)?;
                found(unit, &refused.id)
            }
            None => {
                unit.add_voucher(&voucher)?;
                Ok(voucher)
            }
        }
    }

    /// The voucher that is asked for, if the card may buy it now.
    fn checked(&self, unit: &dyn Transaction) -> Result<VoucherRecord, ServiceError> {
        self.request.check_time(self.now, self.policy.request_time_tolerance_seconds)?;
        let identity = self.request.credential.identity();
        let card = unit.card(&identity.subject())?.ok_or(ServiceError::NotFound("card"))?;
        match present_state(&card, self.now) {
            CardState::Active => {}
            other => return Err(ServiceError::CardNotActive(other)),
        }
        let meter = self.meter(unit)?;
        if !identity.sectors().contains(self.body.sector) {
            return Err(ServiceError::InvalidField { field: "sector", problem: "not one that the card pays for" });
        }
        if meter.currency != card.currency {
            return Err(ServiceError::InvalidField { field: "meter", problem: "of another currency than the card" });
        }
        let price = self.policy.vouchers.price(&meter.operator, self.body.sector, card.currency);
        let price = price.ok_or(ServiceError::NotFound("price for this meter"))?;
        let too_much = ServiceError::InvalidField { field: "quantity", problem: "too much for one payment" };
        let amount = price.of(self.body.quantity).ok_or(too_much)?;
        if amount > self.body.most {
            return Err(ServiceError::PriceAbove(amount));
        }
        self.check_room(unit)?;
        let lines = &self.policy.pseudonyms.postpaid_lines;
        Ok(VoucherRecord {
            id: self.id,
            card: card.number,
            request: self.request.request_id,
            credential: self.request.credential,
            signed: self.request.time,
            body: self.request.body.clone(),
            signature: self.request.signature,
            account: account_handle(&card.account)?,
            line: lines.iter().find(|(tariff, _)| *tariff == card.tariff).map_or(0, |(_, line)| *line),
            operator: meter.operator,
            currency: card.currency,
            amount,
            meter: meter.subject,
            sector: self.body.sector,
            quantity: self.body.quantity,
            asked: self.now,
            state: VoucherState::Asked,
            issued: None,
        })
    }

    /// The meter, if it is in use.
    fn meter(&self, unit: &dyn Transaction) -> Result<TerminalRecord, ServiceError> {
        let meter = unit.terminal(&self.body.meter)?;
        let in_use = |meter: &TerminalRecord| meter.state == TerminalState::Active && self.now < meter.not_after;
        let meter = meter.filter(in_use).ok_or(ServiceError::NotFound("meter in use"))?;
        if meter.sectors.contains(self.body.sector) {
            Ok(meter)
        } else {
            Err(ServiceError::InvalidField { field: "sector", problem: "not one of the meter" })
        }
    }

    /// Whether the meter could take another, whatever of those sold and asked for reaches it first.
    fn check_room(&self, unit: &dyn Transaction) -> Result<(), ServiceError> {
        let card = self.request.credential.identity().subject();
        let standing = unit.meter_standing(&self.body.meter, &card, self.now)?;
        // All that are asked for, and this one, may yet be given the next sequences.
        let highest = u64::from(standing.newest) + u64::from(standing.asked) + 1;
        let oldest = standing.oldest_outstanding.map_or(u64::from(standing.newest) + 1, u64::from);
        if highest - oldest >= u64::from(WINDOW) || highest > u64::from(u32::MAX) {
            return Err(ServiceError::MeterFull);
        }
        let most = self.policy.vouchers.outstanding_per_card;
        if standing.of_card >= most { Err(ServiceError::VouchersOutstanding(most)) } else { Ok(()) }
    }
}
