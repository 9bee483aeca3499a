//! Trust bundles.

use symbolon_ccks::Sector;
use symbolon_service::{Policy, ServiceError};
use symbolon_tap::{Bundle, FilterAnswer, FilterKey, Limit, Scope};

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

#[tokio::test]
async fn both_forms_of_a_bundle_are_kept_as_they_left() {
    let mut city = City::new();
    let wallet = city.wallet().await;
    city.roles().cards.revoke(city.request(), &name("issuer"), wallet.card.number).await.unwrap();
    let full = city.roles().bundles.newest().await.unwrap();
    let part = city.roles().bundles.part(None, 0).await.unwrap();
    assert_eq!((part.sequence, part.part, part.parts), (full.sequence, 0, 1));
    let compact = Bundle::parse(&part.bytes).unwrap();
    compact.verify(city.keys.authority()).unwrap();
    assert_eq!((compact.header().sequence(), compact.header().issued_at()), (full.sequence, full.issued));
    let key = FilterKey::of(&wallet.card.number);
    assert_eq!(compact.filter().unwrap().lookup(Scope::CARDS, &key).unwrap(), FilterAnswer::Hit);
    // Neither time nor a restart changes what a sequence stands for.
    city.clock.set(city.policy.bundle_refresh_seconds);
    city.reopen();
    let newer = city.roles().bundles.part(None, 0).await.unwrap();
    assert_eq!(newer.sequence, full.sequence + 1);
    for _ in 0..2 {
        assert_eq!(city.roles().bundles.part(Some(full.sequence), 0).await.unwrap(), part);
        assert_eq!(city.roles().bundles.of_sequence(full.sequence).await.unwrap(), full);
        city.reopen();
    }
    assert_eq!(city.roles().bundles.part(None, 1).await, Err(ServiceError::NoSuchPart(1)));
    for none in [0, newer.sequence + 1, u64::MAX] {
        assert!(matches!(city.roles().bundles.part(Some(none), 0).await, Err(ServiceError::NotFound(_))), "{none}");
        assert!(matches!(city.roles().bundles.of_sequence(none).await, Err(ServiceError::NotFound(_))), "{none}");
    }
}

#[tokio::test]
async fn many_who_ask_for_parts_at_once_are_given_the_same_ones() {
    let city = City::new();
    let asking = (0..20).map(|_| {
        let bundles = city.roles().bundles.clone();
        tokio::spawn(async move { bundles.part(None, 0).await.unwrap() })
    });
    let mut first = None;
    for asked in asking.collect::<Vec<_>>() {
        let part = asked.await.unwrap();
        assert_eq!(*first.get_or_insert_with(|| part.clone()), part);
    }
}
