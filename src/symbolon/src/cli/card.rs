//! `symbolon card`.

use super::{VoucherCommand, parse_sectors};
use crate::line::LineAddress;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use symbolon_ccks::{Sector, Sectors};
use symbolon_tap::Kind;
use symbolon_wallet::{Fallback, PursePolicy};

/// What can be done with cards.
#[derive(Debug, Subcommand)]
pub(crate) enum CardCommand {
    /// As an issuer: create a card and its one-time activation code.
    Create(CardCreate),
    /// As a citizen: trade the activation code for a card, kept in a new folder.
    Enrol(Enrol),
    /// Show a card that is kept in a folder.
    #[command(after_help = "Example:
  symbolon card show my-card")]
    Show {
        /// The card's folder.
        card: PathBuf,
    },
    /// Step 1 of a tap by hand: what the card says first. Prints 20 bytes in hex.
    #[command(after_help = "Example:
  symbolon card select my-card > select.hex")]
    Select {
        /// The card's folder.
        card: PathBuf,
    },
    /// Pay: with a terminal on this machine, or by answering a challenge (step 3 of a tap by hand).
    Pay(Pay),
    /// Get pseudonyms: from then on the card pays with them.
    Refill(Refill),
    /// List the receipts that terminals gave the card, newest first, and check their signatures.
    #[command(after_help = "Example:
  symbolon card receipts my-card

The last 256 are kept. `card export` writes them out whole, so that anybody who knows the authority can check them.")]
    Receipts {
        /// The card's folder.
        card: PathBuf,
    },
    /// Carry a voucher to its meter: `card pay --apdu` hands it over there.
    #[command(after_help = "Example:
  symbolon card carry my-card --voucher @voucher.hex

The card keeps the voucher until the meter's receipt says that it was credited.")]
    Carry {
        /// The card's folder.
        card: PathBuf,
        /// The voucher and its signature, 109 bytes: hex digits, @FILE, or - for standard input.
        #[arg(long, value_name = "BYTES")]
        voucher: String,
    },
    /// Vouchers for water and power meters.
    #[command(subcommand)]
    Voucher(VoucherCommand),
    /// List the card's vouchers and what became of them; carry again what got lost.
    #[command(after_help = "Example:
  symbolon card vouchers my-card")]
    Vouchers {
        /// The card's folder.
        card: PathBuf,
    },
    /// Say who could link what of this card today.
    #[command(after_help = "Example:
  symbolon card privacy my-card

What the folder itself tells is told without the service too.")]
    Privacy {
        /// The card's folder.
        card: PathBuf,
    },
    /// Write everything that the wallet and each role of the service hold on this card into a file.
    #[command(after_help = "Example:
  symbolon card export my-card --out my-data.json")]
    Export {
        /// The card's folder.
        card: PathBuf,
        /// The file to write, readable by you alone; it must not exist yet.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Believe another key of the issuer, after comparing its digest with what is published elsewhere.
    #[command(after_help = "Example:
  symbolon card accept-issuer-key my-card 8a1f0c5be3a0c5b7e3d4f101020304058a1f0c5be3a0c5b7e3d4f10102030405

An issuer's key of your own would set you apart from everybody else: accept none that others do not have too.")]
    AcceptIssuerKey {
        /// The card's folder.
        card: PathBuf,
        /// SHA-256 of the key, 64 hex digits, as the refusal said it.
        digest: String,
    },
}

/// Arguments of `card refill`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon card refill my-card
  symbolon card refill my-card --count 4 --policy per-sector
  symbolon card refill my-card --next-period

The service mixes what is asked with what other cards ask, so that it may take a while. When the command is broken off,
run it again: the same request is sent again, and nothing is paid for twice.")]
pub(crate) struct Refill {
    /// The card's folder.
    pub(crate) card: PathBuf,
    /// How many; as many as are wanted, if not said.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) count: Option<u16>,
    /// Ask for the period after the present one.
    #[arg(long)]
    pub(crate) next_period: bool,
    /// fresh: one pseudonym a tap; per-sector: one a sector and period; per-day: one a period. Kept until it is changed.
    #[arg(long, value_parser = parse_policy)]
    pub(crate) policy: Option<PursePolicy>,
    /// What to do in a tap when no pseudonym is left: refuse, or show the card's own number. Kept until it is changed.
    #[arg(long, value_enum)]
    pub(crate) when_empty: Option<WhenEmpty>,
    /// How long to wait for the answer, seconds.
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    pub(crate) wait: u64,
}

/// What to do when no pseudonym is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhenEmpty {
    /// Refuse the tap, and say so.
    Refuse,
    /// Show the card's own number, by which it can be recognised.
    CardNumber,
}

impl From<WhenEmpty> for Fallback {
    fn from(when_empty: WhenEmpty) -> Self {
        match when_empty {
            WhenEmpty::Refuse => Self::Refuse,
            WhenEmpty::CardNumber => Self::CardNumber,
        }
    }
}

fn parse_policy(text: &str) -> Result<PursePolicy, String> {
    text.parse::<PursePolicy>().map_err(ToOwned::to_owned)
}

/// Arguments of `card create`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  symbolon card create --client city/clients/issuer-bank.toml --sectors transport,water --spend-limit 2000 --budget 50000")]
pub(crate) struct CardCreate {
    /// The issuer's file, as `client add` wrote it.
    #[arg(long, value_name = "FILE")]
    pub(crate) client: PathBuf,
    /// What the card pays for: some of water,power,transport.
    #[arg(long, default_value = "water,power,transport", value_parser = parse_sectors)]
    pub(crate) sectors: Sectors,
    /// The most for one transaction, minor units.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) spend_limit: u32,
    /// The most in all over the life of the credential, minor units.
    #[arg(long, default_value_t = 200_000)]
    pub(crate) budget: u32,
    /// ISO 4217 numeric code; 156 is CNY, 978 EUR.
    #[arg(long, default_value_t = 156)]
    pub(crate) currency: u16,
    /// Concession group; 0 is the full fare.
    #[arg(long, default_value_t = 0)]
    pub(crate) tariff: u8,
    /// How long the card is valid; the service's default, if not said.
    #[arg(long, value_name = "DAYS")]
    pub(crate) valid_days: Option<u32>,
    /// The account that pays; a new one, if not said.
    #[arg(long)]
    pub(crate) account: Option<String>,
}

/// Arguments of `card enrol` and `terminal enrol`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon card enrol my-card --trust city/trust.toml --code 7K3F-...
  symbolon terminal enrol gate-1 --trust city/trust.toml --code 9QX2-...

trust.toml says where the service is and which authority to believe: it must come by a way that you trust.
When the connection breaks, run the same command again: the code is used up once.")]
pub(crate) struct Enrol {
    /// The folder to make.
    pub(crate) folder: PathBuf,
    /// The file `trust.toml` of the authority, as `init` wrote it.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: PathBuf,
    /// The activation code.
    #[arg(long)]
    pub(crate) code: String,
}

/// Arguments of `card pay`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon card pay my-card --terminal gate-1 --kind entry --sector transport --amount 800
  symbolon card pay my-card --terminal gate-1 --kind exit --sector transport --reference station-7
  symbolon card pay my-card --challenge @challenge.hex --confirm 800 > presentation.hex
  symbolon card pay my-card --apdu tcp:127.0.0.1:7500 --most 1000

With --terminal the whole tap happens here: select, challenge, presentation, verdict. With --challenge the
answer is printed in hex; --confirm is the amount that you agree to, and nothing else is signed. With --apdu the
card is held to a reader, such as the emulated gate's, and answers its commands until one tap is done; its receipt is
kept in the folder, and a voucher that it carries for a meter is handed over. Once the card has pseudonyms (card refill),
one of them pays; the card's own number is shown with --named alone.")]
pub(crate) struct Pay {
    /// The card's folder.
    pub(crate) card: PathBuf,
    /// The terminal's folder, for a whole tap on this machine.
    #[arg(long, value_name = "FOLDER", required_unless_present_any = ["challenge", "apdu"], conflicts_with_all = ["challenge", "confirm", "apdu"])]
    pub(crate) terminal: Option<PathBuf>,
    /// A challenge: hex digits, @FILE, or - for standard input.
    #[arg(long, value_name = "BYTES", requires = "confirm", conflicts_with = "apdu")]
    pub(crate) challenge: Option<String>,
    /// A reader's line: tcp:HOST:PORT or unix:PATH.
    #[arg(long, value_name = "LINE")]
    pub(crate) apdu: Option<LineAddress>,
    /// The amount that you agree to, minor units.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) confirm: Option<u32>,
    /// At a reader: agree to whatever it asks up to this amount, minor units.
    #[arg(long, value_name = "AMOUNT", requires = "apdu", conflicts_with = "confirm")]
    pub(crate) most: Option<u32>,
    /// At a reader: how long to wait for its next word, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub(crate) wait: u32,
    /// Pay under the card's own number: whoever sees two such taps knows that they are yours.
    #[arg(long)]
    pub(crate) named: bool,
    /// fresh, per-sector or per-day: how often a pseudonym is shown, from now on.
    #[arg(long, value_parser = parse_policy, conflicts_with = "named")]
    pub(crate) policy: Option<PursePolicy>,
    /// Do not ask for more pseudonyms afterwards, should few be left.
    #[arg(long)]
    pub(crate) no_refill: bool,
    #[command(flatten)]
    pub(crate) sale: Sale,
}

/// What a terminal asks for.
#[derive(Clone, Debug, Args)]
pub(crate) struct Sale {
    /// What kind of transaction.
    #[arg(long, value_enum, default_value_t = KindName::Purchase)]
    pub(crate) kind: KindName,
    /// water, power or transport; the terminal's own, if it has just one.
    #[arg(long)]
    pub(crate) sector: Option<Sector>,
    /// Minor units; 0 for exit and credit.
    #[arg(long, default_value_t = 0)]
    pub(crate) amount: u32,
    /// The operator's own: a station, a bill, a meter; at most 16 characters.
    #[arg(long, default_value = "")]
    pub(crate) reference: String,
}

/// Kinds of transactions by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindName {
    /// The exact amount.
    Purchase,
    /// A journey begins; the amount is the most that it may cost.
    Entry,
    /// A journey ends.
    Exit,
    /// Credit is delivered to a meter.
    Credit,
    /// The amount is given back.
    Refund,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Purchase => Self::Purchase,
            KindName::Entry => Self::Entry,
            KindName::Exit => Self::Exit,
            KindName::Credit => Self::Credit,
            KindName::Refund => Self::Refund,
        }
    }
}
