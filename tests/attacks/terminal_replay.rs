//! Attack 6: a presentation replayed at one terminal.
//!
//! Whoever records a tap has a presentation whose signature is good for ever. A terminal that asks the same question
//! twice, because its nonce is fixed or its random source has broken, takes the answer twice. Ours puts 8 bytes of its
//! own into every question, which it never repeats even with a broken random source, and asks one question at a time.

use crate::{
    city::TestSuite,
    forger,
    station::{self, FARE, Memory, answer, select},
};
use symbolon_ccks::Class;
use symbolon_tap::Presentation;
use symbolon_verifier::{Reason, Seen};

for_each_suite!(a_fixed_question_takes_the_answer_twice, our_terminal_takes_it_once, forgetting_does_not_help,);

fn a_fixed_question_takes_the_answer_twice<S: TestSuite>() {
    // A code on a wall, a gate that says "two yuan" in always the same bytes: the signature over them is a bearer token.
    let city = S::city();
    let card = city.issue(&city.identity(Class::Card, 1), 1);
    let secret = S::decode_scalar(&card.key.secret_bytes()).unwrap();
    let (id, signer, purpose) = (city.authority.id(), card.key.signer(), symbolon_ccks::Purpose::Transaction);
    let signature = forger::sign::<S>(id, signer, purpose, b"two yuan", &secret);
    for _ in 0..2 {
        let verdict = city.authority.verify(signer, purpose, &[b"two yuan"], &signature);
        assert!(verdict.is_ok(), "the gate opens");
    }
}

fn our_terminal_takes_it_once<S: TestSuite>() {
    let city = S::city();
    let key = station::terminal_key(city, 1);
    let card = city.issue(&city.identity(Class::Card, 1), 1);
    let (mut memory, mut seen) = (Memory::default(), [Seen::EMPTY; 4]);
    let mut terminal = station::terminal(city, &key, &mut memory, &mut seen);
    let select = select::<S>(&card.issued.credential, [1; 8]);

    let asked = terminal.challenge(select.as_bytes(), &FARE).unwrap();
    let terms = *asked.challenge().terms();
    let recorded = answer(&card, asked.challenge(), 1);
    assert!(terminal.decide(asked, recorded.as_bytes()).is_accepted());

    // At once: the question is answered already, and there is nothing left to answer it to.
    assert_eq!(terminal.unasked(recorded.as_bytes()).reason(), Some(Reason::Replayed));
    // To the same terminal asking for the same, of a card that repeats its half of the nonce; both random sources stuck.
    for _ in 0..16 {
        let again = terminal.challenge(select.as_bytes(), &FARE).unwrap();
        assert_ne!(again.challenge().terms(), &terms);
        assert_eq!(terminal.decide(again, recorded.as_bytes()).reason(), Some(Reason::Replayed));
    }
    // With another counter written in, which the signature covers.
    let mut recounted = *recorded.as_bytes();
    recounted[4] = 2;
    assert!(Presentation::parse(&recounted).is_ok());
    let asked = terminal.challenge(select.as_bytes(), &FARE).unwrap();
    let asked = terminal.decide(asked, recorded.as_bytes()).into_asked().unwrap();
    let verdict = terminal.decide(asked, &recounted);
    assert_eq!(verdict.reason(), Some(Reason::BadSignature));
    // None of it took the question away from the card that it was put to.
    let asked = verdict.into_asked().unwrap();
    let answered = answer(&card, asked.challenge(), 2);
    assert!(terminal.decide(asked, answered.as_bytes()).is_accepted());

    assert_eq!(terminal.devices().storage.journal.len(), 2);
}

fn forgetting_does_not_help<S: TestSuite>() {
    // A terminal without any memory of what it took, as after a loss of power, knows a replay by its signature alone.
    // What it cannot do is to call it by its name.
    let city = S::city();
    let (first, second) = (station::terminal_key(city, 1), station::terminal_key(city, 2));
    let card = city.issue(&city.identity(Class::Card, 1), 1);
    let select = select::<S>(&card.issued.credential, [1; 8]);
    let mut memory = Memory::default();
    let recorded = {
        let mut seen = [];
        let mut terminal = station::terminal(city, &first, &mut memory, &mut seen);
        let asked = terminal.challenge(select.as_bytes(), &FARE).unwrap();
        let recorded = answer(&card, asked.challenge(), 1);
        assert!(terminal.decide(asked, recorded.as_bytes()).is_accepted());
        assert_eq!(terminal.unasked(recorded.as_bytes()).reason(), Some(Reason::NoChallenge));
        recorded
    };
    let mut other_memory = Memory::default();
    for (key, memory) in [(&first, &mut memory), (&second, &mut other_memory)] {
        let mut seen = [];
        let mut terminal = station::terminal(city, key, memory, &mut seen);
        assert_eq!(terminal.unasked(recorded.as_bytes()).reason(), Some(Reason::NoChallenge));
        let asked = terminal.challenge(select.as_bytes(), &FARE).unwrap();
        assert_eq!(terminal.decide(asked, recorded.as_bytes()).reason(), Some(Reason::BadSignature));
    }
}
