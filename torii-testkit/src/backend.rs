//! What the laws need to know of a backend.

use std::sync::Arc;

use async_trait::async_trait;
use torii_core::{Clock, RepositoryProvider, repositories::TenantRepository};

use crate::statements::StatementBudget;

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod postgres_rls;
#[cfg(any(feature = "mysql-server", feature = "postgres-server", feature = "seaorm-sqlite", feature = "sqlite"))]
#[allow(dead_code, reason = "servers alone, without a backend, need it not")]
mod raw;
#[cfg(any(feature = "seaorm-mysql", feature = "seaorm-postgres", feature = "seaorm-sqlite"))]
mod seaorm;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "seaorm-postgres")]
pub use self::seaorm::SeaormPostgres;
#[cfg(feature = "seaorm-sqlite")]
pub use self::seaorm::SeaormSqlite;
#[cfg(feature = "seaorm-mysql")]
pub use self::seaorm::{SeaormMysql, SeaormMysqlPartitioned};
#[cfg(feature = "sqlite")]
pub use self::sqlite::Sqlite;
#[cfg(feature = "postgres")]
pub use self::{postgres::Postgres, postgres_rls::PostgresRls};

/// Storage that the laws can be run on. Implemented for everything that qualifies.
pub trait Provider: RepositoryProvider + TenantRepository + Clone {}

impl<P: RepositoryProvider + TenantRepository + Clone> Provider for P {}

/// A database's own error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A storage backend: how to get a fresh database, and how much it may ask of it.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// What the backend's crate offers.
    type Provider: Provider;

    /// The name of the column in which the laws appear, such as `sqlite`.
    const NAME: &'static str;

    /// How many statements an operation may run.
    const BUDGET: StatementBudget;

    /// Makes a database of its own, brings its schema up to date, and opens it with the time from `clock`.
    ///
    /// # Panics
    /// If it cannot. A missing database is a failure, never a skipped test.
    async fn open(clock: Arc<dyn Clock>, options: OpenOptions) -> Database<Self::Provider>;
}

/// How to open a database for a law.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Every statement is logged by the driver at level `TRACE`, and is in the log when the call that ran it returns or,
    /// where the driver runs statements on a thread of its own, when the next call returns: such a backend uses one
    /// connection then. See [`crate::statements`].
    pub log_statements: bool,
    /// A write into a tenant that is not registered is refused.
    pub registered_tenants_only: bool,
}

impl OpenOptions {
    /// What the laws of a noun need.
    pub fn for_laws_of(noun: &str) -> Self {
        Self {
            log_statements: ["statements", "invalid_tenants"].contains(&noun),
            registered_tenants_only: noun == "registered_tenants",
        }
    }
}

/// A database that exists until this value is dropped.
pub struct Database<P> {
    /// Storage in it, bound to the default tenant.
    pub provider: P,
    /// The database itself.
    pub raw: Arc<dyn RawDatabase>,
}

/// A database as its administrator sees it. Keeps it alive, and removes it when dropped.
#[async_trait]
pub trait RawDatabase: Send + Sync + 'static {
    /// Runs one statement and says how many rows it wrote.
    ///
    /// # Errors
    /// The database's error if it refuses the statement.
    async fn execute(&self, statement: &'static str) -> Result<u64, BoxError>;

    /// Runs a `SELECT COUNT(*)`.
    ///
    /// # Errors
    /// The database's error if it refuses the statement.
    async fn count(&self, statement: &'static str) -> Result<i64, BoxError>;
}
