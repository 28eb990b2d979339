use std::sync::atomic::{AtomicUsize, Ordering};

use torii_core::error::StorageErrorKind;

use super::*;
use crate::{
    MigrationError,
    postgres::{migrate, status},
    step::{Check, RunFuture},
};

const INITIAL: &str = include_str!("../../../sql/postgres/0001_initial.sql");

/// The statements of the first step; no comment and no literal in it holds a semicolon.
fn statements() -> Vec<&'static str> {
    INITIAL.split_inclusive(';').filter(|statement| statement.ends_with(';')).collect()
}

static SOME: AtomicUsize = AtomicUsize::new(0);

/// Runs some statements of the first step, and then the server ends the session, as when it or the client dies.
fn some_and_die(connection: &mut PgConnection, _: DateTime<Utc>) -> RunFuture<'_> {
    Box::pin(async move {
        for statement in &statements()[..SOME.load(Ordering::SeqCst)] {
            sqlx::raw_sql(*statement).execute(&mut *connection).await?;
        }
        sqlx::raw_sql("SELECT pg_terminate_backend(pg_backend_pid())").execute(connection).await?;
        Ok(())
    })
}

#[tokio::test]
async fn killed_after_any_statement_and_started_again_it_finishes() {
    let finished = {
        let (_database, pool) = empty().await;
        migrate(&pool, &Noon).await.unwrap();
        contents(&pool).await
    };
    assert!(statements().len() > 10);
    let (_database, pool) = empty().await;
    for some in 0..=statements().len() {
        SOME.store(some, Ordering::SeqCst);
        let error = run_steps(&pool, &[step(1, Body::Rust { text: INITIAL, run: some_and_die })]).await.unwrap_err();
        assert!(matches!(error, MigrationError::Step { kind: StorageErrorKind::Unavailable, .. }), "{some}: {error:?}");
        assert!(contents(&pool).await.is_empty(), "{some}");
        migrate(&pool, &Noon).await.unwrap();
        assert_eq!(contents(&pool).await, finished, "{some}");
        execute(&pool, "DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    }
}

#[tokio::test]
async fn killed_between_two_steps_it_goes_on_with_the_second() {
    let (_database, pool) = empty().await;
    assert_eq!(run_steps(&pool, &STEPS[..1]).await.unwrap(), [1]);
    assert_eq!(status(&pool).await.unwrap().pending.len(), 1);
    let report = migrate(&pool, &Noon).await.unwrap();
    assert_eq!(report.applied.iter().map(|step| step.version).collect::<Vec<_>>(), [2]);
}

/// A caller that gives up closes the connection in the middle of the transaction.
#[tokio::test]
async fn given_up_in_the_middle_it_leaves_nothing_and_no_lock() {
    fn hang(connection: &mut PgConnection, _: DateTime<Utc>) -> RunFuture<'_> {
        Box::pin(async move {
            sqlx::raw_sql("CREATE TABLE a (x INTEGER)").execute(&mut *connection).await?;
            sqlx::raw_sql("SELECT pg_sleep(3600)").execute(connection).await?;
            Ok(())
        })
    }
    let (_database, pool) = empty().await;
    let migration = tokio::spawn({
        let pool = pool.clone();
        async move { run_steps(&pool, &[step(1, Body::Rust { text: "hang", run: hang })]).await }
    });
    const ASLEEP: &str = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'";
    while count(&pool, ASLEEP).await == 0 {}
    migration.abort();
    assert!(migration.await.unwrap_err().is_cancelled());
    // The server notices when it next reads from the client.
    execute(
        &pool,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'",
    )
    .await;
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    assert_eq!(count(&pool, "SELECT count(*) FROM pg_class WHERE relname = 'a'").await, 0);
}

#[tokio::test]
async fn a_step_that_fails_half_way_leaves_nothing() {
    let (_database, pool) = empty().await;
    let good = || step(1, Body::InTransaction("CREATE TABLE a (x INTEGER)"));
    let bad = step(2, Body::InTransaction("CREATE TABLE b (x INTEGER); INSERT INTO nowhere VALUES (1)"));
    let error = run_steps(&pool, &[good(), bad]).await.unwrap_err();
    assert!(matches!(error, MigrationError::Step { version: 2, .. }), "{error:?}");
    assert_eq!(count(&pool, "SELECT count(*) FROM pg_class WHERE relname = 'b'").await, 0);
    assert_eq!(count(&pool, "SELECT max(version) FROM _torii_schema").await, 1);

    // Never released, so it may be corrected.
    let corrected = step(2, Body::InTransaction("CREATE TABLE b (x INTEGER)"));
    assert_eq!(run_steps(&pool, &[good(), corrected]).await.unwrap(), [2]);
}

#[tokio::test]
async fn code_that_fails_half_way_leaves_nothing() {
    fn half(connection: &mut PgConnection, _: DateTime<Utc>) -> RunFuture<'_> {
        Box::pin(async move {
            sqlx::raw_sql("CREATE TABLE a (x INTEGER)").execute(&mut *connection).await?;
            sqlx::raw_sql("INSERT INTO nowhere VALUES (1)").execute(connection).await?;
            Ok(())
        })
    }
    let (_database, pool) = empty().await;
    run_steps(&pool, &[step(1, Body::Rust { text: "half", run: half })]).await.unwrap_err();
    assert!(contents(&pool).await.is_empty());
}

#[tokio::test]
async fn a_step_outside_transactions_is_marked_and_run_again() {
    let (_database, pool) = empty().await;
    const STATE: &str = "SELECT state FROM _torii_schema";
    let interrupted = step(1, Body::OutsideTransaction("VACUUM nowhere"));
    run_steps(&pool, &[interrupted]).await.unwrap_err();
    assert_eq!(sqlx::query_scalar::<_, String>(STATE).fetch_one(&pool).await.unwrap(), "started");

    // `VACUUM` refuses to run in a transaction.
    let whole = || step(1, Body::OutsideTransaction("VACUUM _torii_schema"));
    assert_eq!(run_steps(&pool, &[whole()]).await.unwrap(), [1]);
    assert_eq!(sqlx::query_scalar::<_, String>(STATE).fetch_one(&pool).await.unwrap(), "done");
    assert!(run_steps(&pool, &[whole()]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_step_that_misses_its_goal_is_rolled_back() {
    let (_database, pool) = empty().await;
    let steps = [Step {
        checks: &[
            Check { what: "never", query: "SELECT 1 WHERE false" },
            Check { what: "a is empty", query: "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM a)" },
        ],
        ..step(1, Body::InTransaction("CREATE TABLE a (x INTEGER)"))
    }];
    let error = run_steps(&pool, &steps).await.unwrap_err();
    assert!(
        matches!(&error, MigrationError::PostCondition { version: 1, what, .. } if what == "a is empty"),
        "{error:?}"
    );
    assert!(contents(&pool).await.is_empty());
}
