//! Who gets pseudonyms, and how many.

use symbolon_ccks::{Period, Sector, Sectors};
use symbolon_pseudonym::{RequestBody, TagUse};
use symbolon_service::{
    PseudonymPolicy, ServiceError,
    attester::{CHALLENGE_METHOD, Pseudonyms},
    cards::NewCard,
    enrolment::SignedRequest,
};

use super::town::{Town, Wallet, at_once, name, new_card, subjects, with_pseudonyms};

async fn refused(town: &Town, request: SignedRequest) -> &'static str {
    town.attester().request(request).await.unwrap_err().reason()
}

#[tokio::test]
async fn a_wallet_is_given_pseudonyms_of_this_period_and_the_next() {
    let town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    let present = town.pseudonyms(&wallet, 3).await;
    let (asking, request) = town.ask_for(&wallet, 2, town.period().next()).await;
    let next = town.open(&asking, &town.attester().request(request).await.unwrap());
    for (keys, period) in [(&present, town.period()), (&next, town.period().next())] {
        for key in keys {
            let identity = key.credential().unwrap().identity();
            assert_eq!(identity.not_before(), period.start(town.policy.pseudonyms.boundary));
            assert_eq!(identity.budget(), 2_000);
        }
    }
    let all = present.into_iter().chain(next).collect::<Vec<_>>();
    assert_eq!(subjects(&all).len(), 5);
    assert_eq!(town.set_aside(&wallet).await, (5, 5));
}

#[tokio::test]
async fn the_same_request_gets_the_same_however_late_and_never_more() {
    let mut town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    let (asking, request) = town.ask(&wallet, 4).await;
    let first = town.attester().request(request.clone()).await.unwrap();
    town.open(&asking, &first);
    town.reopen();
    // Long after the signature was fresh, and after the card was taken out.
    town.clock.advance(20 * 86_400);
    town.roles().cards.revoke(town.id(), &name("issuer"), wallet.card.number).await.unwrap();
    town.attester().tend().await.unwrap();
    for _ in 0..3 {
        assert_eq!(town.attester().request(request.clone()).await.unwrap(), first);
    }
    let changed = SignedRequest { body: town.ask_under(&wallet, 4, town.period(), [0; 32]).1.body, ..request.clone() };
    assert_eq!(refused(&town, changed).await, "bad_signature");
    let other = town.ask_under(&wallet, 1, town.period(), [0; 32]).1.body;
    let other = town.signed_as(&wallet, RequestBody::METHOD, other, request.request_id);
    assert_eq!(refused(&town, other).await, "request_id_reused");
    // When it is forgotten at last, it is too old to be taken anew.
    town.clock.advance(60 * 86_400);
    town.attester().tend().await.unwrap();
    assert_eq!(refused(&town, request).await, "stale_request");
}

#[tokio::test]
async fn requests_at_once_do_not_get_more_than_the_quota() {
    let town = Town::new(at_once());
    let wallet = town.wallet(1_000_000).await;
    let mut asked = Vec::new();
    for _ in 0..8 {
        asked.push(town.ask(&wallet, 7).await);
    }
    let requests = asked.iter().map(|(_, request)| {
        let (attester, request) = (town.attester().clone(), request.clone());
        tokio::spawn(async move { attester.request(request).await })
    });
    let (mut keys, mut refusals) = (Vec::new(), 0);
    for ((asking, _), answer) in asked.iter().zip(requests.collect::<Vec<_>>()) {
        match answer.await.unwrap() {
            Ok(answer) => keys.extend(town.open(asking, &answer)),
            Err(error) => {
                assert_eq!(error, ServiceError::QuotaExceeded(20));
                refusals += 1;
            }
        }
    }
    assert_eq!((subjects(&keys).len(), refusals), (14, 6));
    assert_eq!(town.pseudonyms(&wallet, 6).await.len(), 6);
    let (_, request) = town.ask(&wallet, 1).await;
    assert_eq!(refused(&town, request).await, "quota_exceeded");
    // Another period has its own quota, and so has another card.
    let (_, request) = town.ask_for(&wallet, 20, town.period().next()).await;
    town.attester().request(request).await.unwrap();
    let other = town.wallet(100_000).await;
    assert_eq!(town.pseudonyms(&other, 20).await.len(), 20);
    let values = town.line.values.lock().unwrap();
    assert!(
        values.iter().all(|values| values.first as usize + values.commitments.len() <= 20),
        "terminals look no further"
    );
}

#[tokio::test]
async fn the_same_request_at_once_is_one() {
    let town = Town::new(at_once());
    let wallet = town.wallet(1_000_000).await;
    let (asking, request) = town.ask(&wallet, 5).await;
    let requests = (0..10).map(|_| {
        let (attester, request) = (town.attester().clone(), request.clone());
        tokio::spawn(async move { attester.request(request).await.unwrap() })
    });
    for answer in requests.collect::<Vec<_>>() {
        answer.await.unwrap();
    }
    let answer = town.attester().request(request).await.unwrap();
    assert_eq!(town.open(&asking, &answer).len(), 5);
    assert_eq!(town.set_aside(&wallet).await, (5, 5));
    assert_eq!(town.pseudonyms(&wallet, 15).await.len(), 15, "it counted once");
}

#[tokio::test]
async fn without_money_nothing_is_left_behind_and_a_postpaid_line_helps() {
    let policy = PseudonymPolicy { postpaid_lines: vec![(1, 6_000)], ..at_once().pseudonyms };
    let town = Town::new(with_pseudonyms(policy));
    let wallet = town.wallet(5_999).await;
    let (asking, request) = town.ask(&wallet, 3).await;
    for _ in 0..2 {
        assert_eq!(refused(&town, request.clone()).await, "insufficient_funds");
    }
    assert_eq!(town.set_aside(&wallet).await, (0, 0));
    town.top_up(&wallet, 1).await;
    let answer = town.attester().request(request).await.unwrap();
    assert_eq!(town.open(&asking, &answer).len(), 3, "the same request, once there is money");
    town.top_up(&wallet, 34_000).await;
    assert_eq!(town.pseudonyms(&wallet, 17).await.len(), 17, "what was refused counted for nothing");
    let postpaid = town.wallet_of(NewCard { tariff: 1, ..new_card() }, 0).await;
    assert_eq!(town.pseudonyms(&postpaid, 3).await.len(), 3);
    let (_, request) = town.ask(&postpaid, 1).await;
    assert_eq!(refused(&town, request).await, "insufficient_funds");
}

#[tokio::test]
async fn a_card_is_given_the_widest_profile_within_its_own_terms() {
    let town = Town::new(at_once());
    let of = |sectors, tariff, currency| NewCard { sectors, tariff, currency, ..new_card() };
    let transport = Sectors::from(Sector::Transport);
    for (new, profile) in [(of(Sectors::ALL, 1, 156), 2), (of(transport, 0, 156), 3), (of(transport, 1, 156), 4)] {
        let wallet = town.wallet_of(new, 10_000).await;
        town.pseudonyms(&wallet, 1).await;
        let passed = town.line.passed.lock().unwrap();
        assert_eq!(passed.last().unwrap().last().unwrap().profile.0, profile);
    }
    let water = Sectors::from(Sector::Water);
    for new in [of(water, 0, 156), of(Sectors::ALL, 7, 156), of(Sectors::ALL, 0, 840)] {
        let wallet = town.wallet_of(new, 10_000).await;
        let (_, request) = town.ask(&wallet, 1).await;
        assert_eq!(refused(&town, request).await, "no_profile");
    }
}

#[tokio::test]
async fn a_challenge_is_for_one_request_of_its_card_and_for_a_while() {
    let town = Town::new(at_once());
    let (wallet, other) = (town.wallet(100_000).await, town.wallet(100_000).await);
    let asked = town.signed(&wallet, CHALLENGE_METHOD, Vec::new());
    let given = town.attester().challenge(asked.clone()).await.unwrap();
    assert_eq!(town.attester().challenge(asked).await.unwrap(), given, "the same to the same request");
    let under = |wallet: &Wallet, challenge| town.ask_under(wallet, 1, town.period(), challenge).1;
    assert_eq!(refused(&town, under(&other, given.challenge)).await, "challenge_unknown");
    assert_eq!(refused(&town, under(&wallet, [7; 32])).await, "challenge_unknown");
    town.attester().request(under(&wallet, given.challenge)).await.unwrap();
    assert_eq!(refused(&town, under(&wallet, given.challenge)).await, "challenge_unknown", "it was used");
    let late = town.challenge(&wallet).await;
    town.clock.advance(town.policy.pseudonyms.challenge_lifetime_seconds);
    assert_eq!(refused(&town, under(&wallet, late)).await, "challenge_unknown");
    town.attester().forget_old(town.now()).await.unwrap();
    assert_eq!(refused(&town, under(&wallet, late)).await, "challenge_unknown");
    let body = town.signed(&wallet, CHALLENGE_METHOD, vec![0]);
    assert_eq!(town.attester().challenge(body).await.unwrap_err().reason(), "invalid_field");
    let elsewhere = town.signed(&wallet, RequestBody::METHOD, Vec::new());
    assert_eq!(town.attester().challenge(elsewhere).await.unwrap_err().reason(), "bad_signature");
}

#[tokio::test]
async fn a_card_that_asks_on_and_on_gets_no_more_challenges() {
    let town = Town::new(at_once());
    let (wallet, other) = (town.wallet(100_000).await, town.wallet(0).await);
    let mut given = std::collections::BTreeSet::new();
    for _ in 0..40 {
        given.insert(town.challenge(&wallet).await);
    }
    assert_eq!(given.len(), 16);
    assert!(!given.contains(&town.challenge(&other).await));
    town.attester().request(town.ask_under(&wallet, 1, town.period(), *given.first().unwrap()).1).await.unwrap();
    assert!(!given.contains(&town.challenge(&wallet).await), "one was used");
    town.clock.advance(town.policy.pseudonyms.challenge_lifetime_seconds);
    assert!(!given.contains(&town.challenge(&wallet).await), "all have ended");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_and_counts_nothing() {
    let town = Town::new(at_once());
    let (wallet, other) = (town.wallet(100_000).await, town.wallet(100_000).await);
    for period in [town.period().number() - 1, town.period().number() + 2] {
        let (_, request) = town.ask_for(&wallet, 1, Period::new(period).unwrap()).await;
        assert_eq!(refused(&town, request).await, "invalid_field");
    }
    let (_, good) = town.ask(&wallet, 2).await;
    assert_eq!(refused(&town, SignedRequest { body: vec![1], ..good.clone() }).await, "malformed");
    let changed = SignedRequest { request_id: [0; 16], ..good.clone() };
    assert_eq!(refused(&town, changed).await, "bad_signature");
    let pseudonym = town.pseudonyms(&wallet, 1).await.remove(0);
    let anonymous = SignedRequest { credential: *pseudonym.credential().unwrap(), ..good.clone() };
    assert_eq!(refused(&town, anonymous).await, "class_not_offered");
    // Another card cannot take over items that were seen on their way.
    town.attester().request(good.clone()).await.unwrap();
    let items = RequestBody::parse(&good.body).unwrap().items().to_vec();
    let stolen = RequestBody::new(town.period(), town.challenge(&other).await, items).unwrap();
    let stolen = town.signed(&other, RequestBody::METHOD, stolen.encode());
    assert_eq!(refused(&town, stolen).await, "invalid_field");
    assert_eq!(town.set_aside(&other).await, (0, 0));
    let (_, stale) = town.ask(&wallet, 1).await;
    town.clock.advance(town.policy.request_time_tolerance_seconds + 1);
    assert_eq!(refused(&town, stale).await, "stale_request");
    let (_, request) = town.ask(&wallet, 17).await;
    town.attester().request(request).await.unwrap();
    let (_, suspended) = town.ask(&other, 1).await;
    town.roles().cards.suspend(town.id(), &name("issuer"), other.card.number).await.unwrap();
    assert_eq!(refused(&town, suspended).await, "card_not_active");
    let asked = town.signed(&other, CHALLENGE_METHOD, Vec::new());
    assert_eq!(town.attester().challenge(asked).await.unwrap_err().reason(), "card_not_active");
}

#[tokio::test]
async fn a_bad_item_is_refused_alone_and_its_money_is_given_back() {
    let town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    let challenge = town.challenge(&wallet).await;
    let (_, request) = town.ask_under(&wallet, 3, town.period(), challenge);
    let mut items = RequestBody::parse(&request.body).unwrap().items().to_vec();
    let (first, last) = (items[0].sealed.clone(), items[2].sealed.clone());
    (items[0].sealed, items[2].sealed) = (last, first);
    let body = RequestBody::new(town.period(), challenge, items).unwrap();
    let request = town.signed(&wallet, RequestBody::METHOD, body.encode());
    let answer = town.attester().request(request.clone()).await.unwrap();
    let Pseudonyms::Ready(answers) = &answer else { panic!("not ready") };
    let refusals = answers.iter().map(|answer| answer.as_ref().err().map(|refusal| refusal.as_str()));
    assert_eq!(refusals.collect::<Vec<_>>(), [Some("unopened"), None, Some("unopened")]);
    assert_eq!(town.set_aside(&wallet).await, (1, 1));
    assert_eq!(town.attester().request(request).await.unwrap(), answer);
    assert_eq!(town.attester().counts().await.unwrap().releases, 0);
    let (_, request) = town.ask(&wallet, 18).await;
    assert_eq!(refused(&town, request).await, "quota_exceeded", "bad items of the wallet's own making count");
}

#[tokio::test]
async fn tags_and_values_differ_for_every_item() {
    let town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    town.pseudonyms(&wallet, 20).await;
    let passed = town.line.passed.lock().unwrap().concat();
    let key = symbolon_pseudonym::PairwiseKey::from_bytes([1; 32]);
    let mut nonces = std::collections::BTreeSet::new();
    for item in &passed {
        let account = item.tag.open(TagUse::Pseudonym(town.period()), &key).unwrap();
        assert_eq!(Some(*account.as_bytes()), wallet.card.account.handle());
        nonces.insert(item.tag.as_bytes()[..12].to_vec());
    }
    assert_eq!((passed.len(), nonces.len()), (20, 20));
}
