//! What the next card is asked for.

use symbolon_ccks::Sector;
use symbolon_emulator::block::Asks;
use symbolon_tap::Kind;
use symbolon_verifier::Request;
use symbolon_verifier::reader::Wanted;

/// What the maker's block says is asked of every card.
pub(crate) fn by_default(asks: Asks) -> Option<Wanted> {
    match asks {
        Asks::Nothing => None,
        Asks::Voucher => Some(Wanted::Voucher),
        Asks::Tap { kind, sector, amount, reference } => {
            let (kind, sector) = (kind_of(kind)?, sector_of(sector)?);
            Some(Wanted::Tap(Request { kind, sector, amount, reference }))
        }
    }
}

fn kind_of(number: u8) -> Option<Kind> {
    [Kind::Purchase, Kind::Entry, Kind::Exit, Kind::Credit, Kind::Refund].into_iter().find(|kind| *kind as u8 == number)
}

fn sector_of(bit: u8) -> Option<Sector> {
    [Sector::Water, Sector::Power, Sector::Transport].into_iter().find(|sector| *sector as u8 == bit)
}
