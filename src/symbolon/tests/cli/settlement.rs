//! What operators and those who see to settlement do with `ledger`: collect, refund, void, report, netting.

use crate::{by_hand::City, workshop::Workshop};
use serde_json::Value;
use std::array;
use symbolon::calendar::utc;

const BANK: &str = "--client city/clients/issuer-bank.toml";
const METRO: &str = "--client city/clients/operator-metro.toml";
const COURT: &str = "--client city/clients/auditor-court.toml";

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name}: {value}")).to_owned()
}

/// Each line of a CSV by the names of its columns.
fn table<const N: usize>(csv: &str, columns: [&str; N]) -> Vec<[String; N]> {
    let mut lines = csv.lines();
    let names: Vec<_> = lines.next().unwrap().split(',').collect();
    let places = columns.map(|column| names.iter().position(|name| *name == column).unwrap());
    let row = |line: &str| -> [String; N] {
        let cells: Vec<_> = line.split(',').collect();
        assert_eq!(cells.len(), names.len(), "{line}");
        array::from_fn(|column| cells[places[column]].to_owned())
    };
    lines.map(row).collect()
}

/// A city in which a purchase of 500, a refund of 200 and of 400, and an entry of 800 were uploaded; and the names of their
/// records.
fn city_with_records() -> (City, [String; 4]) {
    let city = City::new("p256");
    let workshop = &city.workshop;
    for tap in ["purchase --amount 500", "refund --amount 200", "refund --amount 400", "entry --amount 800"] {
        workshop.ask(&format!("card pay my-card --terminal gate-1 --kind {tap}"));
    }
    let uploaded = workshop.ask("terminal upload gate-1");
    let refused = uploaded["refused"].as_object().unwrap().values().map(Value::as_u64).collect::<Vec<_>>();
    assert_eq!((uploaded["settled"].as_u64(), refused), (Some(2), vec![Some(2)]), "{uploaded}");
    let first = text(&workshop.ask(&format!("ledger collect {METRO}"))["records"][0], "record");
    let number: u64 = first.strip_prefix("records/").unwrap().parse().unwrap();
    let names = array::from_fn(|place| format!("records/{}", number + place as u64));
    (city, names)
}

/// The day on which the card's account was credited.
fn today(workshop: &Workshop, account: &str) -> String {
    let shown = workshop.ask(&format!("ledger show {account} {BANK}"));
    utc(shown["entries"][0]["time"].as_u64().unwrap()).chars().take(10).collect()
}

#[test]
fn an_operator_collects_refunds_and_voids() {
    let (city, [purchase, refund, larger, entry]) = city_with_records();
    let workshop = &city.workshop;
    let collect = |cursor: &str| workshop.line(&format!("ledger collect {cursor} {METRO}")).well().stdout;
    let columns = ["event", "record", "kind", "amount", "currency", "gain"];
    let row = |cells: [&str; 6]| cells.map(str::to_owned);
    let expected = [
        row(["settled", &purchase, "purchase", "500", "156", "500"]),
        row(["settled", &entry, "entry", "800", "156", "0"]),
    ];
    assert_eq!(table(&collect(""), columns), expected);
    let cursor = text(&workshop.ask(&format!("ledger collect {METRO}")), "cursor");

    // What is not a refund of this purchase is refused by name, with exit code 1.
    let give = |what: &str, of: &str| workshop.line(&format!("ledger refund {what} --purchase {of} {METRO}"));
    give(&refund, "records/9").refused(&["authorising the refund", "NOT_FOUND"]);
    give("records/x", &purchase).refused(&["authorising the refund", "NOT_FOUND"]);
    give(&entry, &purchase).refused(&["authorising the refund", "name", "INVALID_FIELD"]);
    let given = give(&refund, &purchase).well();
    assert_eq!(given.stdout.trim_end(), format!("Gave back 2.00 CNY by {refund} for {purchase}."));
    let again = workshop.ask(&format!("ledger refund {refund} --purchase {purchase} {METRO}"));
    assert_eq!((text(&again, "record"), again["amount"].as_u64()), (refund.clone(), Some(200)));
    give(&larger, &purchase).refused(&["of the purchase only 300 minor units are left to give back"]);

    // So it is with journeys.
    let void = |what: &str| workshop.line(&format!("ledger void {what} {METRO}"));
    void(&purchase).refused(&["voiding the journey", "name", "INVALID_FIELD"]);
    void("records/x").refused(&["voiding the journey", "NOT_FOUND"]);
    workshop.line(&format!("ledger void {entry} {COURT}")).refused(&["voiding the journey", "ROLE_REQUIRED"]);
    assert_eq!(void(&entry).well().stdout.trim_end(), format!("The journey of {entry} is void."));
    assert_eq!(text(&workshop.ask(&format!("ledger void {entry} {METRO}")), "record"), entry);

    // Behind the cursor there is what came of both, once.
    let expected = [
        row(["settled", &refund, "refund", "200", "156", "-200"]),
        row(["voided", &entry, "entry", "800", "156", "0"]),
    ];
    let behind = collect(&format!("--cursor {cursor}"));
    assert_eq!(table(&behind, columns), expected);
    let last = text(&workshop.ask(&format!("ledger collect --cursor {cursor} {METRO}")), "cursor");
    let nothing = workshop.ask(&format!("ledger collect --cursor {last} {METRO}"));
    assert_eq!((nothing["records"].as_array().map(Vec::len), text(&nothing, "cursor")), (Some(0), last));
    workshop.line(&format!("ledger collect --cursor x {METRO}")).refused(&[
        "collecting records",
        "cursor",
        "INVALID_FIELD",
    ]);
    workshop.line(&format!("ledger collect {COURT}")).refused(&["collecting records", "ROLE_REQUIRED"]);
    let account = workshop.ask(&format!("ledger show {} {BANK}", city.account));
    assert_eq!(account["account"]["balance"], 5_000 - 500 + 200);
}

#[test]
fn reports_and_net_positions_of_a_day_agree() {
    let (city, [purchase, refund, ..]) = city_with_records();
    let workshop = &city.workshop;
    workshop.ask(&format!("ledger refund {refund} --purchase {purchase} {METRO}"));
    let day = today(workshop, &city.account);

    let columns = ["day", "operator", "currency", "line", "entries", "credited", "debited", "net"];
    let report = workshop.line(&format!("ledger report --day {day} {METRO}")).well().stdout;
    let row = |cells: [&str; 5]| {
        let mut all = vec![day.clone(), "operators/metro".to_owned(), "156".to_owned()];
        all.extend(cells.map(str::to_owned));
        <[String; 8]>::try_from(all).unwrap()
    };
    let expected = [
        row(["opening", "0", "0", "0", "0"]),
        row(["purchase", "1", "500", "0", "500"]),
        row(["refund", "1", "0", "200", "-200"]),
        row(["closing", "0", "0", "0", "300"]),
    ];
    assert_eq!(table(&report, columns), expected);
    let of_court = workshop.line(&format!("ledger report --day {day} --operator metro {COURT}")).well().stdout;
    assert_eq!(of_court, report);
    let told = workshop.ask(&format!("ledger report --day {day} {METRO}"));
    let [opening, closing] = ["opening", "closing"].map(|name| told["statements"][0][name].as_i64());
    assert_eq!((text(&told, "day"), opening, closing), (day.clone(), Some(0), Some(300)));
    let before = workshop.ask(&format!("ledger report --day 2026-01-01 {METRO}"));
    assert_eq!(before["statements"][0]["lines"].as_array().map(Vec::len), Some(0), "{before}");
    workshop
        .line(&format!("ledger report --day {day} --operator bus {METRO}"))
        .refused(&["asking for the report", "NOT_FOUND"]);
    workshop.line(&format!("ledger report --day {day} {BANK}")).refused(&["asking for the report", "ROLE_REQUIRED"]);

    let netting = workshop.line(&format!("ledger netting --day {day} {COURT}")).well().stdout;
    let columns = ["kind", "party", "currency", "credited", "debited", "net"];
    let row = |cells: [&str; 6]| cells.map(str::to_owned);
    let expected = [
        row(["operator", "operators/metro", "156", "500", "200", "300"]),
        row(["issuer", "issuers/bank", "156", "200", "1300", "-1100"]),
        row(["clearing", "", "156", "800", "0", "800"]),
    ];
    assert_eq!(table(&netting, columns), expected);
    let told = workshop.ask(&format!("ledger netting --day {day} {COURT}"));
    let nets: Vec<_> = told["positions"].as_array().unwrap().iter().map(|one| one["net"].as_i64().unwrap()).collect();
    assert_eq!((nets.iter().sum::<i64>(), nets[0]), (0, 300), "as the operator's own report");
    assert_eq!(
        workshop.ask(&format!("ledger netting --day 2026-01-01 {COURT}"))["positions"],
        Value::Array(Vec::new())
    );
    workshop
        .line(&format!("ledger netting --day {day} {METRO}"))
        .refused(&["asking for net positions", "ROLE_REQUIRED"]);
}

#[test]
fn a_day_that_is_none_is_said_before_anybody_is_asked() {
    let city = City::new("p256");
    let workshop = &city.workshop;
    for command in ["report", "netting"] {
        for day in ["yesterday", "2026-02-30", "2026-13-01"] {
            let words = format!("{day} is no day: write it as 2026-11-23");
            workshop.line(&format!("ledger {command} --day {day} {COURT}")).refused(&[&words]);
        }
        workshop
            .line(&format!("ledger {command} --day 2026-11-23 --client none.toml"))
            .refused(&["cannot read none.toml"]);
        let usage = workshop.line(&format!("ledger {command} {COURT}"));
        assert!(usage.code == 2 && usage.stderr.contains("--day"), "{usage:?}");
    }
}
