//! Uploads that arrive twice, at once, large, or in bad shape.

use crate::{
    holder::{self, exchange, send, settle},
    office::{Town, balanced_ledger, reason},
    within_patience,
};
use symbolon_api::v1::{Outcome, RefusalReason, UploadRequest, UploadResponse};
use symbolon_ccks::{Sector, Signature};
use symbolon_tap::{Acknowledgement, Record};
use tokio::task::JoinSet;
use tonic::Code;

const CONNECTIONS: usize = 6;

/// The counts of an answer, whose signature is checked.
fn acknowledged(town: &Town, answer: &UploadResponse) -> (u16, u16, u16) {
    let (signed, signature) = answer.acknowledgement.split_at(Acknowledgement::SIZE);
    let acknowledgement = Acknowledgement::parse(signed).unwrap();
    acknowledgement.verify(&town.authority, Signature::parse(signature).unwrap()).unwrap();
    (acknowledgement.settled(), acknowledgement.duplicate(), acknowledgement.refused())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_upload_over_many_connections_settles_once() {
    let mut random = holder::random(11);
    let town = Town::start(|_| ()).await;
    let mut card = town.card(&mut random).await;
    let mut gate = town.terminal(&mut random).await;
    let records: Vec<_> = (1..=20).map(|amount| card.pay(&gate, Sector::Transport, amount, &mut random)).collect();
    let upload = gate.upload(&records, &mut random);

    let mut sending = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (channel, upload) = (town.service.public().await, upload.clone());
        sending.spawn(async move { settle(&channel, upload).await });
    }
    let answers = within_patience("all are answered", sending.join_all()).await;
    assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 1);
    for answer in &answers {
        assert_eq!((&answer.acknowledgement, &answer.outcomes), (&answers[0].acknowledgement, &answers[0].outcomes));
        assert!(answer.outcomes.iter().all(|outcome| outcome.outcome() == Outcome::Settled));
        assert_eq!(acknowledged(&town, answer), (20, 0, 0));
    }
    assert_eq!(balanced_ledger(&town.court).await.posting_count, 20);
    town.service.stop().await;
}

/// Different uploads with the same records race; each record is settled by one of them.
#[tokio::test(flavor = "multi_thread")]
async fn overlapping_uploads_settle_each_record_once() {
    let mut random = holder::random(12);
    let town = Town::start(|_| ()).await;
    let mut card = town.card(&mut random).await;
    let mut gate = town.terminal(&mut random).await;
    let records: Vec<_> = (1..=20).map(|amount| card.pay(&gate, Sector::Transport, amount, &mut random)).collect();

    let mut sending = JoinSet::new();
    for start in 0..CONNECTIONS {
        let (channel, upload) = (town.service.public().await, gate.upload(&records[start..start + 10], &mut random));
        sending.spawn(async move { settle(&channel, upload).await });
    }
    let answers = within_patience("all are answered", sending.join_all()).await;
    let outcomes = answers.iter().flat_map(|answer| &answer.outcomes);
    assert!(outcomes.clone().all(|outcome| [Outcome::Settled, Outcome::Duplicate].contains(&outcome.outcome())));
    let settled = outcomes.filter(|outcome| outcome.outcome() == Outcome::Settled).count();
    assert_eq!(settled, 9 + CONNECTIONS);
    assert_eq!(balanced_ledger(&town.court).await.posting_count as usize, settled);
    town.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_upload_is_taken_and_a_larger_message_is_not() {
    const MOST: usize = 8_192;
    let mut random = holder::random(13);
    let town = Town::start(|city| city.configure("limits", "message_bytes", 2_300_000)).await;
    let mut card = town.card(&mut random).await;
    let mut gate = town.terminal(&mut random).await;
    let records: Vec<Record> = (0..MOST).map(|_| card.pay(&gate, Sector::Transport, 1, &mut random)).collect();
    let largest = gate.upload(&records, &mut random);

    let too_large = vec![0; 2_300_001];
    let (answers, status) = send(&town.public, vec![largest.clone(), too_large]).await;
    let status = status.unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
    assert_eq!(answers.len(), 1, "what came before is answered");
    assert_eq!(acknowledged(&town, &answers[0]), (8_192, 0, 0));
    assert!(settle(&town.public, largest).await.repeated, "and stays acknowledged");
    town.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_upload_ends_the_stream_and_leaves_the_others_alone() {
    let mut random = holder::random(14);
    let town = Town::start(|_| ()).await;
    let mut card = town.card(&mut random).await;
    let mut gate = town.terminal(&mut random).await;
    let good = card.pay(&gate, Sector::Transport, 7, &mut random);
    let good = gate.upload(&[good], &mut random);
    let next = card.pay(&gate, Sector::Transport, 8, &mut random);
    let next = gate.upload(&[next], &mut random);
    let mut forged = next.clone();
    // The last byte of the terminal's z.
    forged[193] ^= 1;

    for (bad, code, why) in [
        (next[..next.len() - 1].to_vec(), Code::InvalidArgument, "MALFORMED"),
        (Vec::new(), Code::InvalidArgument, "MALFORMED"),
        (forged, Code::Unauthenticated, "BAD_SIGNATURE"),
    ] {
        let (answers, status) = send(&town.public, vec![good.clone(), bad, next.clone()]).await;
        let status = status.unwrap();
        assert_eq!((status.code(), reason(&status).as_str()), (code, why));
        assert_eq!(answers.len(), 1, "the good one before it was answered, the one after it was not");
    }
    assert!(!settle(&town.public, next).await.repeated);
    town.service.stop().await;
}

/// One upload holds everything that can become of a record; none takes another down with it.
#[tokio::test(flavor = "multi_thread")]
async fn each_record_has_its_own_outcome() {
    let mut random = holder::random(15);
    let town = Town::start(|_| ()).await;
    let mut card = town.card(&mut random).await;
    let mut gate = town.terminal(&mut random).await;
    let good = card.pay(&gate, Sector::Transport, 7, &mut random);
    let dear = card.pay(&gate, Sector::Transport, 10_001, &mut random);
    let elsewhere = card.pay(&gate, Sector::Water, 7, &mut random);
    let mut changed = *card.pay(&gate, Sector::Transport, 7, &mut random).as_bytes();
    changed[Record::SIZE - 1] ^= 1;
    let changed = *Record::parse(&changed).unwrap();
    let answer = settle(&town.public, gate.upload(&[good, dear, elsewhere, changed, good], &mut random)).await;
    let found: Vec<_> = answer.outcomes.iter().map(|outcome| (outcome.outcome(), outcome.refusal_reason())).collect();
    assert_eq!(
        found,
        [
            (Outcome::Settled, RefusalReason::Unspecified),
            (Outcome::Refused, RefusalReason::OverLimit),
            (Outcome::Refused, RefusalReason::WrongSector),
            (Outcome::Refused, RefusalReason::BadSignature),
            (Outcome::Duplicate, RefusalReason::Unspecified),
        ]
    );
    assert_eq!(acknowledged(&town, &answer), (1, 1, 3));
    town.service.stop().await;
}

/// A caller that sends and never reads holds up itself alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_does_not_read_its_answers_holds_up_nobody() {
    let mut random = holder::random(16);
    let town = Town::start(|_| ()).await;
    let mut card = town.card(&mut random).await;
    let mut gate = town.terminal(&mut random).await;
    let record = card.pay(&gate, Sector::Transport, 7, &mut random);
    let upload = gate.upload(&[record], &mut random);
    settle(&town.public, upload.clone()).await;
    let again = tokio_stream::iter((0..1_000).map(move |_| UploadRequest { upload: upload.clone() }));
    let deaf = exchange(&town.service.public().await).upload(again).await.unwrap();
    let record = card.pay(&gate, Sector::Transport, 8, &mut random);
    let answer = within_patience("others are served", settle(&town.public, gate.upload(&[record], &mut random))).await;
    assert_eq!(answer.outcomes[0].outcome(), Outcome::Settled);
    drop(deaf);
    town.service.stop().await;
}
