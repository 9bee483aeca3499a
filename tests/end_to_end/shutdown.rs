//! Stopping in the middle of work.

use crate::{
    holder::{self, Holder, exchange, settle},
    office::{Town, all_records, balanced_ledger, reason},
    service::Service,
    within_patience,
};
use std::collections::HashSet;
use symbolon_api::v1::{Outcome, UploadRequest, UploadResponse};
use symbolon_ccks::Sector;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, transport::Channel};

/// Uploads one after another until the stream ends; what was answered, and how it ended.
async fn upload_until_told_to_stop(
    channel: Channel,
    mut uploads: impl Iterator<Item = Vec<u8>>,
    answered: mpsc::UnboundedSender<()>,
) -> (Vec<(Vec<u8>, UploadResponse)>, Result<(), Status>) {
    let (sender, receiver) = mpsc::channel::<UploadRequest>(1);
    let mut answers = exchange(&channel).upload(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    let mut acknowledged = Vec::new();
    loop {
        let upload = uploads.next().unwrap();
        if sender.send(UploadRequest { upload: upload.clone() }).await.is_err() {
            // The stream has ended; its status says why.
        }
        match answers.message().await {
            Ok(Some(answer)) => acknowledged.push((upload, answer)),
            Ok(None) => return (acknowledged, Ok(())),
            Err(status) => return (acknowledged, Err(status)),
        }
        let _ = answered.send(());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_during_uploads_loses_nothing_that_was_acknowledged() {
    const TERMINALS: u64 = 3;
    const ANSWERS_BEFORE_STOPPING: usize = 12;
    let mut random = holder::random(41);
    let town = Town::start(|_| ()).await;
    let mut uploading = tokio::task::JoinSet::new();
    let (answered, mut progress) = mpsc::unbounded_channel();
    for seed in 0..TERMINALS {
        let (mut card, mut gate) = (town.card(&mut random).await, town.terminal(&mut random).await);
        let mut random = holder::random(100 + seed);
        let uploads = std::iter::repeat_with(move || {
            let records: Vec<_> = (0..4).map(|_| card.pay(&gate, Sector::Transport, 3, &mut random)).collect();
            gate.upload(&records, &mut random)
        });
        uploading.spawn(upload_until_told_to_stop(town.service.public().await, uploads, answered.clone()));
    }
    for _ in 0..ANSWERS_BEFORE_STOPPING {
        within_patience("uploads are answered", progress.recv()).await.unwrap();
    }
    town.service.terminate().await;
    let streams = within_patience("the streams end", uploading.join_all()).await;
    assert!(town.service.ended().await.success(), "a service that is asked to stop ends well");

    let service = Service::start(&town.city).await;
    let public = service.public().await;
    let mut digests = HashSet::new();
    for (acknowledged, end) in streams {
        let status = end.expect_err("the stream is told why it ends");
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "STOPPING"));
        for (upload, answer) in acknowledged {
            let again = settle(&public, upload).await;
            assert!(again.repeated);
            assert_eq!(UploadResponse { repeated: false, ..again }, answer);
            assert!(digests.insert(answer.upload));
        }
    }
    let court = service.private(&town.city.add_client("auditor", "court-2")).await;
    let records = all_records(&court).await;
    assert!(records.iter().all(|record| record.outcome() == Outcome::Settled));
    assert!(digests.iter().all(|name| records.iter().filter(|record| record.upload == *name).count() == 4));
    assert_eq!(balanced_ledger(&court).await.posting_count as usize, records.len());
    service.stop().await;
}

/// Idle connections and open streams do not keep the service from stopping.
#[tokio::test(flavor = "multi_thread")]
async fn idle_callers_do_not_keep_it_from_stopping() {
    let town = Town::start(|_| ()).await;
    let mut answers =
        exchange(&town.public).upload(tokio_stream::pending::<UploadRequest>()).await.unwrap().into_inner();
    town.service.terminate().await;
    let status = within_patience("the stream ends", answers.message()).await.unwrap_err();
    assert_eq!(reason(&status), "STOPPING");
    assert!(town.service.ended().await.success());
    drop((town.bank, town.metro, town.court));
}

/// A city survives any number of restarts: cards, terminals and keys are what they were.
#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_service_knows_its_cards_and_terminals() {
    let mut random = holder::random(42);
    let town = Town::start(|_| ()).await;
    let mut card = town.card(&mut random).await;
    let mut gate = town.terminal(&mut random).await;
    let code = crate::office::create_card(&town.bank, &mut random).await.activation_code;
    let id = *town.authority.id();
    town.service.stop().await;

    let service = Service::start(&town.city).await;
    let (public, authority) = (service.public().await, service.authority().await);
    assert_eq!(*authority.id(), id);
    let record = card.pay(&gate, Sector::Transport, 9, &mut random);
    let answer = settle(&public, gate.upload(&[record], &mut random)).await;
    assert_eq!(answer.outcomes[0].outcome(), Outcome::Settled);
    // An activation code handed out before works after.
    Holder::enrol(&public, &authority, &code, &mut random).await;
    service.stop().await;
}
