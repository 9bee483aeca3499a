//! Cards taken out for good, and what everybody is told of their pseudonyms.

use std::collections::BTreeSet;

use symbolon_ccks::{Period, Subject};
use symbolon_service::links::{RegistryLink as _, ServiceRole};
use symbolon_tap::Bundle;

use super::{
    line::Lost,
    town::{Town, at_once, holds, name, subjects},
};

/// The subjects that the newest bundle lets everybody recognise in a period.
async fn recognised(town: &Town, period: Period) -> BTreeSet<Subject> {
    let record = town.roles().bundles.newest().await.unwrap();
    let bundle = Bundle::parse(&record.bytes).unwrap();
    bundle.verify(town.keys.authority()).unwrap();
    bundle.revoked_seeds().subjects(period, period).collect()
}

async fn revoke(town: &Town, wallet: &super::town::Wallet) {
    town.roles().cards.revoke(town.id(), &name("issuer"), wallet.card.number).await.unwrap();
}

#[tokio::test]
async fn a_revoked_cards_pseudonyms_are_recognised_from_that_day_on_and_none_before() {
    let town = Town::new(at_once());
    let (wallet, other) = (town.wallet(1_000_000).await, town.wallet(1_000_000).await);
    let yesterday = subjects(&town.pseudonyms(&wallet, 5).await);
    let first_day = town.period();
    town.clock.advance(86_400);
    let today = subjects(&town.pseudonyms(&wallet, 20).await);
    let (asking, request) = town.ask_for(&wallet, 4, town.period().next()).await;
    let tomorrow = subjects(&town.open(&asking, &town.attester().request(request).await.unwrap()));
    let of_other = subjects(&town.pseudonyms(&other, 20).await);
    assert_eq!(recognised(&town, town.period()).await.len(), 0);
    revoke(&town, &wallet).await;
    assert_eq!(town.attester().publish_revocations(town.now()).await.unwrap(), 1);
    assert_eq!(town.attester().publish_revocations(town.now()).await.unwrap(), 0);

    assert_eq!(recognised(&town, town.period()).await, today, "all twenty of today");
    assert!(recognised(&town, town.period().next()).await.is_superset(&tomorrow));
    assert!(recognised(&town, town.period()).await.is_disjoint(&of_other));
    assert_eq!(recognised(&town, first_day).await, BTreeSet::new());
    let published = town.roles().registry.published_seeds().await.unwrap();
    assert_eq!((published.len(), published[0].period), (1, town.period()));
    // Not even by computing on from what was published does an earlier day come out.
    let on = |periods| {
        let [a, b] = &published[0].seeds;
        let [a, b] = [
            a.after(symbolon_ccks::LinkageAuthority::A, periods),
            b.after(symbolon_ccks::LinkageAuthority::B, periods),
        ];
        (0..20).map(move |j| a.value(j).subject_with(&b.value(j)))
    };
    assert!((0..50).flat_map(on).all(|subject| !yesterday.contains(&subject)));
}

#[tokio::test]
async fn nothing_is_published_before_both_authorities_have_answered_and_then_it_is() {
    let mut town = Town::new(at_once());
    for (after, lost) in [(0, Lost::Call), (1, Lost::Call), (0, Lost::Answer), (1, Lost::Answer)] {
        let wallet = town.wallet(100_000).await;
        let outstanding = subjects(&town.pseudonyms(&wallet, 3).await);
        revoke(&town, &wallet).await;
        let before = town.roles().registry.published_seeds().await.unwrap().len();
        town.line.cut(after, lost);
        assert_eq!(town.attester().publish_revocations(town.now()).await.unwrap(), 0, "{lost:?} {after}");
        assert_eq!(town.roles().registry.published_seeds().await.unwrap().len(), before);
        assert_eq!(town.attester().counts().await.unwrap().seeds_to_reveal, 1);
        town.reopen();
        assert_eq!(town.attester().publish_revocations(town.now()).await.unwrap(), 1);
        assert!(recognised(&town, town.period()).await.is_superset(&outstanding));
        assert_eq!(town.attester().counts().await.unwrap().seeds_to_reveal, 0);
    }
}

#[tokio::test]
async fn seeds_given_on_different_days_are_joined_at_the_later() {
    let town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    let (asking, request) = town.ask_for(&wallet, 5, town.period().next()).await;
    let tomorrow = subjects(&town.open(&asking, &town.attester().request(request).await.unwrap()));
    revoke(&town, &wallet).await;
    *town.line.away.lock().unwrap() = Some(ServiceRole::LinkageB);
    assert_eq!(town.attester().publish_revocations(town.now()).await.unwrap(), 0);
    town.clock.advance(86_400);
    *town.line.away.lock().unwrap() = None;
    assert_eq!(town.attester().publish_revocations(town.now()).await.unwrap(), 1);
    assert_eq!(town.roles().registry.published_seeds().await.unwrap()[0].period, town.period());
    assert!(recognised(&town, town.period()).await.is_superset(&tomorrow));
}

#[tokio::test]
async fn a_revoked_card_gets_nothing_from_that_moment_though_no_authority_answers() {
    let town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    town.pseudonyms(&wallet, 1).await;
    let (_, request) = town.ask(&wallet, 1).await;
    *town.line.away.lock().unwrap() = Some(ServiceRole::LinkageA);
    revoke(&town, &wallet).await;
    assert_eq!(town.attester().request(request).await.unwrap_err().reason(), "card_not_active");
    let calls = town.line.calls.lock().unwrap().clone();
    assert!(!calls.contains(&"reveal"), "revoking itself asks nobody: {calls:?}");
}

#[tokio::test]
async fn a_suspension_publishes_nothing_and_neither_does_a_card_that_never_asked() {
    let town = Town::new(at_once());
    let (suspended, replaced, idle) = (town.wallet(9_000).await, town.wallet(9_000).await, town.wallet(0).await);
    town.pseudonyms(&suspended, 1).await;
    let outstanding = subjects(&town.pseudonyms(&replaced, 2).await);
    let cards = &town.roles().cards;
    cards.suspend(town.id(), &name("issuer"), suspended.card.number).await.unwrap();
    revoke(&town, &idle).await;
    assert_eq!(town.attester().publish_revocations(town.now()).await.unwrap(), 0);
    let replacement = cards.replace(town.id(), &name("issuer"), replaced.card.number).await.unwrap();
    assert_eq!(replacement.record.account, replaced.card.account);
    assert_eq!(town.attester().publish_revocations(town.now()).await.unwrap(), 1);
    assert!(recognised(&town, town.period()).await.is_superset(&outstanding));
}

#[tokio::test]
async fn a_card_that_only_one_authority_has_met_has_nothing_to_publish() {
    let town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    let (_, request) = town.ask(&wallet, 1).await;
    *town.line.away.lock().unwrap() = Some(ServiceRole::LinkageB);
    assert_eq!(town.attester().request(request).await.unwrap_err().reason(), "role_unavailable");
    revoke(&town, &wallet).await;
    *town.line.away.lock().unwrap() = None;
    town.attester().tend().await.unwrap();
    let counts = town.attester().counts().await.unwrap();
    assert_eq!((counts.seeds_to_reveal, counts.published_seeds, counts.unfinished_requests), (0, 0, 0));
    assert_eq!(town.set_aside(&wallet).await, (0, 0));
}

#[tokio::test]
async fn published_seeds_go_from_the_bundle_when_nothing_is_outstanding_and_then_for_good() {
    let town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    let revoked_in = town.period();
    let (_, request) = town.ask_for(&wallet, 1, revoked_in.next()).await;
    town.attester().request(request).await.unwrap();
    revoke(&town, &wallet).await;
    town.attester().tend().await.unwrap();
    let boundary = town.policy.pseudonyms.boundary;
    let last_use = revoked_in.next().expiry(boundary);
    let to = |time: symbolon_ccks::Time| town.clock.advance(time.seconds() - town.now().seconds());
    to(last_use.saturating_sub(1));
    assert!(!recognised(&town, revoked_in.next()).await.is_empty());
    to(revoked_in.next().next().end(boundary));
    assert!(recognised(&town, revoked_in.next()).await.is_empty());
    to(last_use.saturating_add(town.policy.pseudonyms.late_records_seconds - 1));
    town.attester().tend().await.unwrap();
    assert_eq!(town.roles().registry.published_seeds().await.unwrap().len(), 1, "a record may still come");
    to(last_use.saturating_add(town.policy.pseudonyms.late_records_seconds));
    town.attester().tend().await.unwrap();
    assert_eq!(town.roles().registry.published_seeds().await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_published_says_nothing_of_the_card() {
    let mut town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    town.pseudonyms(&wallet, 3).await;
    revoke(&town, &wallet).await;
    town.attester().tend().await.unwrap();
    let handle = town.line.values.lock().unwrap()[0].handle;
    let bundle = town.roles().bundles.newest().await.unwrap().bytes;
    assert!(!bundle.windows(16).any(|window| window == handle.as_bytes()));
    let published = town.roles().registry.published_seeds().await.unwrap();
    town.reopen();
    // In its table an entry stands beside nothing that is the card's.
    let file = rusqlite::Connection::open(town.folder.path().join("attester.db")).unwrap();
    let columns = file.prepare("SELECT * FROM published_seeds").unwrap();
    assert_eq!(columns.column_names().collect::<Vec<_>>(), ["period", "seed_a", "seed_b", "published"]);
    assert_eq!(published.len(), 1);
    assert!(!holds(town.folder.path(), "clearing.db", handle.as_bytes()), "clearing never sees the linkage handle");
}
