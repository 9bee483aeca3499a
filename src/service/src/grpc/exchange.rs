//! `ExchangeService`.

mod admission;
mod collecting;
mod stream;
mod wire;

use super::{Shared, caller, page::PageTokens, status};
use crate::{
    Client, Role, ServiceError,
    exchange::{Exchange, MisuseReader, RouteCursor},
};
pub(crate) use admission::Admission;
use collecting::Collecting;
use stream::UploadStream;
use symbolon_api::{
    UploadName,
    v1::{self, exchange_service_server::ExchangeService},
};
use symbolon_ccks::{Name, Suite};
use symbolon_store::{Store, records::RecordPosition};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
pub(super) use wire::record_name;

pub(super) struct Adapter<S: Suite, D> {
    exchange: Exchange<S, D>,
    tokens: PageTokens,
    shared: Shared,
}

impl<S: Suite, D: Store> Adapter<S, D> {
    pub(super) const fn new(exchange: Exchange<S, D>, tokens: PageTokens, shared: Shared) -> Self {
        Self { exchange, tokens, shared }
    }
}

#[tonic::async_trait]
impl<S: Suite, D: Store> ExchangeService for Adapter<S, D> {
    type UploadStream = ReceiverStream<Result<v1::UploadResponse, Status>>;
    type CollectRecordsStream = ReceiverStream<Result<v1::CollectRecordsResponse, Status>>;

    async fn upload(
        &self,
        request: Request<Streaming<v1::UploadRequest>>,
    ) -> Result<Response<Self::UploadStream>, Status> {
        let exchange = self.exchange.clone();
        let answers = UploadStream::new(exchange, self.shared.clone(), request.into_inner()).answer();
        Ok(Response::new(answers))
    }

    async fn get_upload(
        &self,
        request: Request<v1::GetUploadRequest>,
    ) -> Result<Response<v1::GetUploadResponse>, Status> {
        let client = caller::client(&request)?;
        let digest = upload_name("name", &request.get_ref().name)?;
        let upload = self.exchange.upload_summary(viewed(&client), digest).await?;
        Ok(Response::new(v1::GetUploadResponse { upload: Some(wire::upload(&upload)) }))
    }

    async fn list_uploads(
        &self,
        request: Request<v1::ListUploadsRequest>,
    ) -> Result<Response<v1::ListUploadsResponse>, Status> {
        let client = caller::client(&request)?;
        let asked = request.get_ref();
        let list = format!("uploads for {client}");
        let page = self.tokens.page(&list, asked.page_size, &asked.page_token)?;
        let listed = self.exchange.upload_summaries(viewed(&client), page).await?;
        let next_page_token = self.tokens.next(&list, page, listed.iter().map(|listed| listed.position));
        let uploads = listed.iter().map(|listed| wire::upload(&listed.record)).collect();
        Ok(Response::new(v1::ListUploadsResponse { uploads, next_page_token }))
    }

    async fn list_records(
        &self,
        request: Request<v1::ListRecordsRequest>,
    ) -> Result<Response<v1::ListRecordsResponse>, Status> {
        let client = caller::client(&request)?;
        let asked = request.get_ref();
        let upload = (!asked.upload.is_empty()).then(|| upload_name("upload", &asked.upload)).transpose()?;
        let list = format!("records of {} for {client}", asked.upload);
        let page = self.tokens.page(&list, asked.page_size, &asked.page_token)?;
        let listed = self.exchange.records(viewed(&client), upload, page).await?;
        let next_page_token = self.tokens.next(&list, page, listed.iter().map(|listed| listed.position.0));
        let records = listed.iter().map(wire::record).collect::<Result<_, _>>();
        let records = records.map_err(ServiceError::from)?;
        Ok(Response::new(v1::ListRecordsResponse { records, next_page_token }))
    }

    async fn get_misuse_proof(
        &self,
        request: Request<v1::GetMisuseProofRequest>,
    ) -> Result<Response<v1::GetMisuseProofResponse>, Status> {
        let client = caller::client(&request)?;
        let id = wire::misuse_id("name", &request.get_ref().name).map_err(|invalid| status::invalid_field(&invalid))?;
        let id = id.ok_or(ServiceError::NotFound("misuse proof"))?;
        let report = self.exchange.misuse(reader(&client)?, id).await?;
        Ok(Response::new(v1::GetMisuseProofResponse { misuse_proof: Some(wire::misuse_proof(&report)) }))
    }

    async fn list_misuse_proofs(
        &self,
        request: Request<v1::ListMisuseProofsRequest>,
    ) -> Result<Response<v1::ListMisuseProofsResponse>, Status> {
        let client = caller::client(&request)?;
        let asked = request.get_ref();
        let list = format!("misuse proofs for {client}");
        let page = self.tokens.page(&list, asked.page_size, &asked.page_token)?;
        let listed = self.exchange.misuses(reader(&client)?, page).await?;
        let next_page_token = self.tokens.next(&list, page, listed.iter().map(|report| report.record.id.0));
        let misuse_proofs = listed.iter().map(wire::misuse_proof).collect();
        Ok(Response::new(v1::ListMisuseProofsResponse { misuse_proofs, next_page_token }))
    }

    async fn collect_records(
        &self,
        request: Request<v1::CollectRecordsRequest>,
    ) -> Result<Response<Self::CollectRecordsStream>, Status> {
        let client = caller::client(&request)?;
        let asked = request.get_ref();
        let after = (!asked.cursor.is_empty()).then(|| asked.cursor.parse::<RouteCursor>()).transpose()?;
        let (exchange, shared) = (self.exchange.clone(), self.shared.clone());
        let collecting = Collecting::begin(exchange, shared, *client.name(), after, asked.follow).await?;
        Ok(Response::new(collecting.send()))
    }

    async fn authorise_refund(
        &self,
        request: Request<v1::AuthoriseRefundRequest>,
    ) -> Result<Response<v1::AuthoriseRefundResponse>, Status> {
        let client = caller::client(&request)?;
        let asked = request.get_ref();
        let (refund, purchase) = (record_position("name", &asked.name)?, record_position("purchase", &asked.purchase)?);
        let settled = self.exchange.authorise_refund(client.name(), refund, purchase).await?;
        let record = wire::record(&settled).map_err(ServiceError::from)?;
        Ok(Response::new(v1::AuthoriseRefundResponse { record: Some(record) }))
    }

    async fn void_journey(
        &self,
        request: Request<v1::VoidJourneyRequest>,
    ) -> Result<Response<v1::VoidJourneyResponse>, Status> {
        let client = caller::client(&request)?;
        let entry = record_position("name", &request.get_ref().name)?;
        let entry = self.exchange.void_journey(client.name(), entry).await?;
        let record = wire::record(&entry).map_err(ServiceError::from)?;
        Ok(Response::new(v1::VoidJourneyResponse { record: Some(record) }))
    }
}

/// The operator whose uploads a client sees; `None` for those who see all.
fn viewed(client: &Client) -> Option<&Name> {
    match client.role() {
        Role::Auditor => None,
        // The table of roles lets none but operators and auditors in here; should it ever, they are operators of nothing.
        Role::Operator | Role::Issuer | Role::Administrator | Role::AttesterOfficer | Role::ClearingOfficer => {
            Some(client.name())
        }
    }
}

fn reader(client: &Client) -> Result<MisuseReader, Status> {
    match client.role() {
        Role::Auditor => Ok(MisuseReader::Auditor),
        Role::Issuer => Ok(MisuseReader::Issuer(*client.name())),
        Role::Operator => Ok(MisuseReader::Operator(*client.name())),
        Role::Administrator | Role::AttesterOfficer | Role::ClearingOfficer => {
            Err(ServiceError::NotFound("misuse proof").into())
        }
    }
}

fn record_position(field: &'static str, name: &str) -> Result<RecordPosition, Status> {
    let position = wire::record_position(field, name).map_err(|invalid| status::invalid_field(&invalid))?;
    Ok(position.ok_or(ServiceError::NotFound("record"))?)
}

fn upload_name(field: &'static str, name: &str) -> Result<[u8; 32], Status> {
    let name = UploadName::parse(field, name).map_err(|invalid| status::invalid_field(&invalid))?;
    Ok(name.into_identifier())
}
