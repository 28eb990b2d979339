//! Running statements that are made from names in the catalog.

use sqlx::{Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments};

use crate::{MigrateOptions, MigrationError, Result, sqlite::errors};

/// The connection, inside the transaction of the upgrade.
pub(super) struct Work<'w> {
    pub(super) connection: &'w mut SqliteConnection,
    pub(super) options: &'w MigrateOptions,
}

impl Work<'_> {
    /// Runs statements. `step` says what they are for.
    pub(super) async fn run(&mut self, step: &str, sql: String) -> Result<()> {
        self.live(step)?;
        sqlx::raw_sql(safe(sql)).execute(&mut *self.connection).await.map_err(failed(step))?;
        Ok(())
    }

    /// The one number that a query answers.
    pub(super) async fn number(&mut self, step: &str, sql: String) -> Result<i64> {
        sqlx::query_scalar(safe(sql)).fetch_one(&mut *self.connection).await.map_err(failed(step))
    }

    /// Where a test may end the session.
    pub(super) fn live(&self, step: &str) -> Result<()> {
        if self.options.is_killed() { Err(failed(step)(sqlx::Error::WorkerCrashed)) } else { Ok(()) }
    }
}

/// A failure of a part of the upgrade.
pub(super) fn failed(step: &str) -> impl FnOnce(sqlx::Error) -> MigrationError {
    let step = step.to_owned();
    move |source| MigrationError::Adoption { step, kind: errors::kind(&source), source }
}

/// A query that is made from names in the catalog.
pub(super) fn query(sql: String) -> Query<'static, Sqlite, SqliteArguments> {
    sqlx::query(safe(sql))
}

/// A name, so that nothing in it is anything else.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names with commas between.
pub(super) fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

#[expect(
    clippy::disallowed_types,
    reason = "names of tables and columns cannot be bound; each is quoted, values are bound"
)]
pub(in crate::sqlite) fn safe(sql: String) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(sql)
}
