use std::error::Error as _;

use torii_core::error::{StorageError, StorageErrorKind};

use super::*;
use crate::{
    MigrationError, OpenProblem,
    sqlite::{migrate, status},
};

fn open_problem(error: &MigrationError) -> OpenProblem {
    let MigrationError::CannotOpen { problem, .. } = error else {
        panic!("{error:?}");
    };
    *problem
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let scratch = Scratch::new();
    let file = scratch.0.path().join("missing").join("torii.db");
    let error = migrate(&pool(options(&file)), &Noon).await.unwrap_err();
    assert_eq!(open_problem(&error), OpenProblem::MissingDirectory);
    assert!(error.to_string().contains("directory does not exist"), "{error}");
    assert!(error.to_string().contains("missing"), "{error}");
    assert!(error.source().is_some());
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let scratch = Scratch::new();
    // Setting a journal mode is left out: it is the open itself that has to fail.
    let pool = pool(SqliteConnectOptions::new().filename(scratch.file()));
    assert_eq!(open_problem(&migrate(&pool, &Noon).await.unwrap_err()), OpenProblem::MissingFile);
    assert_eq!(open_problem(&status(&pool).await.unwrap_err()), OpenProblem::MissingFile);
}

#[tokio::test]
async fn a_directory_in_place_of_the_file_is_named() {
    let scratch = Scratch::new();
    let error = migrate(&pool(options(scratch.0.path())), &Noon).await.unwrap_err();
    assert_eq!(open_problem(&error), OpenProblem::IsDirectory);
}

#[tokio::test]
async fn a_file_that_is_no_database_says_so() {
    let scratch = Scratch::new();
    std::fs::write(scratch.file(), "Dear diary, ".repeat(1000)).unwrap();
    let error = migrate(&pool(SqliteConnectOptions::new().filename(scratch.file())), &Noon).await.unwrap_err();
    assert!(matches!(error, MigrationError::Database { kind: StorageErrorKind::Corrupt, .. }), "{error:?}");
    assert!(error.to_string().contains("not a database"), "{error}");
}

#[tokio::test]
async fn a_read_only_database_says_so() {
    let scratch = Scratch::new();
    let writable = scratch.pool();
    execute(&writable, "CREATE TABLE notes (text TEXT)").await;
    writable.close().await;
    let read_only = pool(SqliteConnectOptions::new().filename(scratch.file()).read_only(true));
    let error = migrate(&read_only, &Noon).await.unwrap_err();
    assert!(matches!(error, MigrationError::Step { version: 1, kind: StorageErrorKind::ReadOnly, .. }), "{error:?}");
    assert!(error.to_string().contains("read-only"), "{error}");
}

#[tokio::test]
async fn a_read_only_database_that_is_up_to_date_is_no_error() {
    let scratch = Scratch::new();
    let writable = scratch.pool();
    migrate(&writable, &Noon).await.unwrap();
    writable.close().await;
    let read_only = pool(SqliteConnectOptions::new().filename(scratch.file()).read_only(true));
    assert!(migrate(&read_only, &Noon).await.unwrap().applied.is_empty());
}

#[tokio::test]
async fn a_full_disk_says_so_and_leaves_nothing() {
    let scratch = Scratch::new();
    let small = pool(options(&scratch.file()).pragma("max_page_count", "8"));
    let error = migrate(&small, &Noon).await.unwrap_err();
    assert!(matches!(error, MigrationError::Step { version: 1, kind: StorageErrorKind::Full, .. }), "{error:?}");
    assert!(error.to_string().contains("full"), "{error}");
    let large = scratch.pool();
    assert!(contents(&large).await.is_empty());
    assert_eq!(migrate(&large, &Noon).await.unwrap().applied.len(), 2);
}

#[tokio::test]
async fn the_cause_survives_the_way_into_the_core_error() {
    let scratch = Scratch::new();
    let pool = pool(SqliteConnectOptions::new().filename(scratch.file()));
    let error = torii_core::Error::from(migrate(&pool, &Noon).await.unwrap_err());
    let torii_core::Error::Storage(StorageError::MigrationFailed { source }) = error else {
        panic!("{error:?}");
    };
    let cause = source.downcast_ref::<MigrationError>().unwrap();
    assert_eq!(open_problem(cause), OpenProblem::MissingFile);
    assert!(cause.source().unwrap().is::<sqlx::Error>());
}
