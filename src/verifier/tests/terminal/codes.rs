//! Codes shown on a screen.

use symbolon_ccks::*;
use symbolon_tap::{BundleContent, Flags, Kind, NO_TERMINAL, Presentation, Record, Terms, TermsFields};
use symbolon_verifier::*;

use crate::city::*;
use crate::for_each_suite;

for_each_suite!(
    accepts_a_code_once,
    takes_codes_only_for_its_operator,
    keeps_to_the_minute,
    gives_the_first_reason,
    refuses_every_bit_flip,
    tells_codes_from_taps,
    declines_when_it_cannot_remember,
    knows_a_code_after_a_restart,
    goes_by_the_bundle,
);

/// The operator of the gates, as codes name it.
fn metro() -> [u8; 16] {
    // SHA-256("metro"), of which a terminal's subject has the first half.
    let reference = [0xe4, 0x7d, 0x64, 0xbe, 0xe1, 0x0d, 0x95, 0x97, 0xd8, 0xe5, 0xd5, 0x19, 0xa1, 0x37, 0xe0, 0x97];
    let mut own = [0; 16];
    own[..8].copy_from_slice(&operator_tag(&Name::parse("metro").unwrap()));
    own[8..].copy_from_slice(&reference[8..]);
    own
}

fn policy() -> Policy {
    Policy { codes_pay: Some(metro()), ..Policy::WITHOUT_BUNDLE }
}

fn fields() -> TermsFields {
    TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Transport,
        flags: Flags::ScreenCode,
        nonce: [3; 16],
        time: time(NOON),
        amount: 100,
        currency: 156,
        reference: metro(),
    }
}

fn code<S: Suite>(holder: &SigningKey<S>, fields: TermsFields, counter: u32) -> Record {
    let terms = Terms::new(fields).unwrap();
    Record::new(terms, Presentation::sign_code(holder, &terms, counter, &[6; 32]).unwrap())
}

fn accepts_a_code_once<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let (card, mut memory) = (S::city().card(), [Seen::EMPTY; 4]);
    let mut terminal = terminal::<S>(&key, policy(), &clock, &mut memory);
    let first = code(&card, fields(), 1);
    let verdict = terminal.decide_code(first.as_bytes());
    let accepted = verdict.accepted().unwrap();
    assert_eq!((accepted.record(), accepted.is_code()), (&first, true));
    assert_eq!(terminal.devices().storage.journal, [Entry::new(first, None)]);
    assert_eq!(terminal.decide_code(first.as_bytes()).reason(), Some(Reason::Replayed));
    let used = code(&card, TermsFields { amount: 99, ..fields() }, 1);
    assert_eq!(terminal.decide_code(used.as_bytes()).reason(), Some(Reason::AlreadySeen));
    assert!(terminal.decide_code(code(&card, fields(), 2).as_bytes()).is_accepted());
    let entry = TermsFields { kind: Kind::Entry, ..fields() };
    let pseudonym = S::city().key(IdentityFields { class: Class::Pseudonym, ..S::city().card_fields() });
    assert!(terminal.decide_code(code(&pseudonym, entry, 1).as_bytes()).is_accepted());
}

fn takes_codes_only_for_its_operator<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let (card, bus) = (S::city().card(), Name::parse("bus").unwrap());
    let mut memory = [Seen::EMPTY; 4];
    let mut no_codes = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut []);
    assert_eq!(no_codes.decide_code(code(&card, fields(), 1).as_bytes()).reason(), Some(Reason::NotServed));

    let mut gate = terminal::<S>(&key, policy(), &clock, &mut memory);
    for changed in [0, 7, 8, 15] {
        let mut reference = metro();
        reference[changed] ^= 1;
        let code = code(&card, TermsFields { reference, ..fields() }, 1);
        assert_eq!(gate.decide_code(code.as_bytes()).reason(), Some(Reason::OtherOperator), "byte {changed}");
    }
    // A terminal of another operator that was told to take the metro's codes: it could not upload them.
    let subject = Subject::terminal(&bus, [1; 8]);
    let key = S::city().key(IdentityFields { subject, ..S::city().gate_fields() });
    let mut memory = [Seen::EMPTY; 4];
    let mut of_bus = terminal::<S>(&key, policy(), &clock, &mut memory);
    assert_eq!(of_bus.decide_code(code(&card, fields(), 1).as_bytes()).reason(), Some(Reason::OtherOperator));
}

fn keeps_to_the_minute<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let (card, mut memory) = (S::city().card(), [Seen::EMPTY; 8]);
    let mut terminal = terminal::<S>(&key, policy(), &clock, &mut memory);
    for (counter, (now, in_time)) in (1..).zip([(-6, false), (-5, true), (59, true), (60, false), (600, false)]) {
        clock.set(NOON.checked_add_signed(now).unwrap());
        let verdict = terminal.decide_code(code(&card, fields(), counter).as_bytes());
        assert_eq!(verdict.reason(), (!in_time).then_some(Reason::TimedOut), "{now}");
    }
    // Not by sums that end where times do.
    let last = Time::LIMIT_SECONDS - 1;
    clock.set(last);
    let far = code(&card, TermsFields { time: time(last), ..fields() }, 9);
    assert_eq!(terminal.decide_code(far.as_bytes()).reason(), Some(Reason::Expired));
}

fn gives_the_first_reason<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let (card, mut memory) = (S::city().card(), [Seen::EMPTY; 4]);
    let kinds = Kinds::of(&[Kind::Purchase]);
    let mut terminal = terminal::<S>(&key, Policy { kinds, ..policy() }, &clock, &mut memory);
    let mut bytes = *code(&card, fields(), 1).as_bytes();
    // Offsets in the record: the presentation begins at 50, its credential at 55.
    let faults: [(usize, &[u8], Reason); 12] = [
        (208, &[bytes[208] ^ 1], Reason::BadSignature),
        (55 + 44, &99_u32.to_be_bytes(), Reason::OverLimit),
        (55 + 36, &NOON.to_be_bytes(), Reason::Expired),
        (55 + 52, &[0, 157], Reason::WrongCurrency),
        (55 + 3, &[1], Reason::WrongSector),
        (55 + 2, &[2], Reason::WrongClass),
        (55 + 4, &[0; 8], Reason::WrongAuthority),
        (55 + 1, &[3 - S::ID.to_byte()], Reason::WrongSuite),
        (20, &(NOON + 6).to_be_bytes(), Reason::TimedOut),
        (34, &[0], Reason::OtherOperator),
        (1, &[2], Reason::WrongKind),
        (3, &[0], Reason::Malformed),
    ];
    for (offset, fault, reason) in faults {
        bytes[offset..offset + fault.len()].copy_from_slice(fault);
        let verdict = terminal.decide_code(&bytes);
        assert_eq!((verdict.name(), verdict.reason()), ("declined", Some(reason)), "offset {offset}");
        assert!(verdict.into_asked().is_none());
    }
    // What the terminal's own credential does not hold: settlement would refuse it.
    let power = code(&card, TermsFields { sector: Sector::Power, ..fields() }, 1);
    assert_eq!(terminal.decide_code(power.as_bytes()).reason(), Some(Reason::WrongSector));
    assert!(terminal.devices().storage.journal.is_empty());
}

fn refuses_every_bit_flip<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let (card, mut memory) = (S::city().card(), [Seen::EMPTY; 4]);
    let mut terminal = terminal::<S>(&key, policy(), &clock, &mut memory);
    let honest = *code(&card, fields(), 1).as_bytes();
    for bit in 0..Record::SIZE * 8 {
        let mut bytes = honest;
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!terminal.decide_code(&bytes).is_accepted(), "bit {bit}");
    }
    assert_eq!(terminal.decide_code(&honest[..208]).reason(), Some(Reason::Malformed));
    assert!(terminal.devices().storage.journal.is_empty());
    assert!(terminal.decide_code(&honest).is_accepted());
}

fn tells_codes_from_taps<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let (card, mut memory) = (city.card(), [Seen::EMPTY; 4]);
    let mut terminal = terminal::<S>(&key, policy(), &clock, &mut memory);
    // A tap's record shown as a code, and with the flag written in.
    let asked =
        terminal.challenge(&city.select(0), &Request { reference: metro(), ..request(Kind::Entry, 1) }).unwrap();
    let record = Record::new(*asked.challenge().terms(), answer(&card, &asked, 1));
    let mut flagged = *record.as_bytes();
    flagged[3] = 1;
    assert_eq!(terminal.decide_code(record.as_bytes()).reason(), Some(Reason::Malformed));
    assert_eq!(terminal.decide_code(&flagged).reason(), Some(Reason::BadSignature));
    // A code's presentation as the answer to a challenge; and a code does not end a tap that goes on.
    let shown = code(&card, fields(), 2);
    assert!(terminal.decide_code(shown.as_bytes()).is_accepted());
    let verdict = terminal.decide(asked, shown.presentation().as_bytes());
    assert_eq!(verdict.reason(), Some(Reason::Replayed), "these bytes were accepted, as a code");
    assert!(terminal.decide(verdict.into_asked().unwrap(), record.presentation().as_bytes()).is_accepted());
    // A card that signs a tap for a terminal of zeros does not exist in our wallets; its answer is no code either.
    let terms = Terms::new(TermsFields { flags: Flags::Tap, ..fields() }).unwrap();
    let zeros = CredentialDigest::from_bytes(NO_TERMINAL);
    assert!(Presentation::sign(&card, &terms, &zeros, 3, &[0; 32]).is_err());
    assert!(Presentation::sign_code(&card, &terms, 3, &[0; 32]).is_err());
}

fn declines_when_it_cannot_remember<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let (card, mut memory) = (city.card(), [Seen::EMPTY; 2]);
    let mut none = terminal::<S>(&key, policy(), &clock, &mut []);
    assert_eq!(none.decide_code(code(&card, fields(), 1).as_bytes()).reason(), Some(Reason::NoRoom));
    assert!(none.devices().storage.journal.is_empty());

    let mut terminal = terminal::<S>(&key, policy(), &clock, &mut memory);
    // Taps make room for codes, and never take it from them.
    for counter in 1..=2 {
        assert!(tap(&mut terminal, &card, &request(Kind::Entry, 1), counter).is_accepted());
    }
    let codes = [10, 11].map(|counter| code(&card, fields(), counter));
    for code in &codes {
        assert!(terminal.decide_code(code.as_bytes()).is_accepted());
    }
    assert!(tap(&mut terminal, &card, &request(Kind::Entry, 1), 3).is_accepted());
    assert_eq!(terminal.decide_code(code(&card, fields(), 12).as_bytes()).reason(), Some(Reason::NoRoom));
    // To the last second in which they could be shown again they are remembered, without the journal's help.
    clock.set(NOON + 59);
    terminal.devices().storage.journal.clear();
    for code in &codes {
        assert_eq!(terminal.decide_code(code.as_bytes()).reason(), Some(Reason::Replayed));
    }
    let late = TermsFields { time: time(NOON + 59), ..fields() };
    assert_eq!(terminal.decide_code(code(&card, late, 12).as_bytes()).reason(), Some(Reason::NoRoom));
    // And then they make room.
    clock.set(NOON + 60);
    assert!(terminal.decide_code(code(&card, late, 12).as_bytes()).is_accepted());
    assert_eq!(terminal.decide_code(codes[0].as_bytes()).reason(), Some(Reason::TimedOut));
}

fn knows_a_code_after_a_restart<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let card = S::city().card();
    let (mut memory, mut other_memory) = ([Seen::EMPTY; 4], [Seen::EMPTY; 4]);
    let shown = code(&card, fields(), 1);
    let mut before = terminal::<S>(&key, policy(), &clock, &mut memory);
    assert!(before.decide_code(shown.as_bytes()).is_accepted());
    let storage = std::mem::take(&mut before.devices().storage);
    let mut after = terminal::<S>(&key, policy(), &clock, &mut other_memory);
    after.devices().storage = storage;
    assert_eq!(after.decide_code(shown.as_bytes()).reason(), Some(Reason::Replayed));
    let used = code(&card, TermsFields { amount: 1, ..fields() }, 1);
    assert_eq!(after.decide_code(used.as_bytes()).reason(), Some(Reason::AlreadySeen));
    assert!(after.decide_code(code(&card, fields(), 2).as_bytes()).is_accepted());
}

fn goes_by_the_bundle<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let revoked = [Subject::from_bytes([7; 16])];
    let bundle = bundle_with(city, &bundle_fields(1), &BundleContent { revoked: &revoked, ..Default::default() });
    let mut memory = [Seen::EMPTY; 4];
    let strict = Policy { codes_pay: Some(metro()), ..Policy::STRICT };
    let mut terminal = terminal::<S>(&key, strict, &clock, &mut memory);
    let other = city.key(IdentityFields { subject: Subject::from_bytes([8; 16]), ..city.card_fields() });
    assert_eq!(terminal.decide_code(code(&other, fields(), 1).as_bytes()).reason(), Some(Reason::StaleData));
    terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
    assert_eq!(terminal.decide_code(code(&city.card(), fields(), 1).as_bytes()).reason(), Some(Reason::Revoked));
    assert!(terminal.decide_code(code(&other, fields(), 1).as_bytes()).is_accepted());
    clock.set(NOON - 6);
    assert_eq!(terminal.decide_code(code(&other, fields(), 2).as_bytes()).reason(), Some(Reason::ClockWrong));
}
