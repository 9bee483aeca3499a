//! What gets nothing.

use symbolon_ccks::{EnrolmentKey, LinkageAuthority, LinkageValue, Period, Signature, SuiteId};
use symbolon_pseudonym::{Commitment, ItemContent, PairwiseKey, ProfileId, SealedValue, SealingSecret};
use symbolon_service::links::{IssueItem, ItemOutcome, ItemRefusal};

use super::{Asked, Bureau, answer};

type Change = fn(&Bureau, &mut Asked<symbolon_ccks::P256>);

/// Seals what the wallet says anew, under the commitment that follows from it.
fn reseal(bureau: &Bureau, asked: &mut Asked<symbolon_ccks::P256>) {
    let mut item = asked.item().clone();
    item.commitment = asked.content.commitment();
    item.sealed = bureau.seal(&asked.content, &item.challenge);
    item.values = bureau.sealed_values(asked);
    asked.item = Some(item);
}

fn item(asked: &mut Asked<symbolon_ccks::P256>) -> &mut IssueItem {
    asked.item.as_mut().unwrap()
}

const CHANGES: [(&str, ItemRefusal, Change); 16] = [
    ("an unknown profile", ItemRefusal::UnknownProfile, |_, asked| item(asked).profile = ProfileId(9)),
    ("a period that is over", ItemRefusal::WrongPeriod, |bureau, asked| {
        *asked = bureau.asked_for(Period::new(bureau.present().number() - 1).unwrap(), 1);
    }),
    ("a period too far ahead", ItemRefusal::WrongPeriod, |bureau, asked| {
        *asked = bureau.asked_for(bureau.present().next().next(), 1);
    }),
    ("the attester says another period", ItemRefusal::WrongPeriod, |bureau, asked| {
        item(asked).period = bureau.present().next();
    }),
    ("another suite", ItemRefusal::WrongPeriod, |bureau, asked| {
        asked.content.suite = SuiteId::Secp256k1Sha256;
        reseal(bureau, asked);
    }),
    ("another challenge", ItemRefusal::Unopened, |_, asked| {
        item(asked).challenge = symbolon_pseudonym::ItemChallenge::from_bytes([1; 32]);
    }),
    ("another commitment", ItemRefusal::Unopened, |_, asked| {
        item(asked).commitment = Commitment::from_bytes([1; 32]);
    }),
    ("sealed to another key", ItemRefusal::Unopened, |bureau, asked| {
        let other = SealingSecret::generate(&mut bureau.scene.draws());
        let id = <symbolon_ccks::P256 as super::TestSuite>::keys();
        let challenge = asked.item().challenge;
        let sealed = asked.content.seal(id.id(), &challenge, other.public(), &mut bureau.scene.draws()).unwrap();
        item(asked).sealed = sealed;
    }),
    ("the possession of another point", ItemRefusal::BadPossession, |bureau, asked| {
        asked.content.point = *EnrolmentKey::<symbolon_ccks::P256>::generate(&mut bureau.scene.draws()).point();
        reseal(bureau, asked);
    }),
    ("a possession over another challenge", ItemRefusal::BadPossession, |bureau, asked| {
        item(asked).challenge = symbolon_pseudonym::ItemChallenge::from_bytes([2; 32]);
        reseal(bureau, asked);
    }),
    ("a possession that was changed", ItemRefusal::BadPossession, |bureau, asked| {
        let mut bytes = *asked.content.possession.as_bytes();
        bytes[64] ^= 1;
        asked.content.possession = *Signature::parse(&bytes).unwrap();
        reseal(bureau, asked);
    }),
    ("the values of each other", ItemRefusal::BadLinkageValue, |_, asked| item(asked).values.swap(0, 1)),
    ("one value for both", ItemRefusal::BadLinkageValue, |_, asked| {
        let [of_a, _] = asked.item().values;
        item(asked).values = [of_a; 2];
    }),
    ("the values of another item", ItemRefusal::BadLinkageValue, |bureau, asked| {
        item(asked).values = bureau.asked(77).item().values;
    }),
    ("a value of another period", ItemRefusal::BadLinkageValue, |bureau, asked| {
        let later = bureau.present().next();
        let commitment = asked.commitment();
        let [key_a, _] = super::linkage_keys();
        item(asked).values[0] =
            SealedValue::seal(&asked.values[0], LinkageAuthority::A, later, &commitment, &key_a, [1; 12]);
    }),
    ("a value under another key", ItemRefusal::BadLinkageValue, |bureau, asked| {
        let (commitment, key) = (asked.commitment(), PairwiseKey::from_bytes([9; 32]));
        let present = bureau.present();
        item(asked).values[1] =
            SealedValue::seal(&asked.values[1], LinkageAuthority::B, present, &commitment, &key, [1; 12]);
    }),
];

#[tokio::test]
async fn an_item_that_is_not_as_it_should_be_gets_nothing() {
    let bureau = Bureau::new();
    for ((what, refusal, change), j) in CHANGES.into_iter().zip(0..) {
        let mut asked = bureau.asked(j);
        change(&bureau, &mut asked);
        assert_eq!(bureau.issue(&[&asked]).await, [ItemOutcome::Refused(refusal)], "{what}");
    }
    assert!(bureau.others.state().binds.is_empty(), "clearing heard of a refused item");
    let counts = bureau.issuer().counts().await.unwrap();
    assert_eq!((counts.issued, counts.waiting_for_clearing), (0, 0));
    let by_reason = |reason: ItemRefusal| counts.refused[reason.as_str()];
    assert_eq!(by_reason(ItemRefusal::BadLinkageValue), 5);
    assert_eq!(counts.refused.values().sum::<u64>(), CHANGES.len() as u64);
    // Nothing that was refused has used up what it came with.
    let asked = bureau.asked(0);
    asked.complete(answer(&bureau.issue(&[&asked]).await[0]));
}

#[tokio::test]
async fn a_point_is_never_used_for_two_commitments() {
    let bureau = Bureau::new();
    let first = bureau.asked(0);
    let holder = || EnrolmentKey::from_bytes(&first.holder.secret_bytes()).unwrap();
    let values = |j| [0, 1].map(|authority| bureau.seeds[authority].value(j));
    let present = bureau.present();
    let second = bureau.asked_over(holder(), present, values(1_000));
    assert_eq!(first.content.point, second.content.point);
    assert_ne!(first.commitment(), second.commitment());
    // In one call, and in a later one for another period.
    let outcomes = bureau.issue(&[&first, &second]).await;
    first.complete(answer(&outcomes[0]));
    assert_eq!(outcomes[1], ItemOutcome::Refused(ItemRefusal::PointUsed));
    let third = bureau.asked_over(holder(), present.next(), values(1_001));
    assert_eq!(bureau.issue(&[&third]).await, [ItemOutcome::Refused(ItemRefusal::PointUsed)]);
    assert_eq!(bureau.others.state().bound.len(), 1);
    // The values that came with them were not used up.
    let fourth = bureau.asked_with(present, values(1_000));
    fourth.complete(answer(&bureau.issue(&[&fourth]).await[0]));
}

#[tokio::test]
async fn a_linkage_value_is_used_once_a_period() {
    let bureau = Bureau::new();
    let present = bureau.present();
    let value = |byte| LinkageValue::from_bytes([byte; 16]);
    let first = bureau.asked_with(present, [value(1), value(2)]);
    first.complete(answer(&bureau.issue(&[&first]).await[0]));
    for values in [[value(1), value(3)], [value(4), value(2)], [value(1), value(2)]] {
        let repeated = bureau.asked_with(present, values);
        assert_eq!(bureau.issue(&[&repeated]).await, [ItemOutcome::Refused(ItemRefusal::BadLinkageValue)]);
    }
    // Two in one call, where neither came before.
    let (one, other) = (
        bureau.asked_with(present, [value(0x15), value(0x26)]),
        bureau.asked_with(present, [value(0x15), value(0x37)]),
    );
    let outcomes = bureau.issue(&[&one, &other]).await;
    one.complete(answer(&outcomes[0]));
    assert_eq!(outcomes[1], ItemOutcome::Refused(ItemRefusal::BadLinkageValue));
    // A value of the one authority is not one of the other.
    let crossed = bureau.asked_with(present, [value(2), value(8)]);
    crossed.complete(answer(&bureau.issue(&[&crossed]).await[0]));
}

#[tokio::test]
async fn a_subject_is_never_issued_twice() {
    let bureau = Bureau::new();
    let value = |byte| LinkageValue::from_bytes([byte; 16]);
    let first = bureau.asked_with(bureau.present(), [value(1), value(2)]);
    first.complete(answer(&bureau.issue(&[&first]).await[0]));
    // 4 xor 7 is 1 xor 2: both authorities together choose new values for an old subject; in this period, in the next,
    // and when the used values of the old one are long forgotten.
    let now = bureau.asked_with(bureau.present(), [value(4), value(7)]);
    assert_eq!(now.subject(), first.subject());
    assert_eq!(bureau.issue(&[&now]).await, [ItemOutcome::Refused(ItemRefusal::BadLinkageValue)]);
    bureau.scene.clock.move_on(3);
    bureau.issuer().forget_old(symbolon_service::Clock::now(&*bureau.scene.clock)).await.unwrap();
    let later = bureau.asked_with(bureau.present(), [value(1), value(2)]);
    assert_eq!(bureau.issue(&[&later]).await, [ItemOutcome::Refused(ItemRefusal::BadLinkageValue)]);
}

#[tokio::test]
async fn content_that_is_not_the_committed_one_is_told_apart() {
    // Sealed for the commitment of another content: nobody but the one who seals can do that, with the parts of a seal.
    let bureau = Bureau::new();
    let (asked, other) = (bureau.asked(0), bureau.asked(1));
    let crossed = IssueItem { commitment: other.commitment(), values: other.item().values, ..asked.item().clone() };
    assert_eq!(bureau.issue_one(crossed).await, ItemOutcome::Refused(ItemRefusal::Unopened));
    let info =
        [b"SYMBOLON-V1-PSEUDONYM-ITEM".as_slice(), <symbolon_ccks::P256 as super::TestSuite>::keys().id().as_bytes()]
            .concat();
    let associated = [asked.item().challenge.as_bytes().as_slice(), other.commitment().as_bytes()].concat();
    let plaintext = bureau
        .sealing
        .open(
            &info,
            &[asked.item().challenge.as_bytes().as_slice(), asked.commitment().as_bytes()].concat(),
            asked.item().sealed.as_bytes(),
        )
        .unwrap();
    assert_eq!(plaintext.len(), ItemContent::SIZE);
    let sealed = bureau.sealing.public().seal(&info, &associated, &plaintext, &mut bureau.scene.draws()).unwrap();
    let crossed = IssueItem {
        commitment: other.commitment(),
        values: other.item().values,
        sealed: symbolon_pseudonym::SealedItem::parse(&sealed).unwrap(),
        ..asked.item().clone()
    };
    assert_eq!(bureau.issue_one(crossed).await, ItemOutcome::Refused(ItemRefusal::WrongCommitment));
}
