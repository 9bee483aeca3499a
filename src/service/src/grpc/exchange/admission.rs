//! How many records are settled at a time, and when to come back with those that are too many.
//!
//! Whatever an upload waits for on its way, it waits inside: so what lies between two steps is bounded by what was let in, and
//! the wait of what was let in too. The rest is refused before anything is done about it.

use crate::metrics::Metrics;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use symbolon_tap::Record;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Nobody is told to come back sooner.
const SOONEST: Duration = Duration::from_secs(1);
/// Nobody is told to come back later: what was refused meanwhile may have gone elsewhere.
const LATEST: Duration = Duration::from_secs(30);
/// What one more upload counts for in the mean of how long they take: one part of so many.
const MEMORY: u32 = 8;

/// The room that uploads take while they are settled, of both listeners together.
pub(crate) struct Admission {
    room: Arc<Semaphore>,
    most: u32,
    appointments: Mutex<Appointments>,
    metrics: Arc<Metrics>,
}

impl Admission {
    /// Room for `most` records.
    pub(crate) fn new(most: u32, metrics: Arc<Metrics>) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(most as usize));
        Arc::new(Self { room, most, appointments: Mutex::default(), metrics })
    }

    /// Lets an upload of so many bytes in. One with more records than there is room for is let in when no other is there.
    ///
    /// # Errors
    /// After which time to ask again.
    pub(super) fn admit(self: &Arc<Self>, bytes: usize) -> Result<Admitted, Duration> {
        let records = u32::try_from(bytes / Record::SIZE).unwrap_or(u32::MAX).clamp(1, self.most);
        match Arc::clone(&self.room).try_acquire_many_owned(records) {
            Ok(permit) => {
                self.metrics.records_in_flight().inc_by(records.into());
                Ok(Admitted { admission: Arc::clone(self), records, began: Instant::now(), _permit: permit })
            }
            Err(_) => {
                self.metrics.upload_refused();
                let share = f64::from(records) / f64::from(self.most);
                Err(self.appointments().give(Instant::now(), share))
            }
        }
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

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.metrics.records_in_flight().dec_by(self.records.into());
        self.admission.appointments().learn(self.began.elapsed());
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

    #[test]
    fn no_more_are_let_in_than_there_is_room_for() {
        let admission = Admission::new(10, Arc::new(Metrics::new()));
        let four = admission.admit(4 * Record::SIZE + 100).ok().unwrap();
        let five = admission.admit(5 * Record::SIZE + 100).ok().unwrap();
        assert!(admission.admit(2 * Record::SIZE).is_err());
        let one = admission.admit(0).ok().unwrap();
        assert!(admission.admit(0).is_err(), "what is no upload takes room too");
        drop((four, five));
        assert!(admission.admit(1_000 * Record::SIZE).is_err());
        drop(one);
        let large = admission.admit(1_000 * Record::SIZE).ok().unwrap();
        assert!(admission.admit(0).is_err());
        drop(large);
        drop(admission.admit(10 * Record::SIZE).ok().unwrap());
        let shown = admission.metrics.encode();
        assert!(
            shown.contains("symbolon_records_in_flight 0\n") && shown.contains("symbolon_uploads_refused_total 4\n")
        );
    }
}
