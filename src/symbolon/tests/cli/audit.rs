//! `symbolon audit` over what a demo's service left: pseudonyms, several operators, journeys, a clone.

use crate::workshop::Workshop;
use std::fs;

#[test]
fn a_demos_databases_are_audited_and_a_changed_one_is_not_let_through() {
    let workshop = Workshop::new();
    workshop.line("--json demo --keep kept --cards 5 --terminals 4 --taps 30 --seed 4").well();
    const AUDIT: &str = "--json audit --exchange-db kept/city/exchange.db --clearing-db kept/city/clearing.db \
        --attester-db kept/city/attester.db --authority kept/city/authority.params";
    let sound = workshop.line(AUDIT).well().json();
    assert_eq!(sound["finding_count"], 0, "{sound}");
    assert!(sound["checked"]["records"].as_u64().unwrap() > 30, "{sound}");

    let clearing = rusqlite::Connection::open(workshop.path("kept/city/clearing.db")).unwrap();
    clearing.execute("UPDATE accounts SET balance = balance + 1 WHERE sequence = 1", []).unwrap();
    drop(clearing);
    let changed = workshop.line(AUDIT);
    assert_eq!(changed.code, 3, "{changed:?}");
    let changed = changed.json();
    assert_eq!(changed["findings"][0]["kind"], "wrong_balance", "{changed}");
    assert_eq!((&changed["finding_count"], &changed["findings"][0]["number"]), (&1.into(), &1.into()));

    fs::write(workshop.path("kept/city/clearing.db"), "no database").unwrap();
    workshop.line(AUDIT).refused(&["the audit came to no end"]);
}
