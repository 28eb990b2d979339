//! How a migration behaves.

use std::{fmt, sync::Arc, time::Duration};

use crate::Progress;

/// How a migration behaves.
#[derive(Clone)]
#[non_exhaustive]
pub struct MigrateOptions {
    lock_timeout: Duration,
    drop_backup: bool,
    to: Option<i64>,
    progress: Option<ProgressFn>,
    /// Told of every statement that is about to change an older database; `true` ends the session there.
    #[cfg(test)]
    pub(crate) kill: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

type ProgressFn = Arc<dyn Fn(&Progress) + Send + Sync>;

impl MigrateOptions {
    /// Waits up to 60 seconds for another writer.
    pub const fn new() -> Self {
        Self {
            lock_timeout: Duration::from_secs(60),
            drop_backup: false,
            to: None,
            progress: None,
            #[cfg(test)]
            kill: None,
        }
    }

    /// How long to try to get the locks that a migration needs, over the whole migration, before
    /// [`MigrationError::Locked`](crate::MigrationError::Locked) or
    /// [`MigrationError::AlreadyRunning`](crate::MigrationError::AlreadyRunning). While an older version's database is taken
    /// over, for each piece of the work.
    #[must_use]
    pub const fn lock_timeout(mut self, lock_timeout: Duration) -> Self {
        self.lock_timeout = lock_timeout;
        self
    }

    /// Whether the tables that hold an older version's rows as they were (`_torii_backup_..`) are dropped once everything is taken
    /// over; not if not called. They hold what the older version stored, tokens in clear among it.
    #[must_use]
    pub const fn drop_backup(mut self, drop_backup: bool) -> Self {
        self.drop_backup = drop_backup;
        self
    }

    /// Stops after the step of this version, instead of the newest. To move in steps that are tried out one by one; an application
    /// of this version of torii needs the newest.
    ///
    /// Refused are a version that does not exist ([`MigrationError::UnknownVersion`](crate::MigrationError::UnknownVersion)), one
    /// that the database is beyond ([`MigrationError::BeyondTarget`](crate::MigrationError::BeyondTarget)), and one in the middle of
    /// what an older version's database becomes ([`MigrationError::BeforeAdoption`](crate::MigrationError::BeforeAdoption)).
    #[must_use]
    pub const fn to(mut self, version: i64) -> Self {
        self.to = Some(version);
        self
    }

    /// Has `progress` told how far the upgrade of an older version's database is, after every thousand rows or so. It is
    /// called in the middle of the work, and should return soon.
    #[must_use]
    pub fn on_progress(mut self, progress: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    #[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
    pub(crate) const fn drops_backup(&self) -> bool {
        self.drop_backup
    }

    #[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
    pub(crate) fn report(&self, progress: &Progress) {
        if let Some(report) = &self.progress {
            report(progress);
        }
    }

    /// Whether a test wants the session to end here.
    #[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
    pub(crate) fn is_killed(&self) -> bool {
        #[cfg(test)]
        return self.kill.as_ref().is_some_and(|kill| kill());
        #[cfg(not(test))]
        false
    }

    #[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
    pub(crate) const fn target(&self) -> Option<i64> {
        self.to
    }

    #[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
    pub(crate) const fn get_lock_timeout(&self) -> Duration {
        self.lock_timeout
    }
}

impl Default for MigrateOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MigrateOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MigrateOptions")
            .field("lock_timeout", &self.lock_timeout)
            .field("drop_backup", &self.drop_backup)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}
