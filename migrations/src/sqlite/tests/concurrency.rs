use std::{
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Barrier;

use super::*;
use crate::{
    MigrateOptions, MigrationError,
    sqlite::{migrate, migrate_with, status},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_apply_each_step_once() {
    for round in 0..20 {
        let journal_mode = if round % 2 == 0 { SqliteJournalMode::Wal } else { SqliteJournalMode::Delete };
        let scratch = Scratch::new();
        let gate = Arc::new(Barrier::new(16));
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let pool = pool(options(&scratch.file()).journal_mode(journal_mode));
                let gate = Arc::clone(&gate);
                tokio::spawn(async move {
                    gate.wait().await;
                    migrate(&pool, &Noon).await
                })
            })
            .collect();
        let mut applied = Vec::new();
        for task in tasks {
            let report = task.await.unwrap().unwrap();
            applied.extend(report.applied.into_iter().map(|step| step.version));
        }
        applied.sort_unstable();
        assert_eq!(applied, [1, 2], "{journal_mode:?}");
        assert!(status(&scratch.pool()).await.unwrap().is_up_to_date());
    }
}

const CHILD: &str = "TORII_MIGRATION_TEST_DATABASE";

/// The test runs itself in other processes, which find the database's name in their environment.
#[tokio::test]
async fn processes_at_once_are_safe() {
    if let Some(file) = std::env::var_os(CHILD) {
        let report = migrate(&pool(options(Path::new(&file))), &Noon).await.unwrap();
        assert_eq!(report.version, 2);
        return;
    }
    let scratch = Scratch::new();
    let children: Vec<_> = (0..4)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "sqlite::tests::concurrency::processes_at_once_are_safe"])
                .env(CHILD, scratch.file())
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
    assert!(status(&scratch.pool()).await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn another_writer_is_waited_for_only_until_the_deadline() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    let mut writer = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::raw_sql("CREATE TABLE notes (text TEXT)").execute(&mut *writer).await.unwrap();

    let options = MigrateOptions::new().lock_timeout(Duration::from_millis(150));
    let error = migrate_with(&pool, &Noon, &options).await.unwrap_err();
    assert!(
        matches!(error, MigrationError::Locked { waited, .. } if waited >= Duration::from_millis(150)),
        "{error:?}"
    );
    assert!(error.to_string().contains("locked by another writer"));

    writer.rollback().await.unwrap();
    assert_eq!(migrate_with(&pool, &Noon, &options).await.unwrap().applied.len(), 2);
}

/// Counts how often it was asked.
#[derive(Debug, Default)]
struct Counting(AtomicUsize);

impl Clock for Counting {
    fn now(&self) -> DateTime<Utc> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Noon.now()
    }
}

#[tokio::test]
async fn a_writer_that_finishes_in_time_is_waited_for() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    let writer = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let clock = Arc::new(Counting::default());
    let migration = tokio::spawn({
        let (pool, clock) = (pool.clone(), Arc::clone(&clock));
        async move { migrate(&pool, &*clock).await }
    });
    // Each try asks for the time before it asks for the lock: the third begins after two were refused.
    while clock.0.load(Ordering::SeqCst) < 3 {
        tokio::task::yield_now().await;
    }
    writer.commit().await.unwrap();
    assert_eq!(migration.await.unwrap().unwrap().applied.len(), 2);
}

/// Without WAL, `COMMIT` is what has to wait for a reader.
#[tokio::test]
async fn a_reader_in_the_way_of_the_commit_is_waited_for() {
    const READ: &str = "SELECT count(*) FROM notes";
    let scratch = Scratch::new();
    let options = options(&scratch.file()).journal_mode(SqliteJournalMode::Delete).busy_timeout(Duration::ZERO);
    let pool = pool(options);
    execute(&pool, "CREATE TABLE notes (text TEXT)").await;
    let mut reader = pool.begin().await.unwrap();
    sqlx::query(READ).fetch_one(&mut *reader).await.unwrap();
    let mut late = pool.acquire().await.unwrap();
    let migration = tokio::spawn({
        let pool = pool.clone();
        async move { migrate(&pool, &Noon).await }
    });
    // A commit that waits for readers lets no new one in: that is how it shows.
    while sqlx::query(READ).fetch_one(&mut *late).await.is_ok() {}
    reader.commit().await.unwrap();
    assert_eq!(migration.await.unwrap().unwrap().applied.len(), 2);
}
