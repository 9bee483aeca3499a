//! `symbolon terminal`.

use super::{card::Enrol, card::Sale, parse_sectors};
use crate::line::LineAddress;
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
    /// Load the newest trust bundle (revoked cards, limits) from the service, in its full form.
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
    /// Write what the maker of a device puts into it: key and credential, and the authority's parameters prepared.
    Export(TerminalExport),
    /// Send what was accepted to the service and keep its acknowledgement.
    #[command(after_help = "Example:
  symbolon terminal upload gate-1

What was sent without an answer is sent again as it was: nothing settles twice.")]
    Upload {
        /// The terminal's folder.
        terminal: PathBuf,
    },
    /// Talk to the service port of a terminal that runs on its own, such as the emulated firmware.
    #[command(after_help = "Examples:
  symbolon terminal port --apdu tcp:127.0.0.1:7501 status
  symbolon terminal port --apdu unix:/tmp/gate.port time
  symbolon terminal port --apdu tcp:127.0.0.1:7501 ask --kind entry --sector transport --amount 800 --reference station-1
  symbolon terminal port --apdu tcp:127.0.0.1:7501 sync --trust city/trust.toml
  symbolon terminal port --apdu tcp:127.0.0.1:7501 sync --trust city/trust.toml --parts 0,3

The port trusts nobody: what is brought to it is signed by the authority, but for the time, which is never set before one that the authority signed, and
what the next tap is asked for.")]
    Port(Port),
}

/// Arguments of `terminal port`.
#[derive(Debug, Args)]
pub(crate) struct Port {
    /// The port's line: tcp:HOST:PORT or unix:PATH.
    #[arg(long, value_name = "LINE")]
    pub(crate) apdu: LineAddress,
    #[command(subcommand)]
    pub(crate) command: PortCommand,
}

/// What can be done at a service port.
#[derive(Debug, Subcommand)]
pub(crate) enum PortCommand {
    /// Show the terminal's state.
    Status,
    /// Set its clock by this machine's.
    Time,
    /// Say what its next tap asks for.
    Ask(Sale),
    /// Set its clock, settle what it accepted, bring it the acknowledgements and the newest trust bundle.
    Sync {
        /// The file `trust.toml` of the authority, as `init` wrote it.
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
        /// Bring the trust bundle in one piece, as larger terminals have it, and not in the compact form.
        #[arg(long, conflicts_with = "parts")]
        full: bool,
        /// Bring these parts of the compact form alone, counted from 0: for a terminal that has no room for all.
        #[arg(long, value_name = "PARTS", value_delimiter = ',')]
        parts: Vec<u16>,
    },
}

/// Arguments of `terminal export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon terminal export gate-1 --out device
  symbolon terminal export gate-1 --out device --successor next.params --statement next.statement

In the new folder: authority.id, 32 bytes, and authority.key, 64 bytes, both believed by the device;
authority.prepared, the parameters with their points as devices read them; terminal.credential, 89 bytes; terminal.secret, 32 bytes; bundle, if one was loaded; and of a successor its successor.id,
successor.prepared and successor.statement.")]
pub(crate) struct TerminalExport {
    /// The terminal's folder.
    pub(crate) terminal: PathBuf,
    /// The folder to write, which must not exist yet; only its owner can read the key in it.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// The parameters of the authority that follows.
    #[arg(long, value_name = "FILE", requires = "statement")]
    pub(crate) successor: Option<PathBuf>,
    /// The statement that names it, 153 bytes as they are or in hex.
    #[arg(long, value_name = "FILE", requires = "successor")]
    pub(crate) statement: Option<PathBuf>,
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
