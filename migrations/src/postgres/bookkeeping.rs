//! The table `_torii_schema`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::errors::{failed, step_failed};
use crate::{
    Result,
    history::{Entry, History},
    step::Step,
};

/// Version, name, checksum and the time of the end.
type Row = (i64, String, Vec<u8>, Option<DateTime<Utc>>);

const READ: &str = "read the schema's history";

/// What has been applied. A schema without the table has no history; one in another schema of the search path is not its own.
pub(super) async fn read(connection: &mut PgConnection) -> Result<History> {
    let exists: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = '_torii_schema' \
             AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()))",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(failed(READ))?;
    if !exists {
        return Ok(History::default());
    }
    let rows: Vec<Row> =
        sqlx::query_as("SELECT version, name, checksum, finished_at FROM _torii_schema ORDER BY version")
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
pub(super) async fn create(connection: &mut PgConnection, step: &Step<PgConnection>) -> Result<()> {
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS _torii_schema ( \
             version     BIGINT NOT NULL PRIMARY KEY, \
             name        TEXT NOT NULL, \
             checksum    BYTEA NOT NULL CHECK (octet_length(checksum) = 32), \
             state       TEXT NOT NULL CHECK (state IN ('started', 'done')), \
             started_at  TIMESTAMPTZ NOT NULL, \
             finished_at TIMESTAMPTZ, \
             CHECK ((state = 'done') = (finished_at IS NOT NULL)) \
         )",
    )
    .execute(connection)
    .await
    .map_err(step_failed(step))?;
    Ok(())
}

/// Writes the row of a step: `started` without `finished_at`, `done` with it.
pub(super) async fn record(
    connection: &mut PgConnection,
    step: &Step<PgConnection>,
    started_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
) -> Result<()> {
    // A row that exists belongs to a step outside transactions: interrupted, or under way here.
    sqlx::query(
        "INSERT INTO _torii_schema (version, name, checksum, state, started_at, finished_at) \
         VALUES ($1, $2, $3, CASE WHEN $5::timestamptz IS NULL THEN 'started' ELSE 'done' END, $4, $5) \
         ON CONFLICT (version) DO UPDATE SET name = excluded.name, checksum = excluded.checksum, \
             state = excluded.state, started_at = excluded.started_at, finished_at = excluded.finished_at \
         WHERE _torii_schema.state = 'started'",
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
