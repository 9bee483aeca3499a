//! `symbolon audit`.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `audit`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  symbolon audit --exchange-db copy/exchange.db --clearing-db copy/clearing.db --authority city/authority.params

With --attester-db copy/attester.db it knows whose each card is, and with --config city/symbolon.toml what journeys cost.

The copies are to be of one moment, as `symbolon backup` makes them. They are never written to. What they cannot
tell is counted as not checked.

Exit codes: 0 no findings, 3 findings, 1 failed, 2 wrong usage.")]
pub(crate) struct Audit {
    /// A copy of the exchange's database.
    #[arg(long, value_name = "FILE")]
    pub(crate) exchange_db: PathBuf,
    /// A copy of clearing's database.
    #[arg(long, value_name = "FILE")]
    pub(crate) clearing_db: PathBuf,
    /// A copy of the attester's database. Without it nobody can say which cards and terminals there were.
    #[arg(long, value_name = "FILE")]
    pub(crate) attester_db: Option<PathBuf>,
    /// The authority's parameters.
    #[arg(long, value_name = "FILE")]
    pub(crate) authority: PathBuf,
    /// The configuration that the service ran with. Without it the default periods hold, and fares are not checked.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
