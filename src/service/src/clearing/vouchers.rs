//! What an account pays for vouchers, and gets back for those that no meter took.

use symbolon_ccks::Time;
use symbolon_store::{
    Transaction,
    records::{
        AccountKind, AccountName, AccountRecord, EntryKind, NewEntry, Transfer, VoucherMovement, VoucherPostingRecord,
    },
};

use super::{holder_account, setting_aside::available};
use crate::{ServiceError, links::VoucherPayment};

/// Posts a movement, once for one sale; those of a sale come in their order.
pub(super) fn post(unit: &mut dyn Transaction, payment: &VoucherPayment, now: Time) -> Result<(), ServiceError> {
    if let Some(known) = unit.voucher_posting(&payment.sale, payment.movement)? {
        return if is_of(&known, payment) { Ok(()) } else { Err(ServiceError::RequestIdReused) };
    }
    if payment.amount == 0 {
        return Err(ServiceError::InvalidField { field: "amount", problem: "0" });
    }
    check_order(unit, payment)?;
    let holder = holder_account(unit, &payment.account)?.ok_or(ServiceError::NotFound("account"))?;
    if holder.currency != payment.currency {
        return Err(ServiceError::InvalidField { field: "currency", problem: "not that of the account" });
    }
    let set_aside = unit.set_aside(&payment.account, now)?;
    // Only what is asked for can be refused: what is taken again was delivered, and is owed.
    if payment.movement == VoucherMovement::Sold
        && i128::from(payment.amount) > available(holder.balance, &set_aside, payment.line)
    {
        return Err(ServiceError::InsufficientFunds);
    }
    let entry = entry(unit, payment, holder.name, now)?;
    let entry = unit.post(&entry)?;
    Ok(unit.add_voucher_posting(&VoucherPostingRecord {
        sale: payment.sale,
        movement: payment.movement,
        account: payment.account,
        operator: payment.operator,
        currency: payment.currency,
        amount: payment.amount,
        entry,
    })?)
}

/// Whether this is what was posted.
fn is_of(known: &VoucherPostingRecord, payment: &VoucherPayment) -> bool {
    known.account == payment.account
        && (known.operator, known.currency, known.amount) == (payment.operator, payment.currency, payment.amount)
}

/// What is given back was sold, and what is taken again was given back: by the same account, for the same price.
fn check_order(unit: &dyn Transaction, payment: &VoucherPayment) -> Result<(), ServiceError> {
    let before = match payment.movement {
        VoucherMovement::Sold => return Ok(()),
        VoucherMovement::GivenBack => VoucherMovement::Sold,
        VoucherMovement::TakenAgain => VoucherMovement::GivenBack,
    };
    match unit.voucher_posting(&payment.sale, before)? {
        Some(known) if is_of(&known, payment) => Ok(()),
        Some(_) => Err(ServiceError::RequestIdReused),
        None => Err(ServiceError::NotFound("sale")),
    }
}

fn entry(
    unit: &mut dyn Transaction,
    payment: &VoucherPayment,
    holder: AccountName,
    now: Time,
) -> Result<NewEntry, ServiceError> {
    let operator = AccountRecord {
        name: AccountName::operator(&payment.operator, payment.currency),
        kind: AccountKind::Operator,
        owner: Some(payment.operator),
        currency: payment.currency,
        balance: 0,
        created: now,
    };
    unit.open_account(&operator)?;
    let (kind, from, to) = match payment.movement {
        VoucherMovement::Sold => (EntryKind::Purchase, holder, operator.name),
        VoucherMovement::GivenBack => (EntryKind::Correction, operator.name, holder),
        VoucherMovement::TakenAgain => (EntryKind::Correction, holder, operator.name),
    };
    let transfer = Transfer { from, to, amount: payment.amount };
    NewEntry::of_transfers(kind, payment.currency, None, now, [transfer])
        .ok_or(ServiceError::Internal("a voucher's price moves nothing"))
}
