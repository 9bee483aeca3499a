//! Credit that meters took, told to the attester: by the digest of the voucher alone, never by whom it was carried or when.

use symbolon_ccks::{Suite, Time};
use symbolon_store::{
    Store, Transaction,
    records::{DeliveryRecord, SettlementId},
};

use super::Exchange;
use crate::{ServiceError, links::DeliveredVoucher};

impl<S: Suite, D: Store> Exchange<S, D> {
    /// Tells the attester which vouchers meters took, and notes it.
    pub(super) async fn pass_on_deliveries(&self, now: Time) -> Result<(), ServiceError> {
        const AT_A_TIME: u16 = 1_000;
        loop {
            let list = |unit: &dyn Transaction| Ok::<_, ServiceError>(unit.waiting_deliveries(AT_A_TIME)?);
            let waiting = self.context.store().read(list).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            self.registry.delivered(told(&waiting)).await?;
            let settlements = waiting.iter().map(|delivery| delivery.settlement).collect::<Vec<SettlementId>>();
            let note = move |unit: &mut dyn Transaction| {
                settlements.iter().try_for_each(|settlement| Ok(unit.mark_delivery_told(*settlement, now)?))
            };
            self.context.store().write::<_, ServiceError, _>(note).await?;
        }
    }
}

/// What is said of deliveries: in the order of the references, which tells nothing.
fn told(waiting: &[DeliveryRecord]) -> Vec<DeliveredVoucher> {
    let voucher = |delivery: &DeliveryRecord| DeliveredVoucher { reference: delivery.reference, meter: delivery.meter };
    let mut vouchers = waiting.iter().map(voucher).collect::<Vec<_>>();
    vouchers.sort_unstable_by_key(|voucher| voucher.reference);
    vouchers
}
