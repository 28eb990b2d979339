use std::{
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Barrier;

use super::{index::BY_NAME, *};
use crate::{
    MigrationError,
    postgres::{migrate_with, status},
};

/// With a step that builds an index: a session that waits for the lock inside a statement would keep the build waiting, and
/// be kept waiting by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_apply_each_step_once() {
    for _ in 0..10 {
        let (_database, pool) = empty().await;
        let gate = Arc::new(Barrier::new(16));
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (pool, gate) = (pool.clone(), Arc::clone(&gate));
                tokio::spawn(async move {
                    gate.wait().await;
                    run_steps(&pool, &steps_and(BY_NAME)).await
                })
            })
            .collect();
        let mut applied = Vec::new();
        for task in tasks {
            applied.extend(task.await.unwrap().unwrap());
        }
        applied.sort_unstable();
        assert_eq!(applied, [1, 2, 3]);
        assert_eq!(count(&pool, "SELECT count(*) FROM pg_index WHERE NOT indisvalid").await, 0);
    }
}

const CHILD: &str = "TORII_MIGRATION_TEST_DATABASE";

/// The test runs itself in other processes, which find the database's address in their environment.
#[tokio::test]
async fn processes_at_once_are_safe() {
    if let Ok(url) = std::env::var(CHILD) {
        run_steps(&pool(url.parse().unwrap()), &steps_and(BY_NAME)).await.unwrap();
        return;
    }
    let (database, pool) = empty().await;
    let children: Vec<_> = (0..4)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "postgres::tests::concurrency::processes_at_once_are_safe"])
                .env(CHILD, database.url())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        // The name of the test above must be right: a child that found no test would succeed too.
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    }
    assert_eq!(count(&pool, "SELECT count(*) FROM _torii_schema WHERE state = 'done'").await, 3);
    assert_eq!(count(&pool, "SELECT count(*) FROM pg_index WHERE NOT indisvalid").await, 0);
}

fn patience(milliseconds: u64) -> MigrateOptions {
    MigrateOptions::new().lock_timeout(Duration::from_millis(milliseconds))
}

#[tokio::test]
async fn another_migration_is_waited_for_only_until_the_deadline() {
    let (_database, pool) = empty().await;
    let mut other = crate::postgres::session::open(&pool).await.unwrap();
    let mut unlimited = crate::patience::Patience::new(Duration::MAX);
    crate::postgres::session::lock(&mut other, &mut unlimited).await.unwrap();

    let error = migrate_with(&pool, &Noon, &patience(150)).await.unwrap_err();
    assert!(
        matches!(error, MigrationError::AlreadyRunning { waited } if waited >= Duration::from_millis(150)),
        "{error:?}"
    );
    assert!(error.to_string().contains("Another process"), "{error}");
    // To look needs no lock.
    assert!(!status(&pool).await.unwrap().is_up_to_date());

    other.close().await.unwrap();
    assert_eq!(migrate_with(&pool, &Noon, &patience(60_000)).await.unwrap().applied.len(), 2);
}

const ALTER: Body<PgConnection> = Body::InTransaction("ALTER TABLE users ADD COLUMN extra TEXT");

/// How many statements wait for a table.
const WAITING: &str = "SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database \
    WHERE d.datname = current_database() AND l.locktype = 'relation' AND NOT l.granted";

#[tokio::test]
async fn a_reader_is_waited_for_only_until_the_deadline() {
    let (_database, pool) = migrated().await;
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("SELECT id FROM users").fetch_all(&mut *reader).await.unwrap();
    let began = Instant::now();
    let error = run(&pool, &Noon, &patience(300), &steps_and(ALTER)).await.unwrap_err();
    assert!(matches!(error, MigrationError::Locked { .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(count(&pool, "SELECT max(version) FROM _torii_schema").await, 2);
    reader.commit().await.unwrap();
    assert_eq!(run_steps(&pool, &steps_and(ALTER)).await.unwrap(), [3]);
}

/// Never longer than there is patience, and never without a limit.
#[tokio::test]
async fn a_statement_waits_no_longer_than_the_deadline_allows() {
    const LIMIT: &str = "SELECT CAST(setting AS BIGINT) FROM limits";
    let limits = || {
        steps_and(Body::InTransaction(
            "CREATE TABLE limits AS SELECT setting FROM pg_settings WHERE name = 'lock_timeout'",
        ))
    };
    for (milliseconds, allowed) in [(0, 1..=1), (300, 1..=300), (3_600_000, 1_000..=1_000)] {
        let (_database, pool) = migrated().await;
        run(&pool, &Noon, &patience(milliseconds), &limits()).await.unwrap();
        let limit = count(&pool, LIMIT).await;
        assert!(allowed.contains(&limit), "{milliseconds}: {limit}");
    }
}

/// While a step waits for a table, everybody else waits behind it: it gets out of the way, and comes back.
#[tokio::test]
async fn a_step_that_waits_gets_out_of_the_way_and_comes_back() {
    let (_database, pool) = migrated().await;
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("SELECT id FROM users").fetch_all(&mut *reader).await.unwrap();
    let migration = tokio::spawn({
        let pool = pool.clone();
        async move { run_steps(&pool, &steps_and(ALTER)).await }
    });
    while count(&pool, WAITING).await == 0 {}
    // This one stands in line behind the step, and is served although the reader never ends.
    assert_eq!(count(&pool, "SELECT count(*) FROM users").await, 0);
    while count(&pool, WAITING).await == 0 {}
    reader.commit().await.unwrap();
    assert_eq!(migration.await.unwrap().unwrap(), [3]);
}
