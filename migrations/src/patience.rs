//! Waiting for a lock without waiting for ever.

use std::time::{Duration, Instant};

use tokio::time::{self, interval_at};
use torii_core::error::StorageErrorKind;

use crate::{MigrationError, Result};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(25);

/// How much longer a lock is worth waiting for. Locks are polled, never waited on: a caller that gives up leaves no waiter
/// behind, and a deadline holds whatever the database's own timeout is.
pub(crate) struct Patience {
    began: Instant,
    limit: Duration,
    pause: Duration,
    longest: Duration,
}

impl Patience {
    /// Pauses are of equal length.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { began: Instant::now(), limit, pause: PAUSE, longest: PAUSE }
    }

    /// The same deadline with pauses that grow to `longest`: for tries that are in the way of others while they last.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) fn growing(&self, longest: Duration) -> Self {
        Self { began: self.began, limit: self.limit, pause: PAUSE, longest }
    }

    /// The same with the whole time before it: for the next piece of work, after one that took long and waited for nobody.
    pub(crate) fn renew(&mut self) {
        self.began = Instant::now();
        self.pause = PAUSE;
    }

    /// The time to the deadline.
    #[cfg(feature = "postgres")]
    pub(crate) fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.began.elapsed())
    }

    /// If `error` says that the database is locked and there is time left: pauses, and `Ok` means "try again".
    ///
    /// # Errors
    /// [`MigrationError::Locked`] after the deadline, and `error` itself if it says something else.
    pub(crate) async fn after(&mut self, error: MigrationError) -> Result<()> {
        let source = match error {
            MigrationError::Database { kind: StorageErrorKind::Locked, source, .. }
            | MigrationError::Adoption { kind: StorageErrorKind::Locked, source, .. }
            | MigrationError::Step { kind: StorageErrorKind::Locked, source, .. } => source,
            error => return Err(error),
        };
        self.pause().await.map_err(|waited| MigrationError::Locked { waited, source })
    }

    /// Pauses, unless the deadline has passed.
    ///
    /// # Errors
    /// How long was waited, after the deadline.
    pub(crate) async fn pause(&mut self) -> Result<(), Duration> {
        let waited = self.began.elapsed();
        if waited >= self.limit {
            return Err(waited);
        }
        interval_at(time::Instant::now() + self.pause, self.pause).tick().await;
        self.pause = (self.pause * 2).min(self.longest);
        Ok(())
    }
}
