//! The way to a provider that applications know.

use sea_orm::DatabaseConnection;

use crate::{PoolOptions, SeaORMRepositoryProvider, SeaORMStorageError, pool};

/// A database that SeaORM is connected to: MySQL, MariaDB, PostgreSQL or SQLite.
#[derive(Clone, Debug)]
pub struct SeaORMStorage {
    provider: SeaORMRepositoryProvider,
}

impl SeaORMStorage {
    /// Storage on a connection that the application made. [`SeaORMStorage::connect`] makes one with good settings.
    ///
    /// - Its pool should not test connections before it gives them out (`test_before_acquire(false)`, and
    ///   `test_before_acquire_if_idle_for` instead): that doubles the time of a call that is one statement.
    /// - MySQL should refuse values that do not fit (a strict `sql_mode`, which is the default).
    /// - On SQLite foreign keys must be on, as sqlx has it unless told otherwise. A private in-memory database (one without a
    ///   shared cache) needs a pool of exactly one connection.
    pub fn new(connection: DatabaseConnection) -> Self {
        Self { provider: SeaORMRepositoryProvider::new(connection) }
    }

    /// Connects to the database of `url`, of which the scheme says what it is. Each needs the feature of its name.
    ///
    /// | `sqlite` | `sqlite://app.db`, with `?mode=rwc` to create a missing file, `?mode=ro` to only read; `sqlite::memory:` |
    /// |---|---|
    /// | `postgres` | `postgres://user:password@host:port/database`, with parameters such as `?sslmode=verify-full` |
    /// | `mysql` | `mysql://user:password@host:port/database`, with parameters such as `?ssl-mode=VERIFY_IDENTITY` |
    ///
    /// Encrypted connections need the feature `tls`. PostgreSQL's parameters are `sslmode` (`disable`, `prefer`, which is the default,
    /// `require`, `verify-ca`, `verify-full`), `sslrootcert`, `sslcert` and `sslkey`; those of MySQL and MariaDB `ssl-mode` (`DISABLED`,
    /// `PREFERRED`, which is the default, `REQUIRED`, `VERIFY_CA`, `VERIFY_IDENTITY`), `ssl-ca`, `ssl-cert` and `ssl-key`. Over a
    /// network use the last of the modes: the one that is the default gives way to a server, or to whoever stands in between, that
    /// says it cannot encrypt.
    ///
    /// The pool of a server holds at most 10 connections, waits 5 seconds for one, and pings one before use only if it has idled
    /// for half a minute. A file of SQLite gets a write-ahead log (`journal_mode = WAL`, `synchronous = NORMAL`), with which
    /// readers and the writer do not block each other. A database in memory has one connection, and lives as long as its pool.
    ///
    /// # Errors
    /// [`SeaORMStorageError::Storage`]; unless the URL is none, the source of what is in it is a
    /// [`ConnectError`](crate::ConnectError) that says what is wrong.
    pub async fn connect(url: &str) -> Result<Self, SeaORMStorageError> {
        Self::connect_with(url, PoolOptions::new()).await
    }

    /// [`connect`](Self::connect) with another pool.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with(url: &str, options: PoolOptions) -> Result<Self, SeaORMStorageError> {
        Ok(Self::new(pool::connect(url, &options).await?))
    }

    /// Brings the schema up to date. Running it again does nothing.
    ///
    /// # Errors
    /// [`SeaORMStorageError::Storage`].
    pub async fn migrate(&self) -> Result<(), SeaORMStorageError> {
        self.provider.migrate().await.map_err(SeaORMStorageError::from_core)
    }

    /// The repositories, bound to the default tenant.
    pub fn into_repository_provider(self) -> SeaORMRepositoryProvider {
        self.provider
    }
}
