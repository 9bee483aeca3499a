//! Items and answers: what opens, for whom, and what is told about what does not.

use symbolon_ccks::{PossessionMessage, Suite};
use symbolon_pseudonym::{
    Commitment, ItemChallenge, ItemContent, ResponseKey, SealedAnswer, SealedItem, SealingSecret, Unopened,
};

use crate::world::{CHALLENGE, TestSuite, for_each_suite, period, random};

for_each_suite!(
    carries_the_whole_content,
    refuses_every_flipped_bit_of_an_item,
    opens_for_nobody_else,
    refuses_contents_that_are_not_well_formed,
    refuses_every_flipped_bit_of_an_answer,
    seals_answers_to_one_key_apart,
);

fn carries_the_whole_content<S: TestSuite>() {
    let world = S::world();
    let (asking, item) = world.ask(1);
    let content = world.opened(&item);
    assert_eq!((content.suite, content.period, &content.point), (S::ID, period(), asking.point()));
    assert_eq!((content.commitment(), *asking.commitment()), (item.commitment, item.commitment));
    let stored = asking.encode();
    assert_eq!(
        (&content.salt, content.response_key.as_bytes().as_slice()),
        (&stored[40..72].try_into().unwrap(), &stored[72..])
    );
    let message = PossessionMessage::Pseudonym { period: period().number(), challenge: CHALLENGE.as_bytes() };
    assert!(message.verify(&world.authority, &content.point, &content.possession));
    let other = PossessionMessage::Pseudonym { period: period().number(), challenge: &[0; 32] };
    assert!(!other.verify(&world.authority, &content.point, &content.possession));
}

fn refuses_every_flipped_bit_of_an_item<S: TestSuite>() {
    let world = S::world();
    let (_, item) = world.ask(1);
    let id = world.authority.id();
    for bit in 0..SealedItem::SIZE * 8 {
        let mut changed = *item.sealed.as_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = SealedItem::parse(&changed).unwrap();
        assert_eq!(changed.open(id, &CHALLENGE, &item.commitment, &world.sealing), Err(Unopened), "bit {bit}");
    }
    for length in [0, SealedItem::SIZE - 1, SealedItem::SIZE + 1] {
        assert!(SealedItem::parse(&vec![0; length]).is_err(), "{length} bytes");
    }
}

fn opens_for_nobody_else<S: TestSuite>() {
    let (world, elsewhere) = (S::world(), S::elsewhere());
    let (_, item) = world.ask(1);
    let (_, other) = world.ask(2);
    let id = world.authority.id();
    let sealed = &item.sealed;
    assert!(sealed.open(id, &CHALLENGE, &item.commitment, &world.sealing).is_ok());
    let refused = [
        sealed.open(elsewhere.authority.id(), &CHALLENGE, &item.commitment, &world.sealing),
        sealed.open(id, &ItemChallenge::of(CHALLENGE.as_bytes(), 0), &item.commitment, &world.sealing),
        sealed.open(id, &CHALLENGE, &other.commitment, &world.sealing),
        sealed.open(id, &CHALLENGE, &item.commitment, &elsewhere.sealing),
    ];
    assert!(refused.iter().all(|opened| *opened == Err(Unopened)), "{refused:?}");
}

/// What opens and says nothing that a wallet says is told like what does not open.
fn refuses_contents_that_are_not_well_formed<S: TestSuite>() {
    let world = S::world();
    let id = world.authority.id();
    let (_, item) = world.ask(1);
    let info = [b"SYMBOLON-V1-PSEUDONYM-ITEM".as_slice(), id.as_bytes()].concat();
    let associated = [CHALLENGE.as_bytes().as_slice(), item.commitment.as_bytes()].concat();
    let plain = world.sealing.open(&info, &associated, item.sealed.as_bytes()).unwrap();
    assert_eq!(plain.len(), ItemContent::SIZE);
    let reseal = |plain: &[u8]| {
        let sealed = world.sealing.public().seal(&info, &associated, plain, &mut random(4)).unwrap();
        let sealed = SealedItem::parse(&sealed).ok()?;
        Some(sealed.open(id, &CHALLENGE, &item.commitment, &world.sealing))
    };
    assert!(reseal(&plain).unwrap().is_ok());
    // Version, suite, two zeros, a period beyond the last, the prefixes of U and R.
    for (place, value) in [(0, 0), (0, 2), (1, 0), (1, 3), (2, 1), (3, 1), (4, 0xff), (8, 4), (41, 0)] {
        let mut changed = plain.to_vec();
        changed[place] = value;
        assert_eq!(reseal(&changed), Some(Err(Unopened)), "byte {place} is {value}");
    }
    assert_eq!(reseal(&plain[1..]), None);
    assert_eq!(reseal(&[]), None);
}

fn refuses_every_flipped_bit_of_an_answer<S: TestSuite>() {
    let world = S::world();
    let (_, item) = world.ask(1);
    let content = world.opened(&item);
    let answer = world.answer(&item, &world.identity(5));
    let opened = answer.open(&content.response_key, &item.commitment).unwrap();
    assert_eq!(opened.credential.identity(), &world.identity(5));
    for bit in 0..SealedAnswer::SIZE * 8 {
        let mut changed = *answer.as_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = SealedAnswer::parse(&changed).unwrap();
        assert!(changed.open(&content.response_key, &item.commitment).is_err(), "bit {bit}");
    }
    let mut key = *content.response_key.as_bytes();
    key[15] ^= 1;
    assert!(answer.open(&ResponseKey::from_bytes(key), &item.commitment).is_err());
    for bit in 0..256 {
        let mut commitment = *item.commitment.as_bytes();
        commitment[bit / 8] ^= 1 << (bit % 8);
        let opened = answer.open(&content.response_key, &Commitment::from_bytes(commitment));
        assert!(opened.is_err(), "bit {bit} of the commitment");
    }
    for length in [0, SealedAnswer::SIZE - 1, SealedAnswer::SIZE + 1] {
        assert!(SealedAnswer::parse(&vec![0; length]).is_err(), "{length} bytes");
    }
}

/// A careless wallet gives two items one response key: still no two answers share a key stream.
fn seals_answers_to_one_key_apart<S: TestSuite>() {
    let world = S::world();
    let (_, item) = world.ask(1);
    let (_, other) = world.ask(2);
    let answer = world.issue(&world.opened(&item), &world.identity(5));
    let key = ResponseKey::from_bytes([7; 16]);
    let [first, second] = [&item, &other].map(|item| *SealedAnswer::seal(&answer, &key, &item.commitment).as_bytes());
    let equal = first.iter().zip(&second).filter(|(left, right)| left == right).count();
    assert!(equal < 10, "{equal} bytes of 137 agree");
}

#[test]
fn commits_and_challenges_as_written_down() {
    use sha2::{Digest as _, Sha256};
    let (_, item) = symbolon_ccks::P256::world().ask(1);
    let content = symbolon_ccks::P256::world().opened(&item);
    let expected: [u8; 32] = Sha256::digest([content.point.as_bytes().as_slice(), &content.salt].concat()).into();
    assert_eq!(Commitment::to(&content.point, &content.salt).as_bytes(), &expected);
    let expected: [u8; 32] = Sha256::digest([[5; 32].as_slice(), &[0, 0, 1, 2]].concat()).into();
    assert_eq!(ItemChallenge::of(&[5; 32], 258).as_bytes(), &expected);
}

/// A sealing secret as it is stored opens what was sealed before.
#[test]
fn opens_after_a_restart() {
    let world = symbolon_ccks::Secp256k1::world();
    let (_, item) = world.ask(1);
    let restarted = SealingSecret::from_bytes(&world.sealing.to_bytes());
    let opened = item.sealed.open(world.authority.id(), &CHALLENGE, &item.commitment, &restarted).unwrap();
    assert_eq!(opened, world.opened(&item));
    assert_eq!(symbolon_ccks::Secp256k1::ID, opened.suite);
}
