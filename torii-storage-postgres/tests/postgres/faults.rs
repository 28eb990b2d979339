//! What can be wrong with the database, and how it is told.

use std::{
    error::Error as _,
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use sqlx::postgres::PgPoolOptions;
use torii_core::{
    Error, NewUser, RepositoryProvider,
    error::{StorageError, StorageErrorKind},
    repositories::{BruteForceProtectionRepository, UserRepository},
};
use torii_storage_postgres::{ConnectError, ConnectProblem, PostgresRepositoryProvider, PostgresStorage};
use torii_testkit::servers::PostgresServer;

use crate::world::{EMAIL, LIMITS, World, kind};

/// A second pool on the same database, with a setting for its sessions.
async fn reopen(w: &World, setting: (&'static str, &'static str)) -> PostgresRepositoryProvider {
    let options = w.database.options().options([setting]);
    PostgresRepositoryProvider::new(PgPoolOptions::new().connect_with(options).await.unwrap())
}

#[tokio::test]
async fn a_database_that_is_only_read() {
    let w = World::new().await;
    let user = w.register(EMAIL).await;
    let storage = reopen(&w, ("default_transaction_read_only", "on")).await;
    assert_eq!(storage.find_by_email(EMAIL).await.unwrap(), Some(user));
    let refused = storage.register(NewUser::new("new@example.com".into()), "hash").await.unwrap_err();
    assert_eq!(kind(&refused), Some(StorageErrorKind::ReadOnly));
    let refused = storage.clear_attempts(EMAIL).await.unwrap_err();
    assert_eq!(kind(&refused), Some(StorageErrorKind::ReadOnly));
}

#[tokio::test]
async fn a_writer_that_does_not_end() {
    let w = World::new().await;
    let user = w.register(EMAIL).await;
    w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap();
    let mut other = w.storage.pool().begin().await.unwrap();
    sqlx::query("SELECT 1 FROM users, lockouts FOR UPDATE").execute(&mut *other).await.unwrap();
    for setting in ["lock_timeout", "statement_timeout"] {
        let storage = reopen(&w, (setting, "20ms")).await;
        for refused in [
            storage.reserve_attempt(EMAIL, LIMITS).await.map(drop).unwrap_err(),
            storage.mark_email_verified(&user.id).await.unwrap_err(),
            storage.update(&user).await.map(drop).unwrap_err(),
        ] {
            assert_eq!(kind(&refused), Some(StorageErrorKind::Locked), "{refused}");
        }
        assert!(storage.find_by_email(EMAIL).await.unwrap().is_some(), "readers do not wait");
    }
    other.rollback().await.unwrap();
    w.storage.mark_email_verified(&user.id).await.unwrap();
}

#[tokio::test]
async fn a_pool_without_a_free_connection() {
    let w = World::new().await;
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_millis(20));
    let pool = pool.connect_lazy_with(w.database.options());
    let taken = loop {
        if let Ok(connection) = pool.acquire().await {
            break connection;
        }
    };
    let storage = PostgresRepositoryProvider::new(pool);
    let refused = storage.find_by_email(EMAIL).await.unwrap_err();
    assert_eq!(kind(&refused), Some(StorageErrorKind::Unavailable));
    drop(taken);
    storage.pool().close().await;
    let refused = storage.health_check().await.unwrap_err();
    assert_eq!(kind(&refused), Some(StorageErrorKind::Unavailable));
}

#[tokio::test]
async fn a_database_that_was_not_migrated() {
    let database = PostgresServer::shared().empty_database().await;
    let storage = PostgresStorage::connect(&database.url()).await.unwrap();
    let provider = storage.clone().into_repository_provider();
    provider.health_check().await.unwrap();
    for refused in [
        provider.find_by_email(EMAIL).await.map(drop).unwrap_err(),
        provider.register(NewUser::new(EMAIL.into()), "hash").await.map(drop).unwrap_err(),
    ] {
        assert_eq!(kind(&refused), Some(StorageErrorKind::SchemaMissing));
        assert!(refused.to_string().contains("run the migrations"), "{refused}");
    }
    storage.migrate().await.unwrap();
    storage.migrate().await.unwrap();
    provider.register(NewUser::new(EMAIL.into()), "hash").await.unwrap();
}

fn problem(error: &StorageError) -> ConnectProblem {
    let cause = error.source().unwrap().downcast_ref::<ConnectError>().unwrap();
    assert!(cause.source().is_some());
    cause.problem()
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    // A port that was free a moment ago, and nobody has been told of.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let error = PostgresStorage::connect(&format!("postgres://app:secret@127.0.0.1:{port}/shop")).await.unwrap_err();
    assert_eq!(problem(&error), ConnectProblem::Unreachable);
    assert!(matches!(error, StorageError::Failed { kind: StorageErrorKind::Unavailable, .. }));
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains(&format!("the database shop at 127.0.0.1:{port} as app")), "{cause}");
    assert!(!format!("{error:?}{cause}").contains("secret"));

    let error = PostgresStorage::connect("postgres://app@torii.invalid/shop").await.unwrap_err();
    assert_eq!(problem(&error), ConnectProblem::Unreachable);
}

#[tokio::test]
async fn what_the_server_refuses() {
    let w = World::new().await;
    let options = w.database.options();
    let with = |database: &str, user: &str, rest: &str| {
        let socket = options.get_socket().map(|socket| socket.display().to_string());
        let host = socket.unwrap_or_else(|| options.get_host().to_owned());
        let port = options.get_port();
        format!("postgres://{user}@localhost:{port}/{database}?host={host}{rest}")
    };
    let (database, user) = (options.get_database().unwrap(), options.get_username());
    let error = PostgresStorage::connect(&with("torii_has_no_such_database", user, "")).await.unwrap_err();
    assert_eq!(problem(&error), ConnectProblem::MissingDatabase);
    let error = PostgresStorage::connect(&with(database, "torii_has_no_such_role", "")).await.unwrap_err();
    assert_eq!(problem(&error), ConnectProblem::Refused);
    assert!(matches!(error, StorageError::Failed { kind: StorageErrorKind::Unavailable, .. }));
}

#[tokio::test]
async fn what_is_no_url() {
    for url in ["", "app.db", "sqlite://app.db", "mysql://localhost/app", "postgres://localhost?sslmode=strange"] {
        let error = PostgresStorage::connect(url).await.unwrap_err();
        assert!(matches!(error, StorageError::Failed { kind: StorageErrorKind::Other, .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn the_settings_of_a_connection() {
    let w = World::new().await;
    let name: String =
        sqlx::query_scalar("SELECT current_setting('application_name')").fetch_one(w.storage.pool()).await.unwrap();
    assert_eq!(name, "torii");
    let options = w.storage.pool().options();
    assert!(!options.get_test_before_acquire());
    assert_eq!(options.get_acquire_timeout(), Duration::from_secs(5));
    assert!(matches!(w.storage.health_check().await, Ok::<(), Error>(())));
}
