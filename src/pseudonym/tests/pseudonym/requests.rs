//! The body of a request.

use proptest::prelude::*;
use symbolon_ccks::Period;
use symbolon_pseudonym::{Commitment, RequestBody, RequestItem, SealedItem};

use crate::world::period;

fn item(byte: u8) -> RequestItem {
    let sealed = SealedItem::parse(&[byte; SealedItem::SIZE]).unwrap();
    RequestItem { commitment: Commitment::from_bytes([byte; 32]), sealed }
}

#[test]
fn lays_out_a_body_as_written_down() {
    let body = RequestBody::new(period(), [5; 32], vec![item(2), item(1)]).unwrap();
    let head = [&[1, 0, 0, 2][..], &20_000_u32.to_be_bytes(), &[5; 32]].concat();
    assert_eq!(body.encode(), [head, vec![2; 234], vec![1; 234]].concat());
    assert_eq!(RequestBody::parse(&body.encode()), Ok(body));
}

#[test]
fn refuses_what_is_no_body() {
    let bytes = RequestBody::new(period(), [5; 32], vec![item(1), item(2)]).unwrap().encode();
    let wrong: [(usize, &[u8]); 7] = [
        (0, &[0]),
        (0, &[2]),
        (1, &[1]),
        (2, &[0, 1]),
        (2, &[0, 3]),
        (4, &[0xff; 4]),
        // The second item has the first one's commitment.
        (40 + 234, &[1; 32]),
    ];
    for (place, value) in wrong {
        let mut changed = bytes.clone();
        changed[place..place + value.len()].copy_from_slice(value);
        assert!(RequestBody::parse(&changed).is_err(), "{value:?} at {place}");
    }
    for length in 0..bytes.len() {
        assert!(RequestBody::parse(&bytes[..length]).is_err(), "{length} bytes");
    }
    assert!(RequestBody::parse(&[bytes.as_slice(), &[0]].concat()).is_err());
    let mut without = bytes[..40].to_vec();
    without[3] = 0;
    assert!(RequestBody::parse(&without).is_err(), "no item");
}

#[test]
fn bounds_the_number_of_items() {
    let many = |count: u16| {
        let items = (0..count).map(|index| {
            let mut commitment = [0; 32];
            commitment[..2].copy_from_slice(&index.to_be_bytes());
            RequestItem { commitment: Commitment::from_bytes(commitment), ..item(1) }
        });
        RequestBody::new(period(), [0; 32], items.collect())
    };
    assert!(many(256).is_ok());
    assert!(many(257).is_err());
    let mut bytes = many(256).unwrap().encode();
    bytes[2..4].copy_from_slice(&257_u16.to_be_bytes());
    bytes.extend([0xff; 234]);
    assert!(RequestBody::parse(&bytes).is_err());
}

proptest! {
    #[test]
    fn writes_what_it_reads(count in 1..4_u8, number in 0..=Period::LAST.number() + 5, content: u8) {
        let items = [content; 3 * 234];
        let head = [&[1, 0, 0, count][..], &number.to_be_bytes(), &[content; 32]].concat();
        let mut bytes = [head.as_slice(), &items[..usize::from(count) * 234]].concat();
        (0..usize::from(count)).for_each(|index| bytes[40 + index * 234] = index as u8);
        match RequestBody::parse(&bytes) {
            Ok(body) => prop_assert_eq!(body.encode(), bytes),
            Err(_) => prop_assert!(number > Period::LAST.number()),
        }
    }
}
