//! Commands in order, out of order, and in bad shape.

use std::collections::BTreeSet;

use symbolon_ccks::{Class, Subject};
use symbolon_tap::apdu::{CardCommand, Response, Status};
use symbolon_tap::{Kind, Presentation, TermsFields};
use symbolon_wallet::{Event, Named, PursePolicy, Refused};

use super::{Card, card, challenge_to, data, entry, presentation, record, status};
use crate::purse::issuing::purse;
use crate::world::{TestSuite, for_each_suite};

for_each_suite!(
    a_tap_is_answered_and_verifies,
    nothing_is_answered_before_the_card_is_selected,
    a_challenge_for_another_selection_is_refused,
    one_selection_answers_one_challenge,
    what_the_holder_does_not_agree_to_is_not_signed,
    whatever_is_sent_gets_a_status_and_changes_nothing,
    entry_and_exit_show_one_pseudonym_and_other_taps_others,
    the_cards_own_number_is_shown_where_it_is_asked_for,
);

fn a_tap_is_answered_and_verifies<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    let (challenge, answer) = card.tap(world, entry(1));
    assert_eq!(answer.event, Event::Presented(*challenge.terms()));
    let presentation = presentation(&answer);
    presentation.verify(&world.authority, challenge.terms(), &challenge.terminal().digest()).unwrap();
    assert_eq!((presentation.counter(), card.questions), (1, 1));
}

fn nothing_is_answered_before_the_card_is_selected<S: TestSuite>() {
    let world = S::world();
    let (challenge, answer) = card(world).tap(world, entry(1));
    let mut card = card(world);
    assert_eq!(status(&card.present(&challenge)), Status::NotNow);
    assert_eq!(status(&card.voucher(Subject::from_bytes([2; 16]))), Status::NotNow);
    let given = record(&challenge, &answer);
    assert_eq!(status(&card.receive(world, &given, symbolon_tap::Outcome::Accepted)), Status::NotNow);
    assert_eq!(card.questions, 0);
}

fn a_challenge_for_another_selection_is_refused<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    let overheard = challenge_to(world, &card.select(), entry(1));
    card.select();
    let answer = card.present(&overheard);
    assert_eq!((status(&answer), answer.event), (Status::NotAuthentic, Event::Refused(Refused::Replayed)));
    assert_eq!(card.questions, 0);
}

fn one_selection_answers_one_challenge<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    let select = card.select();
    let (first, second) = (challenge_to(world, &select, entry(1)), challenge_to(world, &select, entry(2)));
    let other = TermsFields { amount: 1, ..entry(3) };
    let other = challenge_to(world, &select, other);
    let answer = card.present(&first);
    let again = card.present(&first);
    assert_eq!((&again.response, again.event), (&answer.response, Event::PresentedAgain(*first.terms())));
    assert_eq!(status(&card.present(&other)), Status::NotAuthentic);
    // It looks like the terminal's second try after a power cut, so it gets the old answer, and nothing after that.
    assert_eq!(card.present(&second).response, answer.response);
    assert_eq!(status(&card.present(&second)), Status::NotAuthentic);
    assert_eq!((card.questions, card.application.holder().account().unwrap().counter), (1, 1));
}

fn what_the_holder_does_not_agree_to_is_not_signed<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    card.most = 799;
    let (_, answer) = card.tap(world, entry(1));
    assert_eq!((status(&answer), answer.event), (Status::NotNow, Event::Refused(Refused::NotConfirmed)));
    assert_eq!(card.application.holder().account().unwrap().counter, 0);
    assert!(card.application.keepsakes().awaiting_receipt().is_none());
    card.most = 800;
    data(&card.tap(world, entry(2)).1);
}

fn whatever_is_sent_gets_a_status_and_changes_nothing<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    let select = card.select();
    let challenge = challenge_to(world, &select, entry(1));
    let present = CardCommand::Present { challenge: challenge.as_bytes() }.encode();
    let present = present.as_slice();
    let mut seen = BTreeSet::new();
    let mut refuse = |bytes: &[u8]| {
        let answer = card.handle(bytes);
        let response = Response::parse(&answer.response).unwrap();
        assert!(response.status() != Status::Success && response.data().is_empty(), "{bytes:02x?}");
        seen.insert(response.status().to_bytes());
    };
    for cut in 0..present.len() {
        refuse(&present[..cut]);
    }
    refuse(&[present, &[0]].concat());
    // Every bit of the header, and of the challenge that follows it.
    for bit in 0..(present.len() - 1) * 8 {
        let mut wrong = present.to_vec();
        wrong[bit / 8] ^= 1 << (bit % 8);
        refuse(&wrong);
    }
    // Extended lengths, a chained command, another application.
    refuse(&[&[0x80, 0x10, 0, 0, 0, 0, 204], challenge.as_bytes().as_slice(), &[0, 0]].concat());
    refuse(&[&[0x90, 0x10, 0, 0, 204], challenge.as_bytes().as_slice(), &[0]].concat());
    refuse(&[0x00, 0xA4, 0x04, 0x00, 0x07, 0xA0, 0, 0, 0, 0x04, 0x10, 0x10, 0]);
    assert!(
        seen.contains(&[0x68, 0x84]) && seen.contains(&[0x67, 0x00]) && seen.contains(&[0x6A, 0x82]),
        "{seen:02x?}"
    );
    assert_eq!(card.application.holder().account().unwrap().counter, 0, "nothing was signed");
    data(&card.present(&challenge));
}

fn entry_and_exit_show_one_pseudonym_and_other_taps_others<S: TestSuite>() {
    let world = S::world();
    let mut card = Card::new(purse(world, PursePolicy::Fresh, 4));
    let mut shows = |fields: TermsFields| {
        let (challenge, answer) = card.tap(world, fields);
        let given = record(&challenge, &answer);
        data(&card.receive(world, &given, symbolon_tap::Outcome::Accepted));
        assert_eq!(given.presentation().holder().identity().class(), Class::Pseudonym);
        given.presentation().holder().identity().subject()
    };
    let begun = shows(entry(1));
    let bought = shows(TermsFields { kind: Kind::Purchase, amount: 5, ..entry(2) });
    let ended = shows(TermsFields { kind: Kind::Exit, amount: 0, ..entry(3) });
    let next = shows(entry(4));
    assert_eq!(begun, ended);
    assert_eq!(BTreeSet::from([begun, bought, next]).len(), 3);
}

fn the_cards_own_number_is_shown_where_it_is_asked_for<S: TestSuite>() {
    let world = S::world();
    let mut purse = purse(world, PursePolicy::Fresh, 1);
    let shows = |presentation: Presentation| presentation.holder().identity().class();
    let (_, answer) = Card::new(Named(&mut purse)).tap(world, entry(1));
    assert_eq!(shows(presentation(&answer)), Class::Card);
    let mut card = Card::new(&mut purse);
    // Past the nonce of the first card, which began with the same randomness.
    card.select();
    let (_, answer) = card.tap(world, TermsFields { amount: 7, ..entry(2) });
    assert_eq!(shows(presentation(&answer)), Class::Pseudonym);
}
