//! What habits tell: linking by where, when and for how much, for each policy of the wallet. No cryptography helps here.

use symbolon::linking::{Advantage, HabitsAdversary, ObservedTap, Partner, Rules, play};

use crate::SEED;
use crate::city::{PLANNED, period_at};
use crate::month::{Planned, TRANSPORT};

const GAMES: usize = 20_000;

/// When a wallet takes another pseudonym.
#[derive(Clone, Copy, Debug)]
enum WalletPolicy {
    Fresh,
    PerSector,
    PerDay,
}

impl WalletPolicy {
    /// A number for the pseudonym of the tap: equal for taps that have the same.
    fn pseudonym(self, number: usize, tap: &Planned) -> u64 {
        let period = u64::from(period_at(tap.habit.time_seconds).number());
        let of_day = u64::from(tap.card) << 32 | period << 4;
        match self {
            Self::Fresh => 1 << 63 | number as u64,
            Self::PerSector => of_day | u64::from(tap.habit.sector),
            Self::PerDay => of_day,
        }
    }
}

/// What the game over a month wins, and the one over the taps of one day.
fn linked_by_habits(name: &str, policy: WalletPolicy, sees: impl Fn(&Planned) -> bool) -> [Advantage; 2] {
    let taps: Vec<ObservedTap> = PLANNED
        .iter()
        .enumerate()
        .filter(|(_, tap)| sees(tap))
        .map(|(number, tap)| ObservedTap {
            card: tap.card,
            pseudonym: policy.pseudonym(number, tap),
            crowd: u64::from(period_at(tap.habit.time_seconds).number()) << 8 | u64::from(tap.profile),
            bytes: Vec::new(),
            habit: tap.habit,
        })
        .collect();
    let won = [Partner::OtherTap, Partner::OfThePeriod].map(|partner| {
        let rules = Rules { partner, games: GAMES, seed: SEED };
        play(&taps, &rules, HabitsAdversary::learn).unwrap()
    });
    println!("| {name} | {} | {} | {} | {} |", taps.len(), won[0].games(), won[0], won[1]);
    won
}

#[test]
fn habits_link_taps_whatever_the_pseudonyms() {
    println!("| who, with habits | taps | games | over the month [99%] | among one day's taps [99%] |");
    println!("| --- | --- | --- | --- | --- |");
    let all = |name, policy| linked_by_habits(name, policy, |_| true);
    let fresh = all("all operators, a fresh pseudonym a tap", WalletPolicy::Fresh);
    let per_sector = all("all operators, one a sector and day", WalletPolicy::PerSector);
    let per_day = all("all operators, one a day", WalletPolicy::PerDay);
    let of_metro = |tap: &Planned| tap.habit.sector == TRANSPORT;
    let metro = linked_by_habits("metro alone, a fresh pseudonym a tap", WalletPolicy::Fresh, of_metro);
    // The figures are what they are. That the adversary is no fool is held, and that a policy costs what the docs say.
    for advantage in [fresh, per_sector, per_day, metro].as_flattened() {
        assert!(advantage.interval()[0] > 0.2 && advantage.games() >= GAMES, "{advantage}");
    }
    let [fresh, per_sector, per_day] = [fresh, per_sector, per_day].map(|[_, of_a_day]| of_a_day);
    assert!(per_day.value() > 0.999, "one pseudonym a day is the same all day: {per_day}");
    assert!(per_sector.interval()[0] > fresh.interval()[1], "{per_sector} beside {fresh}");
}
