//! Vouchers for meters: what was bought, what was posted for it, what was delivered.

use symbolon_ccks::{Credential, Name, Sector, Signature, Subject, Time};
use symbolon_pseudonym::AccountHandle;

use super::{EntryId, RequestId, SettlementId};

/// What a sale is known by: 16 random bytes.
pub type VoucherId = [u8; 16];

/// What a meter's record and the attester know a voucher by: the first 16 bytes of the SHA-256 of its 109.
pub type VoucherReference = [u8; 16];

/// How far a voucher is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VoucherState {
    /// Asked for; whether it was paid is not known yet.
    Asked = 1,
    /// Paid, signed, and with the card.
    Issued = 2,
    /// A meter took it.
    Delivered = 3,
    /// Clearing did not have it paid; it was never issued.
    Refused = 4,
    /// Its time ran out, or it could not be issued: its price is to be given back.
    Lapsed = 5,
    /// Its price was given back.
    Refunded = 6,
    /// A meter took it all the same, as was told late: its price is to be taken again.
    Owed = 7,
}

impl VoucherState {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Asked, Self::Issued, Self::Delivered, Self::Refused, Self::Lapsed, Self::Refunded, Self::Owed];
}

/// A voucher, from the request on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoucherRecord {
    /// What clearing knows the sale by.
    pub id: VoucherId,
    /// The card that asked.
    pub card: Subject,
    /// Under which identifier.
    pub request: RequestId,
    /// The credential it asked with.
    pub credential: Credential,
    /// When it signed.
    pub signed: Time,
    /// The body that it signed.
    pub body: Vec<u8>,
    /// Its signature.
    pub signature: Signature,
    /// The account that pays.
    pub account: AccountHandle,
    /// How far below zero the account may go for it, minor units.
    pub line: u32,
    /// Whose meter it is.
    pub operator: Name,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// The price, minor units; not 0.
    pub amount: u32,
    /// The meter.
    pub meter: Subject,
    /// Water or power.
    pub sector: Sector,
    /// Litres or watt-hours; not 0.
    pub quantity: u32,
    /// When it was asked for.
    pub asked: Time,
    /// How far it is.
    pub state: VoucherState,
    /// What was issued, once it is.
    pub issued: Option<IssuedVoucher>,
}

/// A signed voucher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedVoucher {
    /// Of the meter; no two vouchers have the same.
    pub sequence: u32,
    /// No longer taken from then on.
    pub not_after: Time,
    /// What a meter's record says of it.
    pub reference: VoucherReference,
    /// Voucher and signature, 109 bytes.
    pub bytes: [u8; 109],
}

/// What a meter may still take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeterStanding {
    /// The newest sequence given to it; 0 for none.
    pub newest: u32,
    /// The oldest sequence that is issued, not delivered and not run out.
    pub oldest_outstanding: Option<u32>,
    /// How many vouchers are asked for and have no sequence yet.
    pub asked: u32,
    /// How many vouchers of the card in question are asked for or outstanding.
    pub of_card: u32,
}

/// How many vouchers are in hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoucherCounts {
    /// Asked for.
    pub asked: u64,
    /// To be given back.
    pub lapsed: u64,
    /// To be taken again.
    pub owed: u64,
}

/// What money moved for a voucher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VoucherMovement {
    /// The account paid the operator.
    Sold = 1,
    /// The operator gave it back.
    GivenBack = 2,
    /// The account paid once more: the meter had taken it.
    TakenAgain = 3,
}

impl VoucherMovement {
    /// Every movement, in the order in which they can happen.
    pub const ALL: [Self; 3] = [Self::Sold, Self::GivenBack, Self::TakenAgain];
}

/// A movement that was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoucherPostingRecord {
    /// The sale.
    pub sale: VoucherId,
    /// Which way.
    pub movement: VoucherMovement,
    /// The holder's account.
    pub account: AccountHandle,
    /// The operator.
    pub operator: Name,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// Minor units.
    pub amount: u32,
    /// The entry that moved it.
    pub entry: EntryId,
}

/// A voucher that a meter took, as its record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// The settled record.
    pub settlement: SettlementId,
    /// Which voucher.
    pub reference: VoucherReference,
    /// Which meter uploaded it.
    pub meter: Subject,
}
