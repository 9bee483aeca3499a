//! Attack 8: a counterfeit terminal.
//!
//! Anybody can build a thing that looks like a gate. A card that signs whatever it is asked pays it: the forger collects
//! consents, burns counters and budget, and follows holders around. Ours asks the terminal for its credential and a
//! signature under it first, and signs nothing, takes no counter and spends nothing before that holds.

use crate::{
    city::{City, Holder, NOON, TestSuite},
    forger,
    station::{self, terminal_key},
};
use symbolon_ccks::{Class, Credential, Identity, IdentityFields, Purpose, Sector, Signature, Signer, Time};
use symbolon_tap::{Challenge, Flags, Kind, Misfit, Terms, TermsFields};
use symbolon_wallet::{Account, Checked, MemoryCounterStore, Refused, Wallet};

for_each_suite!(
    a_card_that_asks_nothing_pays,
    made_up_terminals_are_refused,
    true_terminals_out_of_their_place_are_refused,
);

const NONCE: [u8; 8] = [3; 8];

/// Terms that nobody could object to, with the card's nonce in them.
fn terms() -> Terms {
    let mut nonce = [9; 16];
    nonce[..8].copy_from_slice(&NONCE);
    Terms::new(TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Transport,
        flags: Flags::Tap,
        nonce,
        time: Time::new(NOON).unwrap(),
        amount: 200,
        currency: 156,
        reference: [7; 16],
    })
    .unwrap()
}

/// A challenge put together by hand.
fn challenge(terms: &Terms, terminal: &Credential, signature: &Signature) -> Vec<u8> {
    let parts: [&[u8]; 3] = [terms.as_bytes(), terminal.as_bytes(), signature.as_bytes()];
    assert!(Challenge::parse(&parts.concat()).is_ok(), "well formed");
    parts.concat()
}

/// A challenge that a forger signs with a secret of its own for a credential of its choice.
fn forged<S: TestSuite>(terminal: &Credential, secret: &S::Scalar) -> Vec<u8> {
    let signer = Signer::Credential(terminal);
    let id = S::city().authority.id();
    let signature = forger::sign::<S>(id, signer, Purpose::Challenge, terms().as_bytes(), secret);
    challenge(&terms(), terminal, &signature)
}

/// What our wallet says, after which nothing must have changed unless it agreed.
fn ask<S: TestSuite>(city: &City<S>, card: &Holder<S>, challenge: &[u8]) -> Result<(), Refused> {
    let mut wallet = Wallet::new(&city.authority, &card.key, MemoryCounterStore::new()).unwrap();
    let answer = match wallet.select(NONCE).check(challenge, Time::new(NOON).unwrap()) {
        Ok(Checked::Question(question)) => question.confirm(200).and_then(|consent| consent.sign(&[1; 32])),
        Ok(Checked::Answered(answer)) => Ok(answer),
        Err(refused) => Err(refused),
    };
    let unused = wallet.account().unwrap() == Account::default();
    assert_eq!(unused, answer.is_err());
    answer.map(|_| ())
}

fn secret<S: TestSuite>(holder: &Holder<S>) -> S::Scalar {
    S::decode_scalar(&holder.key.secret_bytes()).unwrap()
}

fn a_card_that_asks_nothing_pays<S: TestSuite>() {
    let city = S::city();
    let card = city.issue(&city.identity(Class::Card, 1), 1);
    let made_up = Credential::new(
        city.identity(Class::Terminal, 1),
        forger::times_generator::<S>(&forger::scalar::<S>("P of a thing that looks like a gate")),
    );
    let bytes = forged::<S>(&made_up, &forger::scalar::<S>("x"));
    let asked = Challenge::parse(&bytes).unwrap();
    let answer = station::answer(&card, asked, 1);
    assert_eq!(answer.verify(&city.authority, asked.terms(), &made_up.digest()), Ok(()), "a consent to keep");
    assert_eq!(ask(city, &card, &bytes), Err(Refused::CounterfeitTerminal));
}

fn made_up_terminals_are_refused<S: TestSuite>() {
    let city = S::city();
    let card = city.issue(&city.identity(Class::Card, 1), 1);
    let (gate, other_gate) = (terminal_key(city, 1), terminal_key(city, 2));
    let x = forger::scalar::<S>("x");
    let true_gate = &gate.issued.credential;
    let true_challenge = Challenge::sign(&gate.key, terms(), &[2; 32]).unwrap();
    assert_eq!(ask(city, &card, true_challenge.as_bytes()), Ok(()), "the control");

    // A card's holder that makes itself a terminal: with another class in its credential, or with the true one.
    let promoted = Identity::new(IdentityFields { class: Class::Terminal, ..city.fields(Class::Card, 1) }).unwrap();
    let promoted = Credential::new(promoted, *card.issued.credential.reconstruction_point());
    // The true gate's signature over other terms.
    let dearer = Terms::new(TermsFields { amount: 201, ..terms().fields() }).unwrap();
    let others = Challenge::sign(&other_gate.key, terms(), &[2; 32]).unwrap();
    // Another city's gate is as genuine as can be, there.
    let foreign_key = terminal_key(S::elsewhere(), 1);
    let foreign = Challenge::sign(&foreign_key.key, terms(), &[2; 32]).unwrap();
    let moved = Credential::new(*true_gate.identity(), *foreign_key.issued.credential.reconstruction_point());

    for counterfeit in [
        forged::<S>(true_gate, &x),
        forged::<S>(&promoted, &secret(&card)),
        forged::<S>(&card.issued.credential, &secret(&card)),
        challenge(&dearer, true_gate, true_challenge.signature()),
        challenge(&terms(), true_gate, others.signature()),
        challenge(&terms(), &other_gate.issued.credential, true_challenge.signature()),
        foreign.as_bytes().to_vec(),
        forged::<S>(&moved, &secret(&foreign_key)),
    ] {
        assert_eq!(ask(city, &card, &counterfeit), Err(Refused::CounterfeitTerminal));
    }
}

fn true_terminals_out_of_their_place_are_refused<S: TestSuite>() {
    // A stolen gate is a true terminal. It is bounded by what its credential says.
    let city = S::city();
    let card = city.issue(&city.identity(Class::Card, 1), 1);
    let stolen = |change: fn(&mut IdentityFields)| {
        let mut fields = city.fields(Class::Terminal, 5);
        change(&mut fields);
        let gate = city.issue(&Identity::new(fields).unwrap(), 5);
        let challenge = Challenge::sign(&gate.key, terms(), &[2; 32]).unwrap();
        ask(city, &card, challenge.as_bytes())
    };
    assert_eq!(stolen(|_| {}), Ok(()));
    assert_eq!(stolen(|fields| fields.sectors = Sector::Water.into()), Err(Refused::Terminal(Misfit::WrongSector)));
    assert_eq!(stolen(|fields| fields.currency = 978), Err(Refused::Terminal(Misfit::WrongCurrency)));
    assert_eq!(stolen(|fields| fields.not_after = Time::new(NOON).unwrap()), Err(Refused::Terminal(Misfit::Expired)));
    // Nor does it get round its end by asking for a time at which it was still valid.
    let gate = terminal_key(city, 1);
    let back_then = Terms::new(TermsFields { time: Time::new(NOON - 86_400).unwrap(), ..terms().fields() }).unwrap();
    let challenge = Challenge::sign(&gate.key, back_then, &[2; 32]).unwrap();
    assert_eq!(ask(city, &card, challenge.as_bytes()), Err(Refused::ClockDiffers));
}
