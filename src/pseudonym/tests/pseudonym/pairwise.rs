//! Linkage values and clearing tags on their way through other roles' hands.

use std::collections::BTreeSet;

use proptest::prelude::*;
use symbolon_ccks::{LinkageAuthority, LinkageValue, Period};
use symbolon_pseudonym::{AccountHandle, ClearingTag, Commitment, PairwiseKey, SealedValue, TagUse, Unopened};

use crate::world::period;

fn key(byte: u8) -> PairwiseKey {
    PairwiseKey::from_bytes([byte; 32])
}

const VALUE: LinkageValue = LinkageValue::from_bytes([0x56; 16]);
const ACCOUNT: AccountHandle = AccountHandle::from_bytes([0xac; 16]);
const ITEM: Commitment = Commitment::from_bytes([0xc0; 32]);

#[test]
fn opens_a_value_only_as_what_it_was_given() {
    let sealed = SealedValue::seal(&VALUE, LinkageAuthority::A, period(), &ITEM, &key(1), [3; 12]);
    let open = |authority, period, item: &Commitment, key| sealed.open(authority, period, item, &key);
    assert_eq!(open(LinkageAuthority::A, period(), &ITEM, key(1)), Ok(VALUE));
    assert_eq!(open(LinkageAuthority::B, period(), &ITEM, key(1)), Err(Unopened));
    assert_eq!(open(LinkageAuthority::A, period().next(), &ITEM, key(1)), Err(Unopened));
    assert_eq!(open(LinkageAuthority::A, period(), &Commitment::from_bytes([0xc1; 32]), key(1)), Err(Unopened));
    assert_eq!(open(LinkageAuthority::A, period(), &ITEM, key(2)), Err(Unopened));
}

#[test]
fn opens_a_tag_only_for_its_use() {
    let usage = TagUse::Pseudonym(period());
    let tag = ClearingTag::seal(&ACCOUNT, usage, &key(1), [3; 12]);
    assert_eq!(tag.open(usage, &key(1)), Ok(ACCOUNT));
    assert_eq!(tag.open(TagUse::Pseudonym(period().next()), &key(1)), Err(Unopened));
    assert_eq!(tag.open(TagUse::Named, &key(1)), Err(Unopened));
    assert_eq!(tag.open(usage, &key(2)), Err(Unopened));
    let named = ClearingTag::seal(&ACCOUNT, TagUse::Named, &key(1), [3; 12]);
    assert_eq!(named.open(TagUse::Named, &key(1)), Ok(ACCOUNT));
    // No period can be told for a named use.
    assert!(Period::new(u32::MAX).is_err());
    let last = TagUse::Pseudonym(Period::LAST);
    assert_eq!(named.open(last, &key(1)), Err(Unopened));
}

#[test]
fn takes_no_value_for_a_tag() {
    let sealed = SealedValue::seal(&VALUE, LinkageAuthority::A, period(), &ITEM, &key(1), [3; 12]);
    let tag = ClearingTag::parse(sealed.as_bytes()).unwrap();
    assert_eq!(tag.open(TagUse::Pseudonym(period()), &key(1)), Err(Unopened));
    for length in [0, 43, 45] {
        assert!(ClearingTag::parse(&vec![0; length]).is_err() && SealedValue::parse(&vec![0; length]).is_err());
    }
}

#[test]
fn refuses_every_flipped_bit() {
    let sealed = SealedValue::seal(&VALUE, LinkageAuthority::B, period(), &ITEM, &key(1), [3; 12]);
    let tag = ClearingTag::seal(&ACCOUNT, TagUse::Named, &key(1), [3; 12]);
    for bit in 0..44 * 8 {
        let mut changed = *sealed.as_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        let opened = SealedValue::parse(&changed).unwrap().open(LinkageAuthority::B, period(), &ITEM, &key(1));
        assert_eq!(opened, Err(Unopened), "bit {bit} of a value");
        let mut changed = *tag.as_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(ClearingTag::parse(&changed).unwrap().open(TagUse::Named, &key(1)), Err(Unopened), "bit {bit}");
    }
}

/// Even where the nonce is the same, what is bound to something else is under another key stream: only so do random
/// nonces suffice for a city.
#[test]
fn seals_under_another_key_for_another_binding() {
    let nonce = [3; 12];
    let items = (0..50).map(|item| Commitment::from_bytes([item; 32]));
    let ciphertexts = items
        .flat_map(|item| LinkageAuthority::ALL.map(|authority| (item, authority)))
        .flat_map(|(item, authority)| [(item, authority, period()), (item, authority, period().next())])
        .map(|(item, authority, period)| SealedValue::seal(&VALUE, authority, period, &item, &key(1), nonce))
        .map(|sealed| sealed.as_bytes()[12..28].to_vec())
        .collect::<BTreeSet<_>>();
    assert_eq!(ciphertexts.len(), 200);
    let uses = [TagUse::Named, TagUse::Pseudonym(period()), TagUse::Pseudonym(period().next())];
    let tags = uses.map(|usage| ClearingTag::seal(&ACCOUNT, usage, &key(1), nonce).as_bytes()[12..28].to_vec());
    assert_eq!(BTreeSet::from(tags).len(), 3);
}

#[test]
fn tells_no_key_when_printed() {
    assert_eq!(format!("{:?}", key(0x42)), "PairwiseKey(..)");
    assert!(key(1) == key(1) && key(1) != key(2));
}

proptest! {
    #[test]
    fn opens_what_was_sealed(
        value: [u8; 16], secret: [u8; 32], nonce: [u8; 12], item: [u8; 32], number in 0..=Period::LAST.number()
    ) {
        let (period, item, key) = (Period::new(number).unwrap(), Commitment::from_bytes(item), PairwiseKey::from_bytes(secret));
        for authority in LinkageAuthority::ALL {
            let value = LinkageValue::from_bytes(value);
            let sealed = SealedValue::seal(&value, authority, period, &item, &key, nonce);
            prop_assert_eq!(&sealed.as_bytes()[..12], &nonce);
            let read = SealedValue::parse(sealed.as_bytes()).unwrap();
            prop_assert_eq!(read.open(authority, period, &item, &key), Ok(value));
        }
        for usage in [TagUse::Named, TagUse::Pseudonym(period)] {
            let tag = ClearingTag::seal(&AccountHandle::from_bytes(value), usage, &key, nonce);
            prop_assert_eq!(tag.open(usage, &key), Ok(AccountHandle::from_bytes(value)));
        }
    }
}
