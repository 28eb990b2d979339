//! PostgreSQL.

use std::sync::Arc;

use sqlx::PgPool;
use torii_storage_postgres::PostgresRepositoryProvider;
use torii_testkit::{
    ManualClock,
    servers::{PostgresDatabase, PostgresServer},
};

use crate::{Fixture, facts::just_after, fixture};

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

async fn everything_is_there(fixture: Fixture) {
    let facts = fixture.facts();
    let (_database, pool) = load(&fixture).await;
    let clock = ManualClock::new(just_after(&facts));
    let provider = PostgresRepositoryProvider::new(pool.clone()).with_clock(Arc::new(clock.clone()));
    provider.migrate().await.unwrap();
    let unchanged: i64 = sqlx::query_scalar("SELECT count(*) FROM _torii_adoption").fetch_one(&pool).await.unwrap();
    provider.migrate().await.unwrap();
    let still: i64 = sqlx::query_scalar("SELECT count(*) FROM _torii_adoption").fetch_one(&pool).await.unwrap();
    assert_eq!(unchanged, still);
    facts.hold(provider, &clock).await;
}

#[tokio::test]
async fn release_053_seaorm() {
    everything_is_there(fixture!("v053-seaorm-postgres")).await;
}

#[tokio::test]
async fn after_053() {
    everything_is_there(fixture!("main-postgres")).await;
}

#[tokio::test]
async fn after_053_seaorm() {
    everything_is_there(fixture!("main-seaorm-postgres")).await;
}
