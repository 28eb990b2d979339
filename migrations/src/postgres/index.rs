//! Building an index beside running writes (<https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY>).

use sqlx::PgConnection;

use super::{errors::step_failed, session};
use crate::{MigrationError, Result, patience::Patience, step::Step};

/// An index of a step.
pub(super) struct Index {
    pub(super) name: &'static str,
    /// A `CREATE INDEX CONCURRENTLY`.
    pub(super) create: &'static str,
    /// A `DROP INDEX CONCURRENTLY IF EXISTS`.
    pub(super) drop: &'static str,
}

/// Builds the index, unless it is there and valid. With the lock of migrations, so an invalid index is a remnant, and not
/// one that is being built.
pub(super) async fn build(
    connection: &mut PgConnection,
    step: &Step<PgConnection>,
    index: &Index,
    patience: &Patience,
) -> Result<()> {
    // The build waits for older transactions to end, after the work: giving up soon would throw the work away. The lock it
    // waits with lets reads and writes pass.
    session::allow_waits(connection, patience).await.map_err(step_failed(step))?;
    let built = build_patiently(connection, step, index).await;
    if built.is_err() {
        discard(connection, index).await;
    }
    let limited = session::forbid_waits(connection).await.map_err(step_failed(step));
    built.and(limited)
}

async fn build_patiently(connection: &mut PgConnection, step: &Step<PgConnection>, index: &Index) -> Result<()> {
    match is_valid(connection, step, index).await? {
        Some(true) => return Ok(()),
        // Creating "if not exists" would take it for the index, and it never answers a query.
        Some(false) => execute(connection, step, index.drop).await?,
        None => {}
    }
    execute(connection, step, index.create).await?;
    if is_valid(connection, step, index).await? == Some(true) {
        return Ok(());
    }
    let what = format!("the index {} is not valid", index.name);
    Err(MigrationError::PostCondition { version: step.version, name: step.name, what })
}

/// Drops what a failed build left behind: an invalid unique index still refuses writes. The next run would do it too.
async fn discard(connection: &mut PgConnection, index: &Index) {
    let valid = sqlx::query_scalar::<_, bool>(IS_VALID).bind(index.name).fetch_optional(&mut *connection).await;
    if matches!(valid, Ok(Some(false)))
        && let Err(error) = sqlx::raw_sql(index.drop).execute(connection).await
    {
        tracing::warn!(%error, index = index.name, "an index whose build failed could not be dropped");
    }
}

const IS_VALID: &str = "SELECT i.indisvalid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid \
     WHERE c.relname = $1 AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())";

/// `None` if there is no such index.
async fn is_valid(connection: &mut PgConnection, step: &Step<PgConnection>, index: &Index) -> Result<Option<bool>> {
    sqlx::query_scalar(IS_VALID).bind(index.name).fetch_optional(connection).await.map_err(step_failed(step))
}

async fn execute(connection: &mut PgConnection, step: &Step<PgConnection>, sql: &'static str) -> Result<()> {
    sqlx::raw_sql(sql).execute(connection).await.map_err(step_failed(step))?;
    Ok(())
}
