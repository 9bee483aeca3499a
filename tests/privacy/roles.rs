//! What each role holds of a tap, and how well that links it to others of the same card: the linking game by bytes.
//!
//! | role | holds of a pseudonym or its taps |
//! | --- | --- |
//! | an operator | select response, terms and presentation of the taps at its own terminals |
//! | all operators, exchange | the same of all taps (the exchange: records, and the digests that the issuer registered) |
//! | issuer | the sealed item and what was in it (U, possession, salt, response key), its challenge and commitment, both linkage values, the tag, the credential, the contribution |
//! | linkage authority A, B | per handle: the seed, and which values it gave for which commitments; no subject, no tap |
//! | attester | per card: commitments, sealed items and sealed answers; no subject, no tap |
//! | clearing | subjects and which account pays for them; sums, no place, no minute |
//!
//! Clearing is not asked: whose pseudonyms are one account's is what it is for, and it sees no tap. The attester is not
//! asked either: no byte that it holds is in a tap. A linkage authority is given more than it holds here, all operators'
//! taps and for each tap just the right value of its own, and still must not link what is left.

use symbolon::linking::{Advantage, ObservedTap, Partner, ProtocolAdversary, Rules, play};

use crate::SEED;
use crate::city::{MADE, Made, SUBJECT};
use crate::month::TRANSPORT;

const GAMES: usize = 20_000;

/// Plays by bytes over what a role sees of the taps that were made.
fn linked_by(
    name: &'static str,
    partner: Partner,
    sees: impl Fn(&Made) -> Option<Vec<u8>>,
) -> (&'static str, Advantage) {
    let seen = |(number, made): (usize, &Made)| Some(made.seen_as(number, sees(made)?));
    let taps: Vec<ObservedTap> = MADE.iter().enumerate().filter_map(seen).collect();
    let rules = Rules { partner, games: GAMES, seed: SEED };
    let advantage = play(&taps, &rules, ProtocolAdversary::learn).unwrap();
    println!("| {name} | {} | {} | {advantage} |", taps.len(), advantage.games());
    (name, advantage)
}

fn must_be_chance((name, advantage): &(&str, Advantage)) {
    let [low, high] = advantage.interval();
    assert!(advantage.games() >= GAMES, "{name}: only {} games", advantage.games());
    assert!(advantage.is_chance(), "{name}: taps are linked by bytes alone: {advantage}");
    assert!(high - low < 0.01, "{name}: the interval is too wide to say anything");
}

/// The linkage authority's own value taken out of the subject: the other's is left.
fn without_value_of(made: &Made, authority: usize) -> Vec<u8> {
    let mut shown = made.shown.clone();
    let value = made.values[authority].as_bytes();
    shown[SUBJECT..SUBJECT + 16].iter_mut().zip(value).for_each(|(byte, value)| *byte ^= value);
    shown
}

#[test]
fn nobody_links_taps_by_protocol_or_cryptography() {
    println!("| who, by bytes alone | taps | games | advantage [99%] |");
    println!("| --- | --- | --- | --- |");
    let everything = |made: &Made| Some(made.shown.clone());
    let of_metro = |made: &Made| (made.planned.habit.sector == TRANSPORT).then(|| made.shown.clone());
    let other = Partner::OtherPseudonym;
    let figures = [
        linked_by("all operators together", other, everything),
        linked_by("all operators, taps of one day", Partner::OfThePeriod, everything),
        linked_by("one operator (metro)", other, of_metro),
        linked_by("issuer", other, |made| Some(made.issued.clone())),
        linked_by("linkage A and all operators", other, |made| Some(without_value_of(made, 0))),
        linked_by("linkage B and all operators", other, |made| Some(without_value_of(made, 1))),
    ];
    figures.iter().for_each(must_be_chance);
}
