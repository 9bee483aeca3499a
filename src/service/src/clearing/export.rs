//! Everything that clearing holds on an account, for its holder alone.

use rand_core::CryptoRng;
use serde::Serialize;
use symbolon_pseudonym::{AccountHandle, SealingKey};
use symbolon_store::{
    Page, Transaction,
    records::{
        AccountRecord, BindingRecord, CaseEvent, CaseRecord, EntryKind, PostingRecord, ReservationRecord,
        VoucherMovement, VoucherPostingRecord,
    },
};

use super::holder_account;
use crate::{ServiceError, links};

/// Rows at a time.
const PAGE: u16 = 1_000;

/// What clearing holds on an account. Times are seconds since 1970 UTC, money is minor units.
#[derive(Serialize)]
pub(super) struct Held {
    role: &'static str,
    account: Account,
    entries: Vec<Entry>,
    reservations: Vec<Reserved>,
    pseudonyms: Vec<Pseudonym>,
    vouchers: Vec<VoucherPayment>,
    cases: Vec<Case>,
}

#[derive(Serialize)]
struct Account {
    name: String,
    card_issuer: Option<String>,
    currency: u16,
    balance: i64,
    created: u64,
}

#[derive(Serialize)]
struct Entry {
    number: u64,
    kind: &'static str,
    amount: i64,
    /// Upload and position of the record that was settled.
    record: Option<(u64, u16)>,
    time: u64,
}

#[derive(Serialize)]
struct Reserved {
    period: u32,
    count: u16,
    released: u16,
    budget: u32,
    line: u32,
    until: u64,
}

#[derive(Serialize)]
struct Pseudonym {
    subject: String,
    period: u32,
    charged: i64,
    kept_until: u64,
}

#[derive(Serialize)]
struct VoucherPayment {
    sale: String,
    movement: &'static str,
    operator: String,
    entry: u64,
}

#[derive(Serialize)]
struct Case {
    event: &'static str,
    case: String,
    subject: String,
    officer: String,
    time: u64,
}

/// Collects it.
pub(super) fn held(unit: &dyn Transaction, handle: &AccountHandle) -> Result<Held, ServiceError> {
    let account = holder_account(unit, handle)?.ok_or(ServiceError::NotFound("account"))?;
    let entries = all(|page| unit.postings(&account.name, page))?;
    let cases = all(|page| unit.case_events(Some(handle), page))?;
    Ok(Held {
        role: links::ServiceRole::Clearing.as_str(),
        account: of_account(&account),
        entries: entries.iter().map(of_posting).collect(),
        reservations: unit.reservations(handle)?.iter().map(of_reservation).collect(),
        pseudonyms: unit.bindings(handle)?.iter().map(of_binding).collect(),
        vouchers: unit.voucher_postings_of(handle)?.iter().map(of_voucher_posting).collect(),
        cases: cases.into_iter().map(of_case).collect(),
    })
}

/// Seals it to the holder's key.
pub(super) fn seal(
    held: &Held,
    holder: &SealingKey,
    random: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<u8>, ServiceError> {
    let json = serde_json::to_vec(held).map_err(|_| ServiceError::Internal("an export does not encode"))?;
    holder
        .seal(links::EXPORT_INFO, &[], &json, random)
        .map_err(|_| ServiceError::InvalidField { field: "holder", problem: "nothing can be sealed to this key" })
}

/// Every page of a list.
fn all<T>(
    list: impl Fn(Page) -> Result<Vec<symbolon_store::Listed<T>>, symbolon_store::StoreError>,
) -> Result<Vec<T>, ServiceError> {
    let (mut records, mut after) = (Vec::new(), 0);
    loop {
        let page = list(Page { after, limit: PAGE })?;
        let Some(last) = page.last() else {
            return Ok(records);
        };
        after = last.position;
        records.extend(page.into_iter().map(|listed| listed.record));
    }
}

fn of_account(account: &AccountRecord) -> Account {
    Account {
        name: account.name.to_string(),
        card_issuer: account.owner.as_ref().map(|owner| owner.as_str().to_owned()),
        currency: account.currency,
        balance: account.balance,
        created: account.created.seconds(),
    }
}

fn of_posting(posting: &PostingRecord) -> Entry {
    let kind = match posting.kind {
        EntryKind::TopUp => "top_up",
        EntryKind::Purchase => "purchase",
        EntryKind::Entry => "entry",
        EntryKind::Exit => "exit",
        EntryKind::Refund => "refund",
        EntryKind::Correction => "correction",
        EntryKind::Charges => "charges_of_pseudonyms",
    };
    Entry {
        number: posting.entry.0,
        kind,
        amount: posting.amount,
        record: posting.record.map(|record| (record.upload().0, record.position())),
        time: posting.time.seconds(),
    }
}

fn of_voucher_posting(posting: &VoucherPostingRecord) -> VoucherPayment {
    VoucherPayment {
        sale: hex::encode(posting.sale),
        movement: match posting.movement {
            VoucherMovement::Sold => "sold",
            VoucherMovement::GivenBack => "given_back",
            VoucherMovement::TakenAgain => "taken_again",
        },
        operator: posting.operator.as_str().to_owned(),
        entry: posting.entry.0,
    }
}

fn of_reservation(reservation: &ReservationRecord) -> Reserved {
    Reserved {
        period: reservation.period.number(),
        count: reservation.count,
        released: reservation.release.map_or(0, |release| release.released),
        budget: reservation.budget,
        line: reservation.line,
        until: reservation.until.seconds(),
    }
}

fn of_binding(binding: &BindingRecord) -> Pseudonym {
    Pseudonym {
        subject: hex::encode(binding.subject.as_bytes()),
        period: binding.period.number(),
        charged: binding.charged,
        kept_until: binding.until.seconds(),
    }
}

fn of_case(case: CaseRecord) -> Case {
    let event = match case.event {
        CaseEvent::Approved => "approved",
        CaseEvent::Opened => "opened",
    };
    Case {
        event,
        case: case.case,
        subject: hex::encode(case.subject.as_bytes()),
        officer: case.officer.as_str().to_owned(),
        time: case.time.seconds(),
    }
}
