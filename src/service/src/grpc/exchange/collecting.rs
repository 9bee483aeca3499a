//! A stream of what became of an operator's records: no faster than it is read.

use super::wire;
use crate::{
    ServiceError,
    exchange::{CollectedRecord, Exchange, RouteCursor},
    grpc::{Shared, status},
};
use std::time::Duration;
use symbolon_api::v1::CollectRecordsResponse;
use symbolon_ccks::{Name, Suite};
use symbolon_store::Store;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// Records in a message: some 300 KB.
const AT_A_TIME: usize = 500;
/// Messages that wait for the caller to read them; then nothing more is read from the store.
const MESSAGES_AHEAD: usize = 1;
/// How often a caller that follows is looked after. Another node may have settled what it waits for.
const INTERVAL: Duration = Duration::from_secs(1);

/// One caller that collects.
pub(super) struct Collecting<S: Suite, D> {
    exchange: Exchange<S, D>,
    shared: Shared,
    operator: Name,
    after: Option<RouteCursor>,
    follows: bool,
    next: Vec<CollectedRecord>,
}

impl<S: Suite, D: Store> Collecting<S, D> {
    /// Reads what comes first, so that a cursor that is none is refused before anything is sent.
    pub(super) async fn begin(
        exchange: Exchange<S, D>,
        shared: Shared,
        operator: Name,
        after: Option<RouteCursor>,
        follows: bool,
    ) -> Result<Self, ServiceError> {
        let next = exchange.collect(&operator, after, AT_A_TIME).await?;
        Ok(Self { exchange, shared, operator, after, follows, next })
    }

    /// Sends until all is sent, or, for a caller that follows, until it goes away or the service stops.
    pub(super) fn send(mut self) -> ReceiverStream<Result<CollectRecordsResponse, Status>> {
        let (messages, receiver) = mpsc::channel(MESSAGES_AHEAD);
        tokio::spawn(async move {
            loop {
                let message = match self.message().await {
                    Ok(Some(message)) => Ok(message),
                    Ok(None) => match self.wait(&messages).await {
                        Ok(true) => continue,
                        Ok(false) => return,
                        Err(status) => Err(status),
                    },
                    Err(error) => Err(error.into()),
                };
                let ends = message.is_err();
                if messages.send(message).await.is_err() || ends {
                    return;
                }
            }
        });
        ReceiverStream::new(receiver)
    }

    /// What is to be sent next, if there is anything.
    async fn message(&mut self) -> Result<Option<CollectRecordsResponse>, ServiceError> {
        let mut next = std::mem::take(&mut self.next);
        if next.is_empty() {
            next = self.exchange.collect(&self.operator, self.after, AT_A_TIME).await?;
        }
        let Some(last) = next.last() else { return Ok(None) };
        self.after = Some(last.cursor);
        let collected_records = next.iter().map(wire::collected).collect::<Result<_, _>>()?;
        Ok(Some(CollectRecordsResponse { collected_records }))
    }

    /// Waits until there may be more; whether there may.
    async fn wait(&mut self, messages: &mpsc::Sender<Result<CollectRecordsResponse, Status>>) -> Result<bool, Status> {
        if !self.follows {
            return Ok(false);
        }
        tokio::select! {
            () = messages.closed() => Ok(false),
            _ = self.shared.stop.wait_for(|stop| *stop) => Err(status::stopping()),
            () = tokio::time::sleep(INTERVAL) => Ok(true),
        }
    }
}
