//! How a migration behaves.

use std::time::Duration;

/// How a migration behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MigrateOptions {
    lock_timeout: Duration,
}

impl MigrateOptions {
    /// Waits up to 60 seconds for another writer.
    pub const fn new() -> Self {
        Self { lock_timeout: Duration::from_secs(60) }
    }

    /// How long to try to get the locks that a migration needs, over the whole migration, before
    /// [`MigrationError::Locked`](crate::MigrationError::Locked) or
    /// [`MigrationError::AlreadyRunning`](crate::MigrationError::AlreadyRunning).
    #[must_use]
    pub const fn lock_timeout(mut self, lock_timeout: Duration) -> Self {
        self.lock_timeout = lock_timeout;
        self
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) const fn get_lock_timeout(&self) -> Duration {
        self.lock_timeout
    }
}

impl Default for MigrateOptions {
    fn default() -> Self {
        Self::new()
    }
}
