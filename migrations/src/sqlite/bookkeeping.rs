//! The table `_torii_schema`.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;

use super::errors::{failed, step_failed};
use crate::{
    Result,
    history::{Entry, History},
    step::Step,
};

/// Version, name, checksum and the time of the end.
type Row = (i64, String, Vec<u8>, Option<DateTime<Utc>>);

const READ: &str = "read the schema's history";

/// What has been applied. A database without the table has no history.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<History> {
    let exists: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = '_torii_schema')",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(failed(READ))?;
    if !exists {
        return Ok(History::default());
    }
    let rows: Vec<Row> =
        sqlx::query_as("SELECT version, name, checksum, finished_at FROM main._torii_schema ORDER BY version")
            .fetch_all(connection)
            .await
            .map_err(failed(READ))?;
    Ok(History::new(
        rows.into_iter()
            .map(|(version, name, checksum, finished_at)| Entry { version, name, checksum, finished_at })
            .collect(),
    ))
}

/// Creates the table where it is missing. Part of the first step's transaction.
pub(super) async fn create(connection: &mut SqliteConnection, step: &Step<SqliteConnection>) -> Result<()> {
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS main._torii_schema ( \
             version     INTEGER NOT NULL PRIMARY KEY, \
             name        TEXT NOT NULL, \
             checksum    BLOB NOT NULL CHECK (length(checksum) = 32), \
             state       TEXT NOT NULL CHECK (state IN ('started', 'done')), \
             started_at  TEXT NOT NULL, \
             finished_at TEXT, \
             CHECK ((state = 'done') = (finished_at IS NOT NULL)) \
         ) STRICT",
    )
    .execute(connection)
    .await
    .map_err(step_failed(step))?;
    Ok(())
}

/// Writes the row of a step: `started` without `finished_at`, `done` with it.
pub(super) async fn record(
    connection: &mut SqliteConnection,
    step: &Step<SqliteConnection>,
    started_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
) -> Result<()> {
    // A row that exists belongs to a step outside transactions: interrupted, or under way in another process.
    sqlx::query(
        "INSERT INTO main._torii_schema (version, name, checksum, state, started_at, finished_at) \
         VALUES (?1, ?2, ?3, CASE WHEN ?5 IS NULL THEN 'started' ELSE 'done' END, ?4, ?5) \
         ON CONFLICT (version) DO UPDATE SET name = excluded.name, checksum = excluded.checksum, \
             state = excluded.state, started_at = excluded.started_at, finished_at = excluded.finished_at \
         WHERE state = 'started'",
    )
    .bind(step.version)
    .bind(step.name)
    .bind(step.checksum().as_slice())
    .bind(started_at)
    .bind(finished_at)
    .execute(connection)
    .await
    .map_err(step_failed(step))?;
    Ok(())
}
