//! Attack 9: a recorded challenge replayed to the card.
//!
//! The challenge of a true terminal is signed for good. Whoever records one can hold it to a card again, without any
//! terminal near: each time the card signs it loses a counter and money, and the thief has one more consent. A card whose
//! half of the nonce never changes cannot tell. Ours draws 8 bytes for each selection and answers nothing else; and what
//! it answered last it answers with the same bytes, not with a second signature.

use crate::{
    city::{City, Holder, NOON, TestSuite},
    station::terminal_key,
};
use symbolon_ccks::{Class, Sector, Time};
use symbolon_tap::{Challenge, Flags, Kind, Presentation, Terms, TermsFields};
use symbolon_wallet::{Checked, MemoryCounterStore, Refused, Wallet};

for_each_suite!(a_card_with_a_fixed_nonce_pays_again, our_card_pays_once, another_challenge_with_the_same_nonce,);

type TestWallet<'a, S> = Wallet<'a, S, MemoryCounterStore>;

fn card<S: TestSuite>(city: &City<S>) -> Holder<S> {
    city.issue(&city.identity(Class::Card, 1), 1)
}

/// The challenge of a true terminal to a card that said this nonce.
fn challenge<S: TestSuite>(city: &City<S>, card_nonce: [u8; 8], terminal_nonce: u8) -> Challenge {
    let mut nonce = [terminal_nonce; 16];
    nonce[..8].copy_from_slice(&card_nonce);
    let terms = Terms::new(TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Transport,
        flags: Flags::Tap,
        nonce,
        time: Time::new(NOON).unwrap(),
        amount: 200,
        currency: 156,
        reference: [7; 16],
    })
    .unwrap();
    Challenge::sign(&terminal_key(city, 1).key, terms, &[2; 32]).unwrap()
}

/// One selection of the card; the holder agrees to everything.
fn tap<S: TestSuite>(
    wallet: &mut TestWallet<'_, S>,
    nonce: [u8; 8],
    challenge: &Challenge,
) -> Result<Presentation, Refused> {
    match wallet.select(nonce).check(challenge.as_bytes(), Time::new(NOON).unwrap())? {
        Checked::Question(question) => question.confirm(200)?.sign(&[1; 32]),
        Checked::Answered(answer) => Ok(answer),
    }
}

fn a_card_with_a_fixed_nonce_pays_again<S: TestSuite>() {
    let city = S::city();
    let card = card(city);
    let mut wallet = Wallet::new(&city.authority, &card.key, MemoryCounterStore::new()).unwrap();
    let fixed = [0; 8];
    let recorded = challenge(city, fixed, 1);
    let first = tap(&mut wallet, fixed, &recorded).unwrap();
    // Any other tap in between, and the card has forgotten its last answer.
    tap(&mut wallet, [1; 8], &challenge(city, [1; 8], 2)).unwrap();
    let second = tap(&mut wallet, fixed, &recorded).unwrap();
    let digest = recorded.terminal().digest();
    for consent in [&first, &second] {
        assert_eq!(consent.verify(&city.authority, recorded.terms(), &digest), Ok(()));
    }
    assert_ne!(first.counter(), second.counter(), "two consents to one challenge");
    assert_eq!(wallet.account().unwrap().spent, 600);
}

fn our_card_pays_once<S: TestSuite>() {
    let city = S::city();
    let card = card(city);
    let mut wallet = Wallet::new(&city.authority, &card.key, MemoryCounterStore::new()).unwrap();
    let recorded = challenge(city, [1; 8], 1);
    let paid = tap(&mut wallet, [1; 8], &recorded).unwrap();
    let account = wallet.account().unwrap();

    // Held to the card once more in the same tap, since the answer was lost on its way: the same answer, to the byte.
    assert_eq!(tap(&mut wallet, [1; 8], &recorded).unwrap().as_bytes(), paid.as_bytes());
    // In every later tap: refused.
    for nonce in 2..20 {
        assert_eq!(tap(&mut wallet, [nonce; 8], &recorded).err(), Some(Refused::Replayed));
    }
    // With the new nonce written in, which the terminal did not sign.
    let mut rewritten = *recorded.as_bytes();
    rewritten[4..12].fill(20);
    let rewritten = *Challenge::parse(&rewritten).unwrap();
    assert_eq!(tap(&mut wallet, [20; 8], &rewritten).err(), Some(Refused::CounterfeitTerminal));
    assert_eq!(wallet.account().unwrap(), account, "no counter was taken and nothing spent");
}

fn another_challenge_with_the_same_nonce<S: TestSuite>() {
    // A true terminal, in a tap that is going on, asks a second time for more: the card has answered in this tap.
    let city = S::city();
    let card = card(city);
    let mut wallet = Wallet::new(&city.authority, &card.key, MemoryCounterStore::new()).unwrap();
    tap(&mut wallet, [1; 8], &challenge(city, [1; 8], 1)).unwrap();
    assert_eq!(tap(&mut wallet, [1; 8], &challenge(city, [1; 8], 2)).err(), Some(Refused::Replayed));
}
