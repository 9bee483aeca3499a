//! Vouchers: water or power bought with a card for one meter, carried there by the card.
//!
//! The attester sells them: it knows card and meter, and signs as the authority once clearing has had the account pay.
//! Clearing learns that an account bought of an operator for so much, and neither card nor meter. The exchange learns, as
//! the meter's operator does, that a meter took a voucher, and tells the attester which by the digest alone.
//!
//! | state | means | next |
//! | --- | --- | --- |
//! | asked | written down; whether it is paid is not known | issued; refused; lapsed |
//! | issued | paid and signed under the meter's next sequence | delivered; lapsed |
//! | refused | clearing did not have it paid | asked, when the card sends the same request again |
//! | delivered | a settled record says that the meter took it | |
//! | lapsed | its time and that of late records are over, or it was paid and could not be issued | refunded; owed |
//! | refunded | what was paid went back, by a correcting entry | owed |
//! | owed | a record came all the same, later than records are awaited | delivered, once it is paid again |
//!
//! Every step is written down before and after another role is asked, and asking twice is once: whatever stops in between,
//! the card's own request or the next chore goes on with it, to the same voucher.
//!
//! A meter takes each sequence once, in any order within a window of 64. So the sequences of a meter rise by one, and one
//! is given only while it is at most 63 above the oldest that is neither delivered nor run out; what is asked for and not
//! yet paid counts as given. What a card may have undelivered for one meter is bounded too, so that nobody fills the
//! window of another's meter alone.

mod asking;
mod body;
mod delivering;
mod prices;

use std::sync::Arc;

use symbolon_ccks::{Class, Suite};
use symbolon_store::{
    Store,
    records::{VoucherCounts, VoucherMovement, VoucherRecord},
};

pub(crate) use self::delivering::note_delivered;
pub use self::{
    body::VoucherBody,
    prices::{VoucherPolicy, VoucherPrice},
};
use crate::{
    Context, ServiceError,
    authority::AuthorityKeys,
    enrolment::SignedRequest,
    links::{ClearingLink, VoucherPayment},
};

/// The method that sells one.
pub const BUY_METHOD: &str = "/symbolon.v1.VoucherService/BuyVoucher";

/// The method that lists a card's.
pub const LIST_METHOD: &str = "/symbolon.v1.VoucherService/ListVouchers";

/// Vouchers told of at a time.
const MOST_LISTED: u32 = 256;

/// Sells vouchers to cards.
pub struct Vouchers<S: Suite, D> {
    context: Context<D>,
    keys: Arc<AuthorityKeys<S>>,
    clearing: Arc<dyn ClearingLink>,
}

impl<S: Suite, D: Clone> Clone for Vouchers<S, D> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone(), keys: Arc::clone(&self.keys), clearing: Arc::clone(&self.clearing) }
    }
}

impl<S: Suite, D: Store> Vouchers<S, D> {
    /// The use cases on the attester's store; clearing moves the money.
    pub fn new(context: Context<D>, keys: Arc<AuthorityKeys<S>>, clearing: Arc<dyn ClearingLink>) -> Self {
        Self { context, keys, clearing }
    }

    /// What is sold, for how much.
    pub fn prices(&self) -> &[VoucherPrice] {
        &self.context.policy().vouchers.prices
    }

    /// The newest vouchers of a card, newest first; at most 256. The signed body is empty.
    ///
    /// # Errors
    /// Those of the signature and its time; [`ServiceError::InvalidField`] for a body.
    pub async fn list(&self, request: SignedRequest) -> Result<Vec<VoucherRecord>, ServiceError> {
        let tolerance_seconds = self.context.policy().request_time_tolerance_seconds;
        request.verify(self.keys.authority(), LIST_METHOD, self.context.now(), tolerance_seconds)?;
        of_a_card(&request)?;
        if !request.body.is_empty() {
            return Err(ServiceError::InvalidField { field: "body", problem: "not empty" });
        }
        let card = request.credential.identity().subject();
        let list = move |unit: &dyn symbolon_store::Transaction| {
            unit.issued(&request.credential.digest())?.ok_or(ServiceError::NeverIssued)?;
            Ok(unit.vouchers_of_card(&card, MOST_LISTED)?)
        };
        self.context.store().read(list).await
    }

    /// How many are in hand.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn counts(&self) -> Result<VoucherCounts, ServiceError> {
        self.context.store().read(|unit| Ok(unit.voucher_counts()?)).await
    }

    /// Has clearing move the money of a voucher.
    async fn pay(&self, voucher: &VoucherRecord, movement: VoucherMovement) -> Result<(), ServiceError> {
        let payment = VoucherPayment {
            sale: voucher.id,
            movement,
            account: voucher.account,
            operator: voucher.operator,
            currency: voucher.currency,
            amount: voucher.amount,
            line: voucher.line,
        };
        self.clearing.pay_voucher(payment).await
    }
}

/// Cards buy vouchers, not terminals.
fn of_a_card(request: &SignedRequest) -> Result<(), ServiceError> {
    if request.credential.identity().class() == Class::Card { Ok(()) } else { Err(ServiceError::ClassNotOffered) }
}
