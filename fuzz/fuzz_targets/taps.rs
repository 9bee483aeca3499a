//! The fixed structures of a tap: select response, terms, challenge, presentation, record, receipt, acknowledgement,
//! successor and item of a misuse proof.
//!
//! What parses is written back from its parts, and unless it is one of the few valid ones does not verify.
#![no_main]

use libfuzzer_sys::fuzz_target;
use symbolon_ccks::{Credential, Suite};
use symbolon_fuzz::{assert_same_bytes, city::City, with_city};
use symbolon_tap::{
    Acknowledgement, AcknowledgementFields, Challenge, Flags, Presentation, Receipt, Record, SelectResponse, Successor,
    Terms, misuse::Item,
};

fuzz_target!(|input: &[u8]| {
    let Some((selector, bytes)) = input.split_first() else {
        return;
    };
    with_city!(selector, city => match selector / 2 % 9 {
        0 => select(bytes),
        1 => _ = terms(bytes),
        2 => challenge(city, bytes),
        3 => _ = presentation(city, bytes),
        4 => record(city, bytes),
        5 => receipt(city, bytes),
        6 => acknowledgement(city, bytes),
        7 => successor(city, bytes),
        _ => item(city, bytes),
    });
});

fn select(bytes: &[u8]) {
    let Ok(select) = SelectResponse::parse(bytes) else { return };
    let written = SelectResponse::new(select.suite(), select.tariff(), *select.authority_prefix(), *select.nonce());
    assert_same_bytes("select response", bytes, written.as_bytes());
}

/// Whether there are any.
fn terms(bytes: &[u8]) -> bool {
    let Ok(terms) = Terms::parse(bytes) else { return false };
    let written = Terms::new(terms.fields()).expect("the fields of legal terms");
    assert_same_bytes("terms", bytes, written.as_bytes());
    assert_eq!([terms.holder_nonce(), terms.terminal_nonce()].concat(), terms.nonce());
    assert!(terms.spent() <= terms.amount());
    true
}

fn challenge<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(challenge) = Challenge::parse(bytes) else { return };
    assert!(terms(challenge.terms().as_bytes()), "no terms");
    assert_eq!(challenge.terms().flags(), Flags::Tap);
    assert!(Credential::parse(challenge.terminal().as_bytes()).is_ok(), "a challenge of no credential");
    let parts: [&[u8]; 3] =
        [challenge.terms().as_bytes(), challenge.terminal().as_bytes(), challenge.signature().as_bytes()];
    assert_same_bytes("challenge", bytes, &parts.concat());
    let valid = city.challenges.contains(challenge);
    assert_eq!(challenge.verify(&city.authority).is_ok(), valid);
}

/// Whether there is one.
fn presentation<S: Suite>(city: &City<S>, bytes: &[u8]) -> bool {
    let Ok(presentation) = Presentation::parse(bytes) else { return false };
    assert!(Credential::parse(presentation.holder().as_bytes()).is_ok(), "a presentation of no credential");
    let counter = presentation.counter().to_be_bytes();
    let parts: [&[u8]; 4] = [&[1], &counter, presentation.holder().as_bytes(), presentation.signature().as_bytes()];
    assert_same_bytes("presentation", bytes, &parts.concat());
    let asked = &city.challenges[0];
    let valid = city.answers.contains(presentation);
    let terminal = asked.terminal().digest();
    assert_eq!(presentation.verify(&city.authority, asked.terms(), &terminal).is_ok(), valid);
    true
}

fn record<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(record) = Record::parse(bytes) else { return };
    assert!(terms(record.terms().as_bytes()), "no terms");
    assert!(presentation(city, record.presentation().as_bytes()), "no presentation");
    let written = Record::new(*record.terms(), *record.presentation());
    assert_same_bytes("record", bytes, written.as_bytes());
    let terminal = city.challenges[0].terminal().digest();
    let verdict = record.presentation().verify(&city.authority, record.terms(), &terminal);
    assert_eq!(verdict.is_ok(), city.records.contains(record));
}

fn receipt<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(receipt) = Receipt::parse(bytes) else { return };
    let parts: [&[u8]; 3] = [&bytes[..32], &[receipt.outcome() as u8], &receipt.time().seconds().to_be_bytes()];
    assert_same_bytes("receipt", bytes, &parts.concat());
    let terminal = city.terminals[0].credential().expect("a terminal's key");
    assert!(receipt.verify(&city.authority, terminal, &city.signature()).is_err());
}

fn acknowledgement<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(acknowledgement) = Acknowledgement::parse(bytes) else { return };
    let written = Acknowledgement::new(AcknowledgementFields {
        upload_digest: *acknowledgement.upload_digest(),
        settled: acknowledgement.settled(),
        duplicate: acknowledgement.duplicate(),
        refused: acknowledgement.refused(),
        time: acknowledgement.time(),
    });
    assert_same_bytes("acknowledgement", bytes, written.as_bytes());
    assert!(acknowledgement.verify(&city.authority, &city.signature()).is_err());
}

fn successor<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(successor) = Successor::parse(bytes) else { return };
    let parts: [&[u8]; 7] = [
        &[1, successor.next_suite().to_byte()],
        &[0; 6],
        successor.authority().as_bytes(),
        successor.next_authority().as_bytes(),
        &successor.next_from().seconds().to_be_bytes(),
        &successor.this_until().seconds().to_be_bytes(),
        successor.signature().as_bytes(),
    ];
    assert_same_bytes("successor", bytes, &parts.concat());
    assert_ne!(successor.authority(), successor.next_authority());
    let valid = *successor == city.successor;
    assert_eq!(successor.verify(&city.authority).is_ok(), valid);
}

fn item<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(item) = Item::parse(bytes) else { return };
    assert!(terms(item.terms().as_bytes()), "no terms");
    assert!(presentation(city, item.presentation().as_bytes()), "no presentation");
    let record = Record::new(*item.terms(), *item.presentation());
    assert_same_bytes("misuse item", bytes, Item::new(&record, *item.terminal()).as_bytes());
}
