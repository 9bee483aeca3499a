//! Codes shown on a screen, to a terminal in C and one in Rust at once.

use symbolon_ccks::*;
use symbolon_tap::{Challenge, Flags, Kind, Presentation, Receipt, Record, Terms, TermsFields};
use symbolon_terminal::SYMBOLON_STATUS_WRONG_ORDER;
use symbolon_verifier::{Offline, Policy};

use crate::city::{City, NOON, time};
use crate::driven::{Pair, Told, hexadecimal, present, select};
use crate::for_each_suite;

for_each_suite!(
    takes_a_code_once,
    keeps_to_the_minute,
    declines_without_room,
    takes_codes_for_its_operator_alone,
    does_not_mix_codes_with_taps,
);

/// Whom codes pay: the operator whose terminal it is.
fn ferry<S: Suite>(city: &City<S>) -> [u8; 16] {
    let mut own = [0xab; 16];
    own[..8].copy_from_slice(&city.terminal_fields().subject.operator_tag());
    own
}

fn pair<S: Suite>(slots: u8) -> Pair<S> {
    let codes_pay = Some(ferry(&City::<S>::new()));
    Pair::new(Policy { codes_pay, without_bundle: Offline::UpTo(1000), ..Policy::STRICT }, slots)
}

fn fields<S: Suite>(city: &City<S>) -> TermsFields {
    TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Transport,
        flags: Flags::ScreenCode,
        nonce: [3; 16],
        time: time(NOON),
        amount: 100,
        currency: 156,
        reference: ferry(city),
    }
}

fn code<S: Suite>(card: &SigningKey<S>, fields: TermsFields, counter: u32) -> [u8; Record::SIZE] {
    let terms = Terms::new(fields).unwrap();
    *Record::new(terms, Presentation::sign_code(card, &terms, counter, &[6; 32]).unwrap()).as_bytes()
}

fn declined(told: Told) -> &'static str {
    let ("declined", reason) = told.names() else { panic!("{told:?}") };
    reason
}

fn takes_a_code_once<S: Suite>() {
    let mut pair = pair::<S>(4);
    let card = pair.city.key(pair.city.card_fields());
    let fields = fields(pair.city);
    let first = code(&card, fields, 1);
    let expected = Told {
        verdict: 1,
        reason: 0,
        is_stale: false,
        data_age_seconds: 0,
        // All but that it was not revoked: there is no bundle.
        established: 0x1f,
        amount: 100,
        counter: 1,
    };
    assert_eq!(pair.code(&first), expected);
    assert_eq!(declined(pair.code(&first)), "replayed");
    let used = code(&card, TermsFields { amount: 99, ..fields }, 1);
    assert_eq!(declined(pair.code(&used)), "already_seen");
    let mut forged = code(&card, fields, 2);
    forged[208] ^= 1;
    assert_eq!(declined(pair.code(&forged)), "bad_signature");
    assert_eq!(declined(pair.code(&first[..208])), "malformed");
    let old = pair.city.key(IdentityFields { not_after: time(NOON - 1), ..pair.city.card_fields() });
    assert_eq!(declined(pair.code(&code(&old, fields, 1))), "expired");
    let dear = code(&card, TermsFields { amount: 501, ..fields }, 2);
    assert_eq!(declined(pair.code(&dear)), "over_limit");
    // The replay table is gone; the journal is not.
    pair.restart();
    assert_eq!(declined(pair.code(&first)), "replayed");
    assert_eq!(declined(pair.code(&used)), "already_seen");
    assert_eq!(pair.code(&code(&card, fields, 2)), Told { counter: 2, ..expected });
    pair.driven.finish();
}

fn keeps_to_the_minute<S: Suite>() {
    let mut pair = pair::<S>(8);
    let card = pair.city.key(pair.city.card_fields());
    let fields = fields(pair.city);
    for (counter, (now, in_time)) in (1..).zip([(-6, false), (-5, true), (0, true), (59, true), (60, false)]) {
        pair.set_clock(NOON.checked_add_signed(now).unwrap());
        let told = pair.code(&code(&card, fields, counter));
        assert_eq!(told.names(), if in_time { ("accepted", "") } else { ("declined", "timed_out") }, "{now}");
    }
    // What was accepted is out of date too, and says so.
    assert_eq!(declined(pair.code(&code(&card, fields, 2))), "timed_out");
    pair.driven.finish();
}

fn declines_without_room<S: Suite>() {
    let mut none = pair::<S>(0);
    let card = none.city.key(none.city.card_fields());
    let fields = fields(none.city);
    assert_eq!(declined(none.code(&code(&card, fields, 1))), "no_room");
    none.driven.finish();

    let mut pair = pair::<S>(2);
    let codes = [1, 2].map(|counter| code(&card, fields, counter));
    for code in &codes {
        assert_eq!(pair.code(code).names(), ("accepted", ""));
    }
    assert_eq!(declined(pair.code(&code(&card, fields, 3))), "no_room");
    // A tap needs none, and takes none from the codes.
    assert_eq!(pair.tap(&card, 250, 10).names(), ("accepted", ""));
    pair.set_clock(NOON + 59);
    assert!(codes.iter().all(|code| declined(pair.code(code)) == "replayed"));
    let late = code(&card, TermsFields { time: time(NOON + 59), ..fields }, 3);
    assert_eq!(declined(pair.code(&late)), "no_room");
    // A minute old, they make room.
    pair.set_clock(NOON + 60);
    assert_eq!(pair.code(&late).names(), ("accepted", ""));
    pair.driven.finish();
}

fn takes_codes_for_its_operator_alone<S: Suite>() {
    let mut pair = pair::<S>(4);
    let card = pair.city.key(pair.city.card_fields());
    let fields = fields(pair.city);
    for changed in [0, 15] {
        let mut reference = fields.reference;
        reference[changed] ^= 1;
        let told = pair.code(&code(&card, TermsFields { reference, ..fields }, 1));
        assert_eq!(declined(told), "other_operator", "byte {changed}");
    }
    assert_eq!(pair.code(&code(&card, fields, 1)).names(), ("accepted", ""));
    pair.driven.finish();
    let mut of_none = Pair::<S>::new(Policy { without_bundle: Offline::UpTo(1000), ..Policy::STRICT }, 4);
    assert_eq!(declined(of_none.code(&code(&card, fields, 1))), "not_served");
    of_none.driven.finish();
}

/// A code does not end a tap that goes on, has no receipt, and leaves a tap its own.
fn does_not_mix_codes_with_taps<S: Suite>() {
    let mut pair = pair::<S>(8);
    let card = pair.city.key(pair.city.card_fields());
    let fields = fields(pair.city);
    let line = format!("challenge {} 250", hexadecimal(select(&card).as_bytes()));
    let challenge = pair.driven.line(&line).bytes();
    assert_eq!(pair.code(&code(&card, fields, 1)).names(), ("accepted", ""));
    assert_eq!(pair.driven.status("receipt"), SYMBOLON_STATUS_WRONG_ORDER);
    let answer = present(&card, &challenge, 2);
    assert_eq!(pair.driven.call("decide", &[answer.as_bytes()]).told().names(), ("accepted", ""));
    let receipt = pair.driven.line("receipt").bytes();
    assert_eq!(pair.code(&code(&card, fields, 3)).names(), ("accepted", ""));
    let again = pair.driven.line("receipt").bytes();
    assert_eq!(again[..Receipt::SIZE], receipt[..Receipt::SIZE], "of the tap");
    // A tap's record is no code, with the flag written in neither.
    let terms = *Challenge::parse(&challenge).unwrap().terms();
    let mut record = *Record::new(terms, answer).as_bytes();
    assert_eq!(declined(pair.code(&record)), "malformed");
    record[3] = 1;
    assert_ne!(pair.code(&record).verdict, 1);
    pair.driven.finish();
}
