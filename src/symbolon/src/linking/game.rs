//! Drawing games, and playing them.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::{Advantage, ObservedTap};

/// How many taps are shown beside the one that is asked about.
pub const OTHERS: usize = 20;

/// How many crowds are tried for a game before the tap is passed over.
const TRIES: usize = 8;

/// Which of the card's taps the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partner {
    /// Any other.
    OtherTap,
    /// One under another pseudonym.
    OtherPseudonym,
    /// Another of the same crowd: of the same period.
    OfThePeriod,
}

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Which of the card's taps the answer is.
    pub partner: Partner,
    /// How many games in all. Taps are used again and again when there are fewer of them.
    pub games: usize,
    /// What everything is drawn from.
    pub seed: u64,
}

/// One tap, and 20 others of one crowd, of which exactly one is by the same card; all by their indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Game {
    /// The tap that is asked about.
    pub shown: usize,
    /// The others.
    pub others: [usize; OTHERS],
    /// Which of the others is by the same card: for learning, and for counting who won.
    pub answer: usize,
}

/// Who plays.
pub trait Adversary {
    /// How likely `other` seems to be by the card of `shown`; only which of 20 is highest matters.
    fn score(&self, shown: &ObservedTap, other: &ObservedTap) -> f64;

    /// Which of the others it takes.
    fn guess(&self, taps: &[ObservedTap], game: &Game) -> usize {
        let shown = &taps[game.shown];
        let mut best = (0, f64::NEG_INFINITY);
        for (index, &other) in game.others.iter().enumerate() {
            let score = self.score(shown, &taps[other]);
            // Of equals the first is as good as any: where the answer stands is random.
            if score > best.1 {
                best = (index, score);
            }
        }
        best.0
    }
}

/// Plays with adversaries that learn from one half of the cards and play for the other, then the other way round;
/// `None` when no game can be drawn.
pub fn play<A: Adversary>(
    taps: &[ObservedTap],
    rules: &Rules,
    learn: impl Fn(&[ObservedTap], &[Game]) -> A + Sync,
) -> Option<Advantage> {
    let halves = [0, 1].map(|half| draw(taps, rules, half));
    let [first, second] = &halves;
    if first.is_empty() || second.is_empty() {
        return None;
    }
    let won = |learned: &[Game], played: &[Game]| {
        let adversary = learn(taps, learned);
        played.iter().filter(|game| adversary.guess(taps, game) == game.answer).count()
    };
    // One thread each way; what is won does not depend on which ends first.
    let [one, other] = std::thread::scope(|scope| {
        let one = scope.spawn(|| won(first, second));
        let other = won(second, first);
        [one.join().expect("playing does not panic"), other]
    });
    Some(Advantage::new(first.len() + second.len(), one + other))
}

/// The cards of a half: drawn once a seed, so that both adversaries and both sides agree.
fn is_in_half(card: u32, rules: &Rules, half: u64) -> bool {
    let mut random = ChaCha20Rng::seed_from_u64(rules.seed);
    random.set_stream(u64::from(card));
    random.next_u64() % 2 == half
}

fn draw(taps: &[ObservedTap], rules: &Rules, half: u64) -> Vec<Game> {
    let mut random = ChaCha20Rng::seed_from_u64(rules.seed);
    random.set_stream(u64::MAX - half);
    let mut by_card: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (index, tap) in taps.iter().enumerate() {
        by_card.entry(tap.card).or_default().push(index);
    }
    by_card.retain(|card, _| is_in_half(*card, rules, half));
    let mut by_crowd: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut shown: Vec<usize> = by_card.values().flatten().copied().collect();
    for &index in &shown {
        by_crowd.entry(taps[index].crowd).or_default().push(index);
    }
    shuffle(&mut shown, &mut random);
    let wanted = rules.games / 2;
    let drawn = |index: usize, random: &mut ChaCha20Rng| one(taps, rules, &by_card, &by_crowd, index, random);
    let mut games = Vec::with_capacity(wanted);
    while games.len() < wanted {
        let before = games.len();
        // Every tap is asked about once before any is again.
        let left = wanted - before;
        games.extend(shown.iter().filter_map(|&index| drawn(index, &mut random)).take(left));
        if games.len() == before {
            return Vec::new();
        }
    }
    games
}

fn one(
    taps: &[ObservedTap],
    rules: &Rules,
    by_card: &BTreeMap<u32, Vec<usize>>,
    by_crowd: &BTreeMap<u64, Vec<usize>>,
    shown: usize,
    random: &mut ChaCha20Rng,
) -> Option<Game> {
    let tap = &taps[shown];
    let fits = |&&index: &&usize| match rules.partner {
        Partner::OtherTap => index != shown,
        Partner::OtherPseudonym => taps[index].pseudonym != tap.pseudonym,
        Partner::OfThePeriod => index != shown && taps[index].crowd == tap.crowd,
    };
    let partners: Vec<usize> = by_card.get(&tap.card)?.iter().filter(fits).copied().collect();
    if partners.is_empty() {
        return None;
    }
    for _ in 0..TRIES {
        let partner = partners[below(partners.len(), random)];
        let crowd = by_crowd.get(&taps[partner].crowd)?;
        let strangers = crowd.iter().filter(|&&index| taps[index].card != tap.card);
        let mut strangers: Vec<usize> = strangers.copied().collect();
        if strangers.len() < OTHERS - 1 {
            continue;
        }
        let answer = below(OTHERS, random);
        let mut others = [partner; OTHERS];
        let (before, after) = others.split_at_mut(answer);
        for other in before.iter_mut().chain(&mut after[1..]) {
            *other = strangers.swap_remove(below(strangers.len(), random));
        }
        return Some(Game { shown, others, answer });
    }
    None
}

/// A number below `limit`; uneven by less than 2^-32 for what is counted here.
fn below(limit: usize, random: &mut ChaCha20Rng) -> usize {
    (random.next_u64() % limit as u64) as usize
}

fn shuffle(items: &mut [usize], random: &mut ChaCha20Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last + 1, random));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linking::{Habit, ProtocolAdversary, measure};

    const HABIT: Habit = Habit { sector: 4, place: 1, position: [0; 2], end: None, time_seconds: 0, amount: 100 };

    /// 200 cards in two crowds, with six taps each: three in either.
    fn taps(bytes: impl Fn(u32, u64) -> Vec<u8>) -> Vec<ObservedTap> {
        let tap = |number: u64| {
            let card = (number / 6) as u32;
            ObservedTap { card, pseudonym: number, crowd: number % 2, bytes: bytes(card, number), habit: HABIT }
        };
        (0..1_200).map(tap).collect()
    }

    fn scrambled(number: u64) -> Vec<u8> {
        let mut bytes = vec![0; 24];
        ChaCha20Rng::seed_from_u64(number).fill_bytes(&mut bytes);
        bytes
    }

    #[test]
    fn of_the_others_one_is_by_the_same_card() {
        let taps = taps(|_, number| scrambled(number));
        for partner in [Partner::OtherTap, Partner::OtherPseudonym, Partner::OfThePeriod] {
            let rules = Rules { partner, games: 3_000, seed: 1 };
            let [first, second] = [0, 1].map(|half| draw(&taps, &rules, half));
            let cards = |games: &[Game]| games.iter().map(|game| taps[game.shown].card).collect::<Vec<_>>();
            assert!(cards(&first).iter().all(|card| !cards(&second).contains(card)), "the halves share a card");
            for game in first.iter().chain(&second) {
                let (shown, partner_tap) = (&taps[game.shown], &taps[game.others[game.answer]]);
                assert!(game.others[game.answer] != game.shown && partner_tap.card == shown.card);
                assert!(partner != Partner::OfThePeriod || partner_tap.crowd == shown.crowd);
                for (place, &other) in game.others.iter().enumerate() {
                    assert_eq!(taps[other].card == shown.card, place == game.answer);
                    assert_eq!(taps[other].crowd, partner_tap.crowd);
                    assert!(!game.others[..place].contains(&other), "a tap is there twice");
                }
            }
            let places: Vec<usize> = first.iter().map(|game| game.answer).collect();
            assert!((0..OTHERS).all(|place| places.contains(&place)), "the answer stands anywhere");
        }
    }

    #[test]
    fn what_is_random_is_chance_and_what_is_marked_is_found() {
        let rules = Rules { partner: Partner::OtherPseudonym, games: 4_000, seed: 1 };
        let random = play(&taps(|_, number| scrambled(number)), &rules, ProtocolAdversary::learn).unwrap();
        assert!(random.is_chance(), "{random}");
        let marked = taps(|card, number| [scrambled(number), card.to_be_bytes().to_vec()].concat());
        let marked = play(&marked, &rules, ProtocolAdversary::learn).unwrap();
        assert!(marked.value() > 0.95, "{marked}");
    }

    #[test]
    fn too_few_taps_are_no_game() {
        let mut few = taps(|_, number| scrambled(number));
        few.truncate(30);
        assert_eq!(measure(&few, 100, 1), None);
        // Nobody has two taps.
        let mut alone = taps(|_, number| scrambled(number));
        (0..).zip(&mut alone).for_each(|(card, tap)| tap.card = card);
        assert_eq!(measure(&alone, 100, 1), None);
    }
}
