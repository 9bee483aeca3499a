//! Posting what the exchange settled.

use symbolon_ccks::Subject;
use symbolon_pseudonym::{AccountHandle, ClearingTag, TagUse};
use symbolon_service::{
    ServiceError,
    links::{ClearingLink as _, Move, NamedCharge, NettedCharge, Party, PostingBatch},
};
use symbolon_store::records::{EntryKind, RecordPosition, UploadId};

use super::{ALL, CURRENCY, House, account_name, attester_key, name, operator};

fn batch(id: u8) -> PostingBatch {
    PostingBatch { id: [id; 16], named: Vec::new(), netted: Vec::new() }
}

fn moved(from: Party, to: Party, amount: u32) -> Move {
    Move { from, to, amount }
}

impl House {
    fn named_tag(&self, account: &AccountHandle) -> ClearingTag {
        ClearingTag::seal(account, TagUse::Named, &attester_key(), self.random())
    }

    fn purchase(&self, account: &AccountHandle, amount: u32) -> NamedCharge {
        NamedCharge {
            kind: EntryKind::Purchase,
            tag: self.named_tag(account),
            currency: CURRENCY,
            record: Some(RecordPosition::new(UploadId(4), 2)),
            moves: vec![moved(Party::Holder, operator("metro"), amount)],
        }
    }

    async fn post(&self, batch: PostingBatch) -> Result<(), ServiceError> {
        self.clearing().post(batch).await
    }
}

fn paid(subject: Subject, amount: i64, to: &str) -> NettedCharge {
    NettedCharge { currency: CURRENCY, subjects: vec![(subject, -amount)], parties: vec![(operator(to), amount)] }
}

#[tokio::test]
async fn a_cards_record_is_one_entry() {
    let house = House::new();
    let account = house.account(1_000).await;
    let record = Some(RecordPosition::new(UploadId(9), 7));
    let exit = NamedCharge {
        kind: EntryKind::Exit,
        record,
        moves: vec![moved(Party::Journeys, operator("metro"), 300), moved(Party::Journeys, Party::Holder, 200)],
        ..house.purchase(&account, 0)
    };
    let entry = NamedCharge {
        kind: EntryKind::Entry,
        moves: vec![moved(Party::Holder, Party::Journeys, 500)],
        ..house.purchase(&account, 0)
    };
    let free = NamedCharge { kind: EntryKind::Entry, ..house.purchase(&account, 0) };
    house.post(PostingBatch { named: vec![entry, free, exit], ..batch(1) }).await.unwrap();
    let balances = house.balances().await;
    assert_eq!(balances["operator-metro-156"], 300);
    assert_eq!(balances["journeys-156"], 0);
    let postings = house.ledger().postings(None, account_name(&account), ALL).await.unwrap();
    let postings = postings.iter().map(|listed| (listed.record.kind, listed.record.amount, listed.record.record));
    assert_eq!(
        postings.skip(1).collect::<Vec<_>>(),
        [(EntryKind::Entry, -500, Some(RecordPosition::new(UploadId(4), 2))), (EntryKind::Exit, 200, record),]
    );
}

#[tokio::test]
async fn what_pseudonyms_did_is_one_entry_summed_by_account() {
    let house = House::new();
    let (rich, poor) = (house.account(1_000).await, house.account(100).await);
    let (first, second) = (house.pseudonym(&rich).await, house.pseudonym(&rich).await);
    let third = house.pseudonym(&poor).await;
    let charge = NettedCharge {
        currency: CURRENCY,
        subjects: vec![(first, -80), (third, -60), (second, 5)],
        parties: vec![(operator("metro"), 100), (Party::Journeys, 35)],
    };
    house.post(PostingBatch { netted: vec![charge], ..batch(1) }).await.unwrap();
    let balances = house.balances().await;
    let of = |account: &AccountHandle| balances[account_name(account).as_str()];
    assert_eq!([of(&rich), of(&poor), balances["operator-metro-156"], balances["journeys-156"]], [925, 40, 100, 35]);
    let postings = house.ledger().postings(None, account_name(&rich), ALL).await.unwrap();
    let newest = &postings[1].record;
    assert_eq!((newest.kind, newest.amount, newest.record), (EntryKind::Charges, -75, None));
    assert_eq!(postings.len(), 2, "two pseudonyms of an account show apart in its ledger");
    assert_eq!(house.ledger().check().await.unwrap().entries, 3);
}

#[tokio::test]
async fn what_is_charged_is_no_longer_set_aside() {
    let house = House::new();
    let account = house.account(300).await;
    let subject = house.pseudonym(&account).await;
    house.reserve(&account, 2).await.unwrap();
    assert_eq!(house.reserve(&account, 1).await, Err(ServiceError::InsufficientFunds));
    house.post(PostingBatch { netted: vec![paid(subject, 100, "metro")], ..batch(1) }).await.unwrap();
    // 200 are left and set aside; an operator's refund is free again.
    assert_eq!(house.reserve(&account, 1).await, Err(ServiceError::InsufficientFunds));
    let named = NamedCharge {
        kind: EntryKind::Refund,
        moves: vec![moved(operator("metro"), Party::Holder, 100)],
        ..house.purchase(&account, 0)
    };
    house.post(PostingBatch { named: vec![named], ..batch(2) }).await.unwrap();
    assert!(house.reserve(&account, 1).await.is_ok());
}

#[tokio::test]
async fn a_batch_is_posted_once_for_one_id() {
    let mut house = House::new();
    let account = house.account(1_000).await;
    let subject = house.pseudonym(&account).await;
    let named = house.purchase(&account, 30);
    let sent = PostingBatch { named: vec![named.clone()], netted: vec![paid(subject, 40, "metro")], ..batch(1) };
    house.post(sent.clone()).await.unwrap();
    house.reopen();
    assert_eq!(house.post(sent.clone()).await, Ok(()));
    assert_eq!(house.balance(&account).await, 930);
    let with_named = |named| PostingBatch { named: vec![named], ..sent.clone() };
    let with_netted = |netted| PostingBatch { netted: vec![netted], ..sent.clone() };
    let others = [
        with_named(NamedCharge { kind: EntryKind::Correction, ..named.clone() }),
        with_named(NamedCharge { tag: house.named_tag(&account), ..named.clone() }),
        with_named(NamedCharge { currency: 978, ..named.clone() }),
        with_named(NamedCharge { record: None, ..named.clone() }),
        with_named(NamedCharge { moves: vec![moved(Party::Holder, operator("metro"), 31)], ..named.clone() }),
        with_named(NamedCharge { moves: vec![moved(Party::Holder, operator("tram"), 30)], ..named.clone() }),
        with_named(NamedCharge { moves: vec![moved(Party::Journeys, operator("metro"), 30)], ..named }),
        with_netted(paid(subject, 41, "metro")),
        with_netted(paid(subject, 40, "tram")),
        with_netted(paid(Subject::from_bytes([9; 16]), 40, "metro")),
        with_netted(NettedCharge { currency: 978, ..paid(subject, 40, "metro") }),
        batch(1),
    ];
    for other in others {
        assert_eq!(house.post(other).await, Err(ServiceError::RequestIdReused));
    }
    assert_eq!(house.balance(&account).await, 930);
}

#[tokio::test]
async fn what_must_not_be_posted_leaves_nothing_behind() {
    let house = House::new();
    let account = house.account(1_000).await;
    let subject = house.pseudonym(&account).await;
    let before = house.balances().await;
    let good = paid(subject, 40, "metro");
    let netted = |charge| PostingBatch { netted: vec![good.clone(), charge], ..batch(1) };
    let named = |charge| PostingBatch { named: vec![house.purchase(&account, 1), charge], ..batch(1) };
    let refused = [
        netted(NettedCharge { parties: vec![(operator("metro"), 41)], ..good.clone() }),
        netted(NettedCharge { parties: Vec::new(), ..good.clone() }),
        netted(NettedCharge { parties: vec![(Party::Holder, 40)], ..good.clone() }),
        // Sums that would come out right only if they ran over.
        netted(NettedCharge {
            subjects: vec![(subject, i64::MIN), (subject, i64::MIN)],
            parties: Vec::new(),
            ..good.clone()
        }),
        netted(NettedCharge {
            subjects: vec![(subject, i64::MIN), (subject, i64::MAX), (subject, 1)],
            parties: Vec::new(),
            ..good.clone()
        }),
        named(NamedCharge { kind: EntryKind::TopUp, ..house.purchase(&account, 1) }),
        named(NamedCharge { kind: EntryKind::Charges, ..house.purchase(&account, 1) }),
    ];
    for batch in refused {
        let refused = house.post(batch.clone()).await;
        assert!(matches!(refused, Err(ServiceError::InvalidField { .. })), "{refused:?} to {batch:?}");
    }
    assert_eq!(house.balances().await, before);
    // The id of what was refused is still free.
    assert_eq!(house.post(PostingBatch { netted: vec![good], ..batch(1) }).await, Ok(()));
    assert_eq!(house.balance(&account).await, 960);
}

#[tokio::test]
async fn unknown_payers_are_posted_in_suspense() {
    let house = House::new();
    let account = house.account(1_000).await;
    let tag_of = |account: &AccountHandle, usage| ClearingTag::seal(account, usage, &attester_key(), house.random());
    let stranger = AccountHandle::from_bytes([8; 16]);
    let of_pseudonym = tag_of(&account, TagUse::Pseudonym(super::today()));
    let named =
        [(1, house.named_tag(&stranger), CURRENCY), (2, of_pseudonym, CURRENCY), (4, house.named_tag(&account), 978)];
    let named = named.map(|(amount, tag, currency)| NamedCharge { tag, currency, ..house.purchase(&account, amount) });
    let subject = house.pseudonym(&account).await;
    let unknown = Subject::from_bytes([9; 16]);
    let netted = vec![
        NettedCharge {
            subjects: vec![(unknown, -8), (subject, -16)],
            parties: vec![(operator("metro"), 24)],
            currency: CURRENCY,
        },
        NettedCharge { currency: 978, ..paid(subject, 32, "metro") },
    ];
    house.post(PostingBatch { named: named.to_vec(), netted, ..batch(1) }).await.unwrap();
    let balances = house.balances().await;
    assert_eq!(balances["suspense-156"], -(1 + 2 + 8));
    assert_eq!(balances["suspense-978"], -(4 + 32));
    assert_eq!(balances["operator-metro-156"], 1 + 2 + 24);
    assert_eq!(house.balance(&account).await, 1_000 - 16);
    let suspense = house.ledger().in_suspense().await.unwrap();
    assert_eq!(
        suspense.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(),
        ["suspense-156", "suspense-978"]
    );
}

#[tokio::test]
async fn an_operators_account_is_its_own() {
    let house = House::new();
    let account = house.account(100).await;
    house.post(PostingBatch { named: vec![house.purchase(&account, 7)], ..batch(1) }).await.unwrap();
    let accounts = house.ledger().accounts(Some(&name("metro")), ALL).await.unwrap();
    assert_eq!(accounts.iter().map(|listed| listed.record.balance).collect::<Vec<_>>(), [7]);
    assert_eq!(house.ledger().in_suspense().await.unwrap(), []);
}
