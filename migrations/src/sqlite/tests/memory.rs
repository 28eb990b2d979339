use super::*;
use crate::sqlite::{migrate, status};

async fn check(pool: SqlitePool) {
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    assert!(migrate(&pool, &Noon).await.unwrap().applied.is_empty());
    assert!(status(&pool).await.unwrap().is_up_to_date());
    assert_eq!(count(&pool, "SELECT count(*) FROM tenants WHERE id = 'default'").await, 1);
    assert_eq!(count(&pool, "PRAGMA foreign_keys").await, 1);
    // What is written now is seen on every connection of the pool.
    let mut first = pool.acquire().await.unwrap();
    sqlx::raw_sql("INSERT INTO tenants (id, created_at, updated_at) VALUES ('acme', 'now', 'now')")
        .execute(&mut *first)
        .await
        .unwrap();
    if pool.options().get_max_connections() == 1 {
        drop(first);
    }
    assert_eq!(count(&pool, "SELECT count(*) FROM tenants").await, 2);
}

#[tokio::test]
async fn shared_by_several_connections() {
    check(SqlitePoolOptions::new().max_connections(4).min_connections(2).connect("sqlite::memory:").await.unwrap())
        .await;
}

#[tokio::test]
async fn shared_and_not_connected_yet() {
    check(SqlitePoolOptions::new().max_connections(4).connect_lazy("sqlite::memory:").unwrap()).await;
}

#[tokio::test]
async fn shared_by_a_name() {
    check(SqlitePool::connect("sqlite:file:torii-migration-shared-by-a-name?mode=memory&cache=shared").await.unwrap())
        .await;
}

#[tokio::test]
async fn a_pool_of_one() {
    check(SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap()).await;
}

/// The options' own default is a private database: only the pool's one connection sees it.
#[tokio::test]
async fn a_private_database_in_a_pool_of_one() {
    for connected in [true, false] {
        let options = SqlitePoolOptions::new().max_connections(1);
        check(if connected {
            options.connect_with(SqliteConnectOptions::new()).await.unwrap()
        } else {
            options.connect_lazy_with(SqliteConnectOptions::new())
        })
        .await;
    }
}

#[tokio::test]
async fn a_temporary_database_in_a_pool_of_one() {
    let options = SqliteConnectOptions::new().filename("");
    check(SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options)).await;
}

#[tokio::test]
async fn two_databases_in_memory_are_two() {
    let migrated = SqlitePool::connect("sqlite::memory:").await.unwrap();
    migrate(&migrated, &Noon).await.unwrap();
    let other = SqlitePool::connect("sqlite::memory:").await.unwrap();
    assert!(!status(&other).await.unwrap().is_up_to_date());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_share_one_database() {
    let pool = SqlitePoolOptions::new().max_connections(8).connect("sqlite::memory:").await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { migrate(&pool, &Noon).await })
        })
        .collect();
    let mut applied = 0;
    for task in tasks {
        applied += task.await.unwrap().unwrap().applied.len();
    }
    assert_eq!(applied, 2);
}
