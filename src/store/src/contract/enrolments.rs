//! Activation codes, offers, and the archive.

use symbolon_ccks::Class;

use super::{
    conflicts, read,
    samples::{credential, identity, issued, point, subject, time},
    write,
};
use crate::{
    Store,
    records::{ActivationCodeRecord, HolderRequest, HolderRequestKind, IssuedRecord, OfferRecord},
};

fn code() -> ActivationCodeRecord {
    ActivationCodeRecord {
        locator: [1; 5],
        subject: subject(1),
        class: Class::Terminal,
        hash: [3; 32],
        expires: time(100),
        failed_attempts: 0,
        used: None,
    }
}

fn offer(nonce: u8, expires: u64) -> OfferRecord {
    OfferRecord { nonce: [nonce; 32], identity: identity(1, 1000), former: None, expires: time(expires), used: None }
}

pub(super) async fn a_code_is_used_once_and_its_failed_attempts_are_counted<D: Store>(store: D) {
    write(&store, |unit| unit.add_activation_code(&code())).await;
    assert_eq!(read(&store, |unit| unit.activation_code(&[1; 5])).await, Some(code()));
    assert_eq!(read(&store, |unit| unit.activation_code(&[2; 5])).await, None);
    conflicts(&store, |unit| unit.add_activation_code(&ActivationCodeRecord { subject: subject(2), ..code() })).await;
    conflicts(&store, |unit| unit.add_activation_code(&ActivationCodeRecord { locator: [2; 5], ..code() })).await;
    write(&store, |unit| unit.count_failed_attempt(&[1; 5])).await;
    write(&store, |unit| unit.count_failed_attempt(&[1; 5])).await;
    assert!(write(&store, |unit| unit.use_activation_code(&subject(1), time(50))).await);
    assert!(!write(&store, |unit| unit.use_activation_code(&subject(1), time(51))).await);
    assert!(!write(&store, |unit| unit.use_activation_code(&subject(2), time(51))).await);
    let left = read(&store, |unit| unit.activation_code(&[1; 5])).await;
    assert_eq!(left, Some(ActivationCodeRecord { failed_attempts: 2, used: Some(time(50)), ..code() }));
}

pub(super) async fn an_offer_stands_until_it_is_used_or_ends<D: Store>(store: D) {
    let renewal = OfferRecord { former: Some(credential(1, 1000).digest()), ..offer(2, 200) };
    let expected = renewal.clone();
    write(&store, |unit| unit.add_offer(&offer(1, 100))).await;
    write(&store, move |unit| unit.add_offer(&renewal)).await;
    conflicts(&store, |unit| unit.add_offer(&offer(1, 300))).await;
    assert_eq!(read(&store, |unit| unit.offer(&[1; 32])).await, Some(offer(1, 100)));
    assert_eq!(read(&store, |unit| unit.offer(&[9; 32])).await, None);
    let standing = |now| move |unit: &dyn crate::Transaction| unit.standing_offer(&subject(1), time(now));
    assert_eq!(read(&store, standing(99)).await, Some(expected.clone()));
    assert_eq!(read(&store, standing(200)).await, None);
    assert_eq!(read(&store, |unit| unit.last_unused_offer(&subject(1))).await, Some(expected));
    assert!(write(&store, |unit| unit.use_offer(&[2; 32], time(60))).await);
    assert!(!write(&store, |unit| unit.use_offer(&[2; 32], time(61))).await);
    assert_eq!(read(&store, standing(99)).await, Some(offer(1, 100)));
    assert_eq!(read(&store, |unit| unit.standing_offer(&subject(2), time(1))).await, None);
}

/// Whatever the database, and in whatever order they came.
pub(super) async fn offers_that_end_together_have_an_order<D: Store>(store: D) {
    for nonce in [5, 3, 9, 7] {
        write(&store, move |unit| unit.add_offer(&offer(nonce, 100))).await;
    }
    let all = read(&store, |unit| unit.offers_to(&subject(1))).await;
    assert_eq!(all, [3, 5, 7, 9].map(|nonce| offer(nonce, 100)));
    assert_eq!(read(&store, |unit| unit.standing_offer(&subject(1), time(1))).await, Some(offer(9, 100)));
    assert_eq!(read(&store, |unit| unit.last_unused_offer(&subject(1))).await, Some(offer(9, 100)));
}

pub(super) async fn an_identity_is_issued_once<D: Store>(store: D) {
    write(&store, |unit| unit.add_issued(&issued(1, 1000))).await;
    let other_key = IssuedRecord {
        credential: symbolon_ccks::Credential::new(identity(1, 1000), point(88)),
        request: HolderRequest {
            kind: HolderRequestKind::PossessionOnly,
            signed: Vec::new(),
            signature: Vec::new(),
            key: Vec::new(),
        },
        ..issued(1, 1000)
    };
    conflicts(&store, move |unit| unit.add_issued(&other_key)).await;
    write(&store, |unit| unit.add_issued(&issued(1, 2000))).await;
    assert_eq!(read(&store, |unit| unit.issued_for(&identity(1, 1000))).await, Some(issued(1, 1000)));
    let digest = credential(1, 2000).digest();
    assert_eq!(read(&store, move |unit| unit.issued(&digest)).await, Some(issued(1, 2000)));
    assert_eq!(read(&store, |unit| unit.issued(&credential(2, 1000).digest())).await, None);
    assert_eq!(read(&store, |unit| unit.issued_for(&identity(2, 1000))).await, None);
}
