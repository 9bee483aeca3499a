//! `VoucherService`.

use super::enrolment::signed_request;
use crate::vouchers::{VoucherPrice, Vouchers};
use symbolon_api::v1::{self, voucher_service_server::VoucherService};
use symbolon_ccks::{Sector, Suite};
use symbolon_store::{
    Store,
    records::{VoucherRecord, VoucherState},
};
use tonic::{Request, Response, Status};

pub(super) struct Adapter<S: Suite, D> {
    vouchers: Vouchers<S, D>,
}

impl<S: Suite, D: Store> Adapter<S, D> {
    pub(super) const fn new(vouchers: Vouchers<S, D>) -> Self {
        Self { vouchers }
    }
}

#[tonic::async_trait]
impl<S: Suite, D: Store> VoucherService for Adapter<S, D> {
    async fn list_voucher_prices(
        &self,
        _request: Request<v1::ListVoucherPricesRequest>,
    ) -> Result<Response<v1::ListVoucherPricesResponse>, Status> {
        let prices = self.vouchers.prices().iter().map(price_to_wire).collect();
        Ok(Response::new(v1::ListVoucherPricesResponse { prices }))
    }

    async fn buy_voucher(
        &self,
        request: Request<v1::BuyVoucherRequest>,
    ) -> Result<Response<v1::BuyVoucherResponse>, Status> {
        let signed = signed_request(request.get_ref().signed_request.as_ref())?;
        let voucher = self.vouchers.buy(signed).await?;
        Ok(Response::new(v1::BuyVoucherResponse { voucher: Some(voucher_to_wire(&voucher)) }))
    }

    async fn list_vouchers(
        &self,
        request: Request<v1::ListVouchersRequest>,
    ) -> Result<Response<v1::ListVouchersResponse>, Status> {
        let signed = signed_request(request.get_ref().signed_request.as_ref())?;
        let vouchers = self.vouchers.list(signed).await?.iter().map(voucher_to_wire).collect();
        Ok(Response::new(v1::ListVouchersResponse { vouchers }))
    }
}

const fn sector_to_wire(sector: Sector) -> v1::Sector {
    match sector {
        Sector::Water => v1::Sector::Water,
        Sector::Power => v1::Sector::Power,
        Sector::Transport => v1::Sector::Transport,
    }
}

fn price_to_wire(price: &VoucherPrice) -> v1::VoucherPrice {
    v1::VoucherPrice {
        operator: format!("operators/{}", price.operator),
        sector: sector_to_wire(price.sector).into(),
        currency: price.currency.into(),
        amount_per_thousand: price.per_thousand,
    }
}

const fn state_to_wire(state: VoucherState) -> v1::VoucherState {
    match state {
        VoucherState::Asked => v1::VoucherState::Asked,
        VoucherState::Issued => v1::VoucherState::Issued,
        VoucherState::Delivered => v1::VoucherState::Delivered,
        VoucherState::Refused => v1::VoucherState::Refused,
        VoucherState::Lapsed => v1::VoucherState::Lapsed,
        VoucherState::Refunded => v1::VoucherState::Refunded,
        VoucherState::Owed => v1::VoucherState::Owed,
    }
}

fn voucher_to_wire(voucher: &VoucherRecord) -> v1::Voucher {
    let issued = voucher.issued.as_ref();
    v1::Voucher {
        signed_voucher: issued.map(|issued| issued.bytes.to_vec()).unwrap_or_default(),
        state: state_to_wire(voucher.state).into(),
        meter: voucher.meter.as_bytes().to_vec(),
        sector: sector_to_wire(voucher.sector).into(),
        quantity: voucher.quantity,
        sequence: issued.map_or(0, |issued| issued.sequence),
        amount: voucher.amount,
        currency: voucher.currency.into(),
        create_time: Some(symbolon_api::time_to_wire(voucher.asked)),
        expire_time: issued.map(|issued| symbolon_api::time_to_wire(issued.not_after)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_name_of_its_own() {
        let mut names = VoucherState::ALL.map(|state| state_to_wire(state).as_str_name()).to_vec();
        assert!(names.iter().all(|name| *name != "VOUCHER_STATE_UNSPECIFIED"));
        names.dedup();
        assert_eq!(names.len(), VoucherState::ALL.len());
    }
}
