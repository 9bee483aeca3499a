//! The linking game: how well can someone who sees taps tell which of them are by the same card?
//!
//! A [`Game`] shows one tap and 20 others, of which exactly one is by the same card, and asks which. All 20 are of one
//! *crowd* (one period and one published profile), so that nothing that is public beforehand decides. Guessing wins one
//! game in 20; an [`Advantage`] is what an adversary wins beyond that, 0 for guessing and 1 for winning always.
//!
//! Two adversaries play. [`ProtocolAdversary`] sees only the bytes that cards send; it knows no format, and compares
//! everything with everything, so that a field which leaks is found whether or not anybody thought of it.
//! [`HabitsAdversary`] sees where, when and for how much a tap was. Both learn from the taps of one half of the cards
//! and play for the other half, then the other way round.
//!
//! What is not found is not proved absent: whoever breaks a hash or a signature links what nobody here does.

mod advantage;
mod evidence;
mod game;
mod habits;
mod protocol;

pub use advantage::Advantage;
pub use game::{Adversary, Game, OTHERS, Partner, Rules, play};
pub use habits::HabitsAdversary;
pub use protocol::ProtocolAdversary;

/// A tap as an adversary sees it, and the card that it is by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedTap {
    /// Whose it is: what the game asks, and no adversary sees while it plays.
    pub card: u32,
    /// What it was paid with; taps of one pseudonym have the same.
    pub pseudonym: u64,
    /// What is public about the crowd that it is in: period and profile.
    pub crowd: u64,
    /// Every byte that the card sent, in the order of the protocol; of one length among taps that are compared.
    pub bytes: Vec<u8>,
    /// What the card did.
    pub habit: Habit,
}

/// Where, when and for how much a tap was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habit {
    /// The sector's bit.
    pub sector: u8,
    /// The place, a number of the operator's.
    pub place: u32,
    /// Where that is, metres east and north of somewhere; numbers in a row do where nothing better is known.
    pub position: [i32; 2],
    /// Of a journey: where it ended, as far as it was seen.
    pub end: Option<(u32, [i32; 2])>,
    /// Seconds since 1970, by the clocks of the city, so that hours and weekdays are what people live by.
    pub time_seconds: u64,
    /// Minor units.
    pub amount: u32,
}

/// How well taps can be linked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// By protocol and cryptographic fields alone, between taps of different pseudonyms.
    pub protocol: Advantage,
    /// By where, when and for how much, and by the pseudonym itself where a wallet uses one for several taps.
    pub habits: Advantage,
}

/// Plays both games over a list of taps, `games` times each; `None` when there are too few taps to play at all: it takes
/// cards with two taps each, and 20 others in a crowd.
///
/// ```
/// assert_eq!(symbolon::linking::measure(&[], 1_000, 7), None);
/// ```
pub fn measure(taps: &[ObservedTap], games: usize, seed: u64) -> Option<Figures> {
    let rules = Rules { partner: Partner::OtherPseudonym, games, seed };
    let protocol = play(taps, &rules, ProtocolAdversary::learn)?;
    let rules = Rules { partner: Partner::OtherTap, ..rules };
    let habits = play(taps, &rules, HabitsAdversary::learn)?;
    Some(Figures { protocol, habits })
}
