//! `ClearingService`.

mod charges;

use super::{MOST, Peer, asked, parsed};
use crate::{
    ServiceError,
    links::{Binding, ClearingLink, OpenedSubject, PostingBatch, Reservation, TraceToken, VoucherPayment},
};
use std::sync::Arc;
use symbolon_api::{
    InvalidField,
    roles::{self as wire, clearing_service_client::ClearingServiceClient, clearing_service_server::ClearingService},
};
use symbolon_ccks::{Name, Subject};
use symbolon_pseudonym::{AccountHandle, ClearingTag, SealingKey};
use symbolon_store::records::VoucherMovement;
use tonic::{Request, Response, Status, async_trait};

/// Clearing in another process.
#[derive(Clone, Debug)]
pub(crate) struct Remote(pub(crate) Peer);

impl Remote {
    fn client(&self) -> ClearingServiceClient<tonic::transport::Channel> {
        ClearingServiceClient::new(self.0.channel()).max_decoding_message_size(super::LARGEST_ANSWER)
    }

    fn refused(&self) -> impl Fn(Status) -> ServiceError {
        |refusal| self.0.refused(&refusal)
    }
}

#[async_trait]
impl ClearingLink for Remote {
    async fn open_account(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<(), ServiceError> {
        let account = account.as_bytes().to_vec();
        let message = wire::OpenAccountRequest { account, issuer: issuer.to_string(), currency: currency.into() };
        self.client().open_account(message).await.map(drop).map_err(self.refused())
    }

    async fn account_fits(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<bool, ServiceError> {
        let account = account.as_bytes().to_vec();
        let message = wire::CheckAccountRequest { account, issuer: issuer.to_string(), currency: currency.into() };
        let answer = self.client().check_account(message).await.map_err(self.refused())?;
        Ok(answer.get_ref().fits)
    }

    async fn reserve(&self, reservation: Reservation) -> Result<(), ServiceError> {
        let message = reservation_to_wire(&reservation);
        self.client().reserve(message).await.map(drop).map_err(self.refused())
    }

    async fn release(&self, reservation: [u8; 16], count: u16) -> Result<(), ServiceError> {
        let message = wire::ReleaseRequest { id: reservation.to_vec(), count: count.into() };
        self.client().release(message).await.map(drop).map_err(self.refused())
    }

    async fn bind(&self, bindings: Vec<Binding>) -> Result<Vec<bool>, ServiceError> {
        let mut taken = Vec::with_capacity(bindings.len());
        for bindings in bindings.chunks(MOST) {
            let message = wire::BindRequest { bindings: bindings.iter().map(binding_to_wire).collect() };
            let answer = self.client().bind(message).await.map_err(self.refused())?;
            taken.extend(self.0.as_many(bindings.len(), answer.into_inner().taken)?);
        }
        Ok(taken)
    }

    async fn post(&self, batch: PostingBatch) -> Result<(), ServiceError> {
        let message = charges::batch_to_wire(&batch);
        self.client().post(message).await.map(drop).map_err(self.refused())
    }

    async fn pay_voucher(&self, payment: VoucherPayment) -> Result<(), ServiceError> {
        self.client().pay_voucher(payment_to_wire(&payment)).await.map(drop).map_err(self.refused())
    }

    async fn open_subject(&self, case: &str, subject: Subject) -> Result<OpenedSubject, ServiceError> {
        let message = wire::OpenSubjectRequest { case_number: case.to_owned(), subject: subject.as_bytes().to_vec() };
        let answer = self.client().open_subject(message).await.map_err(self.refused())?;
        self.0.read(opened(answer.get_ref()))
    }

    async fn export(&self, account: AccountHandle, holder: SealingKey) -> Result<Vec<u8>, ServiceError> {
        let (account, holder_key) = (account.as_bytes().to_vec(), holder.as_bytes().to_vec());
        let message = wire::ExportAccountRequest { account, holder_key };
        let answer = self.client().export_account(message).await.map_err(self.refused())?;
        Ok(answer.into_inner().sealed)
    }
}

/// Clearing in this process.
pub(crate) struct Adapter(pub(crate) Arc<dyn ClearingLink>);

#[async_trait]
impl ClearingService for Adapter {
    async fn open_account(
        &self,
        request: Request<wire::OpenAccountRequest>,
    ) -> Result<Response<wire::OpenAccountResponse>, Status> {
        let message = request.get_ref();
        let (account, issuer, currency) =
            asked(account_of_issuer(&message.account, &message.issuer, message.currency))?;
        self.0.open_account(account, issuer, currency).await?;
        Ok(Response::new(wire::OpenAccountResponse {}))
    }

    async fn check_account(
        &self,
        request: Request<wire::CheckAccountRequest>,
    ) -> Result<Response<wire::CheckAccountResponse>, Status> {
        let message = request.get_ref();
        let (account, issuer, currency) =
            asked(account_of_issuer(&message.account, &message.issuer, message.currency))?;
        let fits = self.0.account_fits(account, issuer, currency).await?;
        Ok(Response::new(wire::CheckAccountResponse { fits }))
    }

    async fn reserve(&self, request: Request<wire::ReserveRequest>) -> Result<Response<wire::ReserveResponse>, Status> {
        self.0.reserve(asked(reservation(request.get_ref()))?).await?;
        Ok(Response::new(wire::ReserveResponse {}))
    }

    async fn release(&self, request: Request<wire::ReleaseRequest>) -> Result<Response<wire::ReleaseResponse>, Status> {
        let message = request.get_ref();
        let id = *asked(symbolon_api::bytes("id", &message.id))?;
        self.0.release(id, asked(symbolon_api::count("count", message.count))?).await?;
        Ok(Response::new(wire::ReleaseResponse {}))
    }

    async fn bind(&self, request: Request<wire::BindRequest>) -> Result<Response<wire::BindResponse>, Status> {
        let bindings = asked(symbolon_api::at_most("bindings", &request.get_ref().bindings, MOST))?;
        let taken = self.0.bind(asked(bindings.iter().map(binding).collect())?).await?;
        Ok(Response::new(wire::BindResponse { taken }))
    }

    async fn post(&self, request: Request<wire::PostRequest>) -> Result<Response<wire::PostResponse>, Status> {
        self.0.post(asked(charges::batch(request.get_ref()))?).await?;
        Ok(Response::new(wire::PostResponse {}))
    }

    async fn pay_voucher(
        &self,
        request: Request<wire::PayVoucherRequest>,
    ) -> Result<Response<wire::PayVoucherResponse>, Status> {
        self.0.pay_voucher(asked(payment(request.get_ref()))?).await?;
        Ok(Response::new(wire::PayVoucherResponse {}))
    }

    async fn open_subject(
        &self,
        request: Request<wire::OpenSubjectRequest>,
    ) -> Result<Response<wire::OpenSubjectResponse>, Status> {
        let message = request.get_ref();
        let subject = Subject::from_bytes(*asked(symbolon_api::bytes("subject", &message.subject))?);
        let opened = self.0.open_subject(&message.case_number, subject).await?;
        Ok(Response::new(wire::OpenSubjectResponse {
            account: opened.account.as_bytes().to_vec(),
            token: opened.token.0.to_vec(),
            approved_by: opened.approved_by,
            approve_time: Some(symbolon_api::time_to_wire(opened.approved)),
        }))
    }

    async fn export_account(
        &self,
        request: Request<wire::ExportAccountRequest>,
    ) -> Result<Response<wire::ExportAccountResponse>, Status> {
        let message = request.get_ref();
        let account = asked(handle("account", &message.account))?;
        let holder = SealingKey::from_bytes(*asked(symbolon_api::bytes("holder_key", &message.holder_key))?);
        let sealed = self.0.export(account, holder).await?;
        Ok(Response::new(wire::ExportAccountResponse { sealed }))
    }
}

fn handle(field: &'static str, bytes: &[u8]) -> Result<AccountHandle, InvalidField> {
    symbolon_api::bytes(field, bytes).copied().map(AccountHandle::from_bytes)
}

fn account_of_issuer(account: &[u8], issuer: &str, currency: u32) -> Result<(AccountHandle, Name, u16), InvalidField> {
    Ok((
        handle("account", account)?,
        symbolon_api::institution_name("issuer", issuer)?,
        symbolon_api::currency("currency", currency)?,
    ))
}

fn reservation_to_wire(reservation: &Reservation) -> wire::ReserveRequest {
    wire::ReserveRequest {
        id: reservation.id.to_vec(),
        account: reservation.account.as_bytes().to_vec(),
        period: reservation.period.number(),
        count: reservation.count.into(),
        budget: reservation.budget,
        line: reservation.line,
        currency: reservation.currency.into(),
        until_time: Some(symbolon_api::time_to_wire(reservation.until)),
    }
}

fn reservation(message: &wire::ReserveRequest) -> Result<Reservation, InvalidField> {
    let until = symbolon_api::required("until_time", message.until_time.as_ref())?;
    Ok(Reservation {
        id: *symbolon_api::bytes("id", &message.id)?,
        account: handle("account", &message.account)?,
        period: symbolon_api::period("period", message.period)?,
        count: symbolon_api::count("count", message.count)?,
        budget: message.budget,
        line: message.line,
        currency: symbolon_api::currency("currency", message.currency)?,
        until: symbolon_api::time_from_wire("until_time", until)?,
    })
}

fn binding_to_wire(binding: &Binding) -> wire::Binding {
    wire::Binding {
        subject: binding.subject.as_bytes().to_vec(),
        period: binding.period.number(),
        tag: binding.tag.as_bytes().to_vec(),
    }
}

fn binding(message: &wire::Binding) -> Result<Binding, InvalidField> {
    Ok(Binding {
        subject: Subject::from_bytes(*symbolon_api::bytes("bindings.subject", &message.subject)?),
        period: symbolon_api::period("bindings.period", message.period)?,
        tag: parsed("bindings.tag", ClearingTag::parse(&message.tag))?,
    })
}

const fn movement_to_wire(movement: VoucherMovement) -> wire::VoucherMovement {
    match movement {
        VoucherMovement::Sold => wire::VoucherMovement::Sold,
        VoucherMovement::GivenBack => wire::VoucherMovement::GivenBack,
        VoucherMovement::TakenAgain => wire::VoucherMovement::TakenAgain,
    }
}

fn payment_to_wire(payment: &VoucherPayment) -> wire::PayVoucherRequest {
    wire::PayVoucherRequest {
        sale: payment.sale.to_vec(),
        movement: movement_to_wire(payment.movement).into(),
        account: payment.account.as_bytes().to_vec(),
        operator: payment.operator.to_string(),
        currency: payment.currency.into(),
        amount: payment.amount,
        line: payment.line,
    }
}

fn payment(message: &wire::PayVoucherRequest) -> Result<VoucherPayment, InvalidField> {
    let movement = VoucherMovement::ALL.into_iter().find(|known| movement_to_wire(*known) as i32 == message.movement);
    Ok(VoucherPayment {
        sale: *symbolon_api::bytes("sale", &message.sale)?,
        movement: movement.ok_or_else(|| InvalidField::new("movement", "not a known movement"))?,
        account: handle("account", &message.account)?,
        operator: symbolon_api::institution_name("operator", &message.operator)?,
        currency: symbolon_api::currency("currency", message.currency)?,
        amount: message.amount,
        line: message.line,
    })
}

fn opened(message: &wire::OpenSubjectResponse) -> Result<OpenedSubject, InvalidField> {
    let approved = symbolon_api::required("approve_time", message.approve_time.as_ref())?;
    Ok(OpenedSubject {
        account: handle("account", &message.account)?,
        token: TraceToken(*symbolon_api::bytes("token", &message.token)?),
        approved_by: message.approved_by.clone(),
        approved: symbolon_api::time_from_wire("approve_time", approved)?,
    })
}
