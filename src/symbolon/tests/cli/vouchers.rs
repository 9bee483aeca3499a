//! A voucher bought with the binary alone, and what a device is made of.

use crate::workshop::Workshop;
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt as _};
use symbolon_ccks::{Authority, AuthorityId, Credential, P256, Secp256k1, SigningKey, Suite};
use symbolon_tap::voucher::SignedVoucher;

const BANK: &str = "--client city/clients/issuer-bank.toml";
const GRID: &str = "--client city/clients/operator-grid.toml";
const PRICES: &str = "
[[vouchers.prices]]
operator = \"grid\"
sector = \"power\"
currency = 156
per_thousand = 52
";

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name}: {value}")).to_owned()
}

/// An authority that sells power, a card with 10.00 and a meter; the meter's subject.
fn begin(workshop: &Workshop, suite: &str) -> String {
    workshop.init(suite);
    for (name, role) in [("bank", "issuer"), ("grid", "operator")] {
        workshop.ask(&format!("client add {name} --role {role} --config city/symbolon.toml"));
    }
    let config = workshop.path("city/symbolon.toml");
    fs::write(&config, fs::read_to_string(&config).unwrap() + PRICES).unwrap();
    let _serving = workshop.serve();
    enrol(workshop)
}

fn enrol(workshop: &Workshop) -> String {
    let card = workshop.ask(&format!("card create {BANK} --sectors power"));
    let meter = workshop.ask(&format!("terminal create {GRID} --sectors power --number 1"));
    workshop.ask(&format!("ledger top-up {} --amount 1000 {BANK}", text(&card, "account")));
    for (command, folder, made) in [("card", "my-card", &card), ("terminal", "meter-1", &meter)] {
        let code = text(made, "activation_code");
        workshop.ask(&format!("{command} enrol {folder} --trust city/trust.toml --code {code}"));
    }
    let meter =
        Credential::parse(&fs::read(workshop.path("meter-1/credential")).unwrap()).unwrap().identity().subject();
    meter.to_string()
}

#[test]
fn a_voucher_is_bought_carried_and_found_again() {
    let workshop = Workshop::new();
    let meter = begin(&workshop, "p256");
    let serving = workshop.serve();
    let buy = format!("card voucher buy my-card --meter {meter} --quantity 10001");
    workshop.line(&buy).refused(&["10001 Wh cost 5.21", "--most 521"]);
    workshop.line(&format!("{buy} --most 520")).refused(&["more than --most 520"]);
    workshop.line(&format!("{buy} --most 600 --sector water")).refused(&["sells nothing of that"]);
    workshop.line(&format!("{} --most 9", buy.replace(&meter, &"7".repeat(32)))).refused(&["nobody sells"]);
    let bought = workshop.ask(&format!("{buy} --most 600"));
    let voucher = hex::decode(text(&bought["bought"], "voucher")).unwrap();
    let signed = SignedVoucher::parse(&voucher).unwrap();
    assert_eq!((signed.voucher().meter().to_string(), signed.voucher().quantity()), (meter.clone(), 10_001));
    assert_eq!((bought["bought"]["amount"].as_u64(), bought["bought"]["sequence"].as_u64()), (Some(521), Some(1)));
    // 4.79 are left.
    workshop.line(&format!("{buy} --most 600")).refused(&["INSUFFICIENT_FUNDS"]);
    let listed = workshop.ask("card vouchers my-card");
    let states: Vec<_> = listed["vouchers"].as_array().unwrap().iter().map(|voucher| text(voucher, "state")).collect();
    assert_eq!(states, ["refused", "issued"]);
    assert_eq!(listed["vouchers"][1]["carried"], true);

    // What the card lost, it gets again.
    fs::remove_file(workshop.path("my-card/keepsakes")).unwrap();
    let found = workshop.line("card vouchers my-card").well().stdout;
    assert!(found.contains("with the card") && found.contains("1 of them were not with the card"), "{found}");

    // A request without an answer is sent again before any other, and buys once.
    drop(serving);
    workshop.line(&format!("{buy} --most 600")).refused(&["cannot be reached"]);
    let _serving = workshop.serve();
    assert_eq!(workshop.ask("card vouchers my-card")["vouchers"].as_array().unwrap().len(), 2);
}

#[test]
fn a_request_that_was_broken_off_buys_once() {
    let workshop = Workshop::new();
    let meter = begin(&workshop, "p256");
    let serving = workshop.serve();
    let buy = format!("card voucher buy my-card --meter {meter} --quantity 5000 --most 300");
    // The voucher comes, and cannot be kept: as if the card's device had stopped just then.
    fs::create_dir(workshop.path("my-card/keepsakes")).unwrap();
    workshop.line(&buy).refused(&["keepsakes"]);
    assert!(workshop.path("my-card/voucher.request").exists());
    drop(serving);
    let _serving = workshop.serve();
    fs::remove_dir(workshop.path("my-card/keepsakes")).unwrap();
    let second = workshop.ask(&buy);
    assert_eq!(second["finished"][0]["sequence"].as_u64(), Some(1));
    assert_eq!(second["bought"]["sequence"].as_u64(), Some(2));
    assert!(!workshop.path("my-card/voucher.request").exists());
    let listed = workshop.ask("card vouchers my-card");
    assert!(listed["vouchers"].as_array().unwrap().iter().all(|voucher| voucher["carried"] == true));
    assert_eq!(listed["vouchers"].as_array().unwrap().len(), 2);
    // The holder sees both in the export.
    workshop.ask("card export my-card --out my-data.json");
    let data = fs::read_to_string(workshop.path("my-data.json")).unwrap();
    assert!(
        data.contains(&text(&second["bought"], "voucher")) && data.contains(&text(&second["finished"][0], "voucher"))
    );
}

fn is_a_device<S: Suite>(workshop: &Workshop) {
    let read = |name: &str| fs::read(workshop.path("device").join(name)).unwrap();
    let (prepared, id) =
        (read("authority.prepared"), AuthorityId::from_bytes(read("authority.id").try_into().unwrap()));
    let authority = Authority::<S>::open(prepared.as_slice().into(), &id).unwrap();
    // As a device opens it: the authority's own key beside the rest.
    let own_key: [u8; 64] = read("authority.key").try_into().unwrap();
    assert_eq!(own_key, authority.own_key());
    Authority::<S>::open_with_key(prepared.as_slice().into(), &id, &own_key).unwrap();
    let credential = read("terminal.credential");
    let secret: [u8; 32] = read("terminal.secret").try_into().unwrap();
    let credential = Credential::parse(&credential).unwrap();
    SigningKey::from_credential(&authority, credential, &secret).unwrap();
    symbolon_tap::Bundle::parse(&read("bundle")).unwrap().verify(&authority).unwrap();
    let mode = |name: &str| fs::metadata(workshop.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("device"), mode("device/terminal.secret")), (0o700, 0o600));
}

#[test]
fn a_terminal_is_exported_as_a_device_takes_it() {
    for suite in ["p256", "secp256k1"] {
        let workshop = Workshop::new();
        begin(&workshop, suite);
        let exported = workshop.ask("terminal export meter-1 --out device");
        assert_eq!(exported["files"].as_array().unwrap().len(), 6);
        match suite {
            "p256" => is_a_device::<P256>(&workshop),
            _ => is_a_device::<Secp256k1>(&workshop),
        }
        workshop.line("terminal export meter-1 --out device").refused(&["must not exist yet"]);
        workshop.line("terminal export my-card --out other").refused(&["is the folder of a card"]);
        let successor = "--successor my-card/authority.params --statement my-card/credential";
        workshop.line(&format!("terminal export meter-1 --out other {successor}")).refused(&["successor"]);
        assert!(!workshop.path("other").exists(), "nothing is written of what is refused");
    }
}
