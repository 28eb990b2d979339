use std::error::Error as _;

use sqlx::postgres::PgPoolOptions;
use torii_core::error::{StorageError, StorageErrorKind};

use super::*;
use crate::{
    MigrationError,
    postgres::{migrate, status},
};

fn kind(error: &MigrationError) -> StorageErrorKind {
    let (MigrationError::Database { kind, .. } | MigrationError::Step { kind, .. }) = error else {
        panic!("{error:?}");
    };
    *kind
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(PgConnectOptions::new_without_pgpass().socket(folder.path()).username("torii"));
    for error in [migrate(&pool, &Noon).await.unwrap_err(), status(&pool).await.unwrap_err()] {
        assert_eq!(kind(&error), StorageErrorKind::Unavailable);
        assert!(error.to_string().contains("connect to the database"), "{error}");
        assert!(error.source().is_some());
    }
}

/// A listener that never answers.
#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_as_the_pool_would() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(silent.local_addr().unwrap().port())
        .username("torii");
    let pool = PgPoolOptions::new().acquire_timeout(std::time::Duration::from_millis(100)).connect_lazy_with(options);
    assert_eq!(kind(&migrate(&pool, &Noon).await.unwrap_err()), StorageErrorKind::Unavailable);
}

#[tokio::test]
async fn a_missing_database_says_so() {
    let (database, _) = empty().await;
    let pool = pool(database.options().database("torii_no_such_database"));
    let error = migrate(&pool, &Noon).await.unwrap_err();
    assert_eq!(kind(&error), StorageErrorKind::Unavailable);
    assert!(error.source().unwrap().to_string().contains("does not exist"), "{error:?}");
}

#[tokio::test]
async fn a_read_only_role_says_so() {
    let (database, pool) = empty().await;
    let read_only = super::pool(database.options().options([("default_transaction_read_only", "on")]));
    let error = migrate(&read_only, &Noon).await.unwrap_err();
    assert!(matches!(error, MigrationError::Step { version: 1, kind: StorageErrorKind::ReadOnly, .. }), "{error:?}");
    assert!(error.to_string().contains("read-only"), "{error}");
    assert!(contents(&pool).await.is_empty());
}

#[tokio::test]
async fn a_read_only_role_whose_database_is_up_to_date_is_no_error() {
    let (database, _) = migrated().await;
    let read_only = pool(database.options().options([("default_transaction_read_only", "on")]));
    assert!(migrate(&read_only, &Noon).await.unwrap().applied.is_empty());
}

#[tokio::test]
async fn the_cause_survives_the_way_into_the_core_error() {
    let (database, _) = empty().await;
    let pool = pool(database.options().database("torii_no_such_database"));
    let error = torii_core::Error::from(migrate(&pool, &Noon).await.unwrap_err());
    let torii_core::Error::Storage(StorageError::MigrationFailed { source }) = error else {
        panic!("{error:?}");
    };
    let cause = source.downcast_ref::<MigrationError>().unwrap();
    assert!(cause.source().unwrap().is::<sqlx::Error>());
}
