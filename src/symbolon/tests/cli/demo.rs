//! The demo: same seed, same counts; its proofs check without it.

use crate::workshop::Workshop;
use serde_json::{Value, json};
use std::{env, fs, os::unix::fs::symlink, path::PathBuf};

/// Everything but the times, and but what is made of pseudonyms' bytes, which no seed decides.
fn counts(mut report: Value) -> Value {
    for name in ["verify_median_ns", "tap_median_ns"] {
        assert!(report[name].as_u64().unwrap() > 0, "{report}");
        report.as_object_mut().unwrap().remove(name);
    }
    report.as_object_mut().unwrap().remove("linking_advantage_protocol").unwrap();
    report
}

fn demo(line: &str) -> Value {
    let ran = Workshop::new().line(&format!("--json demo {line}")).well();
    assert_eq!(ran.stderr, "", "progress is for terminals");
    ran.json()
}

fn the_same_seed_gives_the_same_counts(suite: &str) {
    let line = format!("--suite {suite} --cards 5 --terminals 4 --taps 30 --seed 9");
    let report = counts(demo(&line));
    assert_eq!(counts(demo(&line)), report);
    assert_eq!(report["failures"], Value::Array(Vec::new()));
    for (name, expected) in [
        ("cards", 5),
        ("terminals", 4),
        ("taps", 30),
        ("accepted", 33),
        ("uploaded", 33),
        ("settled", 32),
        ("duplicates", 32),
        ("misuse_proofs", 1),
        ("ledger_sum", 0),
        ("presentation_bytes", 159),
        ("revoked_refused", 3),
    ] {
        assert_eq!(report[name].as_i64(), Some(expected), "{name}: {report}");
    }
    // One a tap but for the ends of journeys, and three that were left on the lost card.
    let issued = report["pseudonyms_issued"].as_u64().unwrap();
    assert!((3 + 15..3 + 30).contains(&issued), "{report}");
    let declined = report["declined"].as_object().unwrap();
    for reason in
        ["replayed", "bad_signature", "expired", "revoked", "over_limit", "wrong_sector", "counterfeit_terminal"]
    {
        assert!(declined[reason].as_u64().unwrap() > 0, "{reason}: {report}");
    }
    let sectors = report["sectors"].as_object().unwrap();
    assert_eq!(sectors.keys().collect::<Vec<_>>(), ["power", "transport", "water"]);
    let counted: u64 = sectors.values().map(|sector| sector["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, 33);
}

#[test]
fn the_same_seed_gives_the_same_counts_with_p256() {
    the_same_seed_gives_the_same_counts("p256");
}

#[test]
fn the_same_seed_gives_the_same_counts_with_secp256k1() {
    the_same_seed_gives_the_same_counts("secp256k1");
}

#[test]
fn the_smallest_demo_works() {
    let report = demo("--cards 1 --terminals 3 --taps 1");
    assert_eq!((report["accepted"].as_u64(), report["settled"].as_u64()), (Some(4), Some(3)));
    assert_eq!(report["pseudonyms_issued"].as_u64(), Some(4));
    // One tap is too few to link anything.
    assert!(report["linking_advantage_protocol"].is_null() && report["linking_advantage_habits"].is_null());
}

#[test]
fn what_cards_send_is_worth_no_more_than_a_guess() {
    let report = demo("--cards 60 --terminals 6 --taps 600");
    let advantage = report["linking_advantage_protocol"].as_f64().unwrap();
    // Some 400 games: six standard deviations of guessing.
    assert!(advantage.abs() < 0.07, "{report}");
    assert!(report["linking_advantage_habits"].as_f64().is_some(), "{report}");
    assert_eq!(report["failures"], Value::Array(Vec::new()));
}

#[test]
fn six_processes_come_to_the_same_as_one() {
    let workshop = Workshop::new();
    let line = "--cards 4 --terminals 3 --taps 20 --seed 5";
    let apart = workshop.line(&format!("--json demo {line} --processes --keep kept")).well();
    assert_eq!(apart.stderr, "");
    assert_eq!(counts(apart.json()), counts(demo(line)));
    for role in ["attester", "issuer", "linkage-a", "linkage-b", "clearing", "exchange"] {
        let files = fs::read_dir(workshop.path(&format!("kept/roles/{role}"))).unwrap();
        let files = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(files.filter(|name| name.ends_with(".db")).collect::<Vec<_>>(), [format!("{role}.db")]);
    }
}

#[test]
fn more_taps_than_cards_can_do_in_a_day_are_refused_before_anything_begins() {
    Workshop::new().line("demo --cards 1 --taps 100000").refused(&["give more --cards"]);
}

#[test]
fn the_story_is_told_and_the_kept_proof_checks_with_the_parameters_alone() {
    let workshop = Workshop::new();
    let ran = workshop.line("demo --cards 3 --terminals 3 --taps 5 --keep kept").well();
    for words in [
        "1. The key ceremony",
        "Nobody taps under a card's number",
        "What a lost card had left",
        "What the bus company sees, and what clearing sees",
        "what pseudonyms spent",
        "An attempt to link",
        "refused. an officer of clearing has not approved this case",
        "opened: cards/",
        "approved by registrar-li and clearing-wang",
        "The service stops, the city goes on",
        "declined (replayed)",
        "the card does not sign (counterfeit_terminal)",
        "Two offline terminals cannot know of each other",
        "budget for its whole life",
        "PROVEN: double use",
        "the sum of everything",
        "Everything is as it must be.",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {ran:?}");
    }
    workshop.line("demo --cards 3 --terminals 3 --taps 5 --keep kept").refused(&["--keep needs a new folder"]);

    let proofs: Vec<_> =
        fs::read_dir(workshop.path("kept/proofs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [proof] = proofs.as_slice() else { panic!("{proofs:?}") };
    let proof = proof.to_str().unwrap();
    let checked = workshop.ask(&format!("verify-proof {proof} --parameters kept/city/authority.params"));
    assert_eq!((checked["proves"].as_str(), checked["convicts"].as_str()), (Some("double_use"), Some("credential")));
    assert_eq!((checked["items"].as_u64(), checked["archive_binds"].as_bool()), (Some(2), Some(true)));

    let id = checked["authority_id"].as_str().unwrap();
    let with_id = format!("verify-proof {proof} --parameters kept/city/authority.params --authority-id");
    workshop.line(&format!("{with_id} {id}")).well();
    workshop.line(&format!("{with_id} {}", "0".repeat(64))).refused(&["not the one you gave"]);

    // One item alone, or another amount, proves nothing.
    let json: Value = serde_json::from_slice(&fs::read(proof).unwrap()).unwrap();
    let items = json["proof"].as_str().unwrap();
    fs::write(workshop.path("one.hex"), &items[..482]).unwrap();
    let ran = workshop.line("verify-proof one.hex --parameters kept/city/authority.params");
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.starts_with("NOT PROVEN: no counter has two messages"), "{ran:?}");
    let mut altered = hex::decode(items).unwrap();
    altered[31] ^= 1;
    fs::write(workshop.path("altered"), altered).unwrap();
    let ran = workshop.line("verify-proof altered --parameters kept/city/authority.params");
    assert!(ran.code == 1 && ran.stdout.contains("a signature does not verify"), "{ran:?}");
    let ran = workshop.line("explain @one.hex").well();
    assert!(ran.stdout.contains("item of a misuse proof"), "{ran:?}");
}

#[test]
fn a_missing_image_or_emulator_is_told_before_anything_begins() {
    let workshop = Workshop::new();
    let make = "`cargo xtask firmware report --image gate`";
    let line = "demo --cards 3 --terminals 3 --taps 5 --keep kept --firmware";
    let ran = workshop.line(line).refused(&["target/firmware/gate-p256.elf", make]);
    assert_eq!(ran.stdout, "");
    workshop.line(&format!("{line} --suite secp256k1")).refused(&["target/firmware/gate-secp256k1.elf", make]);
    workshop.line(&format!("{line} --image elsewhere.elf")).refused(&["elsewhere.elf", make]);
    assert!(!workshop.path("kept").exists());
}

#[test]
fn a_gate_in_the_emulator_takes_a_tap_and_keeps_it_without_power() {
    let Some(images) = env::var_os("SYMBOLON_FIRMWARE").map(PathBuf::from) else {
        println!("skipped: SYMBOLON_FIRMWARE names no folder of images; `cargo xtask test` builds them");
        return;
    };
    let images = images.canonicalize().unwrap();
    for suite in ["p256", "secp256k1"] {
        let workshop = Workshop::new();
        // The folders as they are in a checkout.
        fs::create_dir(workshop.path("target")).unwrap();
        symlink(&images, workshop.path("target/firmware")).unwrap();
        symlink(images.with_file_name("tools"), workshop.path("target/tools")).unwrap();
        let line = format!("--suite {suite} --cards 50 --terminals 6 --taps 400");
        let mut report = workshop.ask(&format!("demo {line} --firmware"));
        let firmware = report.as_object_mut().unwrap().remove("firmware").unwrap();
        let expected = json!({ "accepted": 1, "receipts": 1, "records_after_power_cut": 1 });
        assert_eq!(firmware, expected, "{report}");
        assert_eq!(report["failures"], Value::Array(Vec::new()));
        // The rest of the demo is as it is without.
        assert_eq!(counts(report), counts(demo(&line)));
    }
}
