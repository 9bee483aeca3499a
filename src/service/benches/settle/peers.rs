//! What settling is held against: the parts of it that cannot be done without, each done alone.

use crate::city::City;
use rusqlite::{Connection, OpenFlags, params_from_iter, types::Value};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};
use symbolon_api::v1::{
    self, exchange_service_server::ExchangeService, exchange_service_server::ExchangeServiceServer,
};
use symbolon_ccks::{Authority, P256};
use symbolon_tap::{Record, TerminalDigest};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_stream::{StreamExt, wrappers::TcpListenerStream};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Identity, Server, ServerTlsConfig},
};

/// Rows by table.
pub(crate) type RowCounts = BTreeMap<String, u64>;

fn read_only(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// How many rows each table of a database has.
pub(crate) fn row_counts(database: &Path) -> RowCounts {
    let connection = read_only(database);
    let tables = texts(&connection, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    let count = |table: &str| -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get(0)).unwrap()
    };
    tables.into_iter().map(|table| (table.clone(), count(&table).unsigned_abs())).collect()
}

/// Rows of a table, with the statement that inserts one.
struct Rows {
    insert: String,
    rows: Vec<Vec<Value>>,
}

/// What settling added to each table.
fn added_rows(source: &Connection, before: &RowCounts) -> Vec<Rows> {
    let mut added = Vec::new();
    for (table, count) in before {
        let mut statement = source.prepare(&format!("SELECT * FROM \"{table}\" LIMIT -1 OFFSET {count}")).unwrap();
        let columns = statement.column_count();
        let read =
            |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect::<Result<Vec<Value>, _>>();
        let rows: Vec<_> = statement.query_map([], read).unwrap().collect::<Result<_, _>>().unwrap();
        if !rows.is_empty() {
            let places = vec!["?"; columns].join(", ");
            added.push(Rows { insert: format!("INSERT INTO \"{table}\" VALUES ({places})"), rows });
        }
    }
    added
}

/// Inserts what settling added to `database` into an empty one with the same tables and indexes, in as many
/// transactions as there were uploads, each made durable (WAL, synchronous=FULL); how many rows, and how long.
pub(crate) fn insert_same_rows(database: &Path, before: &RowCounts, transactions: usize) -> (usize, Duration) {
    let source = read_only(database);
    let target = database.with_extension("peer.db");
    let mut peer = Connection::open(target).unwrap();
    peer.pragma_update(None, "journal_mode", "WAL").unwrap();
    peer.pragma_update(None, "synchronous", "FULL").unwrap();
    // What the rows refer to is not among them.
    peer.pragma_update(None, "foreign_keys", false).unwrap();
    let schema = "SELECT sql FROM sqlite_schema WHERE type IN ('table', 'index') AND sql IS NOT NULL
                  AND name NOT LIKE 'sqlite_%' ORDER BY type DESC";
    texts(&source, schema).iter().for_each(|sql| peer.execute_batch(sql).unwrap());
    let added = added_rows(&source, before);

    let began = Instant::now();
    for number in 0..transactions {
        let transaction = peer.transaction().unwrap();
        for Rows { insert, rows } in &added {
            let mut statement = transaction.prepare_cached(insert).unwrap();
            let share = rows.len() * number / transactions..rows.len() * (number + 1) / transactions;
            for row in &rows[share] {
                statement.execute(params_from_iter(row)).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
    (added.iter().map(|table| table.rows.len()).sum(), began.elapsed())
}

/// Verifies every presentation, on as many threads as there are.
pub(crate) fn verify_all(authority: &Authority<'_, P256>, records: &[(Record, TerminalDigest)]) -> Duration {
    let threads = std::thread::available_parallelism().unwrap().get();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for share in records.chunks(records.len().div_ceil(threads)) {
            scope.spawn(move || {
                for (record, terminal) in share {
                    record.presentation().verify(authority, record.terms(), terminal).unwrap();
                }
            });
        }
    });
    began.elapsed()
}

/// Takes uploads over TLS as the service does, reads none of them, and answers each with an answer of the same size.
pub(crate) struct SilentExchange {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl SilentExchange {
    /// Starts it with the certificate of the city's public listener.
    pub(crate) async fn start(city: &City) -> Self {
        let folder = city.config.pki_directory();
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let identity = Identity::from_pem(read("public.crt"), read("public.key"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = Server::builder().tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
        let exchange = ExchangeServiceServer::new(Silence).max_decoding_message_size(4 << 20);
        let served = tokio::spawn(async move {
            let mut server = server;
            let connections = TcpListenerStream::new(listener);
            let stopped = async { drop(stopped.await) };
            server.add_service(exchange).serve_with_incoming_shutdown(connections, stopped).await.unwrap();
        });
        Self { address, stop, served }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.served.await.unwrap();
    }
}

struct Silence;

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("the peer takes uploads alone"))
}

#[tonic::async_trait]
impl ExchangeService for Silence {
    type UploadStream = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<v1::UploadResponse, Status>> + Send>>;

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
}
