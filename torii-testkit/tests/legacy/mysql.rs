//! MySQL and MariaDB, which SeaORM alone has ever served.

use std::sync::Arc;

use sea_orm::SqlxMySqlConnector;
use sqlx::{Connection as _, MySqlConnection};
use torii_storage_seaorm::SeaORMRepositoryProvider;
use torii_testkit::{
    ManualClock,
    servers::{MysqlDatabase, MysqlServer},
};

use crate::{Fixture, facts::just_after, fixture};

async fn load(fixture: &Fixture) -> MysqlDatabase {
    let database = MysqlServer::shared().empty_database().await;
    // The file changes settings of its session.
    let mut setup = MySqlConnection::connect_with(&database.options()).await.unwrap();
    sqlx::raw_sql(fixture.sql).execute(&mut setup).await.unwrap();
    setup.close().await.unwrap();
    database
}

async fn everything_is_there(fixture: Fixture) {
    const ADOPTED: &str = "SELECT CAST(SUM(adopted) AS SIGNED) FROM _torii_adoption";
    let facts = fixture.facts();
    let database = load(&fixture).await;
    let pool = database.pool();
    let clock = ManualClock::new(just_after(&facts));
    let connection = SqlxMySqlConnector::from_sqlx_mysql_pool(pool.clone());
    let provider = SeaORMRepositoryProvider::new(connection).with_clock(Arc::new(clock.clone()));
    provider.migrate().await.unwrap();
    let unchanged: i64 = sqlx::query_scalar(ADOPTED).fetch_one(&pool).await.unwrap();
    provider.migrate().await.unwrap();
    let still: i64 = sqlx::query_scalar(ADOPTED).fetch_one(&pool).await.unwrap();
    assert_eq!(unchanged, still);
    facts.hold(provider, &clock).await;
}

#[tokio::test]
async fn release_053_seaorm() {
    everything_is_there(fixture!("v053-seaorm-mysql")).await;
}

#[tokio::test]
async fn after_053_seaorm() {
    everything_is_there(fixture!("main-seaorm-mysql")).await;
}

/// Foreign keys of the application keep the ids as they were, and the collation is one without regard to case.
#[tokio::test]
async fn with_tables_of_the_application() {
    for fixture in [fixture!("v053-seaorm-mysql"), fixture!("main-seaorm-mysql")] {
        let facts = fixture.facts();
        let database = load(&fixture).await;
        let pool = database.pool();
        sqlx::raw_sql(
            "CREATE TABLE articles (id BIGINT AUTO_INCREMENT PRIMARY KEY, \
                 author VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, \
                 CONSTRAINT articles_author FOREIGN KEY (author) REFERENCES users (id) ON DELETE CASCADE); \
             INSERT INTO articles (author) SELECT id FROM users",
        )
        .execute(&pool)
        .await
        .unwrap();
        let clock = ManualClock::new(just_after(&facts));
        let connection = SqlxMySqlConnector::from_sqlx_mysql_pool(pool.clone());
        let provider = SeaORMRepositoryProvider::new(connection).with_clock(Arc::new(clock.clone()));
        provider.migrate().await.unwrap();
        let count = "SELECT COUNT(*) FROM articles";
        assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&pool).await.unwrap(), 9);
        facts.hold(provider, &clock).await;
        // Those of the six users with passwords have gone with them.
        assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&pool).await.unwrap(), 3);
    }
}
