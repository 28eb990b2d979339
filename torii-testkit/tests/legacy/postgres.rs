//! PostgreSQL.

use std::sync::Arc;

use sea_orm::SqlxPostgresConnector;
use sqlx::PgPool;
use torii::RepositoryProvider;
use torii_storage_postgres::PostgresRepositoryProvider;
use torii_storage_seaorm::SeaORMRepositoryProvider;
use torii_testkit::{
    ManualClock,
    servers::{PostgresDatabase, PostgresServer},
};

use crate::{
    Fixture,
    facts::{Facts, just_after},
    fixture,
};

async fn load(fixture: &Fixture) -> (PostgresDatabase, PgPool) {
    let database = PostgresServer::shared().empty_database().await;
    // What only psql understands, and an extension that nothing needs.
    let is_sql = |line: &&str| !line.starts_with('\\') && !line.contains(" EXTENSION ");
    let sql: Vec<&str> = fixture.sql.lines().filter(is_sql).collect();
    let setup = database.pool();
    sqlx::raw_sql(safe(sql.join("\n"))).execute(&setup).await.unwrap();
    // The file changes the search path of its session.
    setup.close().await;
    let pool = database.pool();
    (database, pool)
}

#[expect(clippy::disallowed_types, reason = "a file of this repository")]
fn safe(sql: String) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(sql)
}

/// Which crate opens the database.
#[derive(Clone, Copy)]
enum Client {
    Sqlx,
    SeaOrm,
}

async fn everything_is_there(fixture: Fixture, client: Client) {
    let facts = fixture.facts();
    let (_database, pool) = load(&fixture).await;
    let clock = ManualClock::new(just_after(&facts));
    match client {
        Client::Sqlx => {
            let provider = PostgresRepositoryProvider::new(pool.clone()).with_clock(Arc::new(clock.clone()));
            holds(&facts, provider, &pool, &clock).await;
        }
        Client::SeaOrm => {
            let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
            let provider = SeaORMRepositoryProvider::new(connection).with_clock(Arc::new(clock.clone()));
            holds(&facts, provider, &pool, &clock).await;
        }
    }
}

async fn holds<R: RepositoryProvider>(facts: &Facts, provider: R, pool: &PgPool, clock: &ManualClock) {
    provider.migrate().await.unwrap();
    let unchanged: i64 = sqlx::query_scalar("SELECT count(*) FROM _torii_adoption").fetch_one(pool).await.unwrap();
    provider.migrate().await.unwrap();
    let still: i64 = sqlx::query_scalar("SELECT count(*) FROM _torii_adoption").fetch_one(pool).await.unwrap();
    assert_eq!(unchanged, still);
    facts.hold(provider, clock).await;
}

#[tokio::test]
async fn release_053_seaorm() {
    everything_is_there(fixture!("v053-seaorm-postgres"), Client::Sqlx).await;
}

#[tokio::test]
async fn release_053_seaorm_through_seaorm() {
    everything_is_there(fixture!("v053-seaorm-postgres"), Client::SeaOrm).await;
}

#[tokio::test]
async fn after_053() {
    everything_is_there(fixture!("main-postgres"), Client::Sqlx).await;
}

#[tokio::test]
async fn after_053_through_seaorm() {
    everything_is_there(fixture!("main-postgres"), Client::SeaOrm).await;
}

#[tokio::test]
async fn after_053_seaorm() {
    everything_is_there(fixture!("main-seaorm-postgres"), Client::Sqlx).await;
}

#[tokio::test]
async fn after_053_seaorm_through_seaorm() {
    everything_is_there(fixture!("main-seaorm-postgres"), Client::SeaOrm).await;
}
