//! From the key ceremony to a settled tap, with nothing but the binary.

use crate::workshop::{Serving, Workshop};
use serde_json::Value;
use std::fs;

const BANK: &str = "--client city/clients/issuer-bank.toml";
const METRO: &str = "--client city/clients/operator-metro.toml";
const COURT: &str = "--client city/clients/auditor-court.toml";

/// An authority with a bank, the metro and a court, its service, one card and one gate.
pub(crate) struct City {
    pub(crate) workshop: Workshop,
    pub(crate) serving: Serving,
    pub(crate) account: String,
    card: String,
}

impl City {
    pub(crate) fn new(suite: &str) -> Self {
        let workshop = Workshop::new();
        let made = workshop.init(suite);
        for (name, role) in [("bank", "issuer"), ("metro", "operator"), ("court", "auditor")] {
            workshop.ask(&format!("client add {name} --role {role} --config city/symbolon.toml"));
        }
        let serving = workshop.serve();
        assert_eq!(serving.announced["authority_id"], made["authority_id"]);
        let card =
            workshop.ask(&format!("card create {BANK} --sectors transport,water --spend-limit 2000 --budget 9000"));
        let account = text(&card, "account");
        workshop.ask(&format!("ledger top-up {account} --amount 5000 {BANK}"));
        let enrolled = workshop
            .ask(&format!("card enrol my-card --trust city/trust.toml --code {}", text(&card, "activation_code")));
        assert!(text(&card, "card").ends_with(&text(&enrolled, "subject")));
        let gate = workshop.ask(&format!("terminal create {METRO} --sectors transport --number 1"));
        workshop
            .ask(&format!("terminal enrol gate-1 --trust city/trust.toml --code {}", text(&gate, "activation_code")));
        let card = text(&card, "card");
        Self { workshop, serving, account, card }
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name}: {value}")).to_owned()
}

fn a_tap_by_hand_settles(suite: &str) {
    let city = City::new(suite);
    let workshop = &city.workshop;

    // The entry: the whole tap on this machine.
    let entered = workshop.ask("card pay my-card --terminal gate-1 --kind entry --amount 800 --reference station-1");
    assert_eq!(entered["accepted"], true);
    assert_eq!(entered["established"].as_array().unwrap().len(), 5);
    assert_eq!(entered["not_established"].as_array().unwrap().len(), 2);

    // The exit: step by step, with files.
    let save = |name: &str, line: &str| fs::write(workshop.path(name), workshop.line(line).well().stdout).unwrap();
    save("select.hex", "card select my-card");
    save("challenge.hex", "terminal challenge gate-1 --select @select.hex --kind exit --reference station-7");
    workshop
        .line("card pay my-card --challenge @challenge.hex --confirm 5")
        .refused(&["not_confirmed", "asks for 0.00 CNY"]);
    save("presentation.hex", "card pay my-card --challenge @challenge.hex --confirm 0");
    let first = fs::read(workshop.path("presentation.hex")).unwrap();
    save("presentation.hex", "card pay my-card --challenge @challenge.hex --confirm 0");
    assert_eq!(
        fs::read(workshop.path("presentation.hex")).unwrap(),
        first,
        "a repeated challenge gets the stored answer"
    );
    let verdict = workshop.line("terminal verify gate-1 --presentation @presentation.hex").well();
    assert!(verdict.stdout.starts_with("ACCEPTED: exit"), "{verdict:?}");
    let again = workshop.line("terminal verify gate-1 --presentation @presentation.hex");
    assert_eq!(again.code, 1);
    assert!(again.stdout.starts_with("DECLINED (replayed)"), "{again:?}");
    for (file, structure) in
        [("select", "select response"), ("challenge", "challenge"), ("presentation", "presentation")]
    {
        let explained = workshop.ask(&format!("explain @{file}.hex"));
        assert_eq!(explained["structures"][0]["structure"], structure);
    }

    // What the card's own limits refuse, the wallet does not even sign.
    workshop.line("card pay my-card --terminal gate-1 --kind entry --amount 2001").refused(&["over_limit"]);
    workshop
        .line("card pay my-card --terminal gate-1 --kind entry --sector water --amount 1")
        .refused(&["wrong_sector"]);

    let shown = workshop.ask("terminal show gate-1");
    assert_eq!((shown["accepted"].as_u64(), shown["waiting"].as_u64()), (Some(2), Some(2)));
    let uploaded = workshop.ask("terminal upload gate-1");
    assert_eq!((uploaded["settled"].as_u64(), uploaded["uploads"].as_u64()), (Some(2), Some(1)));
    assert_eq!(workshop.ask("terminal upload gate-1")["uploads"], 0);
    assert_eq!(workshop.ask("terminal show gate-1")["waiting"], 0);

    // 50.00 paid in, the default fare of 3.00 paid out.
    let ledger = workshop.ask(&format!("ledger show {COURT}"));
    assert_eq!((ledger["check"]["balanced"].as_bool(), ledger["check"]["sum"].as_i64()), (Some(true), Some(0)));
    let account = workshop.ask(&format!("ledger show {} {BANK}", city.account));
    assert_eq!(account["account"]["balance"], 4_700);
    let kinds: Vec<_> = account["entries"].as_array().unwrap().iter().map(|entry| text(entry, "kind")).collect();
    assert!(kinds.starts_with(&["top-up".to_owned(), "entry".to_owned()]) && kinds.len() >= 3, "{kinds:?}");
    let own = workshop.ask(&format!("ledger show {METRO}"));
    assert!(own["check"].is_null() && own["accounts"][0]["balance"] == 300, "{own}");
    assert_eq!(workshop.ask(&format!("ledger misuse {COURT}"))["misuse_proofs"], Value::Array(Vec::new()));
    let card = workshop.ask("card show my-card");
    assert_eq!((card["counter"].as_u64(), card["spent"].as_u64()), (Some(2), Some(800)));
    assert_eq!(city.serving.stop(), 0);
}

#[test]
fn a_tap_by_hand_settles_with_p256() {
    a_tap_by_hand_settles("p256");
}

#[test]
fn a_tap_by_hand_settles_with_secp256k1() {
    a_tap_by_hand_settles("secp256k1");
}

#[test]
fn a_tap_needs_no_service() {
    let city = City::new("p256");
    assert_eq!(city.serving.stop(), 0);
    let workshop = &city.workshop;
    workshop.ask("card pay my-card --terminal gate-1 --kind entry --amount 800");
    workshop.line("terminal upload gate-1").refused(&["the service cannot be reached", "is it running?"]);
    let pending = fs::read(workshop.path("gate-1/upload.pending")).unwrap();
    // What could not be sent is sent as it was once the service is back, with whatever came after it.
    workshop.ask("card pay my-card --terminal gate-1 --kind exit");
    let _serving = workshop.serve();
    let uploaded = workshop.ask("terminal upload gate-1");
    assert_eq!((uploaded["settled"].as_u64(), uploaded["uploads"].as_u64()), (Some(2), Some(2)));
    // As if the power had gone between counting an acknowledgement and clearing up: no tap is passed over for it.
    fs::write(workshop.path("gate-1/upload.pending"), pending).unwrap();
    workshop.ask("card pay my-card --terminal gate-1 --kind entry --amount 100");
    let uploaded = workshop.ask("terminal upload gate-1");
    assert_eq!((uploaded["settled"].as_u64(), uploaded["uploads"].as_u64()), (Some(1), Some(1)));
    let ledger = workshop.ask(&format!("ledger show {COURT}"));
    let held = ledger["accounts"].as_array().unwrap().iter().find(|account| account["kind"] == "clearing").unwrap();
    assert_eq!(held["balance"], 100, "the journey that began last is open");
}

#[test]
fn one_command_uses_a_terminal_at_a_time() {
    let city = City::new("p256");
    let lock = fs::File::options().write(true).open(city.workshop.path("gate-1/lock")).unwrap();
    lock.lock().unwrap();
    city.workshop.line("terminal show gate-1").refused(&["another command uses this terminal"]);
    lock.unlock().unwrap();
    city.workshop.line("terminal show gate-1").well();
}

#[test]
fn a_code_works_once_and_for_what_it_was_made() {
    let city = City::new("p256");
    let workshop = &city.workshop;
    let created = workshop.ask(&format!("card create {BANK}"));
    let code = text(&created, "activation_code");
    workshop
        .line(&format!("terminal enrol gate-2 --trust city/trust.toml --code {code}"))
        .refused(&["the activation code is for a card"]);
    workshop.ask(&format!("card enrol other-card --trust city/trust.toml --code {code}"));
    workshop
        .line(&format!("card enrol third-card --trust city/trust.toml --code {code}"))
        .refused(&["the activation code was used"]);
    workshop
        .line(&format!("card enrol other-card --trust city/trust.toml --code {code}"))
        .refused(&["holds a credential already"]);
    workshop.line("card enrol x --trust city/trust.toml --code AAAA-BBBB").refused(&["activation code is not valid"]);
    workshop.line("card show gate-1").refused(&["is the folder of a terminal, not of a card"]);
    workshop.line("terminal show my-card").refused(&["is the folder of a card, not of a terminal"]);
    assert!(city.card.starts_with("cards/"));
}

#[test]
fn another_authority_than_the_trusted_one_is_refused() {
    let city = City::new("p256");
    let workshop = &city.workshop;
    let trust = fs::read_to_string(workshop.path("city/trust.toml")).unwrap();
    let id = trust.lines().find(|line| line.starts_with("authority_id")).unwrap();
    let other = format!("authority_id = \"{}\"", "ab".repeat(32));
    fs::write(workshop.path("other.toml"), trust.replace(id, &other)).unwrap();
    let code = text(&workshop.ask(&format!("card create {BANK}")), "activation_code");
    workshop
        .line(&format!("card enrol other-card --trust other.toml --code {code}"))
        .refused(&["are not those of authority abab"]);
    assert!(!workshop.path("other-card").exists());
}

#[test]
fn a_role_may_do_what_it_may_do() {
    let city = City::new("p256");
    let workshop = &city.workshop;
    workshop.line(&format!("card create {METRO}")).refused(&["creating the card", "a client with the role"]);
    workshop.line(&format!("terminal create {BANK} --sectors water")).refused(&["creating the terminal"]);
    workshop.line(&format!("ledger top-up {} --amount 1 {COURT}", city.account)).refused(&["topping up"]);
    workshop.line(&format!("card create {BANK} --spend-limit 10 --budget 9")).refused(&["spend_limit"]);
}
