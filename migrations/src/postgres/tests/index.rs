//! Steps that build an index beside running writes.

use std::time::Duration;

use torii_core::error::StorageErrorKind;

use super::*;
use crate::MigrationError;

/// A unique index on the names of users.
pub(super) const BY_NAME: Body<PgConnection> = Body::Index {
    name: "users_name",
    create: "CREATE UNIQUE INDEX CONCURRENTLY users_name ON users (tenant_id, name)",
    drop: "DROP INDEX CONCURRENTLY IF EXISTS users_name",
};

const VALID: &str = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('users_name') AND indisvalid";
const INVALID: &str = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('users_name') AND NOT indisvalid";

/// Two users of the same name.
const TWINS: &str = "INSERT INTO users (id, email, email_key, name, created_at, updated_at) \
    VALUES ('anna', 'a', 'a', 'twin', now(), now()), ('ben', 'b', 'b', 'twin', now(), now())";

#[tokio::test]
async fn an_index_is_built_and_valid() {
    let (_database, pool) = migrated().await;
    assert_eq!(run_steps(&pool, &steps_and(BY_NAME)).await.unwrap(), [3]);
    assert_eq!(count(&pool, VALID).await, 1);
    assert!(run_steps(&pool, &steps_and(BY_NAME)).await.unwrap().is_empty());
}

/// What a run that was killed in the middle left behind: an invalid index, and a row that says "started".
#[tokio::test]
async fn an_invalid_index_of_that_name_is_replaced() {
    let (_database, pool) = migrated().await;
    execute(&pool, TWINS).await;
    sqlx::raw_sql("CREATE UNIQUE INDEX CONCURRENTLY users_name ON users (tenant_id, name)")
        .execute(&pool)
        .await
        .unwrap_err();
    assert_eq!(count(&pool, INVALID).await, 1);
    execute(&pool, "DELETE FROM users").await;
    assert_eq!(run_steps(&pool, &steps_and(BY_NAME)).await.unwrap(), [3]);
    assert_eq!((count(&pool, VALID).await, count(&pool, INVALID).await), (1, 0));
}

/// Killed between the end of the build and the bookkeeping.
#[tokio::test]
async fn a_valid_index_of_that_name_is_kept() {
    let (_database, pool) = migrated().await;
    execute(&pool, "CREATE UNIQUE INDEX users_name ON users (tenant_id, name)").await;
    const NUMBER: &str = "SELECT to_regclass('users_name')::oid::bigint";
    let before = count(&pool, NUMBER).await;
    assert_eq!(run_steps(&pool, &steps_and(BY_NAME)).await.unwrap(), [3]);
    assert_eq!(count(&pool, NUMBER).await, before);
}

/// An invalid unique index would go on to refuse writes.
#[tokio::test]
async fn a_build_that_fails_leaves_no_index_and_can_be_repeated() {
    let (_database, pool) = migrated().await;
    execute(&pool, TWINS).await;
    let error = run_steps(&pool, &steps_and(BY_NAME)).await.unwrap_err();
    assert!(
        matches!(error, MigrationError::Step { version: 3, kind: StorageErrorKind::UniqueViolation, .. }),
        "{error:?}"
    );
    assert_eq!((count(&pool, VALID).await, count(&pool, INVALID).await), (0, 0));
    assert_eq!(count(&pool, "SELECT count(*) FROM _torii_schema WHERE state = 'started'").await, 1);
    execute(&pool, "DELETE FROM users").await;
    assert_eq!(run_steps(&pool, &steps_and(BY_NAME)).await.unwrap(), [3]);
}

/// The session that builds is ended by the server; the next run finds an invalid index.
#[tokio::test]
async fn killed_in_the_middle_of_a_build_it_is_built_by_the_next_run() {
    let (_database, pool) = migrated().await;
    // An older transaction that has written keeps the build waiting, after it has begun.
    let mut writer = pool.begin().await.unwrap();
    sqlx::raw_sql(TWINS).execute(&mut *writer).await.unwrap();
    let migration = tokio::spawn({
        let pool = pool.clone();
        async move { run_steps(&pool, &steps_and(BY_NAME)).await }
    });
    while count(&pool, INVALID).await == 0 {}
    const KILL: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE datname = current_database() AND query LIKE 'CREATE UNIQUE INDEX CONCURRENTLY%'";
    assert_eq!(count(&pool, KILL).await, 1);
    let error = migration.await.unwrap().unwrap_err();
    assert!(matches!(error, MigrationError::Step { kind: StorageErrorKind::Unavailable, .. }), "{error:?}");
    assert_eq!(count(&pool, INVALID).await, 1);

    writer.rollback().await.unwrap();
    assert_eq!(run_steps(&pool, &steps_and(BY_NAME)).await.unwrap(), [3]);
    assert_eq!((count(&pool, VALID).await, count(&pool, INVALID).await), (1, 0));
}

/// Longer than a statement may wait that is in the way of others.
#[tokio::test]
async fn a_build_waits_for_older_transactions_until_the_deadline() {
    let (_database, pool) = migrated().await;
    let mut writer = pool.begin().await.unwrap();
    sqlx::raw_sql(TWINS).execute(&mut *writer).await.unwrap();
    let options = MigrateOptions::new().lock_timeout(Duration::from_millis(300));
    let error = run(&pool, &Noon, &options, &steps_and(BY_NAME)).await.unwrap_err();
    assert!(matches!(error, MigrationError::Locked { .. }), "{error:?}");
    writer.rollback().await.unwrap();
    assert_eq!(run(&pool, &Noon, &options, &steps_and(BY_NAME)).await.unwrap().applied.len(), 1);
}

/// The next step's statements are limited again.
#[tokio::test]
async fn a_build_leaves_the_connections_limit_as_it_was() {
    let (_database, pool) = migrated().await;
    let mut steps = steps_and(BY_NAME);
    steps.push(step(
        4,
        Body::OutsideTransaction("CREATE TABLE limits AS SELECT current_setting('lock_timeout') AS here"),
    ));
    assert_eq!(run_steps(&pool, &steps).await.unwrap(), [3, 4]);
    assert_eq!(count(&pool, "SELECT count(*) FROM limits WHERE here = '1s'").await, 1);
}
