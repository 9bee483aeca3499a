//! What settling is held against: the parts of it that cannot be done without, each done alone.

use super::{
    load::{Loaded, load},
    town::Town,
};
use crate::source;
use anyhow::{Result, ensure};
use rand_core::Rng as _;
use std::{fs, num::NonZero, pin::Pin, thread, time::Instant};
use symbolon_api::v1::{
    self, exchange_service_server::ExchangeService, exchange_service_server::ExchangeServiceServer,
};
use symbolon_ccks::Bound;
use symbolon_tap::{Record, Upload};
use tokio::{net::TcpListener, sync::oneshot};
use tokio_stream::{Stream, StreamExt as _, wrappers::TcpListenerStream};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Identity, Server, ServerTlsConfig},
};

/// Uploads of a terminal whose records are verified and nothing else, at most.
const VERIFIED: usize = 12;

/// Verifies what the cards signed in some of the uploads, one upload of each terminal at a time, on as many threads as
/// there are; records a second.
pub(super) fn verify(town: &Town, work: &[Vec<Vec<u8>>]) -> Result<f64> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let most = work.iter().map(Vec::len).max().unwrap_or_default().min(VERIFIED);
    let batches = (0..most).map(|number| {
        let uploads = work.iter().filter_map(|uploads| uploads.get(number));
        uploads.map(|upload| Upload::parse(upload)).collect()
    });
    let batches = batches.collect::<Result<Vec<Vec<_>>, _>>()?;
    let records = batches.iter().flatten().map(|upload| upload.records().len()).sum::<usize>();
    let began = Instant::now();
    thread::scope(|scope| {
        let share = batches.len().div_ceil(threads).max(1);
        let work = |share: &[Vec<Upload<'_>>]| share.iter().try_for_each(|uploads| verify_batch(town, uploads));
        let workers = batches.chunks(share).map(|share| scope.spawn(move || work(share))).collect::<Vec<_>>();
        workers.into_iter().try_for_each(|worker| worker.join().expect("verifying does not panic"))
    })?;
    Ok(records as f64 / began.elapsed().as_secs_f64())
}

fn verify_batch(town: &Town, uploads: &[Upload<'_>]) -> Result<()> {
    let terminals = uploads.iter().map(|upload| upload.terminal().digest()).collect::<Vec<_>>();
    let mut claims = Vec::new();
    for (upload, terminal) in uploads.iter().zip(&terminals) {
        for (position, record) in upload.records().iter().enumerate() {
            let record = record.parse()?;
            let claim = record.presentation().claim(record.terms(), terminal)?;
            claims.push(claim.with_hints(upload.hints().and_then(|hints| hints.get(position))));
        }
    }
    let mut random = [0; 32];
    source::random()?.fill_bytes(&mut random);
    let verdicts = town.authority().verify_batch(&claims, &random, Bound::default());
    ensure!(verdicts.iter().all(Result::is_ok), "a record is not signed");
    Ok(())
}

/// The same uploads to a service that reads none of them and answers each with an answer of the same size.
pub(super) async fn stream(town: &Town, work: &[Vec<Vec<u8>>], seconds: u64) -> Result<Loaded> {
    let read = |name: &str| fs::read_to_string(town.data().join("pki").join(name));
    let identity = Identity::from_pem(read("public.crt")?, read("public.key")?);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let mut server = Server::builder().tls_config(ServerTlsConfig::new().identity(identity))?;
    let exchange = ExchangeServiceServer::new(Silence).max_decoding_message_size(4 << 20);
    let served = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        let connections = TcpListenerStream::new(listener);
        server.add_service(exchange).serve_with_incoming_shutdown(connections, stopped).await
    });
    let loaded = load(town, address, work, seconds, None).await;
    drop(stop);
    served.await??;
    loaded
}

struct Silence;

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("it takes uploads alone"))
}

#[tonic::async_trait]
impl ExchangeService for Silence {
    type UploadStream = Pin<Box<dyn Stream<Item = Result<v1::UploadResponse, Status>> + Send>>;

    async fn upload(
        &self,
        request: Request<Streaming<v1::UploadRequest>>,
    ) -> Result<Response<Self::UploadStream>, Status> {
        let answers = request.into_inner().map(|upload| {
            let records = upload?.upload.len() / Record::SIZE;
            Ok(v1::UploadResponse {
                upload: "u".repeat(72),
                acknowledgement: vec![0; 111],
                outcomes: vec![v1::RecordOutcome { outcome: 1, settled_amount: 1, ..Default::default() }; records],
                repeated: false,
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_upload(&self, _: Request<v1::GetUploadRequest>) -> Result<Response<v1::GetUploadResponse>, Status> {
        not_here()
    }

    async fn list_uploads(
        &self,
        _: Request<v1::ListUploadsRequest>,
    ) -> Result<Response<v1::ListUploadsResponse>, Status> {
        not_here()
    }

    async fn list_records(
        &self,
        _: Request<v1::ListRecordsRequest>,
    ) -> Result<Response<v1::ListRecordsResponse>, Status> {
        not_here()
    }

    async fn get_misuse_proof(
        &self,
        _: Request<v1::GetMisuseProofRequest>,
    ) -> Result<Response<v1::GetMisuseProofResponse>, Status> {
        not_here()
    }

    async fn list_misuse_proofs(
        &self,
        _: Request<v1::ListMisuseProofsRequest>,
    ) -> Result<Response<v1::ListMisuseProofsResponse>, Status> {
        not_here()
    }

    type CollectRecordsStream = Pin<Box<dyn Stream<Item = Result<v1::CollectRecordsResponse, Status>> + Send>>;

    async fn collect_records(
        &self,
        _: Request<v1::CollectRecordsRequest>,
    ) -> Result<Response<Self::CollectRecordsStream>, Status> {
        not_here()
    }

    async fn authorise_refund(
        &self,
        _: Request<v1::AuthoriseRefundRequest>,
    ) -> Result<Response<v1::AuthoriseRefundResponse>, Status> {
        not_here()
    }

    async fn void_journey(
        &self,
        _: Request<v1::VoidJourneyRequest>,
    ) -> Result<Response<v1::VoidJourneyResponse>, Status> {
        not_here()
    }
}
