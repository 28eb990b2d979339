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
        let (pool, row_security) = pool::connect(url).await?;
        Ok(Self { provider: PostgresRepositoryProvider::connected(pool, row_security) })
    }

    /// Whether row-level security keeps tenants apart too: see
    /// [`PostgresRepositoryProvider::row_level_security`]. Without it, calls on a database whose policies hide rows from the role
    /// are refused with [`RowLevelSecurityError::NotSwitchedOn`](crate::RowLevelSecurityError::NotSwitchedOn), instead of
    /// finding nothing. On a pool that the application made, only [`PostgresRepositoryProvider::check`], `migrate` and the
    /// builder ask for that.
    #[must_use]
    pub fn row_level_security(self, on: bool) -> Self {
        Self { provider: self.provider.row_level_security(on) }
    }

    /// Brings the schema up to date: [`PostgresRepositoryProvider::migrate`].
    ///
    /// # Errors
    /// [`StorageError::MigrationFailed`], or [`StorageError::Failed`] with a
    /// [`RowLevelSecurityError`](crate::RowLevelSecurityError).
    pub async fn migrate(&self) -> Result<(), StorageError> {
        self.provider.migrate().await.map_err(migration_failed)
    }

    /// Takes the policies of [`row_level_security`](Self::row_level_security) away:
    /// [`PostgresRepositoryProvider::disable_row_level_security`].
    ///
    /// # Errors
    /// [`StorageError::MigrationFailed`].
    pub async fn disable_row_level_security(&self) -> Result<(), StorageError> {
        self.provider.disable_row_level_security().await.map_err(migration_failed)
    }

    /// The repositories, bound to the default tenant.
    pub fn into_repository_provider(self) -> PostgresRepositoryProvider {
        self.provider
    }
}

fn migration_failed(error: Error) -> StorageError {
    match error {
        Error::Storage(error) => error,
        other => StorageError::MigrationFailed { source: Box::new(other) },
    }
}
