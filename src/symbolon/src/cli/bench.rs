//! What of `bench`.

use super::parse_suite;
use clap::{Args, Subcommand};
use symbolon_ccks::SuiteId;
use symbolon_tap::MAX_RECORDS;

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// How many records a second settle, and how long an upload takes, beside what bounds both.
    Settle(BenchSettle),
    /// How long a signature takes to verify, alone and in batches, beside what others take for theirs.
    Verify(BenchVerify),
}

/// Arguments of `bench settle`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon bench settle --rows 100000 --seconds 10
  symbolon bench settle --rows 0 --records 10
  symbolon bench settle --json        at 0.1, 1 and 10 million rows; some minutes, and 15 GB of temporary files
  symbolon bench settle --rows 100000 --database postgresql://symbolon@localhost/bench

A service is started as a process of its own, in a temporary folder that is removed, and loaded over TLS.")]
pub(crate) struct BenchSettle {
    /// Records that were settled before; 0.1, 1 and 10 million, one after the other, unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=100_000_000))]
    pub(crate) rows: Option<u64>,
    /// How long to load the service at each, about.
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub(crate) seconds: u64,
    /// Records in an upload.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = parse_records)]
    pub(crate) records: usize,
    /// Terminals that upload at once, each over a connection of its own and one upload after the other.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) terminals: u16,
    /// Different pseudonyms that tap, in turn; each is signed for beforehand.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) pseudonyms: u32,
    /// Taps to sign beforehand, at most; more than can settle in that time unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) taps: Option<u64>,
    /// Keep what the service settles in this PostgreSQL database in place of files: postgresql://USER@HOST/DATABASE. It must
    /// have no schema of a service, and no service may be started over it meanwhile; those that are made are removed at the
    /// end, unless the bench is killed.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) database: Option<String>,
    /// Upload no hints, as a terminal that knows no y-coordinates.
    #[arg(long)]
    pub(crate) without_hints: bool,
}

/// Arguments of `bench verify`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon bench verify --json
  symbolon bench verify --suite p256 --sizes 64,1024 --rounds 3

On one thread; medians of interleaved rounds. Built with --features peers, ring, webpki and libsecp256k1 are measured beside.")]
pub(crate) struct BenchVerify {
    /// One curve alone: p256 or secp256k1.
    #[arg(long, value_parser = parse_suite)]
    pub(crate) suite: Option<SuiteId>,
    /// Signatures in a batch.
    #[arg(long, value_delimiter = ',', default_value = "64,4096,65536", value_parser = parse_size)]
    pub(crate) sizes: Vec<usize>,
    /// How often each thing has its turn.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rounds: u32,
}

fn parse_records(text: &str) -> Result<usize, String> {
    let records = text.parse::<usize>().map_err(|error| error.to_string())?;
    let most = usize::from(MAX_RECORDS);
    if (1..=most).contains(&records) { Ok(records) } else { Err(format!("not 1 to {most}")) }
}

fn parse_size(text: &str) -> Result<usize, String> {
    let size = text.parse::<usize>().map_err(|error| error.to_string())?;
    if (1..=1_000_000).contains(&size) { Ok(size) } else { Err("not 1 to 1000000".to_owned()) }
}
