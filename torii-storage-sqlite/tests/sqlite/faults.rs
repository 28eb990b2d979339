//! What can be wrong with the database, and how it is told.

use std::{error::Error as _, fs, str::FromStr, time::Duration};

use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use torii_core::{
    Error, NewUser, RepositoryProvider,
    error::{StorageError, StorageErrorKind},
    repositories::{BruteForceProtectionRepository, TokenRepository, UserRepository},
};
use torii_storage_sqlite::{OpenError, OpenProblem, SqliteRepositoryProvider, SqliteStorage};

use crate::world::{EMAIL, LIMITS, World, kind};

/// A second pool on the same file.
async fn reopen(w: &World, options: SqlitePoolOptions, busy_timeout: Duration) -> SqliteRepositoryProvider {
    let connect = SqliteConnectOptions::from_str(&w.url("mode=rw")).unwrap().busy_timeout(busy_timeout);
    SqliteRepositoryProvider::new(options.connect_with(connect).await.unwrap())
}

#[tokio::test]
async fn a_database_that_is_only_read() {
    let w = World::new().await;
    let user = w.register(EMAIL).await;
    let storage = SqliteStorage::connect(&w.url("mode=ro")).await.unwrap();
    storage.migrate().await.unwrap();
    let storage = storage.into_repository_provider();
    assert_eq!(storage.find_by_email(EMAIL).await.unwrap(), Some(user));
    let refused = storage.register(NewUser::new("new@example.com".into()), "hash").await.unwrap_err();
    assert_eq!(kind(&refused), Some(StorageErrorKind::ReadOnly));
    let refused = storage.clear_attempts(EMAIL).await.unwrap_err();
    assert_eq!(kind(&refused), Some(StorageErrorKind::ReadOnly));
}

#[tokio::test]
async fn a_full_disk() {
    let w = World::new().await;
    let storage = reopen(&w, SqlitePoolOptions::new().max_connections(1), Duration::from_secs(1)).await;
    sqlx::query("PRAGMA max_page_count = 1").execute(storage.pool()).await.unwrap();
    let mut written = 0;
    let refused = loop {
        let user = NewUser { name: Some("n".repeat(200)), ..NewUser::new(format!("{written}@example.com")) };
        match storage.register(user, "hash").await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000);
    };
    assert_eq!(kind(&refused), Some(StorageErrorKind::Full));
    assert_eq!(storage.count().await.unwrap(), written, "what was reported as written is there");
}

#[tokio::test]
async fn a_writer_that_does_not_end() {
    let w = World::new().await;
    let storage = reopen(&w, SqlitePoolOptions::new(), Duration::from_millis(20)).await;
    let mut other = SqliteConnection::connect(&w.url("mode=rw")).await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    for refused in [
        storage.register(NewUser::new(EMAIL.into()), "hash").await.map(drop).unwrap_err(),
        storage.reserve_attempt(EMAIL, LIMITS).await.map(drop).unwrap_err(),
        storage.clear_attempts(EMAIL).await.map(drop).unwrap_err(),
        storage.cleanup_expired_tokens().await.unwrap_err(),
    ] {
        assert_eq!(kind(&refused), Some(StorageErrorKind::Locked), "{refused}");
    }
    assert_eq!(storage.find_by_email(EMAIL).await.unwrap(), None, "readers do not wait");
    lock.rollback().await.unwrap();
    storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap();
}

/// Without a write-ahead log a reader keeps a writer from committing. SQLite has returned the row by then.
#[tokio::test]
async fn a_commit_that_fails_is_not_taken_for_a_success() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("torii.db").display());
    let options = SqliteConnectOptions::from_str(&url).unwrap().busy_timeout(Duration::from_millis(20));
    let storage = SqliteStorage::new(SqlitePoolOptions::new().connect_with(options.clone()).await.unwrap());
    storage.migrate().await.unwrap();
    let storage = storage.into_repository_provider();
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    let mut reader = other.begin().await.unwrap();
    sqlx::query("SELECT * FROM users").fetch_all(&mut *reader).await.unwrap();
    for refused in [
        storage.register(NewUser::new(EMAIL.into()), "hash").await.map(drop).unwrap_err(),
        storage.reserve_attempt(EMAIL, LIMITS).await.map(drop).unwrap_err(),
        storage.record_failed_attempt(EMAIL, None).await.map(drop).unwrap_err(),
    ] {
        assert_eq!(kind(&refused), Some(StorageErrorKind::Locked), "{refused}");
    }
    reader.rollback().await.unwrap();
    assert_eq!(storage.find_by_email(EMAIL).await.unwrap(), None);
    storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap();
}

#[tokio::test]
async fn a_pool_without_a_free_connection() {
    let w = World::new().await;
    let options = SqlitePoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(1));
    let storage = reopen(&w, options, Duration::from_millis(20)).await;
    let taken = storage.pool().acquire().await.unwrap();
    let refused = storage.find_by_email(EMAIL).await.unwrap_err();
    assert_eq!(kind(&refused), Some(StorageErrorKind::Unavailable));
    drop(taken);
    storage.pool().close().await;
    let refused = storage.health_check().await.unwrap_err();
    assert_eq!(kind(&refused), Some(StorageErrorKind::Unavailable));
}

#[tokio::test]
async fn a_database_that_was_not_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("new.db").display());
    let storage = SqliteStorage::connect(&url).await.unwrap().into_repository_provider();
    storage.health_check().await.unwrap();
    for refused in [
        storage.find_by_email(EMAIL).await.map(drop).unwrap_err(),
        storage.register(NewUser::new(EMAIL.into()), "hash").await.map(drop).unwrap_err(),
    ] {
        assert_eq!(kind(&refused), Some(StorageErrorKind::SchemaMissing));
        assert!(refused.to_string().contains("run the migrations"), "{refused}");
    }
    storage.migrate().await.unwrap();
    storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap();
}

#[tokio::test]
async fn files_that_cannot_be_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("letter.txt"), "Dear SQLite, I am not one of you. ".repeat(100)).unwrap();
    fs::create_dir(path("folder")).unwrap();
    for (name, parameters, kind, problem) in [
        ("missing.db", "", StorageErrorKind::Unavailable, OpenProblem::MissingFile),
        ("missing.db", "?mode=ro", StorageErrorKind::Unavailable, OpenProblem::MissingFile),
        ("nowhere/new.db", "?mode=rwc", StorageErrorKind::Unavailable, OpenProblem::MissingDirectory),
        ("folder", "?mode=rwc", StorageErrorKind::Unavailable, OpenProblem::IsDirectory),
        ("letter.txt", "?mode=rwc", StorageErrorKind::Corrupt, OpenProblem::NotADatabase),
        ("letter.txt", "?mode=ro", StorageErrorKind::Corrupt, OpenProblem::NotADatabase),
    ] {
        let url = format!("sqlite://{}{parameters}", path(name).display());
        let error = SqliteStorage::connect(&url).await.unwrap_err();
        assert!(matches!(error, StorageError::Failed { kind: found, .. } if found == kind), "{url}: {error:?}");
        let cause = error.source().unwrap().downcast_ref::<OpenError>().unwrap();
        assert_eq!((cause.problem(), cause.path()), (problem, path(name).as_path()), "{url}");
        assert!(cause.source().is_some());
    }
    assert!(!path("missing.db").exists());
    let error = SqliteStorage::connect("sqlite://app.db?mode=strange").await.unwrap_err();
    assert!(matches!(error, StorageError::Failed { kind: StorageErrorKind::Other, .. }));
}

#[tokio::test]
async fn the_settings_of_a_connection() {
    let w = World::new().await;
    let text =
        async |pragma: &'static str| sqlx::query_scalar::<_, String>(pragma).fetch_one(w.storage.pool()).await.unwrap();
    assert_eq!(text("PRAGMA journal_mode").await, "wal");
    assert_eq!(w.count("PRAGMA foreign_keys").await, 1);
    assert_eq!(w.count("PRAGMA synchronous").await, 1, "NORMAL");
    assert_eq!(w.count("PRAGMA busy_timeout").await, 5000);
    assert!(!w.storage.pool().options().get_test_before_acquire());
    assert!(matches!(w.storage.health_check().await, Ok::<(), Error>(())));
}
