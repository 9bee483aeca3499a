//! A tap whose receipt never came is shown again, and not paid twice.

use symbolon_ccks::{Class, IdentityFields, Subject, Suite};
use symbolon_tap::{Challenge, Outcome, Terms, TermsFields};
use symbolon_wallet::{Answer, Event, Holder, PursePolicy, REPEAT_WITHIN_SECONDS};

use super::{Card, card, challenge_to, data, entry, presentation, record};
use crate::purse::issuing::purse;
use crate::world::{NOW_SECONDS, RANDOM, TestSuite, World, for_each_suite, terms_fields, time};

for_each_suite!(
    the_terminal_that_has_the_tap_gets_it_again,
    the_terminal_that_does_not_gets_another,
    what_else_is_asked_is_answered_anew,
    a_pseudonym_is_shown_again_rather_than_another,
    a_stranger_does_not_get_it,
);

/// A card that answered an entry and has no receipt.
fn without_receipt<S: Suite>(world: &World<S>) -> (Card<impl Holder + '_>, Challenge, Answer) {
    let mut card = card(world);
    let (challenge, answer) = card.tap(world, entry(1));
    (card, challenge, answer)
}

fn the_terminal_that_has_the_tap_gets_it_again<S: TestSuite>() {
    let world = S::world();
    let (mut card, first, answer) = without_receipt(world);
    let (_, again) = card.tap(world, entry(2));
    assert_eq!(again.response, answer.response);
    assert_eq!(again.event, Event::PresentedAgain(*first.terms()));
    // The terminal found it in its journal.
    data(&card.receive(world, &record(&first, &answer), Outcome::Accepted));
    let (second, answer) = card.tap(world, entry(3));
    assert_eq!((presentation(&answer).counter(), card.questions), (2, 2));
    assert_eq!(answer.event, Event::Presented(*second.terms()));
}

fn the_terminal_that_does_not_gets_another<S: TestSuite>() {
    let world = S::world();
    let (mut card, _, answer) = without_receipt(world);
    let (second, again) = card.tap(world, entry(2));
    assert_eq!((&again.response, card.questions), (&answer.response, 1));
    let anew = card.present(&second);
    assert_eq!((presentation(&anew).counter(), card.questions), (2, 2), "with the holder's word for this tap");
    let stored = card.present(&second);
    assert_eq!((&stored.response, card.questions), (&anew.response, 2), "a repeated challenge gets the stored answer");
    data(&card.receive(world, &record(&second, &anew), Outcome::Accepted));
}

fn what_else_is_asked_is_answered_anew<S: TestSuite>() {
    let world = S::world();
    let other_amount = TermsFields { amount: 801, ..entry(2) };
    let other_reference = TermsFields { reference: [6; 16], ..entry(2) };
    let other_kind = TermsFields { kind: symbolon_tap::Kind::Purchase, ..entry(2) };
    let late = TermsFields { time: time(NOW_SECONDS + REPEAT_WITHIN_SECONDS + 1), ..entry(2) };
    for (fields, at) in [
        (other_amount, NOW_SECONDS),
        (other_reference, NOW_SECONDS),
        (other_kind, NOW_SECONDS),
        (late, NOW_SECONDS + REPEAT_WITHIN_SECONDS + 1),
    ] {
        let (mut card, _, _) = without_receipt(world);
        card.now = time(at);
        let (second, answer) = card.tap(world, fields);
        assert_eq!(presentation(&answer).counter(), 2, "{fields:?}");
        assert_eq!(answer.event, Event::Presented(*second.terms()));
    }
}

fn a_pseudonym_is_shown_again_rather_than_another<S: TestSuite>() {
    let world = S::world();
    let mut card = Card::new(purse(world, PursePolicy::Fresh, 2));
    let (_, first) = card.tap(world, entry(1));
    let (_, again) = card.tap(world, entry(2));
    assert_eq!(first.response, again.response);
    assert_eq!(card.application.holder().left(card.now), 1);
}

/// The same terms from another terminal, or under a signature that the terminal did not make.
fn a_stranger_does_not_get_it<S: TestSuite>() {
    let world = S::world();
    let (mut card, _, answer) = without_receipt(world);
    let other = IdentityFields { subject: Subject::from_bytes([9; 16]), ..world.fields(Class::Terminal) };
    let other = world.issue(other);
    let mut fields = TermsFields { kind: entry(2).kind, amount: 800, ..terms_fields() };
    fields.nonce[..8].copy_from_slice(card.select().nonce());
    let theirs = Challenge::sign(&other, Terms::new(fields).unwrap(), &RANDOM).unwrap();
    assert_ne!(card.present(&theirs).response, answer.response);

    let (mut card, _, answer) = without_receipt(world);
    let honest = challenge_to(world, &card.select(), entry(2));
    let mut forged = *honest.as_bytes();
    forged[203] ^= 1;
    let forged = card.present(Challenge::parse(&forged).unwrap());
    assert!(forged.response.len() == 2, "{forged:?}");
    assert_eq!(card.present(&honest).response, answer.response, "and the honest one still does");
}
