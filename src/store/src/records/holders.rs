//! Cards and terminals.

use serde::{Deserialize, Serialize};
use symbolon_ccks::{Credential, Name, Sectors, Subject, Time};

use super::AccountName;
use crate::serial;

/// A holder's registered ECDSA P-256 public key, SEC 1 compressed.
pub type HolderKey = [u8; 33];

/// Where a card stands. Which change may follow which is the service's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum CardState {
    /// Created; its holder has not enrolled yet.
    Pending = 1,
    /// A credential has been issued.
    Active = 2,
    /// Not to be accepted for now.
    Suspended = 3,
    /// Never to be accepted again.
    Revoked = 4,
    /// Another card took its place; never to be accepted again.
    Replaced = 5,
    /// Its time ran out.
    Expired = 6,
}

impl CardState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Active, Self::Suspended, Self::Revoked, Self::Replaced, Self::Expired];
}

/// A card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardRecord {
    /// The card number, subject of its credentials.
    #[serde(with = "serial::plain")]
    pub number: Subject,
    /// The issuer that created it.
    #[serde(with = "serial::plain")]
    pub issuer: Name,
    /// Where it stands.
    pub state: CardState,
    /// What it pays for.
    #[serde(with = "serial::plain")]
    pub sectors: Sectors,
    /// Concession group; 0 is the full fare.
    pub tariff: u8,
    /// The most for one transaction, minor units; at most `budget`.
    pub spend_limit: u32,
    /// The most in all over the life of one credential, minor units.
    pub budget: u32,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// Valid from this second on.
    #[serde(with = "serial::plain")]
    pub not_before: Time,
    /// No longer valid from this second on; renewing moves it.
    #[serde(with = "serial::plain")]
    pub not_after: Time,
    /// The account that pays.
    pub account: AccountName,
    /// The holder's registered key, if there is one.
    #[serde(with = "serial::option")]
    pub holder_key: Option<HolderKey>,
    /// The newest credential, once there is one.
    #[serde(with = "serial::option")]
    pub credential: Option<Credential>,
    /// The card whose place it took.
    #[serde(with = "serial::option")]
    pub replaces: Option<Subject>,
    /// The card that took its place.
    #[serde(with = "serial::option")]
    pub replaced_by: Option<Subject>,
    /// When it was created.
    #[serde(with = "serial::plain")]
    pub created: Time,
    /// When its state last changed.
    #[serde(with = "serial::plain")]
    pub updated: Time,
}

/// Where a terminal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum TerminalState {
    /// Created; it has not enrolled yet.
    Pending = 1,
    /// A credential has been issued.
    Active = 2,
    /// Taken out of use for good.
    Retired = 3,
}

impl TerminalState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Active, Self::Retired];
}

/// A terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalRecord {
    /// The subject of its credentials: the operator's tag, then its number.
    #[serde(with = "serial::plain")]
    pub subject: Subject,
    /// The operator whose it is.
    #[serde(with = "serial::plain")]
    pub operator: Name,
    /// Where it stands.
    pub state: TerminalState,
    /// What is paid for at it.
    #[serde(with = "serial::plain")]
    pub sectors: Sectors,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// Valid from this second on.
    #[serde(with = "serial::plain")]
    pub not_before: Time,
    /// No longer valid from this second on; renewing moves it.
    #[serde(with = "serial::plain")]
    pub not_after: Time,
    /// The newest credential, once there is one.
    #[serde(with = "serial::option")]
    pub credential: Option<Credential>,
    /// When it was retired.
    #[serde(with = "serial::option")]
    pub retired: Option<Time>,
    /// When it was created.
    #[serde(with = "serial::plain")]
    pub created: Time,
    /// When its state last changed.
    #[serde(with = "serial::plain")]
    pub updated: Time,
}

impl TerminalRecord {
    /// Its number within the operator: the second half of the subject.
    pub fn number(&self) -> u64 {
        let [_, _, _, _, _, _, _, _, number @ ..] = *self.subject.as_bytes();
        u64::from_be_bytes(number)
    }
}
