//! The arguments of `sim`.

use super::parse_suite;
use clap::Args;
use symbolon_ccks::SuiteId;

/// Arguments of `sim`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon sim --city --seed 7 --days 3
  symbolon sim --city --seed 7 --days 3 --suite secp256k1 --json

Nothing outside is touched: time and network are simulated, the databases lie in a temporary folder. The
same seed and size give the same city, step by step, and the same log_digest. Exit code 1 when something
was not as it must be; the failure says the seed, the day, the step and the last events.")]
pub(crate) struct Sim {
    /// Simulate a city: cards, terminals, the service, and what goes wrong between them.
    #[arg(long)]
    pub(crate) city: bool,
    /// What everything is drawn from.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many days the city lives.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) days: u64,
    /// The curve: p256 or secp256k1.
    #[arg(long, default_value = "p256", value_parser = parse_suite)]
    pub(crate) suite: SuiteId,
    /// How many cards there are.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) cards: u8,
    /// How many terminals each of the three sectors has.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub(crate) terminals: u8,
}
