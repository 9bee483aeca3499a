//! What the issuer learns from which items come together: how well mixing hides that they are one card's.
//!
//! The attester passes items on shuffled, once enough wait or the oldest has waited long enough. The issuer sees which
//! items came in one batch. Where a batch is a few cards', a pseudonym's neighbours are likely the same card's: the less
//! is asked for in the time that the oldest may wait, the more. The figures are for cards that ask for a day's
//! pseudonyms at random moments of a day.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use symbolon::linking::{Advantage, Habit, ObservedTap, Partner, ProtocolAdversary, Rules, play};
use symbolon_service::{Batching, PseudonymPolicy};

use crate::SEED;

const GAMES: usize = 4_000;
const CARDS: u32 = 1_000;
/// Pseudonyms of each card that get used, of the 20 it asks for.
const USED: u32 = 4;

/// The batch in which each card's request goes, when `cards_a_day` ask at random moments: as the attester's mixer does.
fn batches(cards_a_day: u32, mixing: Batching, per_period: u16) -> Vec<u32> {
    let mut random = ChaCha20Rng::seed_from_u64(SEED);
    let span = f64::from(CARDS) / f64::from(cards_a_day) * 86_400.0;
    let mut moments: Vec<f64> =
        (0..CARDS).map(|_| (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * span).collect();
    moments.sort_by(f64::total_cmp);
    let (mut batch, mut waiting, mut oldest) = (0, 0, 0.0);
    let mut of_card = Vec::new();
    for moment in moments {
        if waiting > 0 && moment >= oldest + mixing.delay_seconds as f64 {
            (batch, waiting) = (batch + 1, 0);
        }
        if waiting == 0 {
            oldest = moment;
        }
        of_card.push(batch);
        waiting += u32::from(per_period);
        if waiting >= mixing.items {
            (batch, waiting) = (batch + 1, 0);
        }
    }
    of_card
}

/// How well the issuer links pseudonyms of one period by their batches.
fn linked_by_batches(cards_a_day: u32, mixing: Batching) -> Advantage {
    let per_period = PseudonymPolicy::default().per_period;
    let habit = Habit { sector: 4, place: 0, position: [0; 2], end: None, time_seconds: 0, amount: 0 };
    let taps: Vec<_> = (0..)
        .zip(batches(cards_a_day, mixing, per_period))
        .flat_map(|(card, batch)| {
            (0..USED).map(move |j| ObservedTap {
                card,
                pseudonym: u64::from(card * USED + j),
                crowd: 0,
                bytes: batch.to_be_bytes().to_vec(),
                habit,
            })
        })
        .collect();
    let rules = Rules { partner: Partner::OtherPseudonym, games: GAMES, seed: SEED };
    play(&taps, &rules, ProtocolAdversary::learn).unwrap()
}

#[test]
fn mixing_hides_whose_items_come_together_only_where_many_ask() {
    let mixing = PseudonymPolicy::default().mixing;
    println!("| issuer, by batches of one period | cards a day | advantage [99%] |");
    println!("| --- | --- | --- |");
    let measured = |name: &str, cards_a_day, mixing| {
        let advantage = linked_by_batches(cards_a_day, mixing);
        println!("| {name} | {cards_a_day} | {advantage} |");
        advantage
    };
    let quiet = measured("as configured by default", 2_000, mixing);
    let busy = measured("as configured by default", 1_000_000, mixing);
    let patient = Batching { items: 20_480, delay_seconds: 3_600 * 24 };
    let mixed = measured("a thousand cards' items together", 1_000_000, patient);
    assert!(mixed.interval()[0] < 0.02, "{mixed}");
    assert!(mixed.value() <= busy.value() && mixed.value() <= quiet.value());
}
