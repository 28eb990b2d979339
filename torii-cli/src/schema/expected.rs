//! What the tables should be like.

use super::fact::Fact;
use crate::{database::Connection, failure::Failure};

/// The facts of a freshly made schema, as a file. A test holds them against a real one.
#[cfg(feature = "postgres")]
const POSTGRES: &str = include_str!("../../schema/postgres.txt");
#[cfg(feature = "mysql")]
const MYSQL: &str = include_str!("../../schema/mysql.txt");

/// What is true of the tables of a freshly made schema. On SQLite one is made, in memory.
///
/// # Errors
/// [`Failure::Database`], [`Failure::Migration`].
pub(crate) async fn expected(connection: &Connection) -> Result<Vec<Fact>, Failure> {
    match connection {
        #[cfg(feature = "sqlite")]
        Connection::Sqlite(_) => of_new_sqlite().await,
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => Ok(of_file(POSTGRES)),
        #[cfg(feature = "mysql")]
        Connection::Mysql(_) => Ok(of_file(MYSQL)),
    }
}

#[cfg(feature = "sqlite")]
async fn of_new_sqlite() -> Result<Vec<Fact>, Failure> {
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
    use torii_core::clock::SystemClock;

    let failed = |source| Failure::Database { operation: "make a schema to compare with", source };
    let options = SqliteConnectOptions::new().in_memory(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(failed)?;
    torii_migration::sqlite::migrate(&pool, &SystemClock).await?;
    let connection = pool.acquire().await.map_err(failed)?.detach();
    super::facts(&mut Connection::Sqlite(connection)).await
}

/// The parts of a line; those that are empty at its end may be missing.
#[cfg(any(feature = "mysql", feature = "postgres"))]
fn columns(line: &str) -> [&str; 5] {
    let mut parts = line.splitn(5, '\t');
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// A line for each fact, with tabs between its parts.
#[cfg(any(feature = "mysql", feature = "postgres"))]
fn of_file(file: &str) -> Vec<Fact> {
    let mut facts: Vec<Fact> = file.lines().filter_map(|line| Fact::parse(&columns(line))).collect();
    facts.sort();
    facts
}

#[cfg(all(test, feature = "mysql", feature = "postgres"))]
mod tests;
