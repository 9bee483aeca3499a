//! What the issuer learns from which items come together: how well mixing hides that they are one card's.
//!
//! The attester passes items on shuffled, once enough wait or the oldest has waited long enough. The issuer sees which
//! items came in one batch. Where a batch is a few cards', a pseudonym's neighbours are likely the same card's: the less
//! is asked for in the time that the oldest may wait, the more. Wallets ask for the next
//! period's some hours ahead, when nobody waits, so that these can be mixed for long; the present period's are waited for.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use symbolon::linking::{Advantage, Habit, ObservedTap, Partner, ProtocolAdversary, Rules, play};
use symbolon_service::{Batching, PseudonymPolicy};
use symbolon_wallet::PurseSettings;

use crate::SEED;

const GAMES: usize = 4_000;
/// Pseudonyms of each card that get used, of the 20 it asks for.
const USED: u32 = 4;

/// How many cards ask, in how long, and how what they ask for is mixed.
#[derive(Clone, Copy)]
struct Asking {
    cards: u32,
    seconds: f64,
    mixing: Batching,
}

/// The batch in which each card's request goes, when all ask at random moments: as the attester's mixer does.
fn batches(asking: Asking, per_period: u16) -> Vec<u32> {
    let mixing = asking.mixing;
    let mut random = ChaCha20Rng::seed_from_u64(SEED);
    let mut moments: Vec<f64> =
        (0..asking.cards).map(|_| (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * asking.seconds).collect();
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
fn linked_by_batches(asking: Asking) -> Advantage {
    let per_period = PseudonymPolicy::default().per_period;
    let habit = Habit { sector: 4, place: 0, position: [0; 2], end: None, time_seconds: 0, amount: 0 };
    let taps: Vec<_> = (0..)
        .zip(batches(asking, per_period))
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
fn mixing_hides_whose_items_come_together_where_many_are_mixed() {
    const DAY_SECONDS: f64 = 86_400.0;
    let policy = PseudonymPolicy::default();
    let lead = f64::from(PurseSettings::default().next_period_lead_seconds);
    println!("| issuer, by batches of one period | cards | advantage [99%] |");
    println!("| --- | --- | --- |");
    let measured = |name: &str, cards, seconds, mixing| {
        let advantage = linked_by_batches(Asking { cards, seconds, mixing });
        println!("| {name} | {cards} | {advantage} |");
        advantage
    };
    let ahead = [2_000, 50_000]
        .map(|cards| measured("the next period's, asked for in the hours before", cards, lead, policy.mixing_ahead));
    let present = [2_000, 50_000]
        .map(|cards| measured("the present period's, asked for over a day", cards, DAY_SECONDS, policy.mixing));
    // Two batches at most: one when the first has waited long enough, one with the rest.
    assert!(ahead.iter().all(|advantage| advantage.value() < 0.1), "{ahead:?}");
    // What is asked for at once is mixed with too little: the documents say so.
    assert!(present.iter().all(|advantage| advantage.value() > 0.5), "{present:?}");
}
