//! Vouchers: what the attester sold, what clearing posted for it, what the exchange saw delivered.

use symbolon_ccks::{Subject, Time};
use symbolon_pseudonym::AccountHandle;

use super::Result;
use crate::records::{
    DeliveryRecord, IssuedVoucher, MeterStanding, RequestId, SettlementId, VoucherCounts, VoucherId, VoucherMovement,
    VoucherPostingRecord, VoucherRecord, VoucherReference, VoucherState,
};

/// The attester's vouchers.
pub trait Vouchers {
    /// The voucher of this sale.
    fn voucher(&self, id: &VoucherId) -> Result<Option<VoucherRecord>>;
    /// The voucher that a card asked for under this identifier.
    fn voucher_asked(&self, card: &Subject, request: &RequestId) -> Result<Option<VoucherRecord>>;
    /// The voucher that was issued under this reference.
    fn voucher_of_reference(&self, reference: &VoucherReference) -> Result<Option<VoucherRecord>>;
    /// The vouchers of a card, newest first, at most `limit`.
    fn vouchers_of_card(&self, card: &Subject, limit: u32) -> Result<Vec<VoucherRecord>>;
    /// Vouchers in a state that is not the last, oldest first, at most `limit`.
    fn vouchers_in(&self, state: VoucherState, limit: u16) -> Result<Vec<VoucherRecord>>;
    /// Issued vouchers, not known to be delivered, that ended at `time` or before; at most `limit`.
    fn vouchers_ended(&self, time: Time, limit: u16) -> Result<Vec<VoucherRecord>>;
    /// What a meter may still take at `now`, and how much of it is of `card`.
    fn meter_standing(&self, meter: &Subject, card: &Subject, now: Time) -> Result<MeterStanding>;
    /// How many are in hand.
    fn voucher_counts(&self) -> Result<VoucherCounts>;
    /// Adds a voucher that was asked for.
    fn add_voucher(&mut self, voucher: &VoucherRecord) -> Result<()>;
    /// Keeps what was issued for a voucher that was asked for or refused, under a sequence above every one that the
    /// meter had.
    fn issue_voucher(&mut self, id: &VoucherId, issued: &IssuedVoucher) -> Result<()>;
    /// Moves a voucher from one state to another; whether it was in the first.
    fn move_voucher(&mut self, id: &VoucherId, from: VoucherState, to: VoucherState) -> Result<bool>;
}

/// What clearing posted for vouchers.
pub trait VoucherPostings {
    /// What was posted of this movement of a sale.
    fn voucher_posting(&self, sale: &VoucherId, movement: VoucherMovement) -> Result<Option<VoucherPostingRecord>>;
    /// Everything that was posted for vouchers of an account, oldest first.
    fn voucher_postings_of(&self, account: &AccountHandle) -> Result<Vec<VoucherPostingRecord>>;
    /// Keeps what was posted, once.
    fn add_voucher_posting(&mut self, posting: &VoucherPostingRecord) -> Result<()>;
}

/// Credit that meters took.
pub trait Deliveries {
    /// What is not passed on, oldest first.
    fn waiting_deliveries(&self, limit: u16) -> Result<Vec<DeliveryRecord>>;
    /// How many are not passed on.
    fn count_waiting_deliveries(&self) -> Result<u64>;
    /// Adds a delivery.
    fn add_delivery(&mut self, delivery: &DeliveryRecord) -> Result<()>;
    /// Notes that the attester was told; does nothing when that is noted.
    fn mark_delivery_told(&mut self, settlement: SettlementId, now: Time) -> Result<()>;
}
