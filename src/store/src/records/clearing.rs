//! What clearing keeps of pseudonyms: money set aside, who pays for which, and cases.

use symbolon_ccks::{Name, Period, Subject, Time};
use symbolon_pseudonym::AccountHandle;

/// What was given back of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// How many pseudonyms were said never to be issued.
    pub asked: u16,
    /// For how many of them money was given back.
    pub released: u16,
}

/// Money set aside for pseudonyms of one account and period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationRecord {
    /// What it is known by again.
    pub id: [u8; 16],
    /// The account that is to pay.
    pub account: AccountHandle,
    /// The period of the pseudonyms.
    pub period: Period,
    /// How many pseudonyms.
    pub count: u16,
    /// The budget of each, minor units.
    pub budget: u32,
    /// How far below zero the account might go, minor units.
    pub line: u32,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// When the money is free again.
    pub until: Time,
    /// What was given back, once it was.
    pub release: Option<Release>,
}

/// What is set aside for all pseudonyms of one account and period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The period.
    pub period: Period,
    /// How many pseudonyms there may be.
    pub pseudonyms: u64,
    /// How many of them are bound.
    pub bound: u64,
    /// The sum of their budgets, minor units.
    pub exposure: u64,
    /// What they were charged, less what they got back, minor units.
    pub charged: i64,
    /// When the last of it is free again.
    pub until: Time,
}

/// Who pays for a pseudonym.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingRecord {
    /// The pseudonym's subject.
    pub subject: Subject,
    /// The account that pays.
    pub account: AccountHandle,
    /// The pseudonym's period.
    pub period: Period,
    /// The nonce of the tag that named the account.
    pub nonce: [u8; 12],
    /// What was charged to it, less what it got back, minor units.
    pub charged: i64,
    /// When no more is to be charged to it.
    pub until: Time,
}

/// What was done in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CaseEvent {
    /// An officer of clearing approved it.
    Approved = 1,
    /// The account was told.
    Opened = 2,
}

impl CaseEvent {
    /// Every event.
    pub const ALL: [Self; 2] = [Self::Approved, Self::Opened];
}

/// Something done at clearing in the case of a pseudonym.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseRecord {
    /// What.
    pub event: CaseEvent,
    /// The number of the case.
    pub case: String,
    /// The pseudonym's subject.
    pub subject: Subject,
    /// Who pays for it.
    pub account: AccountHandle,
    /// The officer who approved.
    pub officer: Name,
    /// When.
    pub time: Time,
}
