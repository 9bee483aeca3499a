//! Uploads that wait together are judged together: signatures cost less each the more of them are verified at once.
//!
//! Nothing waits for more to come. A worker takes what is there, and what comes meanwhile is there when it is done.

use std::{
    collections::VecDeque,
    num::NonZero,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use symbolon_ccks::{Suite, Time};
use symbolon_tap::{Record, Upload};
use tokio::sync::oneshot;

use super::judging::{self, Judged, Unjudged};
use crate::{ServiceError, authority::AuthorityKeys};

/// Records that are judged at a time, unless one upload has more: what comes first does not wait for ever.
const MOST_RECORDS: usize = 16_384;

/// An upload that waits to be judged. It was parsed before.
struct Waiting {
    bytes: Arc<[u8]>,
    latest: Time,
    random: [u8; 32],
    answer: oneshot::Sender<Vec<Judged>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    workers: usize,
}

/// Judges uploads on threads that may block.
#[derive(Clone, Default)]
pub(super) struct Judges {
    queue: Arc<Mutex<Queue>>,
}

impl Judges {
    /// Judges the records of an upload, given in whole; `latest` as [`Unjudged::latest`], `random` 32 fresh bytes.
    ///
    /// # Errors
    /// [`ServiceError::Internal`] when judging was given up.
    pub(super) async fn judge<S: Suite>(
        &self,
        keys: &Arc<AuthorityKeys<S>>,
        bytes: Arc<[u8]>,
        latest: Time,
        random: [u8; 32],
    ) -> Result<Vec<Judged>, ServiceError> {
        let (answer, judged) = oneshot::channel();
        if self.enqueue(Waiting { bytes, latest, random, answer }) {
            let (judges, keys) = (self.clone(), Arc::clone(keys));
            // Verifying thousands of signatures would hold up every other task of this thread.
            tokio::task::spawn_blocking(move || judges.work(&keys));
        }
        judged.await.map_err(|_| ServiceError::Internal("verifying an upload was given up"))
    }

    /// Whether a worker is to be started.
    fn enqueue(&self, waiting: Waiting) -> bool {
        let most = thread::available_parallelism().map_or(1, NonZero::get);
        let mut queue = self.queue();
        queue.waiting.push_back(waiting);
        let starts = queue.workers < most;
        queue.workers += usize::from(starts);
        starts
    }

    /// Judges until nothing waits.
    fn work<S: Suite>(&self, keys: &AuthorityKeys<S>) {
        while let Some(taken) = self.take() {
            // A panic gives up the uploads that were taken, whose callers are told so, and no others.
            let judged = panic::catch_unwind(AssertUnwindSafe(|| judge(keys, &taken)));
            for (waiting, judged) in taken.into_iter().zip(judged.ok().flatten().into_iter().flatten()) {
                // A caller that went away does not want to know.
                let _ = waiting.answer.send(judged);
            }
        }
    }

    /// What waits, up to a limit; `None` when nothing waits, and then the worker that asked is counted no more.
    fn take(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.queue();
        let (mut taken, mut records) = (Vec::new(), 0);
        while let Some(next) = queue.waiting.front() {
            records += next.bytes.len() / Record::SIZE;
            if records > MOST_RECORDS && !taken.is_empty() {
                break;
            }
            taken.extend(queue.waiting.pop_front());
        }
        if taken.is_empty() {
            queue.workers -= 1;
            return None;
        }
        Some(taken)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing is done under the lock that a panic could leave half done.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Judges uploads that were parsed before.
fn judge<S: Suite>(keys: &AuthorityKeys<S>, taken: &[Waiting]) -> Option<Vec<Vec<Judged>>> {
    let random = taken.first()?.random;
    let uploads = taken.iter().map(|waiting| {
        let upload = Upload::parse(&waiting.bytes).ok()?;
        Some(Unjudged { upload, latest: waiting.latest })
    });
    Some(judging::judge_all(keys.authority(), &uploads.collect::<Option<Vec<_>>>()?, &random))
}
