//! Waiting for a lock without waiting for ever.

use std::time::{Duration, Instant};

use tokio::time::{Interval, MissedTickBehavior, interval};
use torii_core::error::StorageErrorKind;

use crate::{MigrationError, Result};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(25);

/// How much longer a lock is worth waiting for. Locks are polled, never waited on: a caller that gives up leaves no waiter
/// behind, and a deadline holds whatever the database's own timeout is.
pub(crate) struct Patience {
    began: Instant,
    limit: Duration,
    pauses: Interval,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        let mut pauses = interval(PAUSE);
        pauses.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { began: Instant::now(), limit, pauses }
    }

    /// If `error` says that the database is locked and there is time left: pauses, and `Ok` means "try again".
    ///
    /// # Errors
    /// [`MigrationError::Locked`] after the deadline, and `error` itself if it says something else.
    pub(crate) async fn after(&mut self, error: MigrationError) -> Result<()> {
        let source = match error {
            MigrationError::Database { kind: StorageErrorKind::Locked, source, .. }
            | MigrationError::Step { kind: StorageErrorKind::Locked, source, .. } => source,
            error => return Err(error),
        };
        let waited = self.began.elapsed();
        if waited >= self.limit {
            return Err(MigrationError::Locked { waited, source });
        }
        self.pauses.tick().await;
        Ok(())
    }
}
