use std::process::{Command, Stdio};

use sqlx::SqliteConnection;

use super::*;
use crate::{
    MigrateOptions, MigrationError,
    sqlite::{migrate, run::run, status, steps::STEPS},
    step::{Body, Check, RunFuture, Step},
};

const INITIAL: &str = include_str!("../../../sql/sqlite/0001_initial.sql");

/// The statements of the first step; no comment and no literal in it holds a semicolon.
fn statements() -> Vec<&'static str> {
    INITIAL.split_inclusive(';').filter(|statement| statement.ends_with(';')).collect()
}

async fn run_steps(pool: &SqlitePool, steps: &[Step<SqliteConnection>]) -> crate::Result<Vec<i64>> {
    let report = run(pool, &Noon, &MigrateOptions::new(), steps).await?;
    Ok(report.applied.into_iter().map(|step| step.version).collect())
}

fn step(version: i64, body: Body<SqliteConnection>) -> Step<SqliteConnection> {
    Step { version, name: "step", body, checks: &[] }
}

const DATABASE: &str = "TORII_MIGRATION_TEST_DATABASE";
const STATEMENTS: &str = "TORII_MIGRATION_TEST_STATEMENTS";

/// Runs some statements of the first step and then dies without a word.
fn some_and_abort(connection: &mut SqliteConnection, _: DateTime<Utc>) -> RunFuture<'_> {
    Box::pin(async move {
        let some: usize = std::env::var(STATEMENTS).unwrap().parse().unwrap();
        for statement in &statements()[..some] {
            sqlx::raw_sql(*statement).execute(&mut *connection).await?;
        }
        std::process::abort()
    })
}

/// The test runs itself in other processes, which find in their environment what to do.
#[tokio::test]
async fn killed_after_any_statement_and_started_again_it_finishes() {
    if let Some(file) = std::env::var_os(DATABASE) {
        let steps = [step(1, Body::Rust { text: INITIAL, run: some_and_abort })];
        run_steps(&pool(options(Path::new(&file))), &steps).await.unwrap();
        return;
    }
    let finished = {
        let scratch = Scratch::new();
        let pool = scratch.pool();
        migrate(&pool, &Noon).await.unwrap();
        contents(&pool).await
    };
    assert!(statements().len() > 10);
    for some in 0..=statements().len() {
        let scratch = Scratch::new();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sqlite::tests::crash::killed_after_any_statement_and_started_again_it_finishes"])
            .env(DATABASE, scratch.file())
            .env(STATEMENTS, some.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), None, "the child was to die of a signal");
        let pool = scratch.pool();
        assert!(contents(&pool).await.is_empty());
        migrate(&pool, &Noon).await.unwrap();
        assert_eq!(contents(&pool).await, finished);
    }
}

#[tokio::test]
async fn killed_between_two_steps_it_goes_on_with_the_second() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    assert_eq!(run_steps(&pool, &STEPS[..1]).await.unwrap(), [1]);
    assert_eq!(status(&pool).await.unwrap().pending.len(), 1);
    let report = migrate(&pool, &Noon).await.unwrap();
    assert_eq!(report.applied.iter().map(|step| step.version).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn a_step_that_fails_half_way_leaves_nothing() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    let good = || step(1, Body::InTransaction("CREATE TABLE a (x)"));
    let bad = step(2, Body::InTransaction("CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)"));
    let error = run_steps(&pool, &[good(), bad]).await.unwrap_err();
    assert!(matches!(error, MigrationError::Step { version: 2, .. }), "{error:?}");
    assert_eq!(count(&pool, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'").await, 0);
    assert_eq!(count(&pool, "SELECT max(version) FROM _torii_schema").await, 1);

    // Never released, so it may be corrected.
    let corrected = step(2, Body::InTransaction("CREATE TABLE b (x)"));
    assert_eq!(run_steps(&pool, &[good(), corrected]).await.unwrap(), [2]);
}

#[tokio::test]
async fn code_that_fails_half_way_leaves_nothing() {
    fn half(connection: &mut SqliteConnection, _: DateTime<Utc>) -> RunFuture<'_> {
        Box::pin(async move {
            sqlx::raw_sql("CREATE TABLE a (x)").execute(&mut *connection).await?;
            sqlx::raw_sql("INSERT INTO nowhere VALUES (1)").execute(connection).await?;
            Ok(())
        })
    }
    let scratch = Scratch::new();
    let pool = scratch.pool();
    run_steps(&pool, &[step(1, Body::Rust { text: "half", run: half })]).await.unwrap_err();
    assert!(contents(&pool).await.is_empty());
}

#[tokio::test]
async fn a_step_outside_transactions_is_marked_and_run_again() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    let interrupted =
        step(1, Body::OutsideTransaction("CREATE TABLE IF NOT EXISTS a (x); INSERT INTO nowhere VALUES (1)"));
    run_steps(&pool, &[interrupted]).await.unwrap_err();
    let state = "SELECT state FROM _torii_schema";
    assert_eq!(sqlx::query_scalar::<_, String>(state).fetch_one(&pool).await.unwrap(), "started");
    assert_eq!(count(&pool, "SELECT count(*) FROM sqlite_schema WHERE name = 'a'").await, 1);

    let whole = || step(1, Body::OutsideTransaction("CREATE TABLE IF NOT EXISTS a (x); VACUUM"));
    assert_eq!(run_steps(&pool, &[whole()]).await.unwrap(), [1]);
    assert_eq!(sqlx::query_scalar::<_, String>(state).fetch_one(&pool).await.unwrap(), "done");
    assert!(run_steps(&pool, &[whole()]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_step_that_misses_its_goal_is_rolled_back() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    let steps = [Step {
        checks: &[
            Check { what: "never", query: "SELECT 1 WHERE 0" },
            Check { what: "a is empty", query: "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM a)" },
        ],
        ..step(1, Body::InTransaction("CREATE TABLE a (x)"))
    }];
    let error = run_steps(&pool, &steps).await.unwrap_err();
    assert!(
        matches!(&error, MigrationError::PostCondition { version: 1, what, .. } if what == "a is empty"),
        "{error:?}"
    );
    assert!(contents(&pool).await.is_empty());
}
