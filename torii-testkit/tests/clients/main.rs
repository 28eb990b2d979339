//! One database and two clients, the sqlx crate and the SeaORM crate: what one wrote, the other reads and can use.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod exchange;

use torii_storage_postgres::PostgresStorage;
use torii_storage_seaorm::SeaORMStorage;
use torii_storage_sqlite::SqliteStorage;
use torii_testkit::{Provider, servers::PostgresServer};

use self::exchange::{Exchange, NAMED};

/// What one client writes, the other uses, in both directions, as the default tenant and as a named one.
async fn each_uses_what_the_other_wrote<A: Provider, B: Provider>(a: A, b: B) {
    let exchange = Exchange::default();
    let (a, b) = (exchange.torii(a), exchange.torii(b));
    exchange.goes_from(&a, &b, "a@example.com").await;
    exchange.goes_from(&b, &a, "b@example.com").await;
    let (a, b) = (a.with_tenant(NAMED), b.with_tenant(NAMED));
    exchange.goes_from(&a, &b, "a@example.com").await;
    exchange.goes_from(&b, &a, "b@example.com").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("torii.db").display());
    let sqlx = SqliteStorage::connect(&url).await.unwrap().into_repository_provider();
    let seaorm = SeaORMStorage::connect(&url).await.unwrap().into_repository_provider();
    sqlx.migrate().await.unwrap();
    each_uses_what_the_other_wrote(sqlx, seaorm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_migrated_by_seaorm() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("torii.db").display());
    let seaorm = SeaORMStorage::connect(&url).await.unwrap().into_repository_provider();
    let sqlx = SqliteStorage::connect(&url).await.unwrap().into_repository_provider();
    seaorm.migrate().await.unwrap();
    sqlx.migrate().await.unwrap();
    each_uses_what_the_other_wrote(seaorm, sqlx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let database = PostgresServer::shared().empty_database().await;
    let sqlx = PostgresStorage::connect(&database.url()).await.unwrap().into_repository_provider();
    let seaorm = SeaORMStorage::connect(&database.url()).await.unwrap().into_repository_provider();
    sqlx.migrate().await.unwrap();
    seaorm.migrate().await.unwrap();
    each_uses_what_the_other_wrote(sqlx, seaorm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_migrated_by_seaorm() {
    let database = PostgresServer::shared().empty_database().await;
    let seaorm = SeaORMStorage::connect(&database.url()).await.unwrap().into_repository_provider();
    let sqlx = PostgresStorage::connect(&database.url()).await.unwrap().into_repository_provider();
    seaorm.migrate().await.unwrap();
    sqlx.migrate().await.unwrap();
    each_uses_what_the_other_wrote(seaorm, sqlx).await;
}
