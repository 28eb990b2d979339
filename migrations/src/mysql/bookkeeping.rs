//! The table `_torii_schema`.

use chrono::{DateTime, Utc};
use sqlx::{MySql, MySqlConnection, mysql::MySqlArguments, query::Query};

use super::errors::{failed, is_denied, step_failed};
use crate::{
    MigrationError, Result,
    history::{Entry, History},
    step::Step,
};

/// Version, name, checksum and the time of the end.
type Row = (i64, String, Vec<u8>, Option<DateTime<Utc>>);

const READ: &str = "read the schema's history";

/// What has been applied. A database without the table has no history.
pub(super) async fn read(connection: &mut MySqlConnection) -> Result<History> {
    let tables: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name = '_torii_schema'",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(failed(READ))?;
    if tables == 0 {
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

/// What the table is defined as.
macro_rules! definition {
    () => {
        "( \
             version     BIGINT NOT NULL PRIMARY KEY, \
             name        VARCHAR(255) NOT NULL, \
             checksum    BINARY(32) NOT NULL, \
             state       VARCHAR(16) NOT NULL, \
             started_at  DATETIME(6) NOT NULL, \
             finished_at DATETIME(6), \
             CONSTRAINT _torii_schema_state_valid CHECK (state IN ('started', 'done')), \
             CONSTRAINT _torii_schema_end_valid CHECK ((state = 'done') = (finished_at IS NOT NULL)) \
         ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    };
}

/// The statement that creates the table under another name.
pub(super) fn create_statement(name: &str) -> String {
    format!(concat!("CREATE TABLE IF NOT EXISTS {name} ", definition!()), name = name)
}

/// Creates the table where it is missing.
///
/// # Errors
/// [`MigrationError::MayNotCreate`].
pub(super) async fn create(connection: &mut MySqlConnection, step: &Step<MySqlConnection>) -> Result<()> {
    let created = sqlx::query(concat!("CREATE TABLE IF NOT EXISTS _torii_schema ", definition!()))
        .execute(&mut *connection)
        .await;
    match created {
        Ok(_) => Ok(()),
        Err(error) if is_denied(&error) => {
            let (role, schema) = sqlx::query_as("SELECT CURRENT_USER(), DATABASE()")
                .fetch_one(connection)
                .await
                .map_err(failed("look for the right to create tables"))?;
            Err(MigrationError::MayNotCreate { role, schema })
        }
        Err(error) => Err(step_failed(step)(error)),
    }
}

/// What a row is written with. One that exists belongs to a step that was interrupted, or is under way here: whoever writes has
/// the lock.
macro_rules! row {
    () => {
        "(version, name, checksum, state, started_at, finished_at) VALUES (?, ?, ?, ?, ?, ?) \
         ON DUPLICATE KEY UPDATE name = VALUES(name), checksum = VALUES(checksum), state = VALUES(state), \
             started_at = VALUES(started_at), finished_at = VALUES(finished_at)"
    };
}

/// Writes the row of a step: `started` without `finished_at`, `done` with it.
pub(super) async fn record(
    connection: &mut MySqlConnection,
    step: &Step<MySqlConnection>,
    started_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
) -> Result<()> {
    let record = sqlx::query(concat!("INSERT INTO _torii_schema ", row!()));
    bind(record, step, started_at, finished_at).execute(connection).await.map_err(step_failed(step))?;
    Ok(())
}

/// The statement that writes a row into the table under another name; see [`bind`].
pub(super) fn record_statement(name: &str) -> String {
    format!(concat!("INSERT INTO {name} ", row!()), name = name)
}

/// Binds the values of a row. Times without a zone go as DATETIME; with one they would go as TIMESTAMP, which ends in 2038.
pub(super) fn bind(
    record: Query<'static, MySql, MySqlArguments>,
    step: &Step<MySqlConnection>,
    started_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
) -> Query<'static, MySql, MySqlArguments> {
    record
        .bind(step.version)
        .bind(step.name)
        .bind(step.checksum().to_vec())
        .bind(if finished_at.is_some() { "done" } else { "started" })
        .bind(started_at.naive_utc())
        .bind(finished_at.map(|time| time.naive_utc()))
}
