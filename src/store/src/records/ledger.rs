//! Accounts, entries and postings.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use symbolon_ccks::{Name, Time};

use super::RecordPosition;
use crate::serial;

/// How names of holders' accounts begin.
const HOLDER: &str = "holder-";

/// What an account is called; opaque to callers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountName(String);

impl AccountName {
    /// The account of a holder, by 16 random bytes: it says nothing of the card.
    pub fn holder(random: [u8; 16]) -> Self {
        let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("{HOLDER}{hex}"))
    }

    /// The 16 bytes that [`Self::holder`] was given; `None` for the name of any other account.
    pub fn handle(&self) -> Option<[u8; 16]> {
        let hex = self.0.strip_prefix(HOLDER)?;
        let digits = hex.chars().map(|digit| digit.to_digit(16)).collect::<Option<Vec<_>>>()?;
        let bytes = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | *digit as u8));
        let bytes = <[u8; 16]>::try_from(bytes.collect::<Vec<_>>()).ok()?;
        // Names have one spelling: no capital digits, none left out.
        (Self::holder(bytes) == *self).then_some(bytes)
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

    /// Who pays where clearing cannot tell who does, until somebody finds out.
    pub fn suspense(currency: u16) -> Self {
        Self(format!("suspense-{currency}"))
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
    /// Stands in for payers that clearing does not know; the service's own.
    Suspense = 5,
}

impl AccountKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Holder, Self::Operator, Self::Issuer, Self::Journeys, Self::Suspense];
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
    /// What pseudonyms of many holders did was settled together, summed by account.
    Charges = 7,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::TopUp, Self::Purchase, Self::Entry, Self::Exit, Self::Refund, Self::Correction, Self::Charges];
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

/// An entry to be made. Its postings sum to zero whatever it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    kind: EntryKind,
    currency: u16,
    record: Option<RecordPosition>,
    time: Time,
    postings: Vec<(AccountName, i64)>,
}

impl NewEntry {
    /// An entry of these transfers, all in one currency; `None` when nothing moves.
    pub fn of_transfers(
        kind: EntryKind,
        currency: u16,
        record: Option<RecordPosition>,
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
        (!postings.is_empty()).then_some(Self { kind, currency, record, time, postings })
    }

    /// An entry of what accounts gain, below zero when they lose, all in one currency; an account may come more than
    /// once. `None` when the sum is not zero or beyond what can be counted, or when nothing moves.
    pub fn of_gains(
        kind: EntryKind,
        currency: u16,
        time: Time,
        gains: impl IntoIterator<Item = (AccountName, i64)>,
    ) -> Option<Self> {
        let mut moved = BTreeMap::<AccountName, i64>::new();
        for (account, gain) in gains {
            let sum = moved.entry(account).or_default();
            *sum = sum.checked_add(gain)?;
        }
        moved.retain(|_, amount| *amount != 0);
        let sum = moved.values().map(|amount| i128::from(*amount)).sum::<i128>();
        let postings = moved.into_iter().collect::<Vec<_>>();
        (sum == 0 && !postings.is_empty()).then_some(Self { kind, currency, record: None, time, postings })
    }

    /// Why it is made.
    pub fn kind(&self) -> EntryKind {
        self.kind
    }

    /// The currency of all its accounts.
    pub fn currency(&self) -> u16 {
        self.currency
    }

    /// The record that is settled by it, if it is one.
    pub fn record(&self) -> Option<RecordPosition> {
        self.record
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

/// What happened to an account over some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRecord {
    /// The account, with its balance of now.
    pub account: AccountRecord,
    /// The balance when the time began, minor units.
    pub opening: i64,
    /// What was posted, by why; nothing twice, nothing without a posting.
    pub lines: Vec<StatementLine>,
}

impl StatementRecord {
    /// The balance when the time ended, minor units.
    pub fn closing(&self) -> i64 {
        self.opening + self.lines.iter().map(|line| line.credited - line.debited).sum::<i64>()
    }
}

/// What was posted to an account for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// Why.
    pub kind: EntryKind,
    /// How many postings.
    pub postings: u64,
    /// What they added, minor units.
    pub credited: i64,
    /// What they took, minor units, as a positive number.
    pub debited: i64,
}

/// What entries of some time did for one party in one currency. A party is an operator; an issuer, which stands for all
/// of its holders; what is held for journeys; or what stands in for unknown payers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetPosition {
    /// What the party is; never [`AccountKind::Holder`].
    pub kind: AccountKind,
    /// The operator or the issuer; none for the service's own.
    pub owner: Option<Name>,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// What it gained, minor units.
    pub credited: i64,
    /// What it lost, minor units, as a positive number.
    pub debited: i64,
}

impl NetPosition {
    /// What it is to get, minor units; below zero what it is to pay.
    pub fn net(&self) -> i64 {
        self.credited - self.debited
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_holders_account_gives_its_handle_back() {
        let handle = std::array::from_fn(|index| index as u8 * 17);
        assert_eq!(AccountName::holder(handle).handle(), Some(handle));
        let name = AccountName::holder([0xab; 16]).to_string();
        let others =
            [name.replace('a', "A"), name.replace("holder", "issuer"), format!("{name}0"), name.replace('b', "")];
        for other in others {
            assert_eq!(AccountName::from_caller(&other).handle(), None, "{other}");
        }
        assert_eq!(AccountName::suspense(156).handle(), None);
    }

    #[test]
    fn gains_that_do_not_cancel_out_make_no_entry() {
        let at = |name: &str, gain| (AccountName::from_caller(name), gain);
        let entry = |gains: &[(AccountName, i64)]| {
            let time = Time::new(1).expect("a small time");
            NewEntry::of_gains(EntryKind::Charges, 156, time, gains.iter().cloned())
        };
        assert_eq!(entry(&[at("a", 5), at("b", -4)]), None);
        assert_eq!(entry(&[at("a", 5), at("a", -5)]), None);
        assert_eq!(entry(&[at("a", i64::MAX), at("a", 1), at("b", i64::MIN)]), None);
        let sound = entry(&[at("a", 5), at("b", -9), at("a", 4)]).expect("it cancels out");
        assert_eq!(sound.postings(), [at("a", 9), at("b", -9)]);
    }
}
