//! Exit codes, explanations, and what is said of garbage.

use crate::workshop::Workshop;
use std::fs;

#[test]
fn wrong_usage_is_2_and_failure_is_1() {
    let workshop = Workshop::new();
    for line in [
        "",
        "unknown",
        "init",
        "init city",
        "init city --name City",
        "init city --name a --suite p384",
        "card pay card",
        "card pay card --challenge 00",
        "card pay card --terminal t --challenge 00 --confirm 1",
        "demo --cards 0",
        "demo --terminals 2",
        "demo --taps 0",
        "demo --suite sm2",
    ] {
        let ran = workshop.line(line);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{line}: {ran:?}");
    }
    for (line, words) in [
        ("explain zz", "not hex"),
        ("explain 012", "odd number of hex digits"),
        ("explain @nowhere", "cannot read nowhere"),
        ("serve --config nowhere.toml", "nowhere.toml"),
        ("card show nowhere", "nowhere is not the folder of a card"),
        ("terminal upload nowhere", "nowhere is not the folder of a terminal"),
        ("card create --client nowhere.toml", "cannot read nowhere.toml"),
        ("verify-proof nowhere --parameters nowhere", "cannot read nowhere"),
        ("ledger show --client nowhere.toml", "cannot read nowhere.toml"),
    ] {
        workshop.line(line).refused(&["error:", words]);
    }
    workshop.line("--help").well();
    workshop.line("--version").well();
}

#[test]
fn a_failure_is_an_object_too_when_a_program_asks() {
    let ran = Workshop::new().line("--json card show nowhere");
    assert_eq!(ran.code, 1);
    assert!(ran.json()["error"].as_str().unwrap().contains("nowhere"), "{ran:?}");
    assert!(!ran.stderr.is_empty());
}

#[test]
fn explain_takes_hex_files_and_standard_input() {
    let workshop = Workshop::new();
    let select = "0101000028a5a0c5b7e3d4f10102030405060708";
    let ran = workshop.run(&["explain", select]).well();
    assert!(ran.stdout.starts_with("select response: what a card says first"), "{ran:?}");
    assert!(workshop.pipe("explain -", select).well().stdout == ran.stdout);
    fs::write(workshop.path("select"), hex::decode(select).unwrap()).unwrap();
    assert!(workshop.line("explain @select").well().stdout == ran.stdout);

    let explained = workshop.ask(&format!("explain {select}"));
    let fields = explained["structures"][0]["fields"].as_array().unwrap();
    assert_eq!((fields.len(), fields[5]["offset"].as_u64()), (6, Some(12)));
    assert_eq!(fields[5]["hex"], "0102030405060708");
}

#[test]
fn explain_says_where_it_goes_wrong_and_what_it_would_accept() {
    let workshop = Workshop::new();
    let ran = workshop.line("explain 0103000028a5a0c5b7e3d4f10102030405060708");
    assert_eq!(ran.code, 1);
    for words in ["an unknown suite", "It goes wrong at offset 1, in suite", "suite 3; known are 1"] {
        assert!(ran.stdout.contains(words), "{words}: {ran:?}");
    }
    let ran = workshop.line("--json explain 010203");
    assert_eq!((ran.code, ran.json()["recognised"].as_bool()), (1, Some(false)));
    assert!(ran.json()["accepted"].as_array().unwrap().len() > 20);
    assert!(workshop.line("explain 010203").stdout.contains("Nothing known has 3 bytes"));
}
