//! The command line: what can be asked, with examples.

mod audit;
mod bench;
mod card;
mod sim;
mod terminal;
mod trace;
mod voucher;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use symbolon_ccks::{Name, Sector, Sectors, SuiteId};
use symbolon_service::{Role, links::ServiceRole};

pub(crate) use audit::Audit;
pub(crate) use bench::{BenchCommand, BenchSettle, BenchVerify};
pub(crate) use card::{CardCommand, CardCreate, Enrol, Pay, Refill, Sale};
pub(crate) use sim::Sim;
pub(crate) use terminal::{Port, PortCommand, TerminalCommand, TerminalCreate, TerminalExport};
pub(crate) use trace::{Case, RecordOf, TraceCommand};
pub(crate) use voucher::{VoucherBuy, VoucherCommand};

/// Everything that the command line says.
#[derive(Debug, Parser)]
#[command(
    name = "symbolon",
    version,
    about = "A key and credential service for a city's virtual card.",
    after_help = "Examples:
  symbolon demo                       the whole story in under a minute, on this machine alone
  symbolon init city --name city.example
  symbolon explain @presentation.hex  what the bytes mean

Every command answers in JSON with --json. Exit codes: 0 done, 1 failed or refused, 2 wrong usage."
)]
pub(crate) struct Arguments {
    /// Answer with one JSON object on standard output; everything else goes to standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Hold the key ceremony: make an authority, its certificates and its configuration in a new folder.
    Init(Init),
    /// Run the service until it is asked to stop (Ctrl-C or SIGTERM).
    Serve(Serve),
    /// Copy the databases of a service while it runs, all as they were at one moment.
    Backup(Backup),
    /// Load such copies into PostgreSQL, from where any number of nodes go on.
    Load(Load),
    /// Manage who may call the service's private side.
    #[command(subcommand)]
    Client(ClientCommand),
    /// Create cards as an issuer; hold and use a card as a citizen.
    #[command(subcommand)]
    Card(CardCommand),
    /// Create terminals as an operator; run a terminal.
    #[command(subcommand)]
    Terminal(TerminalCommand),
    /// Look at accounts, reports and misuse proofs, top accounts up; as an operator: collect, refund, void.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// As an officer: approve, by law and with another officer, that a pseudonym is opened to its card.
    #[command(subcommand)]
    Trace(TraceCommand),
    /// Take any byte string of the project apart, in words.
    Explain(Explain),
    /// Check a misuse proof with the authority parameters alone, and say whom it convicts.
    VerifyProof(VerifyProof),
    /// Recompute every outcome, charge and balance from copies of the databases, and report what differs.
    Audit(Audit),
    /// Show everything: ceremony, enrolment, offline taps, refusals, a clone, settlement.
    Demo(Demo),
    /// Measure this machine: how fast signatures verify, and how much a service settles on it.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Simulate a city from a seed, faults included, and check after every step that all is as it must be.
    Sim(Sim),
    /// Be one role of a demo whose roles are processes of their own; the demo starts it.
    #[command(hide = true)]
    DemoRole,
}

/// Where the key that opens the authority's sealed secrets comes from. Without either the passphrase is asked for.
#[derive(Debug, Args)]
pub(crate) struct Unlock {
    /// Read the passphrase from the first line of this file instead of asking for it.
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Seal under the random key in this file instead of a passphrase.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon init city --name city.example
  symbolon init city --name city.example --suite secp256k1 --passphrase-file passphrase.txt
  symbolon init city --name city.example --key-file /media/safe/city.key

Nothing is ever overwritten: what is there already is an error.")]
pub(crate) struct Init {
    /// The folder to make; everything of this authority will be in it.
    pub(crate) folder: PathBuf,
    /// The authority's name: 1 to 63 of a-z 0-9 - .
    #[arg(long)]
    pub(crate) name: Name,
    /// The curve: p256 or secp256k1.
    #[arg(long, default_value = "p256", value_parser = parse_suite)]
    pub(crate) suite: SuiteId,
    /// A further DNS name or IP address by which the service is reached; may be repeated. localhost is always one.
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
    /// Where wallets and terminals reach the service. Port 0 is not allowed here.
    #[arg(long, default_value = "127.0.0.1:7400", value_name = "ADDRESS")]
    pub(crate) public: std::net::SocketAddr,
    /// Where issuers, operators, auditors, administrators and officers reach the service.
    #[arg(long, default_value = "127.0.0.1:7401", value_name = "ADDRESS")]
    pub(crate) private: std::net::SocketAddr,
    /// Keep what is durable in this PostgreSQL database, postgresql://USER@HOST/DATABASE, in place of files in the folder.
    /// Leave the password out: its file is named in the configuration.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) database: Option<String>,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon serve --config city/symbolon.toml
  symbolon serve --config city/symbolon.toml --passphrase-file passphrase.txt
  symbolon serve --config clearing.toml --roles clearing --key-file clearing.key

The roles are attester, issuer, linkage-a, linkage-b, clearing and exchange. All run in one process unless the
configuration or --roles says otherwise; where the others are stands in the configuration, in [roles.peers].")]
pub(crate) struct Serve {
    /// The configuration that `init` wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Run these roles alone, whatever the configuration says.
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    pub(crate) roles: Vec<ServiceRole>,
    /// Use this PostgreSQL database for all roles, whatever the configuration says: postgresql://USER@HOST/DATABASE.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) database: Option<String>,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
}

/// Arguments of `backup`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon backup --config city/symbolon.toml --to /media/safe/2026-01-31
  symbolon backup --config city/symbolon.toml --database postgresql://court@localhost/city --to copy

The copies are SQLite files, whatever the databases are: those of the data folder all of one moment, and those of one
PostgreSQL database too. An auditor takes them; a service that keeps its databases in files goes on with them. To
restore one, stop the service, delete the databases with their -wal and -shm files, and put the copies in their place;
into PostgreSQL, whose schemas are dropped first, they go with `symbolon load`. Sealed keys and certificates are copied once, by hand.")]
pub(crate) struct Backup {
    /// The configuration that `init` wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Copy this PostgreSQL database, whatever the configuration says: postgresql://USER@HOST/DATABASE. To read it is
    /// enough; a schema that this user may not read is left out.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) database: Option<String>,
    /// The folder to make; it is there when all of it is.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) to: PathBuf,
}

/// Arguments of `load`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon load --config city/symbolon.toml --from copy
  symbolon load --config city/symbolon.toml --database postgresql://symbolon@localhost/city --from copy

Stop the service, make the copies with `symbolon backup`, load them, and start nodes over PostgreSQL. The schemas must
hold no row; whoever owns them, or may make them, is enough. All copies are loaded or, when one does not hold together,
none. Those of roles that the configuration keeps in files stay where they are.")]
pub(crate) struct Load {
    /// The configuration that `init` wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Load into this PostgreSQL database, whatever the configuration says: postgresql://USER@HOST/DATABASE.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) database: Option<String>,
    /// The folder with the copies, as `backup` made it.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) from: PathBuf,
}

/// What can be done about clients.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Make a certificate for an issuer, operator, auditor, administrator or officer.
    Add(ClientAdd),
}

/// Arguments of `client add`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon client add bank --role issuer --config city/symbolon.toml
  symbolon client add metro --role operator --config city/symbolon.toml
  symbolon client add court --role auditor --config city/symbolon.toml
  symbolon client add li --role attester_officer --config city/symbolon.toml
  symbolon client add wang --role clearing_officer --config city/symbolon.toml

The service need not be running. The file that is written (city/clients/issuer-bank.toml) holds the
client's private key and certificate and where the service is: hand it over by a safe way, delete
it here. It is the --client of other commands.")]
pub(crate) struct ClientAdd {
    /// The client's name: what its cards, terminals and accounts belong to.
    pub(crate) name: Name,
    /// issuer, operator, auditor, administrator, attester_officer or clearing_officer.
    #[arg(long)]
    pub(crate) role: Role,
    /// The configuration that `init` wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// What can be done with the ledger.
#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Show the accounts that the client may see, or the entries of one account.
    #[command(after_help = "Examples:
  symbolon ledger show --client city/clients/auditor-court.toml
  symbolon ledger show accounts/card-1 --client city/clients/issuer-bank.toml

For auditors and administrators the whole ledger is summed, and the command fails when it is not zero.")]
    Show {
        /// The account whose entries to show; all accounts, if not said.
        account: Option<String>,
        /// The client's file, as `client add` wrote it.
        #[arg(long, value_name = "FILE")]
        client: PathBuf,
    },
    /// Credit an account with money that its issuer received.
    #[command(after_help = "Example:
  symbolon ledger top-up accounts/card-1 --amount 5000 --client city/clients/issuer-bank.toml")]
    TopUp {
        /// The account.
        account: String,
        /// In minor units (cents, fen).
        #[arg(long)]
        amount: u32,
        /// The client's file, as `client add` wrote it.
        #[arg(long, value_name = "FILE")]
        client: PathBuf,
    },
    /// Report what was posted to operators on a day, and what each is owed at its end, as CSV.
    #[command(after_help = "Examples:
  symbolon ledger report --day 2026-11-23 --client city/clients/operator-metro.toml
  symbolon ledger report --day 2026-11-23 --operator metro --client city/clients/auditor-court.toml

Days are those of UTC; amounts are in minor units.")]
    Report {
        /// The day, as 2026-11-23.
        #[arg(long)]
        day: String,
        /// The operator; all that the client may see, if not said.
        #[arg(long)]
        operator: Option<String>,
        /// The client's file, as `client add` wrote it.
        #[arg(long, value_name = "FILE")]
        client: PathBuf,
    },
    /// Report what operators, issuers and the service's own accounts are to get or to pay for a day, as CSV.
    #[command(after_help = "Example:
  symbolon ledger netting --day 2026-11-23 --client city/clients/clearing_officer-treasury.toml

Days are those of UTC; amounts are in minor units. The net column of a currency sums to 0.")]
    Netting {
        /// The day, as 2026-11-23.
        #[arg(long)]
        day: String,
        /// The client's file, as `client add` wrote it: of an officer of clearing, an auditor or an administrator.
        #[arg(long, value_name = "FILE")]
        client: PathBuf,
    },
    /// As an operator: collect what became of its records, as CSV. Keep the last cursor with it, and go on there.
    #[command(after_help = "Example:
  symbolon ledger collect --cursor 65540 --client city/clients/operator-metro.toml")]
    Collect {
        /// The last cursor of what was collected before; from the beginning, if not said.
        #[arg(long)]
        cursor: Option<String>,
        /// The client's file, as `client add` wrote it.
        #[arg(long, value_name = "FILE")]
        client: PathBuf,
    },
    /// As an operator: settle a refund that the holder signed.
    #[command(after_help = "Example:
  symbolon ledger refund records/8193 --purchase records/8192 --client city/clients/operator-metro.toml")]
    Refund {
        /// The record of the refund, refused as not authorised.
        refund: String,
        /// The record of the purchase.
        #[arg(long)]
        purchase: String,
        /// The client's file, as `client add` wrote it.
        #[arg(long, value_name = "FILE")]
        client: PathBuf,
    },
    /// As an operator: void a journey as a whole.
    #[command(after_help = "Example:
  symbolon ledger void records/8192 --client city/clients/operator-metro.toml")]
    Void {
        /// The record of the entry.
        entry: String,
        /// The client's file, as `client add` wrote it.
        #[arg(long, value_name = "FILE")]
        client: PathBuf,
    },
    /// List misuse proofs, and write each into a file for `verify-proof`.
    #[command(after_help = "Example:
  symbolon ledger misuse --client city/clients/auditor-court.toml --out proofs")]
    Misuse {
        /// The folder to write the proofs into.
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
        /// The client's file, as `client add` wrote it.
        #[arg(long, value_name = "FILE")]
        client: PathBuf,
    },
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon explain 0101000028a5a0c5b7e3d4f10102030405060708
  symbolon explain @challenge.hex
  symbolon card select my-card | symbolon explain -

Recognises authority parameters, credentials, identities, offers, signatures, points, select responses,
terms, challenges, presentations, records, receipts, uploads, acknowledgements, trust bundles,
successors, misuse proofs and sealed files. It verifies no signature. Exit code 1 when nothing fits.")]
pub(crate) struct Explain {
    /// Hex digits, @FILE (raw bytes or hex), or - for standard input.
    pub(crate) bytes: String,
}

/// Arguments of `verify-proof`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon verify-proof proofs/misuse-1.json --parameters city/authority.params
  symbolon verify-proof proof.hex --parameters city/authority.params --authority-id 3f0c...

Exit code 0 when the proof proves misuse, 1 when it proves nothing.")]
pub(crate) struct VerifyProof {
    /// The proof: a file of `ledger misuse`, or its raw or hex bytes.
    pub(crate) file: PathBuf,
    /// The authority parameters.
    #[arg(long, value_name = "FILE")]
    pub(crate) parameters: PathBuf,
    /// The authority's id as you know it from elsewhere; refused when the parameters have another.
    #[arg(long, value_name = "HEX")]
    pub(crate) authority_id: Option<String>,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon demo
  symbolon demo --suite secp256k1 --cards 100 --taps 500
  symbolon demo --seed 7 --json > demo.json
  symbolon demo --keep city-demo      keep the data folder, to look around in it
  symbolon demo --processes           every role of the service a process of its own
  symbolon demo --firmware            a card taps a gate whose firmware runs in QEMU, too

It uses the loopback interface alone. The same seed gives the same counts.")]
pub(crate) struct Demo {
    /// How many cards citizens tap with.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) cards: u32,
    /// How many terminals, over the three sectors; at least one in each.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(3..=10_000))]
    pub(crate) terminals: u32,
    /// How many taps.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) taps: u32,
    /// What the simulation is drawn from.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The curve: p256 or secp256k1.
    #[arg(long, default_value = "p256", value_parser = parse_suite)]
    pub(crate) suite: SuiteId,
    /// Keep the data folder here; it must not exist yet.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) keep: Option<PathBuf>,
    /// Run every role of the service as a process of its own.
    #[arg(long)]
    pub(crate) processes: bool,
    /// Have a card tap an emulated gate too; the image and QEMU come from `cargo xtask firmware report --image gate`.
    #[arg(long)]
    pub(crate) firmware: bool,
    /// The gate's image, instead of target/firmware/gate-SUITE.elf.
    #[arg(long, value_name = "FILE", requires = "firmware")]
    pub(crate) image: Option<PathBuf>,
}

fn parse_suite(text: &str) -> Result<SuiteId, String> {
    text.parse::<SuiteId>().map_err(|error| error.to_string())
}

/// Sectors as `water,power`.
fn parse_sectors(text: &str) -> Result<Sectors, String> {
    let mut all: Option<Sectors> = None;
    for name in text.split([',', '+']) {
        let sector = Sectors::from(name.parse::<Sector>().map_err(|error| error.to_string())?);
        all = Some(all.map_or(sector, |sectors| sectors | sector));
    }
    all.ok_or_else(|| "no sector".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_hold_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_example_of_the_help_parses() {
        let mut examples = 0;
        let mut commands = vec![Arguments::command()];
        while let Some(command) = commands.pop() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in help.lines().filter(|line| line.contains("symbolon ")) {
                // Two spaces introduce a remark, a pipe and an arrow belong to the shell.
                for part in line.trim().split(" | ") {
                    let words = part.split("  ").next().unwrap_or_default();
                    let words = words.split(" > ").next().unwrap_or_default();
                    let words = words.trim_start_matches("SELECT=$(").trim_end_matches(')');
                    if words.starts_with("symbolon ") {
                        let parsed = Arguments::try_parse_from(words.split_whitespace());
                        assert!(parsed.is_ok(), "{words}: {}", parsed.err().unwrap());
                        examples += 1;
                    }
                }
            }
            commands.extend(command.get_subcommands().cloned());
        }
        assert!(examples >= 20, "{examples}");
    }

    #[test]
    fn sectors_are_named() {
        assert_eq!(parse_sectors("water,transport").unwrap().bits(), 5);
        assert!(parse_sectors("").is_err() && parse_sectors("gas").is_err());
    }
}
