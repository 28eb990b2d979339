use std::{
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Barrier;

use super::*;
use crate::{
    MigrationError,
    mysql::{migrate_with, session, status},
    patience::Patience,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_apply_each_step_once() {
    for _ in 0..5 {
        let (_database, pool) = empty().await;
        let gate = Arc::new(Barrier::new(8));
        let tasks: Vec<_> = (0..8)
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
    }
}

const CHILD: &str = "TORII_MIGRATION_TEST_MYSQL_DATABASE";

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
                .args(["--exact", "mysql::tests::concurrency::processes_at_once_are_safe"])
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
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM _torii_schema WHERE state = 'done'").await, 3);
}

/// Tables appear while somebody looks: they must not take them for somebody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_looks_during_a_migration_is_not_refused() {
    for _ in 0..5 {
        let (_database, pool) = empty().await;
        let migration = tokio::spawn({
            let pool = pool.clone();
            async move { crate::mysql::migrate(&pool, &Noon).await }
        });
        while !status(&pool).await.unwrap().is_up_to_date() {}
        assert_eq!(migration.await.unwrap().unwrap().applied.len(), 2);
    }
}

fn patience(milliseconds: u64) -> MigrateOptions {
    MigrateOptions::new().lock_timeout(Duration::from_millis(milliseconds))
}

#[tokio::test]
async fn another_migration_is_waited_for_only_until_the_deadline() {
    let (_database, pool) = empty().await;
    let mut other = session::open(&pool).await.unwrap();
    session::lock(&mut other, &mut Patience::new(Duration::MAX)).await.unwrap();

    let error = migrate_with(&pool, &Noon, &patience(150)).await.unwrap_err();
    assert!(
        matches!(error, MigrationError::AlreadyRunning { waited } if waited >= Duration::from_millis(150)),
        "{error:?}"
    );
    // To look needs no lock, and another database on the server has one of its own.
    assert!(!status(&pool).await.unwrap().is_up_to_date());
    let (_elsewhere, elsewhere) = empty().await;
    assert_eq!(migrate_with(&elsewhere, &Noon, &patience(0)).await.unwrap().applied.len(), 2);

    other.close().await.unwrap();
    assert_eq!(migrate_with(&pool, &Noon, &patience(60_000)).await.unwrap().applied.len(), 2);
}

/// In a step of its own: code that asks whether it has run.
const ALTER: Body<MySqlConnection> = Body::OutsideTransaction("ALTER TABLE users ADD COLUMN extra TEXT");

/// How many statements wait for a table.
const WAITING: &str = "SELECT COUNT(*) FROM information_schema.processlist \
    WHERE db = DATABASE() AND state = 'Waiting for table metadata lock'";

#[tokio::test]
async fn a_reader_is_waited_for_only_until_the_deadline() {
    let (_database, pool) = migrated().await;
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("SELECT id FROM users").fetch_all(&mut *reader).await.unwrap();
    let began = Instant::now();
    let error = run(&pool, &Noon, &patience(300), &steps_and(ALTER)).await.unwrap_err();
    assert!(matches!(error, MigrationError::Locked { .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM _torii_schema WHERE state = 'done'").await, 2);
    reader.commit().await.unwrap();
    assert_eq!(run_steps(&pool, &steps_and(ALTER)).await.unwrap(), [3]);
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
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM users").await, 0);
    while count(&pool, WAITING).await == 0 {}
    reader.commit().await.unwrap();
    assert_eq!(migration.await.unwrap().unwrap(), [3]);
}
