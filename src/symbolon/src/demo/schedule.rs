//! The day of the demo: who taps where, when and for what. Drawn from the seed alone.

use anyhow::{Result, ensure};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use symbolon_ccks::{Sector, Time};
use symbolon_tap::Kind;

/// The simulated day begins on Monday, 4 January 2027, 05:00 UTC, and lasts until 22:00.
pub(super) const DAY_BEGINS_SECONDS: u64 = 1_799_038_800;
pub(super) const DAY_LENGTH_SECONDS: u64 = 17 * 3_600;
/// How much of the day a card needs for one visit, at least.
const LEAST_SLOT_SECONDS: u64 = 20;
/// The most pseudonyms that a card gets for a day.
const MOST_PSEUDONYMS: usize = 1_024;
/// What is held at the gate until the journey is priced, minor units.
pub(super) const MOST_FOR_A_JOURNEY: u32 = 800;

/// One tap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlannedTap {
    pub(super) time: Time,
    pub(super) card: usize,
    pub(super) terminal: usize,
    pub(super) kind: Kind,
    pub(super) sector: Sector,
    pub(super) amount: u32,
    pub(super) reference: [u8; 16],
}

/// The taps of a day in the order of their times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) taps: Vec<PlannedTap>,
    /// What each card's taps take from its budget, minor units.
    pub(super) spending: Vec<u64>,
    /// How many pseudonyms each card needs: one a tap, and the end of a journey is under the one that began it.
    pub(super) pseudonyms: Vec<u16>,
}

/// Which sector the terminal of this index serves: all three in turn.
pub(super) fn sector_of(terminal: usize) -> Sector {
    match terminal % 3 {
        0 => Sector::Transport,
        1 => Sector::Water,
        _ => Sector::Power,
    }
}

/// A reference of at most 16 bytes.
pub(super) fn reference(text: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
    bytes
}

/// The station of a gate, as the reference of entries and exits names it.
pub(super) fn station(terminal: usize) -> [u8; 16] {
    reference(&format!("station-{:05}", terminal / 3 + 1))
}

/// What a citizen does in one go.
enum Visit {
    /// Through one gate and out of another.
    Journey { from: usize, to: usize },
    /// A water bill at a counter.
    WaterBill { counter: usize, amount: u32, bill: u32 },
    /// Power credit bought at a kiosk and delivered to a meter.
    PowerCredit { kiosk: usize, meter: usize, amount: u32 },
}

/// Draws numbers below a bound, which is small.
fn below(random: &mut ChaCha20Rng, bound: usize) -> usize {
    // The bias of the remainder is of no account against 2^64, and every platform draws the same.
    usize::try_from(random.next_u64() % bound.max(1) as u64).unwrap_or_default()
}

impl Visit {
    /// Draws a visit of at most `most` taps.
    fn draw(random: &mut ChaCha20Rng, terminals: usize, most: usize) -> Self {
        let of_sector = |random: &mut ChaCha20Rng, sector: Sector| {
            let offset = (0..3).find(|index| sector_of(*index) == sector).unwrap_or_default();
            let count = (terminals + 2 - offset) / 3;
            offset + 3 * below(random, count)
        };
        match below(random, 10) {
            0..6 if most >= 2 => {
                Self::Journey { from: of_sector(random, Sector::Transport), to: of_sector(random, Sector::Transport) }
            }
            6..8 if most >= 2 => Self::PowerCredit {
                kiosk: of_sector(random, Sector::Power),
                meter: of_sector(random, Sector::Power),
                amount: 1_000 * (1 + below(random, 10) as u32),
            },
            _ => Self::WaterBill {
                counter: of_sector(random, Sector::Water),
                amount: 2_000 + below(random, 16_001) as u32,
                bill: below(random, 1_000_000) as u32,
            },
        }
    }

    fn taps(&self) -> usize {
        match self {
            Self::WaterBill { .. } => 1,
            Self::Journey { .. } | Self::PowerCredit { .. } => 2,
        }
    }

    /// The taps of the visit, which begins at `time` and ends before `until`.
    fn plan(&self, card: usize, time: Time, until: Time) -> Vec<PlannedTap> {
        let tap = |time, terminal, kind, amount, reference| PlannedTap {
            time,
            card,
            terminal,
            kind,
            sector: sector_of(terminal),
            amount,
            reference,
        };
        let later = |wished: u64| {
            let room = until.seconds().saturating_sub(time.seconds() + 1);
            time.saturating_add(wished.min(room).max(1))
        };
        match *self {
            Self::Journey { from, to } => vec![
                tap(time, from, Kind::Entry, MOST_FOR_A_JOURNEY, station(from)),
                tap(later(25 * 60), to, Kind::Exit, 0, station(to)),
            ],
            Self::WaterBill { counter, amount, bill } => {
                vec![tap(time, counter, Kind::Purchase, amount, reference(&format!("bill-{bill:06}")))]
            }
            Self::PowerCredit { kiosk, meter, amount } => {
                let of_meter = reference(&format!("meter-{:05}", meter / 3 + 1));
                vec![
                    tap(time, kiosk, Kind::Purchase, amount, of_meter),
                    tap(later(10 * 60), meter, Kind::Credit, 0, of_meter),
                ]
            }
        }
    }
}

/// Draws a day of exactly `taps` taps.
///
/// # Errors
/// When a card would have to tap more often than anybody can.
pub(super) fn draw(random: &mut ChaCha20Rng, cards: usize, terminals: usize, taps: usize) -> Result<Schedule> {
    let mut visits: Vec<Vec<Visit>> = (0..cards).map(|_| Vec::new()).collect();
    let mut left = taps;
    while left > 0 {
        let visit = Visit::draw(random, terminals, left);
        left -= visit.taps();
        if let Some(of_card) = visits.get_mut(below(random, cards)) {
            of_card.push(visit);
        }
    }
    let begins = Time::new(DAY_BEGINS_SECONDS)?;
    let mut planned = Vec::with_capacity(taps);
    for (card, of_card) in visits.iter().enumerate() {
        let slot = DAY_LENGTH_SECONDS / of_card.len().max(1) as u64;
        ensure!(
            slot >= LEAST_SLOT_SECONDS,
            "{taps} taps are too many for {cards} cards in a day: one card would tap every {slot} seconds; give more --cards"
        );
        for (number, visit) in (0..).zip(of_card) {
            let start = begins.saturating_add(number * slot + below(random, (slot / 2) as usize) as u64);
            planned.extend(visit.plan(card, start, begins.saturating_add((number + 1) * slot)));
        }
    }
    planned.sort_by_key(|tap| (tap.time, tap.card));
    let mut spending = vec![0; cards];
    for tap in &planned {
        if let Some(spent) = spending.get_mut(tap.card).filter(|_| tap.kind.spends()) {
            *spent += u64::from(tap.amount);
        }
    }
    Ok(Schedule { pseudonyms: pseudonyms(&planned, cards)?, taps: planned, spending })
}

/// How many pseudonyms each card needs.
fn pseudonyms(taps: &[PlannedTap], cards: usize) -> Result<Vec<u16>> {
    let mut needed = vec![0_usize; cards];
    for tap in taps.iter().filter(|tap| tap.kind != Kind::Exit) {
        if let Some(of_card) = needed.get_mut(tap.card) {
            *of_card += 1;
        }
    }
    let most = needed.iter().copied().max().unwrap_or_default();
    ensure!(
        most <= MOST_PSEUDONYMS,
        "one card would need {most} pseudonyms in a day, and no more than {MOST_PSEUDONYMS} are issued to one; give more --cards"
    );
    Ok(needed.into_iter().filter_map(|needed| u16::try_from(needed).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng;
    use std::collections::HashMap;

    fn drawn(seed: u64, cards: usize, terminals: usize, taps: usize) -> Schedule {
        draw(&mut ChaCha20Rng::seed_from_u64(seed), cards, terminals, taps).unwrap()
    }

    #[test]
    fn a_seed_gives_one_day() {
        assert_eq!(drawn(1, 50, 9, 500), drawn(1, 50, 9, 500));
        assert_ne!(drawn(1, 50, 9, 500), drawn(2, 50, 9, 500));
    }

    #[test]
    fn a_day_has_the_taps_asked_for_and_each_visit_is_whole() {
        for (cards, terminals, taps) in [(1, 3, 1), (3, 3, 5), (7, 4, 100), (40, 31, 1_001)] {
            let schedule = drawn(3, cards, terminals, taps);
            assert_eq!(schedule.taps.len(), taps);
            let exits = schedule.taps.iter().filter(|tap| tap.kind == Kind::Exit).count();
            let needed: usize = schedule.pseudonyms.iter().map(|needed| usize::from(*needed)).sum();
            assert_eq!((schedule.pseudonyms.len(), needed), (cards, taps - exits));
            let mut open: HashMap<usize, Kind> = HashMap::new();
            let mut last: HashMap<usize, Time> = HashMap::new();
            for tap in &schedule.taps {
                assert!(tap.terminal < terminals && tap.sector == sector_of(tap.terminal));
                let before = last.insert(tap.card, tap.time);
                assert!(before.is_none_or(|before| before < tap.time), "a card taps one thing after another");
                let opened = open.remove(&tap.card);
                match tap.kind {
                    Kind::Exit => assert_eq!(opened, Some(Kind::Entry)),
                    Kind::Credit => assert_eq!(opened, Some(Kind::Purchase)),
                    Kind::Entry => assert!(open.insert(tap.card, tap.kind).is_none()),
                    _ if tap.sector == Sector::Power => assert!(open.insert(tap.card, tap.kind).is_none()),
                    _ => assert_eq!(opened, None),
                }
            }
            assert!(open.is_empty(), "every journey ends and every credit is delivered");
        }
    }

    #[test]
    fn too_many_taps_for_the_cards_are_refused() {
        let refused = draw(&mut ChaCha20Rng::seed_from_u64(1), 1, 3, 60_000).unwrap_err();
        assert!(refused.to_string().contains("give more --cards"), "{refused}");
        let refused = draw(&mut ChaCha20Rng::seed_from_u64(1), 1, 3, 2_500).unwrap_err();
        assert!(refused.to_string().contains("pseudonyms"), "{refused}");
    }
}
