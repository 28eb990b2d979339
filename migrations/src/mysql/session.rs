//! The connection a migration works on.

use sqlx::{Connection, MySqlConnection, MySqlPool};
use tokio::time::timeout;

use super::errors::failed;
use crate::{MigrationError, Result, patience::Patience};

/// Whatever the server's and the account's defaults are. An account's own time limit is meant for its everyday queries. A
/// statement waits for a table for a second, and everybody who comes after it for that table waits too: so it gets out of the
/// way and tries again. What stands behind `M!` is read by MariaDB alone.
const PREPARE: &str = "SET NAMES utf8mb4; \
    SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE', \
        /*M! max_statement_time = 0, */ \
        time_zone = '+00:00', autocommit = 1, foreign_key_checks = 1, unique_checks = 1, \
        lock_wait_timeout = 1, innodb_lock_wait_timeout = 1";

/// The name of the lock of migrations: the server has one room for the names of all databases, in which 64 characters are
/// allowed and case does not count.
macro_rules! lock_name {
    () => {
        "CONCAT('torii:', LEFT(SHA2(DATABASE(), 256), 40))"
    };
}

/// A connection for the length of a migration, outside the pool.
pub(super) async fn open(pool: &MySqlPool) -> Result<MySqlConnection> {
    let options = pool.connect_options();
    let connecting = MySqlConnection::connect_with(&options);
    let mut connection = timeout(pool.options().get_acquire_timeout(), connecting)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
        .map_err(failed("connect to the database"))?;
    sqlx::raw_sql(PREPARE).execute(&mut connection).await.map_err(failed("prepare the connection"))?;
    Ok(connection)
}

/// Ends the session, and with it everything it holds.
pub(super) async fn close(connection: MySqlConnection) {
    // The work is committed: what cannot be tidied up now, the server tidies up when it sees that the client is gone.
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "closing the migration's connection failed");
    }
}

/// Takes the lock of migrations. It is polled: a caller that gives up must not leave a session behind that waits for it.
///
/// # Errors
/// [`MigrationError::AlreadyRunning`] after the deadline.
pub(super) async fn lock(connection: &mut MySqlConnection, patience: &mut Patience) -> Result<()> {
    loop {
        let locked: Option<i64> = sqlx::query_scalar(concat!("SELECT GET_LOCK(", lock_name!(), ", 0)"))
            .fetch_one(&mut *connection)
            .await
            .map_err(failed("take the lock of migrations"))?;
        if locked == Some(1) {
            return Ok(());
        }
        patience.pause().await.map_err(|waited| MigrationError::AlreadyRunning { waited })?;
    }
}

/// Whether nobody has the lock of migrations.
pub(super) async fn is_unlocked(connection: &mut MySqlConnection) -> Result<bool> {
    let is_free: Option<i64> = sqlx::query_scalar(concat!("SELECT IS_FREE_LOCK(", lock_name!(), ")"))
        .fetch_one(connection)
        .await
        .map_err(failed("look at the lock of migrations"))?;
    Ok(is_free == Some(1))
}

/// Gives the lock back. Ending the session does so too, but some time after the client has gone on.
pub(super) async fn unlock(connection: &mut MySqlConnection) {
    let unlocked = sqlx::query(concat!("DO RELEASE_LOCK(", lock_name!(), ")")).execute(connection).await;
    if let Err(error) = unlocked {
        tracing::debug!(%error, "giving back the lock of migrations failed");
    }
}
