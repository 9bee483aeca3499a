//! Trust bundles.

use symbolon_ccks::Sector;
use symbolon_service::Policy;
use symbolon_tap::{Bundle, Limit};

use crate::city::{CURRENCY, City, name, time};

#[tokio::test]
async fn a_bundle_tells_what_is_revoked_and_only_that() {
    let limit = Limit::new(Sector::Transport, CURRENCY, 900);
    let city = City::with_policy(Policy { offline_limits: vec![limit], ..Policy::default() });
    let (one, other, gate) = (city.wallet().await, city.wallet().await, city.gate("metro").await);
    let issuer = name("issuer");
    let subjects = async |sequence| {
        let record = city.roles().bundles.newest().await.unwrap();
        let bundle = Bundle::parse(&record.bytes).unwrap();
        bundle.verify(city.keys.authority()).unwrap();
        assert_eq!((bundle.header().sequence(), record.sequence), (sequence, sequence));
        assert_eq!(bundle.limits().offline_cap(Sector::Transport, CURRENCY), Some(900));
        bundle.revoked().as_slice().to_vec()
    };
    assert_eq!(subjects(1).await, []);
    assert_eq!(subjects(1).await, [], "nothing changed, nothing new");
    city.roles().cards.suspend(city.request(), &issuer, one.card.number).await.unwrap();
    assert_eq!(subjects(2).await, [one.card.number]);
    city.roles().cards.resume(city.request(), &issuer, one.card.number).await.unwrap();
    assert_eq!(subjects(3).await, []);
    city.roles().cards.revoke(city.request(), &issuer, other.card.number).await.unwrap();
    city.roles().cards.replace(city.request(), &issuer, one.card.number).await.unwrap();
    city.roles().terminals.retire(city.request(), &name("metro"), gate.terminal.subject).await.unwrap();
    let mut expected = vec![one.card.number, other.card.number, gate.terminal.subject];
    expected.sort_unstable();
    assert_eq!(subjects(4).await, expected);
}

#[tokio::test]
async fn a_bundle_is_renewed_with_age_and_its_sequence_rises_across_restarts() {
    let mut city = City::new();
    let first = city.roles().bundles.newest().await.unwrap();
    assert_eq!((first.sequence, first.issued), (1, time(0)));
    assert_eq!(first.valid_until, time(city.policy.bundle_validity_seconds));
    city.clock.set(city.policy.bundle_refresh_seconds - 1);
    city.reopen();
    assert_eq!(city.roles().bundles.newest().await.unwrap(), first);
    city.clock.set(city.policy.bundle_refresh_seconds);
    assert_eq!(city.roles().bundles.newest().await.unwrap().sequence, 2);
    // A clock that was set back must not leave terminals with a bundle from the future.
    city.clock.set(10);
    let set_back = city.roles().bundles.newest().await.unwrap();
    assert_eq!((set_back.sequence, set_back.issued), (3, time(10)));
}

#[tokio::test]
async fn many_who_ask_at_once_are_given_one_bundle() {
    let city = City::new();
    let asking = (0..20).map(|_| {
        let bundles = city.roles().bundles.clone();
        tokio::spawn(async move { bundles.newest().await.unwrap().sequence })
    });
    for asked in asking.collect::<Vec<_>>() {
        assert_eq!(asked.await.unwrap(), 1);
    }
}
