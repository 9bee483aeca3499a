//! Refunds: the holder signs the amount that it is to get back, and the operator authorises it, naming the purchase.
//!
//! A refund is refused when it is uploaded, since nobody but the operator can say that it is right; it settles when the
//! operator says so. Then it is a settlement as any other, known by its credential and counter. What is given back goes to
//! whoever signed the refund, which may be another pseudonym of the same holder, and never counts against a budget. Only
//! purchases are refunded; a journey is voided as a whole.

use symbolon_ccks::{Class, Name, Suite, Time};
use symbolon_store::{
    Store, Transaction,
    records::{
        ChargeBatchId, EntryKind, NewSettlement, Payer, RecordPosition, RefundRecord, RouteEvent, RouteItem,
        SettlementId, SettlementOutcome, SettlementRecord,
    },
};
use symbolon_tap::{Kind, Record};

use super::{
    Exchange, RecordOutcome, Refusal, UploadedRecord,
    charging::Moved,
    ending::to_charge,
    pseudonyms::is_too_late,
    routing::{agreement_key, owned_record, tell, upload_of},
    settling::ToPassOn,
};
use crate::{
    ServiceError,
    links::{KnownCredential, Move, Party},
};

/// What an operator authorises.
#[derive(Clone, Copy)]
struct Asked {
    operator: Name,
    refund: RecordPosition,
    purchase: RecordPosition,
}

/// What authorising goes by, beside the database.
#[derive(Clone, Copy)]
struct Rules {
    /// Who gets it, when it is a card under its own number.
    card: Option<Payer>,
    late_seconds: u64,
    batch: ChargeBatchId,
    now: Time,
}

impl<S: Suite, D: Store> Exchange<S, D> {
    /// Settles a refund that was refused for want of this: its amount goes from the operator to who signed it. Gives the
    /// record as it is settled; the same again for one that was authorised for the same purchase.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when there is no such record of this operator, or no such settled purchase;
    /// [`ServiceError::InvalidField`] when one is of another kind or currency, or the refund was refused for another reason;
    /// [`ServiceError::AlreadyExists`] when it was authorised for another purchase, or its counter or its agreement was
    /// settled otherwise; [`ServiceError::RefundExceeds`] when more would be given back than was paid;
    /// [`ServiceError::RecordTooLate`] and [`ServiceError::NeverIssued`] of who signed it;
    /// [`ServiceError::RoleUnavailable`] when the attester does not answer.
    pub async fn authorise_refund(
        &self,
        operator: &Name,
        refund: RecordPosition,
        purchase: RecordPosition,
    ) -> Result<UploadedRecord, ServiceError> {
        let (operator, now, batch) = (*operator, self.context.now(), self.context.random());
        let asked = Asked { operator, refund, purchase };
        let look = move |unit: &dyn Transaction| {
            Ok::<_, ServiceError>((
                owned_record(unit, &operator, refund, Kind::Refund, "name")?,
                owned_record(unit, &operator, purchase, Kind::Purchase, "purchase")?,
            ))
        };
        let (found, paid) = self.context.store().read(look).await?;
        let record = *found.record.parse()?;
        let holder = *record.presentation().holder();
        // Of the purchase nothing else may be given back meanwhile.
        let holders = vec![holder.digest(), paid.record.parse()?.presentation().holder().digest()];
        let card = match holder.identity().class() {
            Class::Card => match self.registry.credentials(vec![holder.digest()]).await?.pop().flatten() {
                Some(KnownCredential::Card { tag, .. }) => Some(Payer::Named(tag)),
                Some(KnownCredential::Terminal { .. }) | None => return Err(ServiceError::NeverIssued),
            },
            Class::Pseudonym | Class::Terminal => None,
        };
        let late_seconds = self.context.policy().pseudonyms.late_records_seconds;
        let rules = Rules { card, late_seconds, batch, now };
        let posts = card.is_some();
        let authorise = move |unit: &mut dyn Transaction| authorise(unit, asked, &record, rules);
        let is_new = self.context.store().write_for(holders, authorise).await?;
        let batch = (is_new && posts).then_some(batch);
        self.pass_on_at_once(ToPassOn { batch, suspends: false }, now).await;
        Ok(UploadedRecord { outcome: RecordOutcome::Settled { amount: record.terms().amount() }, ..found })
    }
}

/// Settles a refund; whether it was not before.
fn authorise(unit: &mut dyn Transaction, asked: Asked, record: &Record, rules: Rules) -> Result<bool, ServiceError> {
    let upload = upload_of(unit, asked.refund)?;
    let paid = settled_purchase(unit, asked, record)?;
    let key = agreement_key(record, &upload);
    let digest = key.credential_digest;
    if let Some(known) = unit.settlement(&digest, record.presentation().counter())? {
        return match unit.refund(known.id)? {
            Some(refund) if known.settlement.agreement == key.agreement && refund.paid == paid.id => Ok(false),
            Some(_) => Err(ServiceError::AlreadyExists("refund")),
            None => Err(ServiceError::AlreadyExists("transaction under the refund's counter")),
        };
    }
    check_waiting(unit, asked)?;
    if unit.settled_agreement(&key)?.is_some() {
        return Err(ServiceError::AlreadyExists("refund"));
    }
    let amount = record.terms().amount();
    if amount == 0 {
        return Err(ServiceError::InvalidField { field: "name", problem: "a refund of nothing" });
    }
    let refunded = unit.refunds_of(paid.id)?.iter().map(|refund| refund.amount).sum::<u32>();
    let left = paid.settlement.amount.saturating_sub(refunded);
    if amount > left {
        return Err(ServiceError::RefundExceeds(left));
    }
    let payer = payee(unit, record, rules)?;
    let id = unit.add_settlement(&NewSettlement {
        credential_digest: digest,
        counter: record.presentation().counter(),
        agreement: key.agreement,
        outcome: SettlementOutcome::Settled,
        repeats: None,
        misuse: None,
        upload: asked.refund.upload(),
        position: asked.refund.position(),
        terminal_digest: key.terminal_digest,
        kind: Kind::Refund,
        amount,
        after_revocation: false,
        time: key.time,
    })?;
    unit.add_refund(&RefundRecord { settlement: id, paid: paid.id, amount, authorised: rules.now })?;
    give_back(unit, asked.operator, id, amount, (payer, record.terms().currency()), rules)?;
    let item = RouteItem { event: RouteEvent::Settled, record: asked.refund, gain: -i64::from(amount) };
    tell(unit, &asked.operator, &[item], rules.now)?;
    Ok(true)
}

/// The settlement of the purchase that is named, of the same operator and currency as the refund.
fn settled_purchase(unit: &dyn Transaction, asked: Asked, refund: &Record) -> Result<SettlementRecord, ServiceError> {
    let found = owned_record(unit, &asked.operator, asked.purchase, Kind::Purchase, "purchase")?;
    let purchase = found.record.parse()?;
    let key = agreement_key(purchase, &upload_of(unit, asked.purchase)?);
    if purchase.terms().currency() != refund.terms().currency() {
        return Err(ServiceError::InvalidField { field: "purchase", problem: "in another currency" });
    }
    // The same agreement under another counter, or in another upload, is the same purchase.
    unit.settled_agreement(&key)?.ok_or(ServiceError::NotFound("settled purchase"))
}

/// Only what was refused for want of the operator's word can be settled by it: all else of it was found right.
fn check_waiting(unit: &dyn Transaction, asked: Asked) -> Result<(), ServiceError> {
    match owned_record(unit, &asked.operator, asked.refund, Kind::Refund, "name")?.outcome {
        RecordOutcome::Refused(Refusal::NotAuthorised) => Ok(()),
        _ => Err(ServiceError::InvalidField { field: "name", problem: "a refund that was refused for another reason" }),
    }
}

/// Who gets it.
fn payee(unit: &dyn Transaction, record: &Record, rules: Rules) -> Result<Payer, ServiceError> {
    let holder = record.presentation().holder();
    if let Some(card) = rules.card {
        return Ok(card);
    }
    if is_too_late(holder.identity(), rules.late_seconds, rules.now) {
        return Err(ServiceError::RecordTooLate);
    }
    unit.pseudonym(&holder.digest())?.ok_or(ServiceError::NeverIssued)?;
    Ok(Payer::Pseudonym(holder.identity().subject()))
}

fn give_back(
    unit: &mut dyn Transaction,
    operator: Name,
    settlement: SettlementId,
    amount: u32,
    (payer, currency): (Payer, u16),
    rules: Rules,
) -> Result<(), ServiceError> {
    let moves = vec![Move { from: Party::Operator(operator), to: Party::Holder, amount }];
    let moved = Moved { kind: EntryKind::Refund, settlement, moves };
    let batch = matches!(payer, Payer::Named(_)).then_some(rules.batch);
    if let Some(batch) = &batch {
        unit.add_batch(batch, rules.now)?;
    }
    unit.add_charge(&to_charge(&moved, payer, currency, batch, rules.now)?)?;
    Ok(())
}
