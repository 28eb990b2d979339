//! Running statements of the upgrade.

use sqlx::{Connection, PgConnection, Postgres, postgres::PgArguments, query::Query};

use crate::{
    MigrateOptions, MigrationError, Result,
    patience::Patience,
    postgres::{errors, run::BEGIN, session},
};

/// The connection, and how long it may wait for others.
pub(super) struct Work<'w> {
    pub(super) connection: &'w mut PgConnection,
    pub(super) options: &'w MigrateOptions,
    pub(super) patience: Patience,
}

impl Work<'_> {
    /// Runs statements in one short transaction: again if it cannot have its locks at once.
    pub(super) async fn short(&mut self, step: &str, statements: &[String]) -> Result<()> {
        self.patience.renew();
        loop {
            match self.try_short(step, statements).await {
                Ok(()) => return Ok(()),
                Err(error) => self.patience.after(error).await?,
            }
        }
    }

    async fn try_short(&mut self, step: &str, statements: &[String]) -> Result<()> {
        let mut transaction = self.connection.begin_with(BEGIN).await.map_err(failed(step))?;
        session::limit_waits_past_autovacuum(&mut transaction, &self.patience).await.map_err(failed(step))?;
        for statement in statements {
            run(&mut transaction, self.options, step, statement.clone()).await?;
        }
        live(&mut transaction, self.options, step).await?;
        transaction.commit().await.map_err(failed(step))
    }

    /// Whether a query finds anything.
    pub(super) async fn finds(&mut self, step: &str, query: &str) -> Result<bool> {
        let row = sqlx::query(safe(query.to_owned())).fetch_optional(&mut *self.connection).await;
        Ok(row.map_err(failed(step))?.is_some())
    }
}

/// Runs a statement, or several.
pub(super) async fn run(
    connection: &mut PgConnection,
    options: &MigrateOptions,
    step: &str,
    statement: String,
) -> Result<()> {
    live(connection, options, step).await?;
    sqlx::raw_sql(safe(statement)).execute(connection).await.map_err(failed(step))?;
    Ok(())
}

/// Where a test may have the server end the session.
pub(super) async fn live(connection: &mut PgConnection, options: &MigrateOptions, step: &str) -> Result<()> {
    if options.is_killed() {
        let end = "SELECT pg_terminate_backend(pg_backend_pid())";
        sqlx::raw_sql(end).execute(connection).await.map_err(failed(step))?;
    }
    Ok(())
}

/// A failure of a part of the upgrade.
pub(super) fn failed(step: &str) -> impl FnOnce(sqlx::Error) -> MigrationError {
    let step = step.to_owned();
    move |source| MigrationError::Adoption { step, kind: errors::kind(&source), source }
}

/// A query that is made from names in the catalog.
pub(super) fn query(sql: String) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(safe(sql))
}

/// A name, so that nothing in it is anything else.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[expect(
    clippy::disallowed_types,
    reason = "names of tables and columns cannot be bound; each is quoted, values are bound"
)]
pub(in crate::postgres) fn safe(sql: String) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(sql)
}
