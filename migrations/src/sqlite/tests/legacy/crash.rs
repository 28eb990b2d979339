//! Ends in the middle.

use std::process::{Command, Stdio};

use tokio::sync::Barrier;
use torii_core::error::StorageErrorKind;

use super::*;

/// Ends the work at the statement with this number.
fn ending_at(number: usize) -> (MigrateOptions, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let mut options = MigrateOptions::new();
    options.kill = Some(Arc::new({
        let seen = Arc::clone(&seen);
        move || seen.fetch_add(1, Ordering::SeqCst) == number
    }));
    (options, seen)
}

#[tokio::test]
async fn ended_at_any_statement_nothing_has_happened_and_the_next_start_finishes() {
    for (fixture, version) in ALL {
        let (_scratch, pool) = old(fixture, "").await;
        let before = dump(&pool).await;
        let mut number = 0;
        loop {
            let (options, seen) = ending_at(number);
            match migrate_with(&pool, &Noon, &options).await {
                Ok(_) => break,
                Err(error) => {
                    assert!(
                        matches!(error, MigrationError::Adoption { kind: StorageErrorKind::Unavailable, .. }),
                        "{error:?}"
                    );
                    assert_eq!(dump(&pool).await, before, "{version} {number}");
                }
            }
            assert_eq!(seen.load(Ordering::SeqCst), number + 1);
            number += 1;
        }
        assert!(number > 20, "{number}");
        assert!(status(&pool).await.unwrap().is_up_to_date());
    }
}

const DATABASE: &str = "TORII_MIGRATION_TEST_DATABASE";
const STATEMENT: &str = "TORII_MIGRATION_TEST_STATEMENT";

/// The same with a process that dies without a word. The test runs itself in other processes.
#[tokio::test]
async fn killed_in_the_middle_the_next_start_finishes() {
    if let Some(file) = std::env::var_os(DATABASE) {
        let number: usize = std::env::var(STATEMENT).unwrap().parse().unwrap();
        let seen = AtomicUsize::new(0);
        let mut options = MigrateOptions::new();
        options.kill = Some(Arc::new(move || {
            if seen.fetch_add(1, Ordering::SeqCst) == number {
                std::process::abort();
            }
            false
        }));
        migrate_with(&pool(super::super::options(Path::new(&file))), &Noon, &options).await.unwrap();
        return;
    }
    for number in [0, 5, 12, 20, 25] {
        let (scratch, pool) = old(LATER_SEAORM, "").await;
        let before = dump(&pool).await;
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sqlite::tests::legacy::crash::killed_in_the_middle_the_next_start_finishes"])
            .env(DATABASE, scratch.file())
            .env(STATEMENT, number.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), None, "the child was to die of a signal");
        assert_eq!(dump(&pool).await, before);
        assert_eq!(adopt(&pool).await.from, OlderVersion::SeaOrm06Preview);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_at_once_one_takes_over_and_the_other_waits() {
    for (fixture, version) in ALL {
        let (scratch, first) = old(fixture, "").await;
        let gate = Arc::new(Barrier::new(4));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (pool, gate) = (scratch.pool(), Arc::clone(&gate));
                tokio::spawn(async move {
                    gate.wait().await;
                    migrate(&pool, &Noon).await
                })
            })
            .collect();
        let mut adopted = Vec::new();
        for task in tasks {
            adopted.extend(task.await.unwrap().unwrap().adopted);
        }
        assert_eq!(adopted.iter().map(|adoption| adoption.from).collect::<Vec<_>>(), [version]);
        assert!(status(&first).await.unwrap().is_up_to_date());
    }
}

#[tokio::test]
async fn a_full_disk_says_so_and_leaves_the_database_as_it_was() {
    let (scratch, pool) = old(LATER_SEAORM, "").await;
    let before = dump(&pool).await;
    let pages = count(&pool, "PRAGMA page_count").await;
    let small = super::pool(super::options(&scratch.file()).pragma("max_page_count", (pages + 4).to_string()));
    let error = migrate(&small, &Noon).await.unwrap_err();
    assert!(matches!(error, MigrationError::Adoption { kind: StorageErrorKind::Full, .. }), "{error:?}");
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(dump(&pool).await, before);
    assert!(migrate(&pool, &Noon).await.unwrap().adopted.is_some());
}

#[tokio::test]
async fn a_read_only_database_says_so() {
    let (scratch, pool) = old(LATER, "").await;
    pool.close().await;
    let read_only = super::pool(SqliteConnectOptions::new().filename(scratch.file()).read_only(true));
    let error = migrate(&read_only, &Noon).await.unwrap_err();
    let kind = match &error {
        MigrationError::Adoption { kind, .. } | MigrationError::Database { kind, .. } => *kind,
        _ => panic!("{error:?}"),
    };
    assert_eq!(kind, StorageErrorKind::ReadOnly);
    // It can still be asked.
    assert_eq!(status(&read_only).await.unwrap().adoptable, Some(OlderVersion::Sqlx06Preview));
    assert!(plan(&read_only, &MigrateOptions::new()).await.is_ok());
}
