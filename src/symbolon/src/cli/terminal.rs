//! `symbolon terminal`.

use super::{card::Enrol, card::Sale, parse_sectors};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use symbolon_ccks::Sectors;

/// What can be done with terminals.
#[derive(Debug, Subcommand)]
pub(crate) enum TerminalCommand {
    /// As an operator: create a terminal and its one-time activation code.
    Create(TerminalCreate),
    /// Trade the activation code for a terminal's key, kept in a new folder, and load the trust bundle.
    Enrol(Enrol),
    /// Show a terminal that is kept in a folder.
    #[command(after_help = "Example:
  symbolon terminal show gate-1")]
    Show {
        /// The terminal's folder.
        terminal: PathBuf,
    },
    /// Load the newest trust bundle (revoked cards, limits) from the service.
    #[command(after_help = "Example:
  symbolon terminal refresh gate-1")]
    Refresh {
        /// The terminal's folder.
        terminal: PathBuf,
    },
    /// Step 2 of a tap by hand: what the terminal asks of the card. Prints 204 bytes in hex.
    #[command(after_help = "Example:
  symbolon terminal challenge gate-1 --select @select.hex --kind entry --sector transport --amount 800 > challenge.hex")]
    Challenge {
        /// The terminal's folder.
        terminal: PathBuf,
        /// What the card said: hex digits, @FILE, or - for standard input.
        #[arg(long, value_name = "BYTES")]
        select: String,
        #[command(flatten)]
        sale: Sale,
    },
    /// Step 4 of a tap by hand: decide on the card's answer. Exit code 1 when it is declined.
    #[command(after_help = "Example:
  symbolon terminal verify gate-1 --presentation @presentation.hex")]
    Verify {
        /// The terminal's folder.
        terminal: PathBuf,
        /// What the card answered: hex digits, @FILE, or - for standard input.
        #[arg(long, value_name = "BYTES")]
        presentation: String,
    },
    /// Send what was accepted to the service and keep its acknowledgement.
    #[command(after_help = "Example:
  symbolon terminal upload gate-1

What was sent without an answer is sent again as it was: nothing settles twice.")]
    Upload {
        /// The terminal's folder.
        terminal: PathBuf,
    },
}

/// Arguments of `terminal create`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  symbolon terminal create --client city/clients/operator-metro.toml --sectors transport --number 1")]
pub(crate) struct TerminalCreate {
    /// The operator's file, as `client add` wrote it.
    #[arg(long, value_name = "FILE")]
    pub(crate) client: PathBuf,
    /// What is paid for at it: some of water,power,transport.
    #[arg(long, value_parser = parse_sectors)]
    pub(crate) sectors: Sectors,
    /// Its number within the operator; the service chooses one, if not said.
    #[arg(long)]
    pub(crate) number: Option<u64>,
    /// ISO 4217 numeric code; 156 is CNY, 978 EUR.
    #[arg(long, default_value_t = 156)]
    pub(crate) currency: u16,
    /// How long the terminal is valid; the service's default, if not said.
    #[arg(long, value_name = "DAYS")]
    pub(crate) valid_days: Option<u32>,
}
