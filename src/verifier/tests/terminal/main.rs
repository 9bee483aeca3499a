//! A terminal as its users meet it, every test written once and run for each suite.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod asking;
mod bundles;
mod city;
mod deciding;
mod pseudonyms;
mod replay;

/// Runs each generic function of a module for both suites.
macro_rules! for_each_suite {
    ($($name:ident),* $(,)?) => {
        mod p256 { $(#[test] fn $name() { super::$name::<symbolon_ccks::P256>(); })* }
        mod secp256k1 { $(#[test] fn $name() { super::$name::<symbolon_ccks::Secp256k1>(); })* }
    };
}
use for_each_suite;

use symbolon_verifier::Reason;

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
    ];
    assert_eq!(Reason::ALL.map(|reason| (reason.number(), reason.name())), expected);
    for reason in Reason::ALL {
        assert_eq!(Reason::from_name(reason.name()), Some(reason));
        assert!(reason.sentence().ends_with('.'), "{reason:?}");
    }
    assert_eq!(Reason::from_name("tired"), None);
}
