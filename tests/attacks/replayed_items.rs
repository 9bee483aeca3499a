//! Attack 15: sealed requests are replayed, or taken apart.
//!
//! Whoever sees a wallet's request, the attester above all, holds sealed items that it cannot read but can send again: in
//! another card's name, in another place, twice, or one by one to see which answer is whose. A seal that is bound to
//! nothing opens wherever it is put, and the issuer issues each time. Ours is bound to the item's challenge and
//! commitment, and its commitment is answered once, however and how often it comes.

use crate::{
    city::TestSuite,
    roles::{with_mixing, with_roles},
};
use std::collections::BTreeSet;
use symbolon_pseudonym::{Commitment, ItemChallenge, LinkageHandle, RequestBody, SealedItem};
use symbolon_service::{
    Batching, ServiceError,
    attester::Pseudonyms,
    enrolment::SignedRequest,
    links::{IssueItem, IssuerLink as _, ItemOutcome, ItemRefusal},
};

for_each_suite!(
    another_card_sends_a_holders_items,
    a_whole_request_comes_again,
    items_come_apart_and_together,
    a_seal_opens_in_its_own_place,
);

const HANDLE: LinkageHandle = LinkageHandle::from_bytes([7; 16]);

fn another_card_sends_a_holders_items<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let (holder, thief) = (roles.card(city, 6).await, roles.card(city, 3).await);
        let asked = roles.ask(&holder, roles.period(), 3).await;
        // The thief is faster: the attester hears of the items from it first.
        let challenge = roles.challenge(&thief).await;
        let body = RequestBody::new(roles.period(), challenge, asked.body.items().to_vec()).unwrap();
        let stolen = roles.signed(&thief, RequestBody::METHOD, body.encode());
        let Pseudonyms::Ready(outcomes) = roles.attester.request(stolen).await.unwrap() else { panic!("none waits") };
        assert_eq!(outcomes, vec![Err(ItemRefusal::Unopened); 3]);
        // The holder draws other points, and has its pseudonyms. The thief's money is its own again; its quota is not.
        assert_eq!(roles.pseudonyms(city, &holder, 3).await.len(), 3);
        assert_eq!(roles.pseudonyms(city, &thief, 3).await.len(), 3);
        let more = roles.ask(&thief, roles.period(), 1).await;
        let refused = roles.attester.request(more.request).await;
        assert!(matches!(refused, Err(ServiceError::QuotaExceeded(_))), "{refused:?}");

        // And slower: the items have come in the holder's request.
        let asked = roles.ask(&holder, roles.period(), 3).await;
        roles.attester.request(asked.request).await.unwrap();
        let other = roles.card(city, 3).await;
        let challenge = roles.challenge(&other).await;
        let body = RequestBody::new(roles.period(), challenge, asked.body.items().to_vec()).unwrap();
        let refused = roles.attester.request(roles.signed(&other, RequestBody::METHOD, body.encode())).await;
        assert!(matches!(refused, Err(ServiceError::InvalidField { field: "items", .. })), "{refused:?}");
    });
}

fn a_whole_request_comes_again<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let card = roles.card(city, 6).await;
        let asked = roles.ask(&card, roles.period(), 3).await;
        let first = roles.attester.request(asked.request.clone()).await.unwrap();
        for _ in 0..5 {
            assert_eq!(roles.attester.request(asked.request.clone()).await.unwrap(), first);
        }
        // Under another id or time the signature is none.
        let renamed = SignedRequest { request_id: roles.random(), ..asked.request.clone() };
        let redated = SignedRequest { time: asked.request.time.saturating_add(1), ..asked.request.clone() };
        for changed in [renamed, redated] {
            let refused = roles.attester.request(changed).await;
            assert!(matches!(refused, Err(ServiceError::BadSignature(_))), "{refused:?}");
        }
        // The challenge is used: the card itself gets nothing more by it, with new items or old.
        let again = roles.signed(&card, RequestBody::METHOD, asked.body.encode());
        let refused = roles.attester.request(again).await;
        assert_eq!(refused, Err(ServiceError::ChallengeUnknown));
        // All of it counted as three.
        assert_eq!(roles.pseudonyms(city, &card, 3).await.len(), 3);
        assert_eq!(roles.exchange.count_pseudonyms().await.unwrap(), 6);
    });
}

fn items_come_apart_and_together<S: TestSuite>() {
    let mixing = Batching { items: 100, delay_seconds: 3_600 };
    with_mixing::<S>(mixing, async |city, roles| {
        let card = roles.card(city, 6).await;
        let asked = roles.ask(&card, roles.period(), 6).await;
        roles.reserve(&card, 6).await;
        let items = roles.items(&card, HANDLE, &asked.body, 0).await;
        // One by one, in pairs, backwards, doubled, all together, beside fresh values and tags.
        let fresh = roles.items(&card, HANDLE, &asked.body, 50).await;
        let backwards = items.iter().rev().cloned().collect::<Vec<_>>();
        let doubled = items.iter().chain(&items).cloned().collect::<Vec<_>>();
        let mut calls = items.iter().map(|item| vec![item.clone()]).collect::<Vec<_>>();
        calls.extend(items.chunks(2).map(<[IssueItem]>::to_vec));
        calls.extend([backwards, doubled, items.clone(), fresh]);
        let mut answers: BTreeSet<(Commitment, Vec<u8>)> = BTreeSet::new();
        for call in calls {
            for (item, outcome) in call.iter().zip(roles.issuer.issue(call.clone()).await.unwrap()) {
                let ItemOutcome::Issued(answer) = outcome else { panic!("{outcome:?}") };
                answers.insert((item.commitment, answer.as_bytes().to_vec()));
            }
        }
        assert_eq!(answers.len(), 6, "an item has two answers");
        assert_eq!(roles.exchange.count_pseudonyms().await.unwrap(), 6);
    });
}

fn a_seal_opens_in_its_own_place<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let card = roles.card(city, 6).await;
        let asked = roles.ask(&card, roles.period(), 2).await;
        let items = roles.items(&card, HANDLE, &asked.body, 0).await;

        // The weak seal is bound to nothing: put anywhere, it opens, and its possession is as good as before.
        let key = roles.issuance.issuer_key();
        let weak = key.seal(b"weak", &[], &[1; 154], &mut roles.draws()).unwrap();
        assert!(roles.keys.sealing.open(b"weak", &[], &weak).is_ok());

        let other = &items[1];
        let turned = |change: fn(&mut [u8])| {
            let mut bytes = *items[0].sealed.as_bytes();
            change(&mut bytes);
            SealedItem::parse(&bytes).unwrap()
        };
        let misplaced = [
            IssueItem { challenge: other.challenge, ..items[0].clone() },
            IssueItem { commitment: other.commitment, values: other.values, ..items[0].clone() },
            IssueItem { sealed: other.sealed.clone(), ..items[0].clone() },
            IssueItem { challenge: ItemChallenge::of(asked.body.challenge(), 7), ..items[0].clone() },
            IssueItem { sealed: turned(|bytes| bytes[0] ^= 1), ..items[0].clone() },
            IssueItem { sealed: turned(|bytes| bytes[40] ^= 1), ..items[0].clone() },
            IssueItem { sealed: turned(|bytes| bytes[201] ^= 1), ..items[0].clone() },
            IssueItem { sealed: turned(|bytes| bytes[..32].fill(0)), ..items[0].clone() },
        ];
        let count = misplaced.len();
        let outcomes = roles.issuer.issue(misplaced.to_vec()).await.unwrap();
        assert_eq!(outcomes, vec![ItemOutcome::Refused(ItemRefusal::Unopened); count]);
        // For the next period, by the attester's word alone: the wallet has said which it wants.
        let postponed = IssueItem { period: roles.period().next(), ..items[0].clone() };
        let outcomes = roles.issuer.issue(vec![postponed]).await.unwrap();
        assert_eq!(outcomes, [ItemOutcome::Refused(ItemRefusal::WrongPeriod)]);
        // To another authority with the same issuer's key.
        let elsewhere = S::elsewhere().authority.id();
        let opened = items[0].sealed.open(elsewhere, &items[0].challenge, &items[0].commitment, &roles.keys.sealing);
        assert!(opened.is_err());
        assert!(SealedItem::parse(&items[0].sealed.as_bytes()[1..]).is_err());
    });
}
