//! `symbolon trace`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What officers can do about a case.
#[derive(Debug, Subcommand)]
pub(crate) enum TraceCommand {
    /// Approve that a case opens a pseudonym, for the role that employs you.
    #[command(after_help = "Example:
  symbolon trace approve --case 2026-17 --subject 8a1f0c5be3a0c5b7e3d4f10102030405 --client attester_officer-court.toml

It takes an officer of the attester and one of clearing, for the same case and subject, within the time that the service
allows. The owner of the card can see that it was opened.")]
    Approve(Case),
    /// Open a pseudonym to its card, once two officers approved.
    #[command(after_help = "Example:
  symbolon trace open --case 2026-17 --subject 8a1f0c5be3a0c5b7e3d4f10102030405 --client attester_officer-court.toml")]
    Open(Case),
    /// List the cases that a role has on record: what was approved, and at clearing what was opened.
    #[command(after_help = "Examples:
  symbolon trace list --client city/clients/clearing_officer-treasury.toml
  symbolon trace list --role clearing --client city/clients/auditor-court.toml")]
    List {
        /// attester or clearing; an officer's own role, if not said.
        #[arg(long, value_enum)]
        role: Option<RecordOf>,
        /// The client's file, as `client add` wrote it.
        #[arg(long, value_name = "FILE")]
        client: PathBuf,
    },
}

/// A case and the pseudonym that it is about.
#[derive(Debug, Args)]
pub(crate) struct Case {
    /// The number of the case: 1 to 64 of A-Z a-z 0-9 - . / _
    #[arg(long, value_name = "NUMBER")]
    pub(crate) case: String,
    /// The pseudonym's subject, 32 hex digits, as a record shows it.
    #[arg(long, value_name = "HEX")]
    pub(crate) subject: String,
    /// The officer's file, as `client add` wrote it.
    #[arg(long, value_name = "FILE")]
    pub(crate) client: PathBuf,
}

/// Whose record of cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecordOf {
    /// The attester's.
    Attester,
    /// Clearing's.
    Clearing,
}
