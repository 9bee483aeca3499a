//! `symbolon card voucher`.

use clap::{Args, Subcommand};
use std::path::PathBuf;
use symbolon_ccks::{Sector, Subject};

/// What can be done with vouchers.
#[derive(Debug, Subcommand)]
pub(crate) enum VoucherCommand {
    /// Buy a voucher for a meter; the card carries it there.
    Buy(VoucherBuy),
}

/// Arguments of `card voucher buy`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  symbolon card voucher buy my-card --meter 0f8fad5bd9cb469fa16570867728950e --quantity 10000
  symbolon card voucher buy my-card --meter 0f8fad5bd9cb469fa16570867728950e --quantity 10000 --most 520

Without --most it says what the voucher costs and buys nothing. When the command is broken off, run it again: what was
begun is finished first, and nothing is paid for twice. At the meter: symbolon card pay my-card --apdu LINE.")]
pub(crate) struct VoucherBuy {
    /// The card's folder.
    pub(crate) card: PathBuf,
    /// The meter's subject, 32 hex digits, as it stands on the meter and `terminal show` prints it.
    #[arg(long, value_name = "SUBJECT", value_parser = parse_subject)]
    pub(crate) meter: Subject,
    /// How much: watt-hours of power, litres of water.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) quantity: u32,
    /// water or power; to be said when the meter's operator sells both.
    #[arg(long, value_parser = parse_sector)]
    pub(crate) sector: Option<Sector>,
    /// The most that it may cost, minor units.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) most: Option<u32>,
}

fn parse_subject(text: &str) -> Result<Subject, String> {
    let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(Subject::from_bytes).ok_or_else(|| "a meter's subject has 32 hex digits".to_owned())
}

fn parse_sector(text: &str) -> Result<Sector, String> {
    match text.parse() {
        Ok(sector @ (Sector::Water | Sector::Power)) => Ok(sector),
        _ => Err("vouchers are for water or power".to_owned()),
    }
}
