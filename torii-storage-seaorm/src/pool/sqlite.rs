//! Opening a SQLite database.

use std::{path::Path, str::FromStr, time::Duration};

use sea_orm::{DatabaseConnection, SqlxSqliteConnector};
use sqlx::{
    Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use torii_core::{Error, error::StorageError};

use super::{CACHED_STATEMENTS, OPERATION, PoolOptions};
use crate::error::{connect_error, driver_failed};

/// How long SQLite waits for a writer of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection, or for its turn to write.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Each connection is a thread, and more of them than cores only wait for each other.
const MAX_CONNECTIONS: u32 = 8;
/// The write-ahead log is cut to 64 MiB when it has been copied into the database.
const LOG_SIZE_LIMIT: &str = "67108864";

pub(super) async fn connect(url: &str, wanted: &PoolOptions) -> Result<DatabaseConnection, StorageError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|error| driver_failed(OPERATION, error))?;
    let place = Place::of(url);
    let mut options = options
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(CACHED_STATEMENTS)
        .synchronous(SqliteSynchronous::Normal);
    if place == Place::File {
        options = options.journal_mode(SqliteJournalMode::Wal).pragma("journal_size_limit", LOG_SIZE_LIMIT);
    }
    let path = options.get_filename().to_owned();
    // Nothing ages in a connection to a file. One is always kept: when the last one to a file closes, the write-ahead log
    // is removed and has to be made anew; when the last one to memory closes, the data is gone.
    let pool = SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(if place == Place::Memory { 1 } else { wanted.max_connections.unwrap_or(MAX_CONNECTIONS) })
        .acquire_timeout(wanted.acquire_timeout.unwrap_or(ACQUIRE_TIMEOUT))
        .max_lifetime(None)
        .idle_timeout(wanted.idle_timeout.filter(|_| place != Place::Memory))
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|error| open_error(&path, error))?;
    // SQLite opens whatever file it is given; only the first read shows that it is something else.
    let version = sqlx::query_scalar::<_, i64>("PRAGMA schema_version").fetch_one(&pool).await;
    version.map_err(|error| open_error(&path, error))?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

fn open_error(path: &Path, error: sqlx::Error) -> StorageError {
    connect_error(OPERATION, path.display().to_string(), Some(path), error)
}

/// A connection to the database of `pool`, if it is in memory.
pub(super) async fn keep_memory_alive(pool: &SqlitePool) -> Result<Option<SqliteConnection>, Error> {
    let failed = |error| driver_failed("keep the in-memory database", error);
    let file: Option<String> = sqlx::query_scalar("SELECT file FROM pragma_database_list WHERE name = 'main'")
        .fetch_optional(pool)
        .await
        .map_err(failed)?;
    if file.is_some_and(|file| !file.is_empty()) {
        return Ok(None);
    }
    let connection = SqliteConnection::connect_with(&pool.connect_options()).await.map_err(failed)?;
    Ok(Some(connection))
}

/// Where a URL says that the database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In memory, or in a file of one connection's own. More connections would see other databases, or get into each
    /// other's way: a cache that is shared is locked table by table.
    Memory,
    /// In a file that may be written.
    File,
    /// In a file that is only read; its journal mode cannot be changed.
    ReadOnlyFile,
}

impl Place {
    fn of(url: &str) -> Self {
        let (database, parameters) = url.split_once('?').unwrap_or((url, ""));
        let database = database.trim_start_matches("sqlite:").trim_start_matches("//");
        let says = |what: &str| parameters.split('&').any(|parameter| parameter == what);
        if database.is_empty() || database == ":memory:" || says("mode=memory") {
            Self::Memory
        } else if says("mode=ro") || says("immutable=true") || says("immutable=1") {
            Self::ReadOnlyFile
        } else {
            Self::File
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_where_the_database_is() {
        for (url, place) in [
            ("sqlite::memory:", Place::Memory),
            ("sqlite://:memory:", Place::Memory),
            ("sqlite:name?mode=memory&cache=shared", Place::Memory),
            ("sqlite:", Place::Memory),
            ("sqlite://app.db", Place::File),
            ("sqlite:app.db?mode=rwc", Place::File),
            ("sqlite:///var/app.db?mode=ro", Place::ReadOnlyFile),
            ("sqlite://app.db?immutable=1", Place::ReadOnlyFile),
        ] {
            assert_eq!(Place::of(url), place, "{url}");
        }
    }
}
