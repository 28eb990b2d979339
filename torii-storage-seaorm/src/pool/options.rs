//! What an application may say about the pool of [`SeaORMStorage::connect_with`](crate::SeaORMStorage::connect_with).

use std::time::Duration;

/// How a pool of connections behaves. What is not said is as [`SeaORMStorage::connect`](crate::SeaORMStorage::connect) has it.
///
/// ```no_run
/// use std::time::Duration;
///
/// use torii_storage_seaorm::{PoolOptions, SeaORMStorage};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let options = PoolOptions::new().max_connections(32).acquire_timeout(Duration::from_secs(2));
/// let url = "mysql://app:secret@db.example.com/app?ssl-mode=VERIFY_IDENTITY&ssl-ca=/etc/ssl/db.pem";
/// let storage = SeaORMStorage::connect_with(url, options).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
#[allow(dead_code, reason = "connections to a file have no use for some of it")]
pub struct PoolOptions {
    pub(super) max_connections: Option<u32>,
    pub(super) min_connections: u32,
    pub(super) acquire_timeout: Option<Duration>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) max_lifetime: Option<Duration>,
    pub(super) ping_after_idle: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            max_connections: None,
            min_connections: 1,
            acquire_timeout: None,
            idle_timeout: Some(Duration::from_secs(10 * 60)),
            // So that connections follow a server that moved, and what has grown in them is freed.
            max_lifetime: Some(Duration::from_secs(30 * 60)),
            // Firewalls forget connections without a word.
            ping_after_idle: Duration::from_secs(30),
        }
    }
}

impl PoolOptions {
    /// What [`SeaORMStorage::connect`](crate::SeaORMStorage::connect) uses.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many connections there are at most: 10 to a server, 8 to a file of SQLite. A database in memory always has one.
    ///
    /// A statement takes well under a millisecond of a server's time, so a few connections serve many callers. The server has a limit
    /// too, for all instances of the application together.
    pub fn max_connections(self, max: u32) -> Self {
        Self { max_connections: Some(max), ..self }
    }

    /// How many connections are kept when there is nothing to do: 1. SQLite always keeps one.
    pub fn min_connections(self, min: u32) -> Self {
        Self { min_connections: min, ..self }
    }

    /// How long a call waits for a connection that is free: 5 seconds, with SQLite 10. After that it fails with the kind
    /// [`Unavailable`](torii_core::error::StorageErrorKind::Unavailable), from a
    /// [`ConnAcquireErr::Timeout`](sea_orm::ConnAcquireErr::Timeout).
    pub fn acquire_timeout(self, longest: Duration) -> Self {
        Self { acquire_timeout: Some(longest), ..self }
    }

    /// How long a connection may idle before it is closed: 10 minutes. `None` for as long as it likes.
    pub fn idle_timeout(self, longest: impl Into<Option<Duration>>) -> Self {
        Self { idle_timeout: longest.into(), ..self }
    }

    /// How long a connection to a server lives: half an hour. `None` for as long as it likes.
    pub fn max_lifetime(self, longest: impl Into<Option<Duration>>) -> Self {
        Self { max_lifetime: longest.into(), ..self }
    }

    /// How long a connection to a server may have idled and be used without asking whether it still works: half a minute. Asking before
    /// every use would double the time that a call of one statement takes.
    pub fn ping_after_idle(self, longest: Duration) -> Self {
        Self { ping_after_idle: longest, ..self }
    }
}
