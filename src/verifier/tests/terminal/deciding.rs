//! Decisions on one presentation: what is accepted, and which reason comes first.

use symbolon_ccks::*;
use symbolon_tap::{Kind, Presentation};
use symbolon_verifier::*;

use crate::city::*;
use crate::for_each_suite;

for_each_suite!(
    accepts_honest_taps,
    says_what_is_not_established,
    gives_the_first_reason,
    refuses_every_bit_flip_and_keeps_the_challenge,
    refuses_other_terms_and_terminals,
    gives_an_answer_its_time,
    records_before_it_accepts,
);

fn accepts_honest_taps<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let pseudonym = city.key(IdentityFields { class: Class::Pseudonym, ..city.card_fields() });
    let asked =
        [(Kind::Purchase, 500), (Kind::Entry, 500), (Kind::Exit, 0), (Kind::Credit, 0), (Kind::Refund, u32::MAX)];
    for (counter, (kind, amount)) in (1..).zip(asked) {
        for holder in [&city.card(), &pseudonym] {
            let asked = terminal.challenge(&city.select(0), &request(kind, amount)).unwrap();
            let challenge = *asked.challenge();
            let presentation = answer(holder, &asked, counter);
            let Verdict::Accepted(accepted) = terminal.decide(asked, presentation.as_bytes()) else {
                panic!("{kind} of {amount} was declined")
            };
            assert_eq!(accepted.record().presentation(), &presentation);
            assert_eq!(accepted.record().terms(), challenge.terms());
            assert_eq!(*accepted.credential(), presentation.holder().digest());
            assert_eq!(terminal.devices().storage.journal.last(), Some(&Entry::new(*accepted.record(), None)));
            assert!(!terminal.is_asking());
        }
    }
}

fn says_what_is_not_established<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let asked = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
    let answered = answer(&city.card(), &asked, 1);
    let Verdict::Accepted(accepted) = terminal.decide(asked, answered.as_bytes()) else {
        panic!("an honest tap was declined")
    };
    assert_eq!(accepted.established().map(Established::name), ["signature", "validity", "sector", "tariff", "limit"]);
    assert_eq!(accepted.revocation(), Revocation::Unknown);
    let open = [NotEstablished::Revocation(Revocation::Unknown), NotEstablished::SpentElsewhere];
    assert_eq!(accepted.not_established(), open);
}

/// Sees the verdict decline for this reason; the token, if it is given back.
fn declined(verdict: Verdict, reason: Reason) -> Option<Asked> {
    assert!(matches!(verdict, Verdict::Declined(_)), "{verdict:?}");
    assert_eq!(verdict.reason(), Some(reason));
    verdict.into_asked()
}

/// Adds one fault after the other, from the last reason to the first, and sees each take over.
fn gives_the_first_reason<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let mut asked = terminal.challenge(&city.select(0), &request(Kind::Entry, 400)).unwrap();
    let mut bytes = *answer(&city.card(), &asked, 1).as_bytes();
    let mut early = bytes;
    // Offsets in the presentation: the credential begins at 5.
    let faults: [(usize, &[u8], Reason); 10] = [
        (158, &[bytes[158] ^ 1], Reason::BadSignature),
        (5 + 44, &399_u32.to_be_bytes(), Reason::OverLimit),
        (5 + 36, &NOON.to_be_bytes(), Reason::Expired),
        (5 + 54, &[1], Reason::WrongTariff),
        (5 + 52, &[0, 157], Reason::WrongCurrency),
        (5 + 3, &[1], Reason::WrongSector),
        (5 + 2, &[2], Reason::WrongClass),
        (5 + 4, &[0; 8], Reason::WrongAuthority),
        (5 + 1, &[3 - S::ID.to_byte()], Reason::WrongSuite),
        (5, &[0], Reason::Malformed),
    ];
    for (offset, fault, reason) in faults {
        bytes[offset..offset + fault.len()].copy_from_slice(fault);
        asked = declined(terminal.decide(asked, &bytes), reason).unwrap();
    }
    early[5 + 28..5 + 36].copy_from_slice(&(NOON + 1).to_be_bytes());
    asked = declined(terminal.decide(asked, &early), Reason::NotYetValid).unwrap();
    clock.set(NOON + 61);
    assert!(declined(terminal.decide(asked, &bytes), Reason::TimedOut).is_none());
    assert!(declined(terminal.unasked(&bytes), Reason::NoChallenge).is_none());
}

fn refuses_every_bit_flip_and_keeps_the_challenge<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let mut asked = terminal.challenge(&city.select(0), &request(Kind::Entry, 400)).unwrap();
    let honest = *answer(&city.card(), &asked, 1).as_bytes();
    for bit in 0..Presentation::SIZE * 8 {
        let mut bytes = honest;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let verdict = terminal.decide(asked, &bytes);
        assert!(!verdict.is_accepted(), "bit {bit}");
        asked = verdict.into_asked().unwrap();
    }
    for length in [0, 1, 158] {
        asked = declined(terminal.decide(asked, &honest[..length]), Reason::Malformed).unwrap();
    }
    let storage = &terminal.devices().storage;
    assert_eq!((storage.journal.len(), storage.marks.len(), storage.floor), (0, 0, None));
    assert!(terminal.decide(asked, &honest).is_accepted());
}

fn refuses_other_terms_and_terminals<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let (mut memory, mut other_memory) = ([Seen::EMPTY; 8], [Seen::EMPTY; 8]);
    let mut terminal_one = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let card = city.card();
    let cheap = terminal_one.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
    let dear = terminal_one.challenge(&city.select(0), &request(Kind::Entry, 400)).unwrap();
    // The second challenge voided the first: neither its token nor its answer is good for anything.
    let answered = answer(&card, &cheap, 1);
    assert!(declined(terminal_one.decide(cheap, answered.as_bytes()), Reason::NoChallenge).is_none());
    let dear = declined(terminal_one.decide(dear, answered.as_bytes()), Reason::BadSignature).unwrap();
    // The same terms, signed for another terminal of the operator.
    let other = city.key(IdentityFields { subject: Subject::from_bytes([2; 16]), ..city.gate_fields() });
    let terms = *dear.challenge().terms();
    let elsewhere = Presentation::sign(&card, &terms, &other.credential().unwrap().digest(), 1, &[0; 32]).unwrap();
    let dear = declined(terminal_one.decide(dear, elsewhere.as_bytes()), Reason::BadSignature).unwrap();
    // A card of another authority that claims to be of this one.
    let prefix = city.authority.id().prefix();
    let foreign = S::elsewhere().key(IdentityFields { ..S::elsewhere().card_fields() });
    let mut bytes = *answer(&foreign, &dear, 1).as_bytes();
    let dear = declined(terminal_one.decide(dear, &bytes), Reason::WrongAuthority).unwrap();
    bytes[9..17].copy_from_slice(&prefix);
    let dear = declined(terminal_one.decide(dear, &bytes), Reason::BadSignature).unwrap();

    // Neither is its token good at another terminal.
    let honest = answer(&card, &dear, 1);
    let mut terminal_two = terminal::<S>(&other, Policy::WITHOUT_BUNDLE, &clock, &mut other_memory);
    assert!(declined(terminal_two.unasked(honest.as_bytes()), Reason::NoChallenge).is_none());
    let again = terminal_one.resume(&city.select(0), dear.challenge().as_bytes()).unwrap();
    assert!(declined(terminal_two.decide(dear, honest.as_bytes()), Reason::NoChallenge).is_none());
    assert!(terminal_one.decide(again, honest.as_bytes()).is_accepted());
}

fn gives_an_answer_its_time<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let card = city.card();
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let arrivals = [(NOON - 6, false), (NOON - 5, true), (NOON + 60, true), (NOON + 61, false)];
    for (counter, (arrival, in_time)) in (1..).zip(arrivals) {
        clock.set(NOON);
        let asked = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
        assert_eq!(asked.until(), time(NOON + 60));
        let presentation = answer(&card, &asked, counter);
        clock.set(arrival);
        let verdict = terminal.decide(asked, presentation.as_bytes());
        assert_eq!(verdict.is_accepted(), in_time, "{arrival}");
        assert_eq!(verdict.reason(), (!in_time).then_some(Reason::TimedOut));
        // What timed out stays void when the clock comes back.
        clock.set(NOON);
        assert!(verdict.into_asked().is_none());
        assert!(!terminal.is_asking());
    }
}

fn records_before_it_accepts<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    terminal.devices().storage.room = 0;
    let asked = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
    let presentation = answer(&city.card(), &asked, 1);
    let asked = declined(terminal.decide(asked, presentation.as_bytes()), Reason::JournalFull).unwrap();
    // Nothing was remembered of it: once there is room, the same answer counts.
    terminal.devices().storage.room = 1;
    assert!(terminal.decide(asked, presentation.as_bytes()).is_accepted());
    assert_eq!(terminal.devices().storage.journal.len(), 1);
}
