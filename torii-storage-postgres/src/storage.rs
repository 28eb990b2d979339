//! The way to a provider that applications know.

use sqlx::PgPool;
use torii_core::{Error, error::StorageError};

use crate::{PostgresRepositoryProvider, pool};

/// A PostgreSQL database.
#[derive(Clone, Debug)]
pub struct PostgresStorage {
    provider: PostgresRepositoryProvider,
}

impl PostgresStorage {
    /// Storage on a pool that the application made. [`PostgresStorage::connect`] makes one with good settings.
    ///
    /// A pool should not test connections before it gives them out (`test_before_acquire(false)`): that doubles the time of a
    /// call that is one statement.
    pub fn new(pool: PgPool) -> Self {
        Self { provider: PostgresRepositoryProvider::new(pool) }
    }

    /// Connects to the database of `url`: `postgres://user:password@host:port/database`, with parameters such as
    /// `?sslmode=verify-full`.
    ///
    /// The pool holds at most 10 connections, waits 5 seconds for one, and pings one before use only if it has idled for half a
    /// minute. Statements are prepared once per connection, which works through PgBouncer from version 1.21 on.
    ///
    /// # Errors
    /// [`StorageError::Failed`]; unless the URL is none, its source is a [`ConnectError`](crate::ConnectError) that says what
    /// is wrong.
    pub async fn connect(url: &str) -> Result<Self, StorageError> {
        pool::connect(url).await.map(Self::new)
    }

    /// Brings the schema up to date. Running it again does nothing.
    ///
    /// # Errors
    /// [`StorageError::MigrationFailed`].
    pub async fn migrate(&self) -> Result<(), StorageError> {
        self.provider.migrate().await.map_err(|error| match error {
            Error::Storage(error) => error,
            other => StorageError::MigrationFailed { source: Box::new(other) },
        })
    }

    /// The repositories, bound to the default tenant.
    pub fn into_repository_provider(self) -> PostgresRepositoryProvider {
        self.provider
    }
}
