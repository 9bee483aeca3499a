//! Accounts, entries and postings.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use symbolon_ccks::{Name, Time};

use super::{RecordPosition, SettlementId};
use crate::serial;

/// What an account is called; opaque to callers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountName(String);

impl AccountName {
    /// The account of a holder, by 16 random bytes: it says nothing of the card.
    pub fn holder(random: [u8; 16]) -> Self {
        let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("holder-{hex}"))
    }

    /// Where an operator's earnings are collected.
    pub fn operator(operator: &Name, currency: u16) -> Self {
        Self(format!("operator-{operator}-{currency}"))
    }

    /// Where an issuer's money enters the ledger; its balance is what the issuer received, below zero.
    pub fn issuer(issuer: &Name, currency: u16) -> Self {
        Self(format!("issuer-{issuer}-{currency}"))
    }

    /// What is held between the entry and the exit of journeys.
    pub fn journeys(currency: u16) -> Self {
        Self(format!("journeys-{currency}"))
    }

    /// A name that a caller gave; whether there is such an account shows when it is looked for.
    pub fn from_caller(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum AccountKind {
    /// Pays for cards; owned by their issuer.
    Holder = 1,
    /// Collects what an operator earned.
    Operator = 2,
    /// Where money enters the ledger.
    Issuer = 3,
    /// Held between the entry and the exit of journeys; the service's own.
    Journeys = 4,
}

impl AccountKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Holder, Self::Operator, Self::Issuer, Self::Journeys];
}

/// An account, of one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// What it is called.
    pub name: AccountName,
    /// Whose it is.
    pub kind: AccountKind,
    /// The issuer or operator that it belongs to; none for the service's own.
    #[serde(with = "serial::option")]
    pub owner: Option<Name>,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// Minor units; the sum of its postings.
    pub balance: i64,
    /// When it was opened.
    #[serde(with = "serial::plain")]
    pub created: Time,
}

/// Why an entry was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum EntryKind {
    /// An issuer credited an account.
    TopUp = 1,
    /// A purchase was settled.
    Purchase = 2,
    /// A journey's entry was settled: its amount is held.
    Entry = 3,
    /// A journey was priced: the fare is the operator's and the rest goes back.
    Exit = 4,
    /// An operator gave an amount back.
    Refund = 5,
    /// Records that came late changed what a journey costs; this entry makes up the difference.
    Correction = 6,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::TopUp, Self::Purchase, Self::Entry, Self::Exit, Self::Refund, Self::Correction];
}

/// Money that moves from one account to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The account that gives.
    pub from: AccountName,
    /// The account that takes.
    pub to: AccountName,
    /// Minor units.
    pub amount: u32,
}

/// A row number of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u64);

/// An entry to be made. It is made of transfers alone, so its postings sum to zero whatever they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    kind: EntryKind,
    currency: u16,
    settlement: Option<SettlementId>,
    time: Time,
    postings: Vec<(AccountName, i64)>,
}

impl NewEntry {
    /// An entry of these transfers, all in one currency; `None` when nothing moves.
    pub fn of_transfers(
        kind: EntryKind,
        currency: u16,
        settlement: Option<SettlementId>,
        time: Time,
        transfers: impl IntoIterator<Item = Transfer>,
    ) -> Option<Self> {
        let mut moved = BTreeMap::<AccountName, i64>::new();
        for Transfer { from, to, amount } in transfers {
            *moved.entry(from).or_default() -= i64::from(amount);
            *moved.entry(to).or_default() += i64::from(amount);
        }
        moved.retain(|_, amount| *amount != 0);
        let postings = moved.into_iter().collect::<Vec<_>>();
        (!postings.is_empty()).then_some(Self { kind, currency, settlement, time, postings })
    }

    /// Why it is made.
    pub fn kind(&self) -> EntryKind {
        self.kind
    }

    /// The currency of all its accounts.
    pub fn currency(&self) -> u16 {
        self.currency
    }

    /// What was settled by it, if anything.
    pub fn settlement(&self) -> Option<SettlementId> {
        self.settlement
    }

    /// When it is made.
    pub fn time(&self) -> Time {
        self.time
    }

    /// What each account gains; never 0, together 0.
    pub fn postings(&self) -> &[(AccountName, i64)] {
        &self.postings
    }
}

/// What an entry did to one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostingRecord {
    /// The entry.
    pub entry: EntryId,
    /// Why the entry was made.
    pub kind: EntryKind,
    /// The account.
    pub account: AccountName,
    /// Minor units; positive increases the balance.
    pub amount: i64,
    /// The record that was settled by the entry, if any.
    pub record: Option<RecordPosition>,
    /// When.
    #[serde(with = "serial::plain")]
    pub time: Time,
}

/// What a recount of the whole ledger found.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LedgerAudit {
    /// How many entries were summed.
    pub entries: u64,
    /// How many postings were summed.
    pub postings: u64,
    /// How many accounts were summed.
    pub accounts: u64,
    /// The sum of all postings, minor units; 0 in a sound ledger.
    pub sum: i64,
    /// What is wrong, in words; the first 100 findings.
    pub problems: Vec<String>,
}
