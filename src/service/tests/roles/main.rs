//! Who knows what: a whole run of six roles, each on a database of its own, and then everything that each of them has
//! written down, logged, sent or received is searched for what it must never learn.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod city;
mod holder;
mod overheard;
mod searching;
mod secrets;
#[path = "../scene/time_and_chance.rs"]
mod time_and_chance;

use std::collections::BTreeMap;

use symbolon_ccks::Subject;
use symbolon_service::{
    exchange::{RecordOutcome, Refusal},
    links::ServiceRole,
};
use symbolon_tap::Kind;

use self::{
    city::{City, name},
    searching::Haystack,
    secrets::{Secret, Shown},
};

/// Cards that pay with pseudonyms.
const HOLDERS: usize = 5;
/// Pseudonyms of each.
const PSEUDONYMS: u16 = 3;

/// What happened, with everything in it that some role must not learn.
struct Run {
    city: City,
    secrets: Vec<Secret>,
    /// The pseudonym that a case opened.
    traced: Vec<Secret>,
    /// The card that it is of.
    first_card: Subject,
}

/// Cards enrol, get pseudonyms, tap, and are settled; one brings a voucher to a meter, one is revoked, and one pseudonym is opened by law.
async fn run(seed: u64) -> Run {
    let city = City::new(seed);
    let (mut metro, mut shop) = (city.gate("metro").await, city.gate("shop").await);
    let mut holders = Vec::new();
    for _ in 0..HOLDERS {
        holders.push(city.holder().await);
    }
    let mut named = city.holder().await;
    city.get_pseudonyms(&mut holders, PSEUDONYMS).await;
    let mut meter = city.gate("grid").await;
    let voucher = city.buy_voucher(&holders[1], &meter).await;

    // Every tap at a time and a place of its own, and all settled an hour or more later.
    let mut at = 4_000;
    let mut taps = Vec::new();
    for (number, holder) in holders.iter_mut().enumerate() {
        at += 137;
        let entry = metro.tap(holder.pseudonym(0), Kind::Entry, 500, at, city.place());
        at += 137;
        let exit = metro.tap(holder.pseudonym(0), Kind::Exit, 0, at, city.place());
        at += 137;
        let bought = shop.tap(holder.pseudonym(1), Kind::Purchase, 110 + number as u32, at, city.place());
        taps.extend([entry, exit, bought].map(|record| *record.terms()));
    }
    let by_card = shop.tap(named.card(), Kind::Purchase, 77, at + 137, city.place());
    let reference = voucher.issued.as_ref().unwrap().reference;
    let credit = meter.tap(holders[1].pseudonym(2), Kind::Credit, 0, at + 274, reference);
    city.clock.set(9_000);
    assert_eq!(meter.upload_all(&city).await, [RecordOutcome::Settled { amount: 0 }]);
    let settled = [metro.upload_all(&city).await, shop.upload_all(&city).await].concat();
    assert_eq!(settled.len(), 3 * HOLDERS + 1);
    assert!(settled.iter().all(|outcome| matches!(outcome, RecordOutcome::Settled { .. })), "{settled:?}");
    city.clock.set(13_000);
    city.deliver().await;

    // The last card is revoked; what is left of its pseudonyms is refused, once every bundle says so.
    let last = holders.len() - 1;
    city.revoke(&holders[last]).await;
    city.clock.set(14_000);
    city.tend().await;
    let late = city.bundle_lifetime() + 14_000;
    city.clock.set(late + 600);
    let refused = metro.tap(holders[last].pseudonym(2), Kind::Purchase, 90, late + 137, city.place());
    taps.push(*refused.terms());
    let outcomes = metro.upload_all(&city).await;
    assert_eq!(outcomes, [RecordOutcome::Refused(Refusal::Revoked)]);
    city.ask_what_is_held(&holders[0]).await;

    let mut secrets = secrets::of_taps(&taps, by_card.terms());
    secrets.extend(secrets::of_terminals(&[metro.credential(), shop.credential(), meter.credential()]));
    secrets.extend(secrets::of_voucher(&voucher, credit.terms()));
    for (number, holder) in holders.iter().enumerate() {
        secrets.extend(secrets::of_holder(holder, if number == last { Shown::Revoked } else { Shown::Never }));
    }
    secrets.extend(secrets::of_holder(&named, Shown::Paying));
    secrets.extend(city.secrets_of_stores());
    let traced = secrets::of_pseudonym(&holders[0].pseudonyms[0]);
    Run { city, secrets, traced, first_card: holders[0].card.number }
}

/// What a role has that it must not have.
fn leaks(city: &City, secrets: &[Secret], exempt: &[Secret]) -> Vec<String> {
    let mut found = Vec::new();
    for role in ServiceRole::ALL {
        let haystacks = city.everything_of(role);
        let forbidden = secrets.iter().filter(|secret| secret.is_kept_from(role));
        let forbidden = forbidden.filter(|secret| !exempt.iter().any(|exempt| exempt.bytes == secret.bytes));
        found.extend(searching::find(&haystacks, forbidden).map(|leak| format!("{role}: {leak}")));
    }
    found
}

#[tokio::test]
async fn no_role_has_what_it_must_never_learn() {
    let Run { city, secrets, traced, first_card } = run(1).await;
    // What is searched for is there, with those who may know it: else nothing would be found with anybody.
    for role in ServiceRole::ALL {
        let known = || secrets.iter().filter(|secret| secret.told.known_to.contains(&role));
        let found = searching::find(&city.everything_of(role), known()).collect::<Vec<_>>();
        for secret in known() {
            let held = found.iter().any(|found| found.ends_with(&secret.to_string()));
            assert!(held, "the {role} does not have {secret}, or it is not searched for as it is written");
        }
    }
    let found = leaks(&city, &secrets, &[]);
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));

    let subject = Subject::from_bytes(traced[0].bytes.as_slice().try_into().unwrap());
    let card = city.open_case("case 7", subject, [&name("officer-a"), &name("officer-c")]).await.unwrap();
    assert_eq!(card, first_card);
    // From the archive the attester learns this one pseudonym, and no other; everybody else nothing.
    let found = leaks(&city, &secrets, &[]);
    assert!(!found.is_empty(), "the case was opened without the attester's seeing what it opened");
    assert!(found.iter().all(|leak| leak.starts_with("attester: link: ")), "{}", found.join("\n"));
    let found = leaks(&city, &secrets, &traced);
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
}

/// Whatever leaks, however it is written and wherever, is found.
#[tokio::test]
async fn a_leak_is_found_wherever_it_is() {
    let Run { city, secrets, .. } = run(2).await;
    let kinds = secrets.iter().map(|secret| (secret.told.what, secret)).collect::<BTreeMap<_, _>>();
    for secret in kinds.into_values() {
        for written in secret.ways_of_writing() {
            let text = [b"some text ", written.as_slice(), b" and more"].concat();
            let found = searching::find(&[Haystack::new("text", text)], std::iter::once(secret)).count();
            assert!(found > 0, "{secret} is not found as {}", String::from_utf8_lossy(&written));
        }
    }
    for role in ServiceRole::ALL {
        let secret = secrets.iter().find(|secret| secret.is_kept_from(role) && !secret.is_time()).unwrap();
        city.plant(role, &secret.bytes).await;
        let found = leaks(&city, std::slice::from_ref(secret), &[]);
        for place in ["database: requests.answer", "file", "log", "link"] {
            let beginning = format!("{role}: {place}");
            assert!(found.iter().any(|leak| leak.starts_with(&beginning)), "{beginning}: {secret} is not found");
        }
    }
}
