//! Which pseudonym answers.

use std::collections::BTreeSet;

use symbolon_ccks::{Class, Subject};
use symbolon_tap::{Kind, Misfit, SelectResponse};
use symbolon_wallet::{
    Fallback, MemoryCounterStore, MemoryPurseStore, Payer, Purse, PurseChecked, PursePolicy, PurseSettings, Refused,
};

use super::issuing::{BUDGET, ask, boundary, fill, issuance, present, purse};
use crate::world::{NOW_SECONDS, RANDOM, TestSuite, for_each_suite, now, pay};

for_each_suite!(
    a_fresh_one_each_tap_until_none_is_left,
    one_for_each_sector_or_day_where_the_holder_says_so,
    a_budget_that_does_not_reach_is_passed_over,
    entry_and_exit_show_the_same_one,
    an_exit_whose_answer_was_lost_shows_it_again,
    never_two_periods_at_once,
    the_cards_own_number_only_where_the_holder_said_so,
    a_repeated_challenge_gets_the_stored_answer_whoever_gave_it,
    what_the_card_answered_before_is_not_answered_anonymously,
    the_select_response_says_nothing,
    what_is_used_up_loses_its_key,
    what_no_pseudonym_may_answer_is_told_apart,
);

fn a_fresh_one_each_tap_until_none_is_left<S: TestSuite>() {
    let world = S::world();
    let mut purse = purse(world, PursePolicy::Fresh, 5);
    let shown: BTreeSet<_> = (0..5).map(|n| ask(n, Kind::Purchase, 1).shows(world, &mut purse)).collect();
    assert_eq!(shown.len(), 5);
    assert!(!shown.contains(&Subject::from_bytes([Class::Card as u8; 16])));
    let refused = ask(5, Kind::Purchase, 1).tap(world, &mut purse).unwrap_err();
    assert_eq!((refused, refused.reason()), (Refused::NoPseudonym, "no_pseudonym"));
    // Nor is one that was used under this policy taken up by another.
    purse.set(PurseSettings { policy: PursePolicy::PerDay, ..PurseSettings::default() }).unwrap();
    assert_eq!(ask(5, Kind::Purchase, 1).tap(world, &mut purse), Err(Refused::NoPseudonym));
}

fn one_for_each_sector_or_day_where_the_holder_says_so<S: TestSuite>() {
    let world = S::world();
    let taps = |policy| {
        let mut purse = purse(world, policy, 4);
        [ask(1, Kind::Purchase, 5), ask(2, Kind::Purchase, 5).water(), ask(3, Kind::Purchase, 5).of(7)]
            .map(|ask| ask.shows(world, &mut purse))
    };
    let [transport, water, elsewhere] = taps(PursePolicy::PerSector);
    assert!(transport == elsewhere && transport != water);
    let [transport, water, elsewhere] = taps(PursePolicy::PerDay);
    assert!(transport == elsewhere && transport == water);
}

fn a_budget_that_does_not_reach_is_passed_over<S: TestSuite>() {
    let world = S::world();
    let mut purse = purse(world, PursePolicy::PerDay, 2);
    let first = ask(1, Kind::Purchase, BUDGET - 10).shows(world, &mut purse);
    assert_eq!(ask(2, Kind::Purchase, 10).shows(world, &mut purse), first);
    let second = ask(3, Kind::Entry, BUDGET - 5).shows(world, &mut purse);
    assert_ne!(second, first);
    // An entry counts with the most that it may cost, for good.
    assert_eq!(ask(4, Kind::Exit, 0).shows(world, &mut purse), second);
    assert_eq!(ask(5, Kind::Purchase, 6).tap(world, &mut purse), Err(Refused::NoPseudonym));
    assert_eq!(ask(6, Kind::Purchase, 5).shows(world, &mut purse), second);
}

fn entry_and_exit_show_the_same_one<S: TestSuite>() {
    let world = S::world();
    let mut purse = purse(world, PursePolicy::Fresh, 6);
    let metro = ask(1, Kind::Entry, 800).shows(world, &mut purse);
    let kiosk = ask(2, Kind::Purchase, 100).shows(world, &mut purse);
    let bus = ask(3, Kind::Entry, 300).of(9).shows(world, &mut purse);
    assert_eq!(BTreeSet::from([metro, kiosk, bus]).len(), 3);
    // Each operator's exit belongs to its own entry.
    assert_eq!(ask(4, Kind::Exit, 0).shows(world, &mut purse), metro);
    assert_eq!(ask(5, Kind::Exit, 0).of(9).shows(world, &mut purse), bus);
    // The next journey is another's.
    let next = ask(6, Kind::Entry, 800).shows(world, &mut purse);
    assert!(![metro, kiosk, bus].contains(&next));
    assert_eq!(ask(7, Kind::Exit, 0).shows(world, &mut purse), next);
}

fn an_exit_whose_answer_was_lost_shows_it_again<S: TestSuite>() {
    let world = S::world();
    let mut purse = purse(world, PursePolicy::Fresh, 3);
    let metro = ask(1, Kind::Entry, 800).shows(world, &mut purse);
    assert_eq!(ask(2, Kind::Exit, 0).at(NOW_SECONDS + 100).shows(world, &mut purse), metro);
    assert_eq!(ask(3, Kind::Exit, 0).at(NOW_SECONDS + 699).shows(world, &mut purse), metro);
    assert_ne!(ask(4, Kind::Exit, 0).at(NOW_SECONDS + 700).shows(world, &mut purse), metro);
}

fn never_two_periods_at_once<S: TestSuite>() {
    let world = S::world();
    let mut purse = purse(world, PursePolicy::Fresh, 4);
    fill(world, &mut purse, present().next(), 2);
    let old: BTreeSet<_> =
        purse.pseudonyms().filter(|held| held.period == present()).map(|held| held.subject).collect();
    let turn = present().end(boundary()).seconds();
    let journey = ask(1, Kind::Entry, 800).at(turn - 60).shows(world, &mut purse);
    assert!(old.contains(&ask(2, Kind::Purchase, 1).at(turn - 1).shows(world, &mut purse)));
    assert!(!old.contains(&ask(3, Kind::Purchase, 1).at(turn).shows(world, &mut purse)));
    // A terminal whose clock is behind does not bring the old period back.
    assert_eq!(ask(4, Kind::Purchase, 1).at(turn - 1).tap(world, &mut purse), Err(Refused::NoPseudonym));
    // What began before the turn ends as it began.
    assert_eq!(ask(5, Kind::Exit, 0).at(turn + 3_600).shows(world, &mut purse), journey);
    assert!(!old.contains(&ask(6, Kind::Purchase, 1).at(turn + 3_600).shows(world, &mut purse)));
    // Old ones that are left over do not serve as new ones, though they have not expired.
    assert_eq!(ask(7, Kind::Purchase, 1).at(turn + 3_601).tap(world, &mut purse), Err(Refused::NoPseudonym));
    assert_eq!(purse.left(now()), 0);
}

fn the_cards_own_number_only_where_the_holder_said_so<S: TestSuite>() {
    let world = S::world();
    let own = Subject::from_bytes([Class::Card as u8; 16]);
    let mut purse = purse(world, PursePolicy::Fresh, 1);
    let purchase = |selection| ask(selection, Kind::Purchase, 1);
    assert_ne!(purchase(1).shows(world, &mut purse), own);
    assert_eq!(purchase(2).tap(world, &mut purse), Err(Refused::NoPseudonym));
    purse.set(PurseSettings { fallback: Fallback::CardNumber, ..PurseSettings::default() }).unwrap();
    assert_eq!(purchase(2).shows(world, &mut purse), own);
    // The card counts its own budget.
    assert_eq!(purse.card().account().unwrap().spent, 1);
    // A journey that the card began is the card's, though there are pseudonyms again.
    assert_eq!(ask(3, Kind::Entry, 5).shows(world, &mut purse), own);
    fill(world, &mut purse, present(), 2);
    assert_eq!(ask(4, Kind::Exit, 0).shows(world, &mut purse), own);
    assert_ne!(purchase(5).shows(world, &mut purse), own);
    // Asked for by name.
    let challenge = purchase(6).challenge(world);
    let Ok(PurseChecked::Question(question)) = purse.select_named([6; 8]).check(challenge.as_bytes(), now()) else {
        panic!("nothing was answered yet");
    };
    assert_eq!(question.payer(), Payer::Card);
    assert_eq!(question.confirm(1).unwrap().sign(&RANDOM).unwrap().holder().identity().subject(), own);
    assert_eq!(purse.taps().iter().filter(|tap| !tap.is_anonymous()).count(), 4);
}

fn a_repeated_challenge_gets_the_stored_answer_whoever_gave_it<S: TestSuite>() {
    let world = S::world();
    let mut purse = purse(world, PursePolicy::Fresh, 4);
    let first = ask(1, Kind::Purchase, 700).tap(world, &mut purse).unwrap();
    let second = ask(2, Kind::Purchase, 700).tap(world, &mut purse).unwrap();
    assert_eq!(ask(1, Kind::Purchase, 700).tap(world, &mut purse), Ok(first));
    assert_eq!(ask(2, Kind::Purchase, 700).tap(world, &mut purse), Ok(second));
    // A terminal gets no second transaction out of one selection: its two answers would be linked.
    assert_eq!(ask(1, Kind::Purchase, 701).tap(world, &mut purse), Err(Refused::Replayed));
    assert_eq!(ask(1, Kind::Purchase, 700).of(7).tap(world, &mut purse), Err(Refused::Replayed));
    // Nor does asking by name get the card's number after a pseudonym's answer.
    let challenge = ask(1, Kind::Purchase, 700).challenge(world);
    let Ok(PurseChecked::Answered(again)) = purse.select_named([1; 8]).check(challenge.as_bytes(), now()) else {
        panic!("it was answered before");
    };
    assert_eq!(again, first);
    assert_eq!(purse.left(now()), 2);
}

/// A tap begun without the purse and come again with it: two answers would link the pseudonym to the card.
fn what_the_card_answered_before_is_not_answered_anonymously<S: TestSuite>() {
    let world = S::world();
    let mut counters = MemoryCounterStore::new();
    let named = pay(&mut world.wallet(&mut counters), &ask(1, Kind::Purchase, 700).challenge(world)).unwrap();
    let wallet = world.wallet(&mut counters);
    let mut purse = Purse::create(wallet, MemoryPurseStore::new(), PurseSettings::default()).unwrap();
    purse.take_issuance(&issuance(1)).unwrap().unwrap();
    fill(world, &mut purse, present(), 2);
    assert_eq!(ask(1, Kind::Purchase, 700).tap(world, &mut purse), Ok(named));
    assert_eq!(purse.left(now()), 2);
}

fn the_select_response_says_nothing<S: TestSuite>() {
    let world = S::world();
    let mut full = purse(world, PursePolicy::Fresh, 2);
    let mut empty = purse(world, PursePolicy::PerDay, 0);
    let said = *full.select([9; 8]).response();
    assert_eq!(&said, empty.select([9; 8]).response());
    assert_eq!(&said, full.select_named([9; 8]).response());
    assert_eq!(said, SelectResponse::new(S::ID, 3, world.authority.id().prefix(), [9; 8]));
    // The terminal holds the pseudonym to the tariff that was declared.
    let shown = ask(9, Kind::Purchase, 1).tap(world, &mut full).unwrap();
    assert_eq!(shown.holder().identity().tariff(), said.tariff());
}

fn what_is_used_up_loses_its_key<S: TestSuite>() {
    let world = S::world();
    let mut purse = purse(world, PursePolicy::Fresh, 3);
    let has_key = |purse: &super::issuing::MemoryPurse<'_, S>, subject| {
        purse.pseudonyms().find(|held| held.subject == subject).unwrap().has_key
    };
    let bought = ask(1, Kind::Purchase, 5).shows(world, &mut purse);
    let travelled = ask(2, Kind::Entry, 5).shows(world, &mut purse);
    assert_eq!((has_key(&purse, bought), has_key(&purse, travelled)), (false, true));
    ask(3, Kind::Exit, 0).tap(world, &mut purse).unwrap();
    let later = now().saturating_add(601);
    purse.erase_used(later).unwrap();
    assert!(!has_key(&purse, travelled));
    assert_eq!(purse.left(later), 1);
    // The period over, what was not used goes too; what was done stays to be told.
    purse.erase_used(present().end(boundary())).unwrap();
    assert!(purse.pseudonyms().all(|held| !held.has_key));
    purse.erase_used(present().expiry(boundary())).unwrap();
    assert_eq!(purse.pseudonyms().count(), 0);
    assert_eq!(purse.taps().iter().map(|tap| tap.shown()).collect::<Vec<_>>(), [bought, travelled, travelled]);
}

fn what_no_pseudonym_may_answer_is_told_apart<S: TestSuite>() {
    let world = S::world();
    let mut purse = purse(world, PursePolicy::Fresh, 1);
    let too_much = ask(1, Kind::Purchase, BUDGET + 1).tap(world, &mut purse);
    assert_eq!(too_much, Err(Refused::Holder(Misfit::OverLimit)));
    let challenge = ask(2, Kind::Purchase, 5).challenge(world);
    let check = |purse: &mut super::issuing::MemoryPurse<'_, S>, nonce: [u8; 8], bytes: &[u8], at| {
        purse.select(nonce).check(bytes, at).map(|_| ()).unwrap_err()
    };
    assert_eq!(check(&mut purse, [3; 8], challenge.as_bytes(), now()), Refused::Replayed);
    assert_eq!(check(&mut purse, [2; 8], challenge.as_bytes(), now().saturating_add(301)), Refused::ClockDiffers);
    let mut forged = *challenge.as_bytes();
    forged[30] ^= 1;
    assert_eq!(check(&mut purse, [2; 8], &forged, now()), Refused::CounterfeitTerminal);
    assert!(matches!(check(&mut purse, [2; 8], &forged[1..], now()), Refused::Malformed(_)));
    let Ok(PurseChecked::Question(question)) = purse.select([2; 8]).check(challenge.as_bytes(), now()) else {
        panic!("nothing was answered yet");
    };
    assert_eq!(question.confirm(6).unwrap_err(), Refused::NotConfirmed);
    assert_eq!(purse.left(now()), 1, "what was not agreed to uses nothing up");
}
