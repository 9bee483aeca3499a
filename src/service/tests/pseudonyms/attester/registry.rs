//! What the exchange is told of cards and terminals, and what everybody is told in the bundle.

use std::collections::BTreeSet;

use symbolon_ccks::{CredentialDigest, Subject};
use symbolon_pseudonym::{ClearingTag, Issuance, PairwiseKey, TagUse};
use symbolon_service::links::{KnownCredential, RegistryLink as _};
use symbolon_store::records::CardState;
use symbolon_tap::Bundle;

use super::town::{Town, Wallet, at_once, name};

fn digest(wallet: &Wallet) -> CredentialDigest {
    wallet.key.credential().unwrap().digest()
}

fn tag(known: Option<KnownCredential>) -> ClearingTag {
    match known {
        Some(KnownCredential::Card { tag, .. }) => tag,
        other => panic!("no card: {other:?}"),
    }
}

#[tokio::test]
async fn the_exchange_is_told_who_issued_a_card_and_never_its_account() {
    let town = Town::new(at_once());
    let (wallet, other) = (town.wallet(0).await, town.wallet(0).await);
    let pseudonym = town.wallet(10_000).await;
    let pseudonym = town.pseudonyms(&pseudonym, 1).await[0].credential().unwrap().digest();
    let asked =
        vec![digest(&wallet), CredentialDigest::from_bytes([1; 32]), digest(&other), digest(&wallet), pseudonym];
    let known = town.roles().registry.credentials(asked).await.unwrap();
    assert_eq!((known.len(), &known[1], &known[4]), (5, &None, &None));
    let key = PairwiseKey::from_bytes([1; 32]);
    for (known, wallet) in [(&known[0], &wallet), (&known[2], &other), (&known[3], &wallet)] {
        let Some(KnownCredential::Card { issuer, tag, revoked_since }) = known else { panic!("no card") };
        assert_eq!((*issuer, *revoked_since), (name("issuer"), None));
        let account = tag.open(TagUse::Named, &key).unwrap();
        assert_eq!(Some(*account.as_bytes()), wallet.card.account.handle());
        assert!(tag.open(TagUse::Pseudonym(town.period()), &key).is_err(), "it is of no use for a pseudonym");
    }
    let mut tags = BTreeSet::new();
    for _ in 0..20 {
        for known in town.roles().registry.credentials(vec![digest(&wallet), digest(&wallet)]).await.unwrap() {
            tags.insert(tag(known).as_bytes()[..12].to_vec());
        }
    }
    assert_eq!(tags.len(), 40, "fresh for every record");
}

#[tokio::test]
async fn since_when_a_card_is_taken_out_is_told_and_terminals_have_operators() {
    let town = Town::new(at_once());
    let wallet = town.wallet(0).await;
    let terminal = town.terminal("metro").await;
    town.clock.advance(5);
    town.roles().cards.suspend(town.id(), &name("issuer"), wallet.card.number).await.unwrap();
    let known = town.roles().registry.credentials(vec![digest(&wallet), terminal.digest()]).await.unwrap();
    let Some(KnownCredential::Card { revoked_since, .. }) = &known[0] else { panic!("no card") };
    assert_eq!(*revoked_since, Some(town.now()));
    assert_eq!(known[1], Some(KnownCredential::Terminal { operator: name("metro"), retired: None }));
}

#[tokio::test]
async fn a_misused_card_is_suspended_when_it_is_active_and_else_left_as_it_is() {
    let town = Town::new(at_once());
    let (active, revoked) = (town.wallet(0).await, town.wallet(0).await);
    town.roles().cards.revoke(town.id(), &name("issuer"), revoked.card.number).await.unwrap();
    let state = async |number: Subject| town.roles().cards.get(&name("issuer"), number).await.unwrap().state;
    for _ in 0..2 {
        for wallet in [&active, &revoked] {
            town.roles().registry.suspend(digest(wallet)).await.unwrap();
        }
        town.roles().registry.suspend(CredentialDigest::from_bytes([1; 32])).await.unwrap();
        assert_eq!(state(active.card.number).await, CardState::Suspended);
        assert_eq!(state(revoked.card.number).await, CardState::Revoked);
    }
    town.roles().cards.resume(town.id(), &name("issuer"), active.card.number).await.unwrap();
    assert_eq!(state(active.card.number).await, CardState::Active, "its issuer has the last word");
}

#[tokio::test]
async fn the_line_of_a_credential_goes_back_to_the_first() {
    let town = Town::new(at_once());
    let first = town.wallet(0).await;
    let second = town.renew(&first).await;
    let third = town.renew(&second).await;
    let line = town.roles().registry.issued_line(digest(&third)).await.unwrap();
    let digests = line.iter().map(|issued| issued.credential.digest()).collect::<Vec<_>>();
    assert_eq!(digests, [digest(&third), digest(&second), digest(&first)]);
    assert_eq!(town.roles().registry.issued_line(digest(&first)).await.unwrap().len(), 1);
    assert_eq!(town.roles().registry.issued_line(CredentialDigest::from_bytes([1; 32])).await.unwrap(), []);
    // A renewed card is the same card: its quota and its seeds go on.
    town.top_up(&third, 100_000).await;
    town.pseudonyms(&second, 10).await;
    town.pseudonyms(&third, 10).await;
    let (_, request) = town.ask(&second, 1).await;
    assert_eq!(town.attester().request(request).await.unwrap_err().reason(), "quota_exceeded");
}

#[tokio::test]
async fn the_bundle_carries_how_pseudonyms_are_issued() {
    let town = Town::new(at_once());
    let record = town.roles().bundles.newest().await.unwrap();
    let bundle = Bundle::parse(&record.bytes).unwrap();
    bundle.verify(town.keys.authority()).unwrap();
    assert_eq!(Issuance::parse(bundle.issuance().unwrap()).unwrap(), *town.issuance);
    assert_eq!(bundle.revoked_seeds().per_period(), 0, "nobody is revoked");
    let wallet = town.wallet(10_000).await;
    town.pseudonyms(&wallet, 1).await;
    town.roles().cards.revoke(town.id(), &name("issuer"), wallet.card.number).await.unwrap();
    let before = town.roles().bundles.newest().await.unwrap();
    town.attester().tend().await.unwrap();
    let after = town.roles().bundles.newest().await.unwrap();
    assert_eq!((before.sequence, after.sequence), (2, 3), "seeds are told at once");
    let seeds = Bundle::parse(&after.bytes).unwrap().revoked_seeds();
    assert_eq!((seeds.boundary(), seeds.per_period(), seeds.entries().len()), (town.issuance.boundary(), 20, 1));
}
