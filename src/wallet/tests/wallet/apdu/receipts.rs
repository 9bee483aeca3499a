//! Receipts: only those of the terminal that was paid are kept, and they last.

use symbolon_ccks::{Class, IdentityFields, Subject};
use symbolon_tap::apdu::{CardCommand, Status};
use symbolon_tap::{Outcome, Receipt};
use symbolon_wallet::{Event, FilePurseStore, Keepsakes, MOST_RECEIPTS, MemoryPurseStore, PurseError, PurseStore};

use super::{card, data, entry, record, status};
use crate::world::{RANDOM, TestSuite, for_each_suite};

for_each_suite!(
    a_receipt_is_kept_and_lasts,
    a_forged_receipt_is_not_kept,
    a_receipt_may_come_twice,
    the_oldest_make_room,
    what_is_damaged_is_found_out,
);

fn a_receipt_is_kept_and_lasts<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    let (challenge, answer) = card.tap(world, entry(1));
    let given = record(&challenge, &answer);
    assert_eq!(card.application.keepsakes().awaiting_receipt().unwrap().record(), &given);
    let answer = card.receive(world, &given, Outcome::Accepted);
    assert!(data(&answer).is_empty());
    let Event::ReceiptKept(kept) = answer.event else { panic!("{:?}", answer.event) };
    assert_eq!((kept.receipt().outcome(), kept.given().record()), (Outcome::Accepted, &given));
    kept.receipt().verify(&world.authority, kept.given().terminal(), kept.signature()).unwrap();

    let (_, keepsakes) = card.application.into_parts();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keepsakes");
    let mut file = FilePurseStore::create(&path).unwrap();
    file.write(&keepsakes.into_store().read().unwrap()).unwrap();
    drop(file);
    let again = Keepsakes::open(FilePurseStore::open(&path).unwrap()).unwrap();
    assert_eq!(again.receipts(), [*kept]);
    assert!(again.awaiting_receipt().is_none());
}

fn a_forged_receipt_is_not_kept<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    let (challenge, answer) = card.tap(world, entry(1));
    let given = record(&challenge, &answer);
    let receipt = Receipt::new(&given, Outcome::Accepted, card.now);
    let signature = receipt.sign(&world.terminal, &RANDOM).unwrap();
    let honest = [receipt.as_bytes().as_slice(), signature.as_bytes()].concat();
    let mut send = |bytes: &[u8]| {
        let command = CardCommand::Receipt {
            receipt: bytes[..Receipt::SIZE].try_into().unwrap(),
            signature: bytes[Receipt::SIZE..].try_into().unwrap(),
        };
        card.handle(command.encode().as_slice())
    };
    for bit in 0..honest.len() * 8 {
        let mut forged = honest.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(status(&send(&forged)), Status::Success, "bit {bit}");
    }
    // Another terminal of the same authority cannot speak for the one that was paid.
    let other = IdentityFields { subject: Subject::from_bytes([9; 16]), ..world.fields(Class::Terminal) };
    let other = receipt.sign(&world.issue(other), &RANDOM).unwrap();
    let forged = [receipt.as_bytes().as_slice(), other.as_bytes()].concat();
    assert_eq!(status(&send(&forged)), Status::NotAuthentic);
    assert_eq!(status(&send(&honest)), Status::Success);
    assert_eq!(card.application.keepsakes().receipts().len(), 1);
}

fn a_receipt_may_come_twice<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    let (challenge, answer) = card.tap(world, entry(1));
    let given = record(&challenge, &answer);
    for _ in 0..2 {
        data(&card.receive(world, &given, Outcome::Accepted));
    }
    assert_eq!(card.application.keepsakes().receipts().len(), 1);
    // Not for a tap that is long done, while another waits.
    let (challenge, answer) = card.tap(world, entry(2));
    assert_eq!(status(&card.receive(world, &given, Outcome::Accepted)), Status::NotNow);
    data(&card.receive(world, &record(&challenge, &answer), Outcome::Accepted));
}

fn the_oldest_make_room<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    for number in 0..MOST_RECEIPTS + 2 {
        let mut fields = entry(0);
        fields.amount = 1;
        fields.nonce[8..].copy_from_slice(&number.to_be_bytes());
        let (challenge, answer) = card.tap(world, fields);
        data(&card.receive(world, &record(&challenge, &answer), Outcome::Accepted));
    }
    let kept = card.application.keepsakes().receipts();
    let counters = |index: usize| kept[index].given().record().presentation().counter();
    assert_eq!((kept.len(), counters(0), counters(MOST_RECEIPTS - 1)), (MOST_RECEIPTS, 3, 258));
}

fn what_is_damaged_is_found_out<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    let (challenge, answer) = card.tap(world, entry(1));
    data(&card.receive(world, &record(&challenge, &answer), Outcome::Accepted));
    card.tap(world, entry(2));
    let bytes = card.application.into_parts().1.into_store().read().unwrap();
    let opens = |bytes: &[u8]| {
        let mut store = MemoryPurseStore::new();
        store.write(bytes).unwrap();
        Keepsakes::open(store)
    };
    assert_eq!(opens(&bytes).unwrap().receipts().len(), 1);
    for cut in 0..bytes.len() {
        assert_eq!(opens(&bytes[..cut]).unwrap_err(), PurseError::Damaged, "{cut}");
    }
    assert!(opens(&[bytes.as_slice(), &[0]].concat()).is_err());
}
