//! The same adversary against cards that do leak: it must find each, or its finding nothing says nothing.
//!
//! The bytes of real taps are changed as a leaky issuer or wallet would have made them. Signatures are not made again:
//! the adversary does not check any.

use sha2::{Digest, Sha256};
use symbolon::linking::{Advantage, ObservedTap, Partner, ProtocolAdversary, Rules, play};

use crate::SEED;
use crate::city::{MADE, Made, PLANNED, SHOWN_BEFORE, SUBJECT};

const COUNTER: usize = SHOWN_BEFORE + 1;
const CREDENTIAL: usize = SHOWN_BEFORE + 5;
const RECONSTRUCTION: usize = CREDENTIAL + 56;

/// A number that is a card's own and looks random.
fn mark(card: u32) -> u64 {
    u64::from_be_bytes(Sha256::digest(card.to_be_bytes())[..8].try_into().unwrap())
}

fn write(shown: &mut [u8], at: usize, bytes: &[u8]) {
    shown[at..at + bytes.len()].copy_from_slice(bytes);
}

/// What the adversary wins when every tap is changed so; the number is how many hours into the month it was.
fn against(leak: impl Fn(&mut [u8], u32, u64)) -> Advantage {
    let first = PLANNED.iter().map(|tap| tap.habit.time_seconds).min().unwrap();
    let changed = |(number, made): (usize, &Made)| {
        let mut shown = made.shown.clone();
        leak(&mut shown, made.planned.card, (made.planned.habit.time_seconds - first) / 3_600);
        made.seen_as(number, shown)
    };
    let taps: Vec<ObservedTap> = MADE.iter().enumerate().map(changed).collect();
    let rules = Rules { partner: Partner::OtherPseudonym, games: 6_000, seed: SEED };
    play(&taps, &rules, ProtocolAdversary::learn).unwrap()
}

fn must_be_found(name: &str, at_least: f64, leak: impl Fn(&mut [u8], u32, u64)) {
    let advantage = against(leak);
    println!("| {name} | {advantage} |");
    let [low, _] = advantage.interval();
    assert!(low > at_least, "{name} was not found: {advantage}");
}

#[test]
fn fields_that_mark_a_card_are_found() {
    must_be_found("a tier of three in the spend limit", 0.05, |shown, card, _| {
        let tier = 1_000 + 500 * (mark(card) % 3) as u32;
        write(shown, CREDENTIAL + 44, &tier.to_be_bytes());
    });
    must_be_found("a validity that begins some seconds late, each card its own", 0.3, |shown, card, _| {
        let at = CREDENTIAL + 28;
        let not_before = u64::from_be_bytes(shown[at..at + 8].try_into().unwrap());
        write(shown, at, &(not_before + mark(card) % 60).to_be_bytes());
    });
    must_be_found("one bit: the parity of P", 0.02, |shown, card, _| {
        shown[RECONSTRUCTION] = 2 + (mark(card) % 2) as u8;
    });
    must_be_found("one byte of a serial in the subject", 0.3, |shown, card, _| {
        shown[SUBJECT + 9] = mark(card) as u8;
    });
}

#[test]
fn numbers_that_go_on_are_found() {
    must_be_found("a counter that goes on across pseudonyms", 0.3, |shown, card, hours| {
        let counter = (mark(card) % 20_000) as u32 + hours as u32 / 11;
        write(shown, COUNTER, &counter.to_be_bytes());
    });
    must_be_found("a holder's nonce that counts", 0.3, |shown, card, hours| {
        let nonce = (mark(card).wrapping_add(hours)).to_be_bytes();
        write(shown, 12, &nonce);
        write(shown, 20, &nonce);
    });
}

#[test]
fn uneven_and_copied_bits_are_found() {
    must_be_found("subjects in which a card has few or many bits set", 0.02, |shown, card, _| {
        let few = mark(card).is_multiple_of(2);
        for at in SUBJECT..SUBJECT + 16 {
            // Three bits of four are what two random bytes have in common, or have at all.
            let other = shown[RECONSTRUCTION + 1 + at - SUBJECT];
            shown[at] = if few { shown[at] & other } else { shown[at] | other };
        }
    });
    must_be_found("four bytes of a serial somewhere in P, never in the same place", 0.3, |shown, card, hours| {
        let at = RECONSTRUCTION + 1 + (hours * 7 % 28) as usize;
        write(shown, at, &(mark(card) as u32).to_be_bytes());
    });
}
