//! The connection a migration works on.

use std::time::Duration;

use sqlx::{Connection, PgConnection, PgPool};
use tokio::time::timeout;

use super::errors::failed;
use crate::{MigrationError, Result, patience::Patience};

/// The advisory lock of migrations. Per database, so schemas in one database are migrated one after the other.
const LOCK: i64 = i64::from_be_bytes(*b"torii-db");

/// How long a statement may wait for a table. While it waits, everybody who comes after it for that table waits too, so it
/// gets out of the way soon and tries again.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A connection for the length of a migration, outside the pool.
pub(super) async fn open(pool: &PgPool) -> Result<PgConnection> {
    let options = pool.connect_options();
    let connecting = PgConnection::connect_with(&options);
    let mut connection = timeout(pool.options().get_acquire_timeout(), connecting)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
        .map_err(failed("connect to the database"))?;
    // A role's own timeout is meant for its everyday queries, and notices such as "already exists" for people. With row-level
    // security off, what it would hide is an error.
    const SETTINGS: &str = "SET statement_timeout = 0; SET lock_timeout = '1s'; SET client_min_messages = warning; \
        SET row_security = off";
    sqlx::raw_sql(SETTINGS).execute(&mut connection).await.map_err(failed("prepare the connection"))?;
    Ok(connection)
}

/// Ends the session, and with it everything it holds.
pub(super) async fn close(connection: PgConnection) {
    // The work is committed: what cannot be tidied up now, the server tidies up when it sees that the client is gone.
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "closing the migration's connection failed");
    }
}

/// Takes the lock of migrations. It is polled: a session that waits for it inside a statement holds a snapshot, and
/// `CREATE INDEX CONCURRENTLY` in the session that has the lock waits for the end of every older snapshot.
///
/// # Errors
/// [`MigrationError::AlreadyRunning`] after the deadline.
pub(super) async fn lock(connection: &mut PgConnection, patience: &mut Patience) -> Result<()> {
    loop {
        let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut *connection)
            .await
            .map_err(failed("take the lock of migrations"))?;
        if locked {
            return Ok(());
        }
        patience.pause().await.map_err(|waited| MigrationError::AlreadyRunning { waited })?;
    }
}

/// Gives the lock back. Ending the session does so too, but some time after the client has gone on.
pub(super) async fn unlock(connection: &mut PgConnection) {
    let unlocked = sqlx::query("SELECT pg_advisory_unlock($1)").bind(LOCK).execute(connection).await;
    if let Err(error) = unlocked {
        tracing::debug!(%error, "giving back the lock of migrations failed");
    }
}

/// Limits how long the current transaction waits for a table.
pub(super) async fn limit_waits(connection: &mut PgConnection, patience: &Patience) -> sqlx::Result<()> {
    set_lock_timeout(connection, patience.remaining().min(LONGEST_WAIT), true).await
}

/// Limits how long the current transaction waits for a table on which the server may be at work itself: after much was written,
/// autovacuum is. It makes room for whoever has waited for `deadlock_timeout`, and not before.
pub(super) async fn limit_waits_past_autovacuum(
    connection: &mut PgConnection,
    patience: &Patience,
) -> sqlx::Result<()> {
    let remaining = i64::try_from(patience.remaining().as_millis()).unwrap_or(i64::MAX).clamp(1, 1_000_000_000);
    sqlx::query(
        "SELECT set_config('lock_timeout', least($1, greatest($2, 250 + setting::bigint))::text, true) \
         FROM pg_settings WHERE name = 'deadlock_timeout'",
    )
    .bind(remaining)
    .bind(i64::try_from(LONGEST_WAIT.as_millis()).unwrap_or(i64::MAX))
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets the session wait for as long as there is patience: only for statements that are in nobody's way while they wait.
pub(super) async fn allow_waits(connection: &mut PgConnection, patience: &Patience) -> sqlx::Result<()> {
    set_lock_timeout(connection, patience.remaining(), false).await
}

/// Undoes [`allow_waits`].
pub(super) async fn forbid_waits(connection: &mut PgConnection) -> sqlx::Result<()> {
    set_lock_timeout(connection, LONGEST_WAIT, false).await
}

async fn set_lock_timeout(connection: &mut PgConnection, wait: Duration, in_transaction: bool) -> sqlx::Result<()> {
    // 0 would switch the limit off.
    let milliseconds = wait.as_millis().clamp(1, 1_000_000_000);
    sqlx::query("SELECT set_config('lock_timeout', $1, $2)")
        .bind(milliseconds.to_string())
        .bind(in_transaction)
        .execute(connection)
        .await?;
    Ok(())
}
