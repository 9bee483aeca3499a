//! Learning who pays for a pseudonym.

use symbolon_ccks::Subject;
use symbolon_pseudonym::{ClearingTag, PairwiseKey, TagUse};
use symbolon_service::links::{Binding, ClearingLink as _, Reservation};

use super::{House, attester_key, seconds_to_end, today};

impl House {
    async fn bind(&self, binding: &Binding) -> bool {
        self.clearing().bind(vec![binding.clone()]).await.unwrap()[0]
    }
}

#[tokio::test]
async fn a_subject_is_bound_once_and_taken_again() {
    let mut house = House::new();
    let account = house.account(1_000).await;
    let other = house.account(1_000).await;
    house.reserve(&account, 5).await.unwrap();
    house.reserve(&other, 5).await.unwrap();
    let binding = house.binding(&account, today());
    assert!(house.bind(&binding).await);
    house.reopen();
    assert!(house.bind(&binding).await);
    // Another account, another tag of the same account, the tag under another subject.
    assert!(!house.bind(&Binding { tag: house.tag(&other, today()), ..binding.clone() }).await);
    assert!(!house.bind(&Binding { tag: house.tag(&account, today()), ..binding.clone() }).await);
    assert!(!house.bind(&Binding { subject: Subject::from_bytes([5; 16]), ..binding }).await);
    assert!(house.bind(&house.binding(&account, today())).await);
}

#[tokio::test]
async fn every_nonce_binds_one_subject() {
    let house = House::new();
    let account = house.account(1_000).await;
    let other = house.account(1_000).await;
    house.reserve(&account, 5).await.unwrap();
    house.reserve(&other, 5).await.unwrap();
    let with_nonce = |account| ClearingTag::seal(account, TagUse::Pseudonym(today()), &attester_key(), [1; 12]);
    assert!(house.bind(&Binding { tag: with_nonce(&account), ..house.binding(&account, today()) }).await);
    assert!(!house.bind(&Binding { tag: with_nonce(&other), ..house.binding(&other, today()) }).await);
}

#[tokio::test]
async fn a_tag_that_does_not_open_binds_nothing() {
    let house = House::new();
    let account = house.account(1_000).await;
    house.reserve(&account, 5).await.unwrap();
    let binding = house.binding(&account, today());
    for at in 0..ClearingTag::SIZE {
        let mut bytes = *binding.tag.as_bytes();
        bytes[at] ^= 1;
        let tag = ClearingTag::parse(&bytes).unwrap();
        assert!(!house.bind(&Binding { tag, ..binding.clone() }).await, "byte {at} changed");
    }
    let seal = |usage, key: &PairwiseKey| ClearingTag::seal(&account, usage, key, house.random());
    let foreign = PairwiseKey::from_bytes([1; 32]);
    let tags = [
        seal(TagUse::Named, &attester_key()),
        seal(TagUse::Pseudonym(today().next()), &attester_key()),
        seal(TagUse::Pseudonym(today()), &foreign),
    ];
    for tag in tags {
        assert!(!house.bind(&Binding { tag, ..binding.clone() }).await);
    }
    assert!(house.bind(&binding).await, "what was refused has used something up");
}

#[tokio::test]
async fn no_more_is_bound_than_was_reserved() {
    let house = House::new();
    let account = house.account(1_000).await;
    let stranger = house.account(1_000).await;
    let first = house.reserve(&account, 2).await.unwrap();
    let bindings = (0..4).map(|_| house.binding(&account, today())).collect::<Vec<_>>();
    assert_eq!(house.clearing().bind(bindings.clone()).await.unwrap(), [true, true, false, false]);
    house.reserve(&account, 1).await.unwrap();
    assert_eq!(house.clearing().bind(bindings.clone()).await.unwrap(), [true, true, true, false]);
    assert!(!house.bind(&house.binding(&account, today().next())).await);
    assert!(!house.bind(&house.binding(&stranger, today())).await);
    // All are bound: giving back frees no place, and takes none from them.
    house.clearing().release(first, 2).await.unwrap();
    assert_eq!(house.clearing().bind(bindings).await.unwrap(), [true, true, true, false]);
}

#[tokio::test]
async fn what_was_released_is_not_bound_late() {
    let house = House::new();
    let account = house.account(1_000).await;
    let id = house.reserve(&account, 1).await.unwrap();
    house.clearing().release(id, 1).await.unwrap();
    assert!(!house.bind(&house.binding(&account, today())).await);
    let tomorrow = Reservation { period: today().next(), ..house.reservation(&account, 1) };
    house.clearing().reserve(tomorrow).await.unwrap();
    let binding = house.binding(&account, today().next());
    house.set(seconds_to_end());
    assert!(!house.bind(&binding).await, "bound after the reservation ended");
}
