//! `symbolon bench settle`: how many records settle a second, uploaded over gRPC and TLS into a service that is a process
//! of its own; beside it, in the same run, what bounds it: the same rows inserted by hand, the same uploads answered
//! unread, the same signatures verified and nothing else.

mod ceilings;
mod kept;
mod load;
mod past;
mod town;

use crate::{cli, output::Output};
use anyhow::{Context, Result, ensure};
use kept::{Inserted, Kept};
use load::{Loaded, Served};
use serde_json::{Value, json};
use std::{
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;
use town::Town;

/// Records in an upload of what was settled before.
const RECORDS: usize = 1_000;
/// More than are settled in a second: so many are signed beforehand for each second of load.
const MOST_A_SECOND: u64 = 40_000;

/// How long the ledger may be behind when the load ends, and how often that is looked at.
const POSTING_LIMIT: Duration = Duration::from_secs(600);
const GLANCE: Duration = Duration::from_millis(20);

const ROWS: [u64; 3] = [100_000, 1_000_000, 10_000_000];

pub(super) fn run(arguments: &cli::BenchSettle, output: &Output) -> Result<ExitCode> {
    super::warn_unless_optimised(output);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let mut runs = Vec::new();
    for rows in arguments.rows.map_or(ROWS.to_vec(), |rows| vec![rows]) {
        output.remark(&format!("at {rows} rows: signing and filling"));
        let run = measure(rows, arguments, &runtime, output)?;
        output.remark(&in_words(&run));
        runs.push(run);
    }
    let text = runs.iter().map(in_words).collect::<Vec<_>>().join("\n");
    let value = json!({
        "optimised": super::IS_OPTIMISED,
        "records_an_upload": arguments.records,
        "with_hints": !arguments.without_hints,
        "terminals": arguments.terminals,
        "pseudonyms": arguments.pseudonyms,
        "runs": runs,
    });
    output.answer(&text, &value)?;
    Ok(ExitCode::SUCCESS)
}

fn measure(rows: u64, arguments: &cli::BenchSettle, runtime: &Runtime, output: &Output) -> Result<Value> {
    let town = Town::found(arguments.database.as_deref())?;
    let day = Day::new(arguments)?;
    let work = town.sign(&day)?;
    past::fill(&town, rows)?;
    let mut kept = kept::of(&town)?;
    output.remark("loading");
    let before = kept.last_rows()?;
    let service = Served::start(&town)?;
    let loaded = runtime.block_on(service.load(&town, &work, arguments.seconds))?;
    let posted = Posted::wait_for(kept.as_mut())?;
    let processor_seconds = service.stop()?;
    output.remark("the ceilings");
    let settled = kept.settlements(&before)?;
    ensure!(settled == loaded.records, "{} records were answered and {settled} are kept", loaded.records);
    let collected = kept.collected()?;
    // Each is a purchase of 1, and operators had nothing before.
    ensure!(usize::try_from(collected)? == settled, "of {settled} settled {collected} were posted");
    let inserted = kept.insert_same_rows(&before, day.records)?;
    let streamed = runtime.block_on(ceilings::stream(&town, &work, arguments.seconds.min(3)))?.per_second();
    let verified = ceilings::verify(&town, &work)?;
    let mut run = report(rows, &loaded, &posted, &Beside { inserted, streamed, verified }, processor_seconds);
    run["database"] = kept.described()?;
    Ok(run)
}

/// The ledger's part of what was settled.
struct Posted {
    /// Charges that were not posted when the load ended.
    waited: usize,
    /// How long it took from then until all of them were.
    seconds: f64,
}

impl Posted {
    fn wait_for(kept: &mut dyn Kept) -> Result<Self> {
        let began = Instant::now();
        let waited = kept.not_posted()?;
        while kept.not_posted()? > 0 {
            ensure!(began.elapsed() < POSTING_LIMIT, "what settled is not posted");
            thread::sleep(GLANCE);
        }
        Ok(Self { waited, seconds: began.elapsed().as_secs_f64() })
    }
}

/// What is signed before anything is measured.
struct Day {
    /// Terminals that upload at once.
    terminals: usize,
    /// Records in an upload.
    records: usize,
    /// Uploads of each terminal.
    uploads: usize,
    /// Different pseudonyms that tap, in turn: within an upload none taps twice.
    pseudonyms: usize,
    /// Whether the terminals know the y-coordinates.
    has_hints: bool,
}

impl Day {
    fn new(arguments: &cli::BenchSettle) -> Result<Self> {
        let records = arguments.records;
        let taps = usize::try_from(arguments.taps.unwrap_or(arguments.seconds * MOST_A_SECOND))?;
        let terminals = usize::from(arguments.terminals);
        let uploads = taps.div_ceil(records * terminals);
        let pseudonyms = usize::try_from(arguments.pseudonyms)?.min(uploads * records * terminals);
        Ok(Self { terminals, records, uploads, pseudonyms, has_hints: !arguments.without_hints })
    }
}

/// What settling is held against, records a second.
struct Beside {
    inserted: Inserted,
    streamed: f64,
    verified: f64,
}

fn report(rows: u64, loaded: &Loaded, posted: &Posted, beside: &Beside, processor_seconds: f64) -> Value {
    json!({
        "rows_before": rows,
        "uploads": loaded.uploads(),
        "records_settled": loaded.records,
        "seconds": loaded.seconds,
        "records_per_second": loaded.per_second(),
        "records_not_posted_yet": posted.waited,
        "posting_seconds": posted.seconds,
        "records_per_second_with_posting": loaded.records as f64 / (loaded.seconds + posted.seconds),
        "upload_p50_milliseconds": loaded.quantile(0.5),
        "upload_p99_milliseconds": loaded.quantile(0.99),
        "upload_longest_milliseconds": loaded.quantile(1.0),
        "service_processor_seconds": processor_seconds,
        "service_processor_microseconds_per_record": processor_seconds * 1e6 / loaded.records.max(1) as f64,
        "same_rows_inserted_records_per_second": beside.inserted.one_after_the_other,
        "same_rows_inserted_side_by_side_records_per_second": beside.inserted.side_by_side,
        "streamed_unread_records_per_second": beside.streamed,
        "verified_alone_records_per_second": beside.verified,
    })
}

fn in_words(run: &Value) -> String {
    let number = |name: &str| run[name].as_f64().unwrap_or_default();
    let side_by_side = run["same_rows_inserted_side_by_side_records_per_second"].as_f64();
    let side_by_side = side_by_side.map(|inserted| format!(" ({inserted:.0}/s side by side)")).unwrap_or_default();
    format!(
        "{:>10} rows before: {:>6.0} records/s, {:.0}/s with the ledger posted, {:.1} s later; an upload: p50 {:.0} ms, \
         p99 {:.0} ms, longest {:.0} ms; service {:.1} us of processor a record; the same rows inserted by hand \
         {:.0}/s{side_by_side}; streamed unread {:.0}/s; verified and nothing else {:.0}/s",
        number("rows_before"),
        number("records_per_second"),
        number("records_per_second_with_posting"),
        number("posting_seconds"),
        number("upload_p50_milliseconds"),
        number("upload_p99_milliseconds"),
        number("upload_longest_milliseconds"),
        number("service_processor_microseconds_per_record"),
        number("same_rows_inserted_records_per_second"),
        number("streamed_unread_records_per_second"),
        number("verified_alone_records_per_second"),
    )
}
