//! Running statements of the upgrade.

use sqlx::{MySql, MySqlConnection, mysql::MySqlArguments, query::Query};

use crate::{MigrateOptions, MigrationError, Result, mysql::errors, patience::Patience};

/// The connection, and how long it may wait for others.
pub(super) struct Work<'w> {
    pub(super) connection: &'w mut MySqlConnection,
    pub(super) options: &'w MigrateOptions,
    pub(super) patience: Patience,
}

impl Work<'_> {
    /// Runs a statement that commits by itself: again if it cannot have its locks at once.
    pub(super) async fn run(&mut self, step: &str, statement: String) -> Result<()> {
        self.patience.renew();
        loop {
            match run(self.connection, self.options, step, statement.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) => self.patience.after(error).await?,
            }
        }
    }

    /// Whether a query finds anything.
    pub(super) async fn finds(&mut self, step: &str, query: String) -> Result<bool> {
        let row = sqlx::query(safe(query)).fetch_optional(&mut *self.connection).await;
        Ok(row.map_err(failed(step))?.is_some())
    }

    /// Whether there is a table of this name.
    pub(super) async fn has_table(&mut self, name: &str) -> Result<bool> {
        let tables: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?",
        )
        .bind(name)
        .fetch_one(&mut *self.connection)
        .await
        .map_err(failed("look for a table"))?;
        Ok(tables > 0)
    }
}

/// Runs a statement.
pub(super) async fn run(
    connection: &mut MySqlConnection,
    options: &MigrateOptions,
    step: &str,
    statement: String,
) -> Result<()> {
    live(connection, options, step).await?;
    sqlx::raw_sql(safe(statement)).execute(connection).await.map_err(failed(step))?;
    Ok(())
}

/// Where a test may have the server end the session.
pub(super) async fn live(connection: &mut MySqlConnection, options: &MigrateOptions, step: &str) -> Result<()> {
    if options.is_killed() {
        sqlx::raw_sql("KILL CONNECTION_ID()").execute(connection).await.map_err(failed(step))?;
    }
    Ok(())
}

/// A failure of a part of the upgrade.
pub(super) fn failed(step: &str) -> impl FnOnce(sqlx::Error) -> MigrationError + use<> {
    let step = step.to_owned();
    move |source| MigrationError::Adoption { step, kind: errors::kind(&source), source }
}

/// A query that is made from names in the catalogue.
pub(super) fn query(sql: String) -> Query<'static, MySql, MySqlArguments> {
    sqlx::query(safe(sql))
}

/// A name, so that nothing in it is anything else.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[expect(
    clippy::disallowed_types,
    reason = "names of tables and columns cannot be bound; each is quoted, values are bound"
)]
pub(in crate::mysql) fn safe(sql: String) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(sql)
}
