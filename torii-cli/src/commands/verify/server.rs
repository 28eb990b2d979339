//! Settings of the server, or of the file, without which torii's tables keep less than they promise.

use crate::{database::Connection, failure::Failure, problem::Problem, target::Engine};

/// # Errors
/// [`Failure::Database`].
pub(super) async fn check(connection: &mut Connection) -> Result<Vec<Problem>, Failure> {
    let engine = connection.engine();
    let mut ask = Ask(connection);
    match engine {
        Engine::Sqlite => of_sqlite(&mut ask).await,
        Engine::Postgres => of_postgres(&mut ask).await,
        Engine::Mysql => of_mysql(&mut ask).await,
    }
}

struct Ask<'c>(&'c mut Connection);

impl Ask<'_> {
    async fn text(&mut self, sql: &'static str) -> Result<String, Failure> {
        self.0.text(sql).await.map_err(Failure::database("ask for settings"))
    }
}

async fn of_sqlite(ask: &mut Ask<'_>) -> Result<Vec<Problem>, Failure> {
    let mode = ask.text("PRAGMA journal_mode").await?;
    if mode == "wal" {
        return Ok(Vec::new());
    }
    let problem = Problem::note(
        "journal_mode",
        format!("The journal mode is {mode}: readers and the writer wait for each other."),
    )
    .remedy("torii switches to a write-ahead log when it opens the file, unless the application brings its own pool.")
    .sql("PRAGMA journal_mode = WAL;");
    Ok(vec![problem])
}

async fn of_postgres(ask: &mut Ask<'_>) -> Result<Vec<Problem>, Failure> {
    let role = ask.text("SELECT current_setting('session_replication_role')").await?;
    if role == "origin" || role == "local" {
        return Ok(Vec::new());
    }
    let problem = Problem::new(
        "foreign_keys_off",
        "Foreign keys are not checked on connections of this role: session_replication_role is `replica`.",
    )
    .remedy("Find out where it is set: ALTER ROLE, ALTER DATABASE, or the options of the URL.")
    .sql("ALTER ROLE CURRENT_USER RESET session_replication_role;");
    Ok(vec![problem])
}

async fn of_mysql(ask: &mut Ask<'_>) -> Result<Vec<Problem>, Failure> {
    let mut problems = Vec::new();
    let mode = ask.text("SELECT @@GLOBAL.sql_mode").await?;
    if !is_strict(&mode) {
        problems.push(
            Problem::new(
                "sql_mode",
                "The server's sql_mode is not strict: a value that does not fit is cut instead of refused.",
            )
            .remedy("Set it in the server's configuration too.")
            .sql("SET GLOBAL sql_mode = CONCAT(@@GLOBAL.sql_mode, ',STRICT_TRANS_TABLES');"),
        );
    }
    if ask.text("SELECT @@GLOBAL.foreign_key_checks").await? == "0" {
        problems.push(
            Problem::new("foreign_keys_off", "The server does not check foreign keys: foreign_key_checks is off.")
                .remedy("Switch it on, and verify again: rows that broke a key meanwhile stay.")
                .sql("SET GLOBAL foreign_key_checks = ON;"),
        );
    }
    Ok(problems)
}

/// Whether a value that does not fit is refused, at least by tables with transactions
/// (<https://dev.mysql.com/doc/refman/8.4/en/sql-mode.html#sql-mode-strict>).
fn is_strict(mode: &str) -> bool {
    mode.split(',').any(|part| matches!(part, "STRICT_TRANS_TABLES" | "STRICT_ALL_TABLES"))
}

#[cfg(test)]
mod tests {
    use super::is_strict;

    #[test]
    fn a_mode_is_strict_by_either_name() {
        assert!(is_strict("STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION") && is_strict("ANSI,STRICT_ALL_TABLES"));
        assert!(!is_strict("") && !is_strict("NO_ENGINE_SUBSTITUTION") && !is_strict("NOT_STRICT_ALL_TABLES"));
    }
}
