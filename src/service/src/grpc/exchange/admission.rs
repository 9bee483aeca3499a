//! How many records are settled at a time, and when to come back with those that are too many.
//!
//! Whatever an upload waits for on its way, it waits inside: so what lies between two steps is bounded by what was let in, and
//! the wait of what was let in too. The rest is refused before anything is done about it.
//!
//! A large upload would seldom find all its room free at once while small ones keep coming. One at a time waits at the door,
//! and what becomes free is kept for it.

use crate::metrics::Metrics;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use symbolon_tap::Record;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Nobody is told to come back sooner.
const SOONEST: Duration = Duration::from_secs(1);
/// Nobody is told to come back later: what was refused meanwhile may have gone elsewhere.
const LATEST: Duration = Duration::from_secs(30);
/// What one more upload counts for in the mean of how long they take: one part of so many.
const MEMORY: u32 = 8;
/// An upload that takes one part of so many of all the room, or more, is large.
const LARGE: u32 = 16;
/// So long a large upload waits at the door.
const PATIENCE: Duration = Duration::from_secs(10);

/// The room that uploads take while they are settled, of both listeners together.
pub(crate) struct Admission {
    room: Arc<Semaphore>,
    most: u32,
    /// Where one large upload waits.
    door: tokio::sync::Mutex<()>,
    patience: Duration,
    appointments: Mutex<Appointments>,
    metrics: Arc<Metrics>,
}

impl Admission {
    /// Room for `most` records.
    pub(crate) fn new(most: u32, metrics: Arc<Metrics>) -> Arc<Self> {
        Self::with_patience(most, PATIENCE, metrics)
    }

    fn with_patience(most: u32, patience: Duration, metrics: Arc<Metrics>) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(most as usize));
        let door = tokio::sync::Mutex::default();
        Arc::new(Self { room, most, door, patience, appointments: Mutex::default(), metrics })
    }

    /// Lets an upload of so many bytes in. One with more records than there is room for is let in when no other is there.
    ///
    /// # Errors
    /// After which time to ask again.
    pub(super) async fn admit(self: &Arc<Self>, bytes: usize) -> Result<Admitted, Duration> {
        let records = u32::try_from(bytes / Record::SIZE).unwrap_or(u32::MAX).clamp(1, self.most);
        match self.room_for(records).await {
            Some(permit) => {
                self.metrics.records_in_flight().inc_by(records.into());
                Ok(Admitted { admission: Arc::clone(self), records, began: Instant::now(), _permit: permit })
            }
            None => {
                self.metrics.upload_refused();
                let share = f64::from(records) / f64::from(self.most);
                Err(self.appointments().give(Instant::now(), share))
            }
        }
    }

    async fn room_for(&self, records: u32) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_many_owned(records) {
            return Some(permit);
        }
        if records < self.most.div_ceil(LARGE) {
            return None;
        }
        let _waiting = self.door.try_lock().ok()?;
        // What others give back is kept for whoever waits; who does not wait finds none.
        timeout(self.patience, Arc::clone(&self.room).acquire_many_owned(records)).await.ok()?.ok()
    }

    fn appointments(&self) -> MutexGuard<'_, Appointments> {
        // Nothing is done under the lock that a panic could leave half done.
        self.appointments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The room that one upload takes, until it is dropped.
pub(super) struct Admitted {
    admission: Arc<Admission>,
    records: u32,
    began: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Admitted {
    /// It was settled. How long that took says when the next have room; of what was refused or failed it says nothing.
    pub(super) fn settled(self) {
        self.admission.appointments().learn(self.began.elapsed());
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.metrics.records_in_flight().dec_by(self.records.into());
    }
}

/// When those who were refused are to come back: one after the other, as fast as room is made, not all at once.
#[derive(Default)]
struct Appointments {
    /// How long an upload takes that was let in, on the mean; so long all the room takes to become free.
    taking: Duration,
    next: Option<Instant>,
}

impl Appointments {
    fn learn(&mut self, taken: Duration) {
        self.taking = (self.taking * (MEMORY - 1) + taken) / MEMORY;
    }

    /// An appointment for this share of all the room.
    fn give(&mut self, now: Instant, share: f64) -> Duration {
        let given = self.next.map_or(SOONEST, |next| next.saturating_duration_since(now)).clamp(SOONEST, LATEST);
        self.next = Some(now + given + self.taking.mul_f64(share));
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn those_refused_come_back_one_after_the_other() {
        let (mut appointments, now) = (Appointments::default(), Instant::now());
        // Nothing is known yet.
        assert_eq!((appointments.give(now, 0.5), appointments.give(now, 0.5)), (SOONEST, SOONEST));
        (0..100).for_each(|_| appointments.learn(4 * SECOND));
        let whole = |duration: Duration| duration.as_secs_f64().round();
        let given = [(); 4].map(|()| whole(appointments.give(now, 0.5)));
        assert_eq!(given, [1.0, 3.0, 5.0, 7.0], "half of the room is free every two seconds");
        assert_eq!(whole(appointments.give(now + 5 * SECOND, 0.5)), 4.0);
        (0..100).for_each(|_| assert!(appointments.give(now, 1.0) <= LATEST));
        assert_eq!(appointments.give(now, 1.0), LATEST);
        assert_eq!(appointments.give(now + 100 * SECOND, 1.0), SOONEST, "what was put off is long over");
    }

    async fn admitted(admission: &Arc<Admission>, records: usize) -> Option<Admitted> {
        admission.admit(records * Record::SIZE + 100).await.ok()
    }

    #[tokio::test]
    async fn no_more_are_let_in_than_there_is_room_for() {
        let admission = Admission::new(100, Arc::new(Metrics::new()));
        let (most, some) = (admitted(&admission, 93).await.unwrap(), admitted(&admission, 6).await.unwrap());
        assert!(admitted(&admission, 2).await.is_none());
        let rest = admitted(&admission, 0).await.unwrap();
        assert!(admitted(&admission, 0).await.is_none(), "what is no upload takes room too");
        drop((most, some));
        assert!(admitted(&admission, 99).await.is_some());
        drop(rest);
        let huge = admitted(&admission, 1_000).await.unwrap();
        assert!(admitted(&admission, 0).await.is_none());
        drop(huge);
        let shown = admission.metrics.encode();
        assert!(
            shown.contains("symbolon_records_in_flight 0\n") && shown.contains("symbolon_uploads_refused_total 3\n")
        );
    }

    #[tokio::test]
    async fn what_becomes_free_is_kept_for_the_large_one_that_waits() {
        let admission = Admission::new(100, Arc::new(Metrics::new()));
        let mut small = Vec::new();
        for _ in 0..16 {
            small.push(admitted(&admission, 6).await.unwrap());
        }
        let waiting = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admitted(&admission, 100).await }
        });
        while admission.door.try_lock().is_ok() || admission.room.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        small.pop();
        assert!(admitted(&admission, 6).await.is_none(), "this room is kept");
        assert!(admitted(&admission, 50).await.is_none(), "only one waits");
        assert!(!waiting.is_finished());
        small.clear();
        assert!(waiting.await.unwrap().is_some());
        assert!(admitted(&admission, 100).await.is_some());
    }

    #[tokio::test]
    async fn a_large_one_does_not_wait_for_ever() {
        let admission = Admission::with_patience(100, Duration::ZERO, Arc::new(Metrics::new()));
        let one = admitted(&admission, 1).await.unwrap();
        assert!(admitted(&admission, 100).await.is_none());
        assert!(admitted(&admission, 99).await.is_some(), "what was kept for it is free again");
        drop(one);
        assert!(admitted(&admission, 100).await.is_some());
    }
}
