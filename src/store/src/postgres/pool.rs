//! Threads with a connection each: as many as there is work for, up to a limit; the one that worked last works first.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};

use super::{PostgresAddress, session::Session};
use crate::StoreError;

/// What a thread is to do on its connection.
type Order = Box<dyn FnOnce(&mut Session) + Send>;

pub(super) struct Pool {
    address: PostgresAddress,
    turns: Arc<Semaphore>,
    // A thread ends when nobody can give it an order any more.
    idle: Mutex<Vec<mpsc::Sender<Order>>>,
}

impl Pool {
    pub(super) fn new(address: PostgresAddress) -> Self {
        let turns = Arc::new(Semaphore::new(address.connections()));
        Self { address, turns, idle: Mutex::new(Vec::new()) }
    }

    /// Runs `job` on a thread, to its end even when the caller goes away.
    pub(super) async fn run<T, E>(
        self: &Arc<Self>,
        job: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let turn = self.turn().await?;
        let worker = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let worker = worker.map_or_else(|| self.start(), Ok)?;
        let (sender, receiver) = oneshot::channel();
        let (pool, again) = (Arc::clone(self), worker.clone());
        let order: Order = Box::new(move |session| {
            let result = job(session);
            pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(again);
            drop(turn);
            // A caller that went away does not want its answer; what it asked took effect all the same.
            let _ = sender.send(result);
        });
        worker.send(order).map_err(|_| StoreError::GivenUp)?;
        receiver.await.map_err(|_| StoreError::GivenUp)?
    }

    /// While nothing is answered turns come only as what is under way is given up: nobody waits longer for one than it may
    /// take.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        let patience = self.address.patience();
        match timeout(patience, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(turn) => turn.map_err(|_| StoreError::GivenUp),
            Err(_) => Err(StoreError::Unavailable(format!("no connection was free for {} s", patience.as_secs()))),
        }
    }

    fn start(&self) -> Result<mpsc::Sender<Order>, StoreError> {
        let (worker, orders) = mpsc::channel::<Order>();
        let mut session = Session::new(self.address.clone());
        std::thread::Builder::new()
            .name("symbolon-postgres".to_owned())
            .spawn(move || orders.into_iter().for_each(|order| order(&mut session)))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(worker)
    }
}
