//! The way to a provider that applications know.

use sqlx::SqlitePool;
use torii_core::{Error, error::StorageError};

use crate::{SqliteRepositoryProvider, pool};

/// A SQLite database.
#[derive(Clone, Debug)]
pub struct SqliteStorage {
    provider: SqliteRepositoryProvider,
}

impl SqliteStorage {
    /// Storage on a pool that the application made. [`SqliteStorage::connect`] makes one with good settings.
    ///
    /// Foreign keys must be on, as sqlx has it unless told otherwise. A private in-memory database (one without a shared cache)
    /// needs a pool of exactly one connection.
    pub fn new(pool: SqlitePool) -> Self {
        Self { provider: SqliteRepositoryProvider::new(pool) }
    }

    /// Opens the database of `url`: `sqlite://app.db`, with `?mode=rwc` to create a missing file, with `?mode=ro` to only read,
    /// or `sqlite::memory:`.
    ///
    /// A file gets a write-ahead log (`journal_mode = WAL`, `synchronous = NORMAL`), with which readers and the writer do not
    /// block each other. A database in memory has one connection, and lives as long as its pool.
    ///
    /// # Errors
    /// [`StorageError::Failed`]; if the file cannot be opened its source is an [`OpenError`](crate::OpenError) that says why.
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
    pub fn into_repository_provider(self) -> SqliteRepositoryProvider {
        self.provider
    }
}
