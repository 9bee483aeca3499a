//! What settling is held against: the parts of it that cannot be done without, each done alone.

use super::{
    load::{Loaded, load},
    town::Town,
};
use crate::source;
use anyhow::{Result, ensure};
use rand_core::Rng as _;
use rusqlite::{Connection, OpenFlags, params_from_iter, types::Value};
use std::{collections::BTreeMap, fs, num::NonZero, path::Path, pin::Pin, thread, time::Instant};
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

/// Tables whose rows are numbered as they come, which settling adds rows to.
const TABLES: [&str; 4] = ["uploads", "settlements", "charge_batches", "charges"];
/// Rows of a table that are inserted by hand, at most.
const MOST_ROWS: i64 = 200_000;
/// Uploads of a terminal whose records are verified and nothing else, at most.
const VERIFIED: usize = 12;

/// The last row of each table.
pub(super) fn last_rows(database: &Path) -> Result<BTreeMap<&'static str, i64>> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let last = |table: &'static str| {
        let sql = format!("SELECT coalesce(max(rowid), 0) FROM {table}");
        Ok((table, connection.query_row(&sql, [], |row| row.get(0))?))
    };
    TABLES.into_iter().map(last).collect()
}

/// How many settlements were added since.
pub(super) fn settlements(database: &Path, before: &BTreeMap<&str, i64>) -> Result<usize> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let last = before.get("settlements").copied().unwrap_or_default();
    Ok(connection.query_row("SELECT count(*) FROM settlements WHERE rowid > ?1", [last], |row| row.get(0))?)
}

/// How many charges are not posted to the ledger yet.
pub(super) fn not_posted(database: &Path) -> Result<usize> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let sql = "SELECT (SELECT count(*) FROM charges WHERE batch IS NULL)
         + (SELECT count(*) FROM charges WHERE batch IN (SELECT sequence FROM charge_batches WHERE delivered IS NULL))";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Inserts rows that settling added into an empty database with the same tables and indexes, as many records a
/// transaction as an upload has, each made durable (WAL, synchronous=FULL); records a second.
pub(super) fn insert_same_rows(database: &Path, before: &BTreeMap<&str, i64>, records: usize) -> Result<f64> {
    let source = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut peer = Connection::open(database.with_extension("peer.db"))?;
    peer.pragma_update(None, "journal_mode", "WAL")?;
    peer.pragma_update(None, "synchronous", "FULL")?;
    // What the rows refer to is not among them.
    peer.pragma_update(None, "foreign_keys", false)?;
    let mut schema = source.prepare(
        "SELECT sql FROM sqlite_schema WHERE type IN ('table', 'index') AND sql IS NOT NULL
             AND name NOT LIKE 'sqlite_%' ORDER BY type DESC",
    )?;
    for sql in schema.query_map([], |row| row.get::<_, String>(0))? {
        peer.execute_batch(&sql?)?;
    }
    let mut tables = Vec::new();
    for (table, last) in before {
        let mut added = source.prepare(&format!("SELECT * FROM {table} WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"))?;
        let columns = added.column_count();
        let read =
            |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect::<Result<Vec<Value>, _>>();
        let rows = added.query_map([*last, MOST_ROWS], read)?.collect::<Result<Vec<_>, _>>()?;
        let places = vec!["?"; columns].join(", ");
        tables.push((*table, format!("INSERT INTO {table} VALUES ({places})"), rows));
    }
    let settled = tables.iter().find(|(table, ..)| *table == "settlements").map_or(0, |(_, _, rows)| rows.len());
    let transactions = settled.div_ceil(records).max(1);
    let began = Instant::now();
    for number in 0..transactions {
        let transaction = peer.transaction()?;
        for (_, insert, rows) in &tables {
            let mut statement = transaction.prepare_cached(insert)?;
            for row in &rows[rows.len() * number / transactions..rows.len() * (number + 1) / transactions] {
                statement.execute(params_from_iter(row))?;
            }
        }
        transaction.commit()?;
    }
    Ok(settled as f64 / began.elapsed().as_secs_f64())
}

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
