//! How this crate connects, and what it does with the pool as such.

#[cfg(feature = "sqlite")]
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::DatabaseConnection;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
use sea_orm::DatabaseConnectionType;
use torii_core::{Clock, Error, error::StorageError};

use crate::error::unknown_url;

#[cfg(feature = "mysql")]
mod mysql;
mod options;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod server;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use self::options::PoolOptions;

const OPERATION: &str = "connect to database";
/// More than this crate has statements, so that each is prepared once per connection.
const CACHED_STATEMENTS: usize = 200;

/// Connects to the database of `url`.
#[allow(unused_variables, reason = "without any database there is nothing to connect to")]
pub(crate) async fn connect(url: &str, options: &PoolOptions) -> Result<DatabaseConnection, StorageError> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        #[cfg(feature = "sqlite")]
        Some("sqlite") => sqlite::connect(url, options).await,
        #[cfg(feature = "postgres")]
        Some("postgres" | "postgresql") => postgres::connect(url, options).await,
        #[cfg(feature = "mysql")]
        Some("mysql" | "mariadb") => mysql::connect(url, options).await,
        _ => Err(unknown_url(OPERATION)),
    }
}

/// How long a caller waits for a connection.
pub(crate) fn acquire_timeout(db: &DatabaseConnection) -> Duration {
    match db.inner {
        #[cfg(feature = "sqlite")]
        DatabaseConnectionType::SqlxSqlitePoolConnection(_) => {
            db.get_sqlite_connection_pool().options().get_acquire_timeout()
        }
        _ => Duration::from_secs(10),
    }
}

/// Takes the connections that do not answer out of the pool. If one is broken, because the server was restarted, its idle
/// neighbours are too, and each would fail somebody.
pub(crate) async fn weed(db: &DatabaseConnection) {
    match db.inner {
        #[cfg(feature = "postgres")]
        DatabaseConnectionType::SqlxPostgresPoolConnection(_) => server::weed(db.get_postgres_connection_pool()).await,
        #[cfg(feature = "mysql")]
        DatabaseConnectionType::SqlxMySqlPoolConnection(_) => server::weed(db.get_mysql_connection_pool()).await,
        _ => {}
    }
}

/// Brings the schema up to date.
#[allow(unused_variables, reason = "without any database there is no schema")]
pub(crate) async fn migrate(db: &DatabaseConnection, clock: &dyn Clock) -> Result<(), Error> {
    match db.inner {
        #[cfg(feature = "sqlite")]
        DatabaseConnectionType::SqlxSqlitePoolConnection(_) => {
            torii_migration::sqlite::migrate(db.get_sqlite_connection_pool(), clock).await?;
            Ok(())
        }
        #[cfg(feature = "postgres")]
        DatabaseConnectionType::SqlxPostgresPoolConnection(_) => {
            torii_migration::postgres::migrate(db.get_postgres_connection_pool(), clock).await?;
            Ok(())
        }
        #[cfg(feature = "mysql")]
        DatabaseConnectionType::SqlxMySqlPoolConnection(_) => {
            torii_migration::mysql::migrate(db.get_mysql_connection_pool(), clock).await?;
            Ok(())
        }
        _ => Err(unknown_url("migrate the database").into()),
    }
}

/// Keeps an in-memory database that connections share alive, even if the pool closes its last connection. Empty for others.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryKeeper {
    #[cfg(feature = "sqlite")]
    connection: Arc<Mutex<Option<sqlx::SqliteConnection>>>,
}

impl MemoryKeeper {
    /// Keeps the database of `db`, if it is in memory, for as long as this value or a clone of it lives.
    #[allow(unused_variables, clippy::unused_async, reason = "only SQLite has such databases")]
    pub(crate) async fn keep(&self, db: &DatabaseConnection) -> Result<(), Error> {
        #[cfg(feature = "sqlite")]
        if let DatabaseConnectionType::SqlxSqlitePoolConnection(_) = db.inner
            && let Some(connection) = sqlite::keep_memory_alive(db.get_sqlite_connection_pool()).await?
        {
            *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        }
        Ok(())
    }
}
