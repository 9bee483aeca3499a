//! A stream of uploads: each is answered once it is durable, in the order in which they came.

use super::wire;
use crate::{
    exchange::{Answered, Exchange},
    grpc::{Shared, status},
};
use symbolon_api::v1::{UploadRequest, UploadResponse};
use symbolon_ccks::Suite;
use symbolon_store::Store;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// Answers that wait for the caller to read them; then the next upload waits too.
const ANSWERS_AHEAD: usize = 1;

/// Where answers go.
type Answers = mpsc::Sender<Result<UploadResponse, Status>>;

/// One stream, and what it is answered with.
pub(super) struct UploadStream<S: Suite, D> {
    exchange: Exchange<S, D>,
    shared: Shared,
    uploads: Streaming<UploadRequest>,
}

impl<S: Suite, D: Store> UploadStream<S, D> {
    pub(super) const fn new(exchange: Exchange<S, D>, shared: Shared, uploads: Streaming<UploadRequest>) -> Self {
        Self { exchange, shared, uploads }
    }

    /// Answers until the caller ends the stream or goes away, an upload is refused, or the service stops.
    pub(super) fn answer(mut self) -> ReceiverStream<Result<UploadResponse, Status>> {
        let (answers, receiver) = mpsc::channel(ANSWERS_AHEAD);
        tokio::spawn(async move {
            loop {
                let answer = match self.next().await {
                    Ok(Some(upload)) => self.settle(upload, &answers).await,
                    Ok(None) => return,
                    Err(status) => Err(status),
                };
                let ends = answer.is_err();
                if answers.send(answer).await.is_err() || ends {
                    return;
                }
            }
        });
        ReceiverStream::new(receiver)
    }

    /// The next upload, unless it does not come.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Status> {
        let idle = self.shared.upload_idle;
        let message = tokio::select! {
            // What has come is settled before stopping.
            biased;
            message = tokio::time::timeout(idle, self.uploads.message()) => message,
            _ = self.shared.stop.wait_for(|stop| *stop) => return Err(status::stopping()),
        };
        match message {
            Ok(Ok(message)) => Ok(message.map(|message| message.upload)),
            Ok(Err(found)) => Err(status::of_transport(&found).unwrap_or(found)),
            Err(_) => Err(status::paused_too_long()),
        }
    }

    async fn settle(&self, upload: Vec<u8>, answers: &Answers) -> Result<UploadResponse, Status> {
        // Before anything is done about it: what is refused has to cost next to nothing.
        let admitted = tokio::select! {
            biased;
            admitted = self.shared.admission.admit(upload.len()) => admitted.map_err(status::overloaded)?,
            // Nobody is kept out for one who has gone.
            () = answers.closed() => return Err(Status::cancelled("the caller went away")),
        };
        let answered = self.exchange.upload(upload).await?;
        if answered.repeated {
            drop(admitted);
        } else {
            admitted.settled();
            self.count(&answered);
        }
        Ok(wire::answered(&answered))
    }

    fn count(&self, answered: &Answered) {
        let metrics = &self.shared.metrics;
        metrics.upload();
        for outcome in answered.answer.outcomes() {
            metrics.record(wire::outcome_name(outcome));
        }
    }
}
