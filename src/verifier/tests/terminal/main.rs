//! A terminal as its users meet it, every test written once and run for each suite.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod asking;
mod bundles;
mod city;
mod clock;
mod codes;
mod deciding;
mod domains;
mod filters;
#[path = "../support/issuing.rs"]
mod issuing;
mod pseudonyms;
mod receipts;
mod replay;
mod rules;
mod size;
mod vouchers;

/// Runs each generic function of a module for both suites.
macro_rules! for_each_suite {
    ($($name:ident),* $(,)?) => {
        mod p256 { $(#[test] fn $name() { super::$name::<symbolon_ccks::P256>(); })* }
        mod secp256k1 { $(#[test] fn $name() { super::$name::<symbolon_ccks::Secp256k1>(); })* }
    };
}
use for_each_suite;

use symbolon_verifier::{Language, Reason};

#[test]
fn reasons_keep_their_numbers_and_names() {
    let expected = [
        (1, "malformed"),
        (2, "wrong_suite"),
        (3, "wrong_authority"),
        (4, "wrong_class"),
        (5, "wrong_sector"),
        (6, "wrong_currency"),
        (7, "wrong_tariff"),
        (8, "expired"),
        (9, "not_yet_valid"),
        (10, "over_limit"),
        (11, "revoked"),
        (12, "replayed"),
        (13, "no_challenge"),
        (14, "timed_out"),
        (15, "bad_signature"),
        (16, "wrong_kind"),
        (17, "journal_full"),
        (18, "stale_data"),
        (19, "already_seen"),
        (20, "not_served"),
        (21, "clock_wrong"),
        (22, "no_room"),
        (23, "revocation_unclear"),
        (24, "voucher_other_meter"),
        (25, "voucher_used"),
        (26, "voucher_expired"),
        (27, "voucher_refused"),
        (28, "over_tier"),
        (29, "other_operator"),
        (30, "not_in_use"),
        (31, "out_of_order"),
    ];
    assert_eq!(Reason::ALL.map(|reason| (reason.number(), reason.name())), expected);
    for reason in Reason::ALL {
        assert_eq!(Reason::from_name(reason.name()), Some(reason));
        assert_eq!(Reason::from_number(reason.number()), Some(reason));
        for language in Language::ALL {
            let sentence = reason.sentence_in(language);
            assert!(sentence.ends_with('.') && sentence.len() <= 100, "{reason:?}");
            let same = Reason::ALL.iter().filter(|other| other.sentence_in(language) == sentence);
            assert_eq!(same.count(), 1, "{reason:?}");
        }
    }
    assert_eq!(Reason::from_number(0), None);
    assert_eq!(Reason::from_name("tired"), None);
}
