use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sqlx::{
    SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};
use tempfile::TempDir;
use torii_core::clock::Clock;

mod basics;
mod concurrency;
mod crash;
mod failures;
mod isolation;
mod legacy;
mod memory;
mod rebuild;
mod refusals;
mod schema;
mod target;

/// A clock that stands still.
#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 123_456_000).unwrap()
    }
}

/// A folder of its own for a test's database.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("torii.db")
    }

    fn pool(&self) -> SqlitePool {
        pool(options(&self.file()))
    }
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(file).create_if_missing(true).journal_mode(SqliteJournalMode::Wal)
}

fn pool(options: SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new().max_connections(4).connect_lazy_with(options)
}

/// Everything that is defined in the database, and every row of the bookkeeping and of the tenants.
async fn contents(pool: &SqlitePool) -> Vec<String> {
    let mut contents: Vec<String> =
        sqlx::query_scalar("SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1")
            .fetch_all(pool)
            .await
            .unwrap();
    if contents.iter().any(|object| object.starts_with("table _torii_schema ")) {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT version || ' ' || name || ' ' || hex(checksum) || ' ' || state || ' ' || started_at \
             || ' ' || coalesce(finished_at, '-') FROM _torii_schema ORDER BY version",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        contents.extend(rows);
    }
    if contents.iter().any(|object| object.starts_with("table tenants ")) {
        let rows: Vec<String> = sqlx::query_scalar("SELECT id || ' ' || created_at FROM tenants ORDER BY id")
            .fetch_all(pool)
            .await
            .unwrap();
        contents.extend(rows);
    }
    contents
}

async fn execute(pool: &SqlitePool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

async fn count(pool: &SqlitePool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

/// A number that changes whenever another connection changes the database; comparable on one connection only.
async fn data_version(witness: &mut SqliteConnection) -> i64 {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(witness).await.unwrap()
}
