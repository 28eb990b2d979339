//! The connection that tables are changed on.

use std::time::Duration;

use sea_orm::sqlx::{self, Connection, FromRow, MySqlConnection, MySqlPool, mysql::MySqlRow};
use tokio::time::timeout;
use torii_core::error::{StorageError, StorageErrorKind};

use super::PartitionError;
use crate::{access::pause, error::driver_failed};

const CONNECT: &str = "connect to change partitions";
const READ: &str = "read the catalogue";
const CHANGE: &str = "change partitions";

/// Whatever the server's and the account's defaults are. A statement waits five seconds for a table, because everybody who comes
/// after it for that table waits too: then it gets out of the way and tries again. It has no limit once it is at work. What
/// stands behind `M!` is read by MariaDB alone.
const PREPARE: &str = "SET NAMES utf8mb4; \
    SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE', \
        /*M! max_statement_time = 0, */ \
        time_zone = '+00:00', autocommit = 1, foreign_key_checks = 1, unique_checks = 1, lock_wait_timeout = 5; \
    SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// The lock that migrations take too, under the name that `torii-migration` gives it. Whoever has it, has it for a while.
const LOCK: &str = "SELECT GET_LOCK(CONCAT('torii:', LEFT(SHA2(DATABASE(), 256), 40)), 1)";

/// How often a table is asked for, and how long others may have it in between.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_secs(1);

/// A connection of its own, and what it holds.
pub(super) struct Session(MySqlConnection);

impl Session {
    /// Connects as `pool` does.
    pub(super) async fn open(pool: &MySqlPool) -> Result<Self, PartitionError> {
        let options = pool.connect_options();
        let connecting = timeout(pool.options().get_acquire_timeout(), MySqlConnection::connect_with(&options));
        let connected = connecting.await.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut));
        let mut connection = connected.map_err(|error| driver_failed(CONNECT, error))?;
        sqlx::raw_sql(PREPARE).execute(&mut connection).await.map_err(|error| driver_failed(CONNECT, error))?;
        Ok(Self(connection))
    }

    /// Keeps migrations, and other calls, away until the session is closed.
    pub(super) async fn lock(&mut self) -> Result<(), PartitionError> {
        let locked: Option<i64> = sqlx::query_scalar(LOCK)
            .fetch_one(&mut self.0)
            .await
            .map_err(|error| driver_failed("take the lock of migrations", error))?;
        if locked == Some(1) { Ok(()) } else { Err(PartitionError::Busy) }
    }

    /// Reads from the catalogue.
    pub(super) async fn read<T>(&mut self, query: &'static str) -> Result<Vec<T>, PartitionError>
    where
        T: for<'r> FromRow<'r, MySqlRow> + Send + Unpin,
    {
        let rows = sqlx::query_as(query).fetch_all(&mut self.0).await;
        Ok(rows.map_err(|error| driver_failed(READ, error))?)
    }

    /// Counts rows.
    pub(super) async fn count(&mut self, query: &'static str) -> Result<u64, PartitionError> {
        let count: i64 =
            sqlx::query_scalar(query).fetch_one(&mut self.0).await.map_err(|error| driver_failed(READ, error))?;
        Ok(count.unsigned_abs())
    }

    /// Changes a definition. `statement` is made of constants and a number, which cannot be bound there.
    pub(super) async fn change(&mut self, statement: &str) -> Result<(), PartitionError> {
        let mut tries = 1;
        loop {
            let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()));
            let Err(error) = statement.execute(&mut self.0).await else { return Ok(()) };
            match driver_failed(CHANGE, error) {
                StorageError::Failed { kind: StorageErrorKind::Locked, .. } if tries < TRIES => tries += 1,
                error => return Err(error.into()),
            }
            pause(PAUSE).await;
        }
    }

    /// Ends the session, and with it what it holds.
    pub(super) async fn close(mut self) {
        // Ending the session gives the lock back too, but some time after the caller has gone on.
        let released = sqlx::raw_sql("DO RELEASE_ALL_LOCKS()").execute(&mut self.0).await;
        if released.is_ok() {
            // What cannot be tidied up now, the server tidies up when it sees that the client is gone.
            let _ = self.0.close().await;
        }
    }
}
