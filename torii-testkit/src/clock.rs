//! Time that moves when the test says so.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};
use torii_core::{Clock, clock::whole_microseconds};

/// A clock that stands still until it is moved. Clones show the same time.
///
/// ```
/// use chrono::TimeDelta;
/// use torii_core::Clock;
/// use torii_testkit::ManualClock;
///
/// let clock = ManualClock::default();
/// let before = clock.now();
/// clock.advance(TimeDelta::minutes(15));
/// assert_eq!(clock.now() - before, TimeDelta::minutes(15));
/// ```
#[derive(Clone)]
pub struct ManualClock {
    /// Since the Unix epoch.
    microseconds: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that shows `time`, cut to whole microseconds.
    pub fn new(time: DateTime<Utc>) -> Self {
        Self { microseconds: Arc::new(AtomicI64::new(whole_microseconds(time).timestamp_micros())) }
    }

    /// Moves the clock: forward, or back with a negative length.
    pub fn advance(&self, length: TimeDelta) {
        self.microseconds.fetch_add(length.num_microseconds().unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Sets the clock.
    pub fn set(&self, time: DateTime<Utc>) {
        self.microseconds.store(whole_microseconds(time).timestamp_micros(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// A clock that shows a time with all its digits: 2026-01-02 03:04:05.678901 UTC.
    fn default() -> Self {
        Self { microseconds: Arc::new(AtomicI64::new(1_767_323_045_678_901)) }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.microseconds.load(Ordering::SeqCst)).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}
