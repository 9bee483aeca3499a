//! A card that pays with pseudonyms, and what its holder can see: with nothing but the binary.

use crate::workshop::{Ran, Serving, Workshop};
use serde_json::Value;
use std::{
    fs,
    time::{Duration, Instant},
};

const BANK: &str = "--client city/clients/issuer-bank.toml";
const METRO: &str = "--client city/clients/operator-metro.toml";
/// Every item goes on at once.
const AT_ONCE: &str = "\n[pseudonyms.mixing]\nitems = 1\ndelay_seconds = 0\n";
/// Nothing goes on within the hour.
const NEVER: &str = "\n[pseudonyms.mixing]\nitems = 8192\ndelay_seconds = 3600\n";

/// An authority with a bank and the metro, its service, one card with 50.00 and one gate.
struct City {
    workshop: Workshop,
    serving: Option<Serving>,
    card: String,
    account: String,
    config: String,
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name}: {value}")).to_owned()
}

impl City {
    fn new(suite: &str, mixing: &str) -> Self {
        let workshop = Workshop::new();
        workshop.init(suite);
        let config = fs::read_to_string(workshop.path("city/symbolon.toml")).unwrap();
        for (name, role) in
            [("bank", "issuer"), ("metro", "operator"), ("court", "attester_officer"), ("treasury", "clearing_officer")]
        {
            workshop.ask(&format!("client add {name} --role {role} --config city/symbolon.toml"));
        }
        let mut city = Self { workshop, serving: None, card: String::new(), account: String::new(), config };
        city.serve(mixing);
        let workshop = &city.workshop;
        let card = workshop.ask(&format!("card create {BANK} --sectors transport,water"));
        let gate = workshop.ask(&format!("terminal create {METRO} --sectors transport,water --number 1"));
        workshop.ask(&format!("ledger top-up {} --amount 5000 {BANK}", text(&card, "account")));
        for (command, folder, made) in [("card", "my-card", &card), ("terminal", "gate-1", &gate)] {
            let code = text(made, "activation_code");
            workshop.ask(&format!("{command} enrol {folder} --trust city/trust.toml --code {code}"));
        }
        (city.card, city.account) = (text(&card, "card"), text(&card, "account"));
        city
    }

    /// Starts the service, or starts it again with another mixing.
    fn serve(&mut self, mixing: &str) {
        self.stop();
        fs::write(self.workshop.path("city/symbolon.toml"), format!("{}{mixing}", self.config)).unwrap();
        self.serving = Some(self.workshop.serve());
    }

    fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            assert_eq!(serving.stop(), 0);
        }
    }

    fn left(&self) -> u64 {
        let shown = self.workshop.ask("card show my-card");
        shown["purse"]["periods"].as_array().map_or(0, |periods| periods[0]["left"].as_u64().unwrap())
    }

    /// A tap by hand; gives the presentation.
    fn tap(&self, sale: &str, amount: u32, how: &str) -> Result<Vec<u8>, Ran> {
        let save = |name: &str, ran: Ran| fs::write(self.workshop.path(name), ran.stdout).unwrap();
        save("select.hex", self.workshop.line("card select my-card").well());
        let challenge = self.workshop.line(&format!("terminal challenge gate-1 --select @select.hex {sale}"));
        save("challenge.hex", challenge.well());
        let pay = format!("card pay my-card --challenge @challenge.hex --confirm {amount} --no-refill {how}");
        let paid = self.workshop.line(&pay);
        if paid.code != 0 {
            return Err(paid);
        }
        fs::write(self.workshop.path("presentation.hex"), &paid.stdout).unwrap();
        self.workshop.line("terminal verify gate-1 --presentation @presentation.hex").well();
        Ok(hex::decode(paid.stdout.trim()).unwrap())
    }

    fn buy(&self, how: &str) -> Result<Vec<u8>, Ran> {
        self.tap("--sector transport --amount 10 --reference kiosk", 10, how)
    }
}

/// The class and the subject in a presentation's credential.
fn shown(presentation: &[u8]) -> (u8, String) {
    (presentation[5 + 2], hex::encode(&presentation[5 + 12..5 + 28]))
}

fn a_card_pays_with_pseudonyms(suite: &str) {
    let city = City::new(suite, AT_ONCE);
    let workshop = &city.workshop;
    // Without any, under its own number; and it says so.
    let before = city.buy("").unwrap();
    assert_eq!(shown(&before).0, 1);
    assert!(city.card.ends_with(&shown(&before).1));
    assert!(workshop.line("card show my-card").well().stdout.contains("pays under its own number"));

    // 49.90 are enough for two budgets of 20.00.
    workshop.line("card refill my-card --count 3").refused(&["INSUFFICIENT_FUNDS", "top it up"]);
    workshop.line("card refill my-card --count 21").refused(&["QUOTA_EXCEEDED", "had its 20 pseudonyms"]);
    assert_eq!(city.left(), 0);
    // Begun, the purse pays with nothing but pseudonyms, unless told otherwise.
    city.buy("").unwrap_err().refused(&["no_pseudonym", "card refill", "--named"]);
    let came = workshop.ask("card refill my-card");
    assert_eq!((came["came"].as_u64(), came["left"].as_u64()), (Some(2), Some(2)), "as many as can be paid for");

    let entry = city.tap("--sector transport --kind entry --amount 500 --reference airport", 500, "").unwrap();
    let exit = city.tap("--sector transport --kind exit --reference centre", 0, "").unwrap();
    let bought = city.buy("").unwrap();
    assert_eq!(shown(&entry), shown(&exit));
    assert_ne!(shown(&entry), shown(&bought));
    assert_eq!((shown(&entry).0, shown(&bought).0), (3, 3));
    city.buy("").unwrap_err().refused(&["no_pseudonym"]);
    let named = city.buy("--named").unwrap();
    assert_eq!(shown(&named), shown(&before));

    let uploaded = workshop.ask("terminal upload gate-1");
    assert_eq!(uploaded["settled"], 5, "{uploaded}");
}

#[test]
fn a_card_pays_with_pseudonyms_on_p256() {
    a_card_pays_with_pseudonyms("p256");
}

#[test]
fn a_card_pays_with_pseudonyms_on_secp256k1() {
    a_card_pays_with_pseudonyms("secp256k1");
}

#[test]
fn a_refill_that_was_broken_off_is_finished() {
    let mut city = City::new("p256", NEVER);
    let waiting = |city: &City| city.workshop.ask("card show my-card")["purse"]["waiting"].as_u64();
    for _ in 0..2 {
        city.workshop.line("card refill my-card --count 2 --wait 0").refused(&[
            "still mixing",
            "run the same command again",
            "nothing is asked for twice",
        ]);
        assert_eq!(waiting(&city), Some(2), "the same request, not another");
    }
    city.stop();
    city.workshop.line("card refill my-card --wait 0").refused(&["the service cannot be reached"]);
    assert_eq!((waiting(&city), city.left()), (Some(2), 0));
    city.serve(AT_ONCE);
    let came = city.workshop.ask("card refill my-card");
    assert_eq!((came["came"].as_u64(), city.left(), waiting(&city)), (Some(2), 2, Some(0)));
}

#[test]
fn policies_are_kept() {
    let city = City::new("p256", AT_ONCE);
    let wrong = city.workshop.line("card pay my-card --challenge 00 --confirm 1 --policy weekly");
    assert!(wrong.code == 2 && wrong.stderr.contains("per-sector"), "{wrong:?}");
    city.workshop.ask("card refill my-card --count 2 --policy per-day");
    assert_eq!(city.workshop.ask("card show my-card")["purse"]["policy"], "per-day");
    let [first, second] = [(); 2].map(|()| shown(&city.buy("").unwrap()));
    assert_eq!(first, second);
    let third = shown(&city.buy("--policy fresh").unwrap());
    assert_ne!(first, third);
    city.buy("").unwrap_err().refused(&["no_pseudonym"]);
    // The account does not reach for more; what the holder allows in that case is kept all the same.
    city.workshop.line("card refill my-card --when-empty card-number").refused(&["INSUFFICIENT_FUNDS"]);
    assert_eq!(shown(&city.buy("").unwrap()).0, 1);
}

#[test]
fn a_low_purse_is_filled_in_the_background() {
    let city = City::new("p256", AT_ONCE);
    city.workshop.ask(&format!("ledger top-up {} --amount 90000 {BANK}", city.account));
    city.workshop.ask("card refill my-card --count 3");
    let pay = "card pay my-card --terminal gate-1 --sector transport --amount 10 --reference kiosk";
    assert_eq!(city.workshop.ask(pay)["accepted"], true);
    let deadline = Instant::now() + Duration::from_secs(60);
    while city.left() < 8 {
        assert!(Instant::now() < deadline, "two were left, six more were wanted");
    }
}

#[test]
fn the_holder_sees_who_could_link_what() {
    let mut city = City::new("p256", AT_ONCE);
    let privacy = |city: &City| city.workshop.line("card privacy my-card").well().stdout;
    assert!(privacy(&city).contains("whoever sees two of them can link them"));
    city.workshop.ask("card refill my-card --count 2");
    let entry = city.tap("--sector transport --kind entry --amount 500 --reference airport", 500, "").unwrap();
    city.tap("--sector transport --kind exit --reference centre", 0, "").unwrap();
    city.buy("").unwrap();
    city.buy("--named").unwrap();

    let told = city.workshop.ask("card privacy my-card");
    let linkable = told["linkable"].as_array().unwrap();
    assert_eq!(linkable.len(), 2);
    assert_eq!((linkable[0]["shown"].as_str(), linkable[0]["taps"].as_u64()), (Some(&*shown(&entry).1), Some(2)));
    assert_eq!((linkable[1]["anonymous"].as_bool(), linkable[1]["taps"].as_u64()), (Some(false), Some(1)));
    let service = &told["service"];
    assert_eq!(service["uses"][0]["asked"], 2);
    assert_eq!(service["roles_together"].as_array().unwrap().len(), 6);
    assert_eq!(service["together_could"], "link every tap to this card");
    assert_eq!(service["opened"].as_array().unwrap().len(), 0);
    let words = privacy(&city);
    for word in ["1 show a pseudonym that no other shows", "never learns", "No case has opened"] {
        assert!(words.contains(word), "{word}: {words}");
    }
    city.stop();
    let words = privacy(&city);
    assert!(words.contains("The service was not asked") && words.contains("never learns"), "{words}");
}

#[test]
fn the_holder_gets_all_that_is_held() {
    let city = City::new("p256", AT_ONCE);
    city.workshop.ask("card refill my-card --count 2");
    let bought = city.buy("").unwrap();
    let told = city.workshop.ask("card export my-card --out mine.json");
    assert_eq!(told["roles"].as_array().unwrap().len(), 6);
    let exported: Value = serde_json::from_slice(&fs::read(city.workshop.path("mine.json")).unwrap()).unwrap();
    let roles = &exported["roles"];
    let subject = shown(&bought).1;
    assert_eq!(exported["wallet"]["purse"]["taps"][0]["shown"], subject.as_str());
    assert_eq!(roles["clearing"]["pseudonyms"].as_array().unwrap().len(), 2);
    assert!(city.account.ends_with(&text(&roles["clearing"]["account"], "name")));
    assert!(roles["linkage-a"]["seed"]["since"].is_u64() && roles["linkage-b"]["seed"]["since"].is_u64());
    assert!(roles["issuer"]["why"].as_str().unwrap().contains("nothing there can be found by this card"));
    // The attester counts requests and has no pseudonym; the export has no key.
    assert_eq!(roles["attester"]["pseudonym_requests"].as_array().unwrap().len(), 1);
    assert!(!roles["attester"].to_string().contains(&subject));
    let secret = fs::read(city.workshop.path("my-card/secret")).unwrap();
    assert!(!exported.to_string().contains(&hex::encode(secret)));
    city.workshop.line("card export my-card --out mine.json").refused(&["never overwritten"]);
}

#[test]
fn another_issuers_key_is_believed_only_when_the_holder_says_so() {
    let city = City::new("p256", AT_ONCE);
    city.workshop.ask("card refill my-card --count 1");
    // As if the key seen first had been another.
    let other = "ab".repeat(32);
    city.workshop.ask(&format!("card accept-issuer-key my-card {other}"));
    let refused = city.workshop.line("card refill my-card --count 1").refused(&["not the one believed", &other]);
    let command = refused.stderr.split("symbolon card accept-issuer-key ").nth(1).unwrap().to_owned();
    city.workshop.line(&format!("card accept-issuer-key {}", command.trim())).well();
    city.workshop.ask("card refill my-card --count 1");
    assert_eq!(city.left(), 2);
    city.workshop.line("card accept-issuer-key my-card abc").refused(&["64 hex digits"]);
}

#[test]
fn two_officers_open_a_pseudonym_and_its_owner_sees_it() {
    let city = City::new("p256", AT_ONCE);
    let workshop = &city.workshop;
    workshop.ask("card refill my-card --count 1");
    let subject = shown(&city.buy("").unwrap()).1;
    let case = format!("--case 2026/17 --subject {subject}");
    let (court, treasury) =
        ("--client city/clients/attester_officer-court.toml", "--client city/clients/clearing_officer-treasury.toml");
    workshop.line(&format!("trace open {case} {court}")).refused(&["NOT_APPROVED"]);
    workshop.ask(&format!("trace approve {case} {court}"));
    workshop.line(&format!("trace open {case} {court}")).refused(&["NOT_APPROVED", "clearing"]);
    workshop.ask(&format!("trace approve {case} {treasury}"));
    workshop.line(&format!("trace open {case} {treasury}")).refused(&["opening the case"]);
    workshop.line(&format!("trace approve {case} {BANK}")).refused(&["approving the case"]);
    let opened = workshop.ask(&format!("trace open {case} {court}"));
    assert_eq!(opened["card"], city.card.as_str());
    let listed = workshop.ask(&format!("trace list {treasury}"));
    assert!(listed["traces"].as_array().unwrap().iter().any(|trace| trace["event"] == "opened"), "{listed}");
    workshop.line(&format!("trace approve --case 1 --subject abc {court}")).refused(&["32 hex digits"]);

    let told = workshop.ask("card privacy my-card");
    assert_eq!(told["service"]["opened"][0]["case"], "2026/17");
    assert!(workshop.line("card privacy my-card").well().stdout.contains("Case 2026/17 opened a pseudonym"));
}
