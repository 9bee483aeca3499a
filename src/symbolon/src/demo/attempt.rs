//! An attempt to link: whoever has everything that all operators have tries to tell which taps are by one card.

use super::{
    offline::Tapped,
    schedule::PlannedTap,
    story::{Story, grouped},
};
use std::collections::HashMap;
use symbolon::linking::{Advantage, Figures, Habit, OTHERS, ObservedTap, measure};
use symbolon_ccks::Sector;
use symbolon_tap::Kind;

/// Games in each kind, unless there are fewer taps than that.
const MOST_GAMES: usize = 4_000;
/// From so many games on, an advantage by what cards send is no accident.
const ENOUGH_GAMES: usize = 1_000;
/// Metres between terminals of neighbouring numbers.
const METRES_APART: usize = 800;

/// A tap as all operators together have it.
pub(super) fn observed(planned: &PlannedTap, tapped: &Tapped) -> ObservedTap {
    let holder = tapped.presentation.holder();
    let [pseudonym @ .., _, _, _, _, _, _, _, _] = *holder.identity().subject().as_bytes();
    let (place, position) = place(planned);
    ObservedTap {
        card: planned.card as u32,
        pseudonym: u64::from_be_bytes(pseudonym),
        // One day and one published profile.
        crowd: 0,
        bytes: tapped.sent.clone(),
        habit: Habit {
            sector: planned.sector as u8,
            place,
            position,
            end: None,
            time_seconds: planned.time.seconds(),
            amount: planned.amount,
        },
    }
}

/// Where a tap is: at a terminal; and of power, at the meter that the reference names.
fn place(planned: &PlannedTap) -> (u32, [i32; 2]) {
    let digits = |byte: &u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    let number = match planned.sector {
        Sector::Power => planned.reference.iter().filter_map(digits).fold(0, |number, digit| 10 * number + digit),
        Sector::Transport | Sector::Water => planned.terminal as u32,
    };
    (number, [(number as usize * METRES_APART) as i32, 0])
}

/// Plays with a day's taps, in the order of their times. The two ends of a journey are known to belong together, and
/// count as one.
pub(super) fn play(taps: Vec<(Kind, ObservedTap)>, seed: u64) -> Option<Figures> {
    let mut visits: Vec<ObservedTap> = Vec::with_capacity(taps.len());
    let mut journeys: HashMap<u64, usize> = HashMap::new();
    for (kind, tap) in taps {
        let begun =
            journeys.get(&tap.pseudonym).and_then(|index| visits.get_mut(*index)).filter(|_| kind == Kind::Exit);
        if let Some(begun) = begun {
            begun.habit.end = Some((tap.habit.place, tap.habit.position));
            continue;
        }
        if kind == Kind::Entry {
            journeys.insert(tap.pseudonym, visits.len());
        }
        visits.push(tap);
    }
    let games = visits.len().min(MOST_GAMES);
    measure(&visits, games, seed)
}

/// Whether what cards send gives them away. Small samples say nothing, and of large ones one in millions says so wrongly:
/// twice the 99% interval is beyond five standard deviations.
pub(super) fn leaks(protocol: &Advantage) -> bool {
    let [low, _] = protocol.interval();
    protocol.games() >= ENOUGH_GAMES && 2.0 * low > protocol.value()
}

/// Tells what came of it.
pub(super) fn tell(figures: Option<&Figures>, story: &Story<'_>) {
    story.say(&format!(
        "Suppose that all operators put everything together that their terminals got, and ask of one tap: which of these \
         {OTHERS} others is by the same card? Whoever guesses is right once in {OTHERS}. One player looks at every byte that \
         cards sent, one at where, when and for how much each tap was; both have learned from other cards.",
    ));
    let Some(Figures { protocol, habits }) = figures else {
        return story.say("So few taps are too few to play with: it takes cards with two visits each, and 20 others.");
    };
    let share = |advantage: &Advantage| format!("{:.1} %", 100.0 * advantage.success());
    story.figures(&[
        ("games of each kind", grouped(protocol.games() as u64)),
        ("right by guessing", format!("{:.1} %", 100.0 / OTHERS as f64)),
        ("right by what cards sent", share(protocol)),
        ("right by where, when and how much", share(habits)),
    ]);
    story.say(
        "What cards send is worth no more than a guess. Where and when people go still says something about them, and no \
         signature can take that away; docs/privacy.md discusses it.",
    );
}
