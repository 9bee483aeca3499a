//! What becomes of vouchers: a meter takes them, or their time runs out.

use symbolon_ccks::{Suite, Time};
use symbolon_store::{
    Store, Transaction,
    records::{VoucherMovement, VoucherRecord, VoucherState},
};

use super::Vouchers;
use crate::{ServiceError, links::DeliveredVoucher};

/// Vouchers at a time, so that requests do not wait for long.
const AT_A_TIME: u16 = 100;

/// How long the card's own request is left to finish a voucher.
const PATIENCE_SECONDS: u64 = 60;

impl<S: Suite, D: Store> Vouchers<S, D> {
    /// Does what is to be done by itself, a little at a time: finishes what was interrupted, and gives back what was paid
    /// for vouchers that no meter took. Each part is tried, whatever becomes of the others.
    ///
    /// # Errors
    /// The first error of a part.
    pub async fn tend(&self) -> Result<(), ServiceError> {
        let now = self.context.now();
        let finished = self.finish_all(now).await;
        let lapsed = self.let_lapse(now).await;
        let given_back = self.give_back().await;
        let taken_again = self.take_again().await;
        finished.and(lapsed).and(given_back).and(taken_again)
    }

    /// Goes on with what was asked for and neither issued nor refused.
    async fn finish_all(&self, now: Time) -> Result<(), ServiceError> {
        let mut outcome = Ok(());
        for voucher in self.in_state(VoucherState::Asked).await? {
            if now < voucher.asked.saturating_add(PATIENCE_SECONDS) {
                continue;
            }
            match self.finish(voucher).await {
                // Refused for good: that is what was to be found out.
                Ok(_) | Err(ServiceError::InsufficientFunds) => {}
                Err(away @ ServiceError::RoleUnavailable(_)) => return outcome.and(Err(away)),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    /// Counts vouchers as lapsed of which no record is awaited any more.
    async fn let_lapse(&self, now: Time) -> Result<(), ServiceError> {
        let ended = now.saturating_sub(self.context.policy().vouchers.late_records_seconds);
        let lapse = move |unit: &mut dyn Transaction| {
            for voucher in unit.vouchers_ended(ended, AT_A_TIME)? {
                unit.move_voucher(&voucher.id, VoucherState::Issued, VoucherState::Lapsed)?;
            }
            Ok(())
        };
        self.context.store().write::<_, ServiceError, _>(lapse).await
    }

    /// Gives back what was paid for lapsed ones.
    async fn give_back(&self) -> Result<(), ServiceError> {
        for voucher in self.in_state(VoucherState::Lapsed).await? {
            self.pay(&voucher, VoucherMovement::GivenBack).await?;
            self.moved(&voucher, VoucherState::Lapsed, VoucherState::Refunded).await?;
        }
        Ok(())
    }

    /// Takes what was given back for vouchers that a meter had taken all the same.
    async fn take_again(&self) -> Result<(), ServiceError> {
        for voucher in self.in_state(VoucherState::Owed).await? {
            // Whether it was given back before the record came may not be written down; then it is now, and taken again.
            self.pay(&voucher, VoucherMovement::GivenBack).await?;
            self.pay(&voucher, VoucherMovement::TakenAgain).await?;
            self.moved(&voucher, VoucherState::Owed, VoucherState::Delivered).await?;
        }
        Ok(())
    }

    async fn in_state(&self, state: VoucherState) -> Result<Vec<VoucherRecord>, ServiceError> {
        self.context.store().read(move |unit| Ok(unit.vouchers_in(state, AT_A_TIME)?)).await
    }

    /// Notes that a voucher went on, unless it went another way meanwhile.
    async fn moved(&self, voucher: &VoucherRecord, from: VoucherState, to: VoucherState) -> Result<(), ServiceError> {
        let id = voucher.id;
        self.context.store().write(move |unit| Ok(unit.move_voucher(&id, from, to).map(drop)?)).await
    }
}

/// Notes that meters took vouchers; how many of these are not known, or are another meter's. A meter's operator answers
/// for what its meter says: the reference is known to who carried the voucher and to the meter alone.
pub(crate) fn note_delivered(
    unit: &mut dyn Transaction,
    delivered: &[DeliveredVoucher],
) -> Result<usize, ServiceError> {
    let mut unknown = 0;
    for DeliveredVoucher { reference, meter } in delivered {
        let voucher = unit.voucher_of_reference(reference)?;
        let Some(voucher) = voucher.filter(|voucher| voucher.meter == *meter) else {
            unknown += 1;
            continue;
        };
        let next = match voucher.state {
            VoucherState::Issued => VoucherState::Delivered,
            VoucherState::Lapsed | VoucherState::Refunded => VoucherState::Owed,
            VoucherState::Delivered | VoucherState::Owed | VoucherState::Asked | VoucherState::Refused => continue,
        };
        unit.move_voucher(&voucher.id, voucher.state, next)?;
    }
    Ok(unknown)
}
