use std::sync::atomic::{AtomicUsize, Ordering};

use torii_core::error::StorageErrorKind;

use super::*;
use crate::{
    MigrationError,
    mysql::{migrate, status},
    step::{Check, RunFuture},
};

const INITIAL: &str = include_str!("../../../sql/mysql/0001_initial.sql");

/// The statements of the first step; in none a line ends with a semicolon before the last.
fn statements() -> Vec<&'static str> {
    INITIAL.split_inclusive(";\n").collect()
}

static SOME: AtomicUsize = AtomicUsize::new(0);

/// Runs some statements of the first step, and then the server ends the session, as when it or the client dies.
fn some_and_die(connection: &mut MySqlConnection, _: DateTime<Utc>) -> RunFuture<'_> {
    Box::pin(async move {
        for statement in &statements()[..SOME.load(Ordering::SeqCst)] {
            sqlx::raw_sql(*statement).execute(&mut *connection).await?;
        }
        sqlx::raw_sql("KILL CONNECTION_ID()").execute(connection).await?;
        Ok(())
    })
}

#[tokio::test]
async fn killed_after_any_statement_and_started_again_it_goes_on() {
    let finished = {
        let (_database, pool) = empty().await;
        migrate(&pool, &Noon).await.unwrap();
        contents(&pool).await
    };
    assert_eq!(statements().len(), 10);
    for some in 0..=statements().len() {
        let (_database, pool) = empty().await;
        SOME.store(some, Ordering::SeqCst);
        let error = run_steps(&pool, &[step(1, Body::Rust { text: INITIAL, run: some_and_die })]).await.unwrap_err();
        assert!(matches!(error, MigrationError::Step { kind: StorageErrorKind::Unavailable, .. }), "{some}: {error:?}");
        let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()";
        assert_eq!(count(&pool, tables).await, 1 + some as i64, "what was made, and the bookkeeping");
        assert_eq!(status(&pool).await.unwrap().pending.len(), 2, "{some}");
        migrate(&pool, &Noon).await.unwrap();
        assert_eq!(contents(&pool).await, finished, "{some}");
    }
}

#[tokio::test]
async fn killed_before_its_first_statement_it_finishes() {
    let (_database, pool) = empty().await;
    let mut connection = crate::mysql::session::open(&pool).await.unwrap();
    crate::mysql::bookkeeping::create(&mut connection, &STEPS[0]).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
}

#[tokio::test]
async fn killed_between_two_steps_it_goes_on_with_the_second() {
    let (_database, pool) = empty().await;
    assert_eq!(run_steps(&pool, &STEPS[..1]).await.unwrap(), [1]);
    assert_eq!(status(&pool).await.unwrap().pending.len(), 1);
    let report = migrate(&pool, &Noon).await.unwrap();
    assert_eq!(report.applied.iter().map(|step| step.version).collect::<Vec<_>>(), [2]);
}

/// A caller that gives up closes the connection in the middle of a statement.
#[tokio::test]
async fn given_up_in_the_middle_it_goes_on_and_leaves_no_lock() {
    fn hang(connection: &mut MySqlConnection, _: DateTime<Utc>) -> RunFuture<'_> {
        Box::pin(async move {
            sqlx::raw_sql(statements()[0]).execute(&mut *connection).await?;
            sqlx::raw_sql("SELECT SLEEP(3600)").execute(connection).await?;
            Ok(())
        })
    }
    let (_database, pool) = empty().await;
    let migration = tokio::spawn({
        let pool = pool.clone();
        async move { run_steps(&pool, &[step(1, Body::Rust { text: "hang", run: hang })]).await }
    });
    const ASLEEP: &str = "SELECT CAST(COALESCE(MAX(id), 0) AS SIGNED) FROM information_schema.processlist \
        WHERE db = DATABASE() AND info LIKE 'SELECT SLEEP%'";
    let asleep = loop {
        let asleep = count(&pool, ASLEEP).await;
        if asleep != 0 {
            break asleep;
        }
    };
    migration.abort();
    assert!(migration.await.unwrap_err().is_cancelled());
    // The server notices when it next writes to the client.
    sqlx::query("KILL ?").bind(asleep).execute(&pool).await.unwrap();
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
}

#[tokio::test]
async fn a_step_that_fails_half_way_may_be_corrected() {
    let (_database, pool) = empty().await;
    let good = || step(1, Body::OutsideTransaction("CREATE TABLE IF NOT EXISTS a (x INTEGER)"));
    let bad = "CREATE TABLE IF NOT EXISTS b (x INTEGER); INSERT INTO nowhere VALUES (1)";
    let error = run_steps(&pool, &[good(), step(2, Body::OutsideTransaction(bad))]).await.unwrap_err();
    assert!(matches!(error, MigrationError::Step { version: 2, .. }), "{error:?}");
    const STATE: &str = "SELECT state FROM _torii_schema WHERE version = 2";
    assert_eq!(sqlx::query_scalar::<_, String>(STATE).fetch_one(&pool).await.unwrap(), "started");

    let corrected = || step(2, Body::OutsideTransaction("CREATE TABLE IF NOT EXISTS b (x INTEGER)"));
    assert_eq!(run_steps(&pool, &[good(), corrected()]).await.unwrap(), [2]);
    assert_eq!(sqlx::query_scalar::<_, String>(STATE).fetch_one(&pool).await.unwrap(), "done");
    assert!(run_steps(&pool, &[good(), corrected()]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_step_that_changes_data_happens_with_its_row_or_not_at_all() {
    let (_database, pool) = migrated().await;
    let rows = "UPDATE tenants SET name = 'half'; INSERT INTO nowhere VALUES (1)";
    run_steps(&pool, &steps_and(Body::InTransaction(rows))).await.unwrap_err();
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM tenants WHERE name IS NOT NULL").await, 0);
    assert_eq!(count(&pool, "SELECT MAX(version) FROM _torii_schema").await, 2);

    let rows = "UPDATE tenants SET name = 'whole'";
    assert_eq!(run_steps(&pool, &steps_and(Body::InTransaction(rows))).await.unwrap(), [3]);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM tenants WHERE name = 'whole'").await, 1);
}

#[tokio::test]
async fn an_index_that_is_there_is_not_built_again() {
    let (_database, pool) = migrated().await;
    // Built, but the run was killed before it was marked.
    let Body::Index { create, .. } = BY_NAME else { panic!() };
    execute(&pool, create).await;
    assert_eq!(run_steps(&pool, &steps_and(BY_NAME)).await.unwrap(), [3]);
    let parts = "SELECT COUNT(*) FROM information_schema.statistics \
        WHERE table_schema = DATABASE() AND index_name = 'users_by_lock'";
    assert_eq!(count(&pool, parts).await, 2);
}

#[tokio::test]
async fn a_step_that_misses_its_goal_is_not_marked() {
    let (_database, pool) = empty().await;
    let steps = [Step {
        checks: &[
            Check { what: "never", query: "SELECT 1 FROM DUAL WHERE FALSE" },
            Check { what: "a is empty", query: "SELECT 1 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM a)" },
        ],
        ..step(1, Body::OutsideTransaction("CREATE TABLE IF NOT EXISTS a (x INTEGER)"))
    }];
    let error = run_steps(&pool, &steps).await.unwrap_err();
    assert!(
        matches!(&error, MigrationError::PostCondition { version: 1, what, .. } if what == "a is empty"),
        "{error:?}"
    );
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM _torii_schema WHERE state = 'done'").await, 0);
}

/// A server can be told to take another engine than the one that is named, and then there are no keys between tables.
#[tokio::test]
async fn tables_without_walls_are_not_accepted() {
    for (tables, expected) in [
        ("CREATE TABLE tenants (id INTEGER) ENGINE = MyISAM", "a table is not kept by InnoDB"),
        ("CREATE TABLE tenants (id INTEGER) ENGINE = InnoDB", "a foreign key is missing"),
    ] {
        let (_database, pool) = empty().await;
        let steps = [Step { checks: STEPS[0].checks, ..step(1, Body::OutsideTransaction(tables)) }];
        let error = run_steps(&pool, &steps).await.unwrap_err();
        assert!(matches!(&error, MigrationError::PostCondition { what, .. } if what == expected), "{error:?}");
    }
}

#[tokio::test]
async fn every_post_condition_is_seen_red() {
    for (break_it, expected) in [
        ("ALTER TABLE sessions DROP FOREIGN KEY sessions_user_fkey", "a foreign key is missing"),
        ("ALTER TABLE users DROP CONSTRAINT users_tenant_valid", "the server does not keep CHECK constraints"),
    ] {
        let (_database, pool) = migrated().await;
        execute(&pool, break_it).await;
        execute(&pool, "DELETE FROM _torii_schema WHERE version = 2").await;
        execute(&pool, "UPDATE _torii_schema SET state = 'started', finished_at = NULL").await;
        let error = migrate(&pool, &Noon).await.unwrap_err();
        assert!(matches!(&error, MigrationError::PostCondition { what, .. } if what == expected), "{error:?}");
    }
}
