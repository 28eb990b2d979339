use std::error::Error as _;

use torii_core::error::{StorageError, StorageErrorKind};

use super::*;
use crate::{
    MigrationError,
    mysql::{migrate, status},
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
    let pool = pool(MySqlConnectOptions::new().socket(folder.path().join("nobody")).database("torii"));
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
    let options = MySqlConnectOptions::new().host("127.0.0.1").port(silent.local_addr().unwrap().port());
    let pool =
        MySqlPoolOptions::new().acquire_timeout(std::time::Duration::from_millis(100)).connect_lazy_with(options);
    assert_eq!(kind(&migrate(&pool, &Noon).await.unwrap_err()), StorageErrorKind::Unavailable);
}

#[tokio::test]
async fn a_missing_database_says_so() {
    let (database, _) = empty().await;
    let pool = pool(database.options().database("torii_no_such_database"));
    let error = migrate(&pool, &Noon).await.unwrap_err();
    assert_eq!(kind(&error), StorageErrorKind::Unavailable);
    assert!(error.source().unwrap().to_string().contains("Unknown database"), "{error:?}");
}

#[tokio::test]
async fn a_connection_to_no_database_says_so() {
    let (database, _) = empty().await;
    let nowhere = database.url().replace(database.name(), "");
    let pool = pool(nowhere.parse().unwrap());
    for error in [migrate(&pool, &Noon).await.unwrap_err(), status(&pool).await.unwrap_err()] {
        assert!(matches!(error, MigrationError::NoDatabase), "{error:?}");
    }
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

#[tokio::test]
async fn a_failed_step_says_of_what_kind_it_is() {
    for (sql, expected) in [
        (
            "INSERT INTO tenants (id, created_at, updated_at) SELECT id, created_at, updated_at FROM tenants",
            StorageErrorKind::UniqueViolation,
        ),
        (
            "INSERT INTO lockouts (tenant_id, email_key, failures, window_started_at) VALUES ('nobody', 'k', 1, NOW(6))",
            StorageErrorKind::ForeignKeyViolation,
        ),
        ("UPDATE tenants SET status = 'gone'", StorageErrorKind::ConstraintViolation),
        ("UPDATE tenants SET created_at = NULL", StorageErrorKind::ConstraintViolation),
        ("SELECT nonsense", StorageErrorKind::Other),
    ] {
        let (_database, pool) = migrated().await;
        let error = run_steps(&pool, &steps_and(Body::InTransaction(sql))).await.unwrap_err();
        assert_eq!(kind(&error), expected, "{sql}: {error:?}");
    }
}
