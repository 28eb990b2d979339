//! SQLite.

use std::sync::Arc;

use sea_orm::SqlxSqliteConnector;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};
use tempfile::TempDir;
use torii::RepositoryProvider;
use torii_storage_seaorm::SeaORMRepositoryProvider;
use torii_storage_sqlite::SqliteRepositoryProvider;
use torii_testkit::ManualClock;

use crate::{
    Fixture,
    facts::{Facts, just_after},
    fixture,
};

async fn load(fixture: &Fixture) -> (TempDir, SqlitePool) {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(directory.path().join("torii.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .foreign_keys(false);
    let setup = SqlitePool::connect_with(options.clone()).await.unwrap();
    sqlx::raw_sql(fixture.sql).execute(&setup).await.unwrap();
    setup.close().await;
    let pool = SqlitePoolOptions::new().max_connections(4).connect_lazy_with(options.foreign_keys(true));
    (directory, pool)
}

/// Which crate opens the database.
#[derive(Clone, Copy)]
enum Client {
    Sqlx,
    SeaOrm,
}

async fn everything_is_there(fixture: Fixture, client: Client) {
    let facts = fixture.facts();
    let (_directory, pool) = load(&fixture).await;
    let clock = ManualClock::new(just_after(&facts));
    match client {
        Client::Sqlx => {
            let provider = SqliteRepositoryProvider::new(pool.clone()).with_clock(Arc::new(clock.clone()));
            holds(&facts, provider, &pool, &clock).await;
        }
        Client::SeaOrm => {
            let connection = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.clone());
            let provider = SeaORMRepositoryProvider::new(connection).with_clock(Arc::new(clock.clone()));
            holds(&facts, provider, &pool, &clock).await;
        }
    }
}

async fn holds<R: RepositoryProvider>(facts: &Facts, provider: R, pool: &SqlitePool, clock: &ManualClock) {
    provider.migrate().await.unwrap();
    let unchanged: i64 = sqlx::query_scalar("SELECT count(*) FROM _torii_adoption").fetch_one(pool).await.unwrap();
    provider.migrate().await.unwrap();
    let still: i64 = sqlx::query_scalar("SELECT count(*) FROM _torii_adoption").fetch_one(pool).await.unwrap();
    assert_eq!(unchanged, still);
    facts.hold(provider, clock).await;
}

#[tokio::test]
async fn release_053() {
    everything_is_there(fixture!("v053-sqlite"), Client::Sqlx).await;
}

#[tokio::test]
async fn release_053_through_seaorm() {
    everything_is_there(fixture!("v053-sqlite"), Client::SeaOrm).await;
}

#[tokio::test]
async fn release_053_seaorm() {
    everything_is_there(fixture!("v053-seaorm-sqlite"), Client::Sqlx).await;
}

#[tokio::test]
async fn release_053_seaorm_through_seaorm() {
    everything_is_there(fixture!("v053-seaorm-sqlite"), Client::SeaOrm).await;
}

#[tokio::test]
async fn after_053() {
    everything_is_there(fixture!("main-sqlite"), Client::Sqlx).await;
}

#[tokio::test]
async fn after_053_through_seaorm() {
    everything_is_there(fixture!("main-sqlite"), Client::SeaOrm).await;
}

#[tokio::test]
async fn after_053_seaorm() {
    everything_is_there(fixture!("main-seaorm-sqlite"), Client::Sqlx).await;
}

#[tokio::test]
async fn after_053_seaorm_through_seaorm() {
    everything_is_there(fixture!("main-seaorm-sqlite"), Client::SeaOrm).await;
}
