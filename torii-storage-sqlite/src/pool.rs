//! How this crate opens a database.

use std::{path::PathBuf, str::FromStr, time::Duration};

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use torii_core::error::StorageError;

use crate::error::{open_error, storage_error};

/// How long SQLite waits for a writer of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection, or for its turn to write.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Each connection is a thread, and more of them than cores only wait for each other.
const MAX_CONNECTIONS: u32 = 8;
/// More than this crate has statements, so that each is prepared once per connection.
const CACHED_STATEMENTS: usize = 200;
/// The write-ahead log is cut to 64 MiB when it has been copied into the database.
const LOG_SIZE_LIMIT: &str = "67108864";

/// Opens the database of `url`: `sqlite://path`, `sqlite::memory:`, with sqlx's parameters (`?mode=rwc`).
pub(crate) async fn connect(url: &str) -> Result<SqlitePool, StorageError> {
    const OPERATION: &str = "connect to database";
    let options = SqliteConnectOptions::from_str(url).map_err(|error| storage_error(OPERATION, error))?;
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
    // Nothing ages in a connection to a file. One is always kept: when the last one to a file closes, the write-ahead log is
    // removed and has to be made anew; when the last one to memory closes, the data is gone.
    let pool = SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(if place == Place::Memory { 1 } else { MAX_CONNECTIONS })
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(None)
        .idle_timeout((place != Place::Memory).then_some(Duration::from_secs(10 * 60)))
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|error| open_error(path.clone(), error))?;
    read_header(&pool, path).await?;
    Ok(pool)
}

/// SQLite opens whatever file it is given; only the first read shows that it is something else.
async fn read_header(pool: &SqlitePool, path: PathBuf) -> Result<(), StorageError> {
    let version = sqlx::query_scalar::<_, i64>("PRAGMA schema_version").fetch_one(pool).await;
    version.map(drop).map_err(|error| open_error(path, error))
}

/// Where a URL says that the database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In memory, or in a file of one connection's own. More connections would see other databases, or get into each other's
    /// way: a cache that is shared is locked table by table.
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
            ("app.db", Place::File),
            ("sqlite:///var/app.db?mode=ro", Place::ReadOnlyFile),
            ("sqlite://app.db?immutable=1", Place::ReadOnlyFile),
        ] {
            assert_eq!(Place::of(url), place, "{url}");
        }
    }
}
