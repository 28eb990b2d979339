//! The one source of time.
//!
//! Every service and every storage provider reads the time from a [`Clock`] that was handed to it, and no SQL statement
//! says `now()`. Tests hand in a clock they set by hand.

use std::fmt;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// Tells the time, in whole microseconds.
///
/// Microseconds are what every supported database stores; a clock that answers finer values would make a value read back
/// differ from the value that was written. Implementations cut with [`whole_microseconds`].
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The current time in UTC, in whole microseconds.
    fn now(&self) -> DateTime<Utc>;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> DateTime<Utc> {
        whole_microseconds(Utc::now())
    }
}

/// Cuts a time to whole microseconds, towards the past.
pub fn whole_microseconds(time: DateTime<Utc>) -> DateTime<Utc> {
    // The only failure is a time outside the range of nanosecond arithmetic (years before 1677 or after 2262).
    time.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(time)
}

/// `start` plus `length`, or the last (first) representable time where that overflows.
///
/// Callers pass durations that an application chose; an absurd one means "practically for ever" and must not panic.
pub fn saturating_add(start: DateTime<Utc>, length: TimeDelta) -> DateTime<Utc> {
    // Stay within years that every supported database and text format can hold.
    let latest = DateTime::<Utc>::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let earliest = DateTime::<Utc>::from_timestamp(0, 0).unwrap_or(DateTime::<Utc>::MIN_UTC);
    let bound = if length < TimeDelta::zero() { earliest } else { latest };
    start.checked_add_signed(length).map_or(bound, |end| whole_microseconds(end).clamp(earliest, latest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_to_microseconds() {
        let time = DateTime::from_timestamp(1, 123_456_789).unwrap();
        assert_eq!(whole_microseconds(time), DateTime::from_timestamp(1, 123_456_000).unwrap());
        assert_eq!(SystemClock.now().timestamp_subsec_nanos() % 1000, 0);
    }

    #[test]
    fn absurd_durations_saturate() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        assert_eq!(saturating_add(start, TimeDelta::MAX).format("%Y").to_string(), "9999");
        assert_eq!(saturating_add(start, TimeDelta::MIN).timestamp(), 0);
        assert_eq!(saturating_add(start, TimeDelta::seconds(1)).timestamp(), 1_700_000_001);
    }
}
