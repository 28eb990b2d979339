//! How applications open a PostgreSQL database.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sqlx::{PgPool, postgres::PgPoolOptions};
use torii::{
    ToriiBuilder, ToriiBuilderError,
    metrics::{OperationFinished, Outcome, StorageObserver},
};
use torii_core::error::StorageErrorKind;
use torii_testkit::servers::{PostgresServer, RestartablePostgres};

use super::{PASSWORD, fast_hasher, storage_kind};

const EMAIL: &str = "john@example.com";

#[tokio::test]
async fn by_its_url() {
    let database = PostgresServer::shared().empty_database().await;
    for existing in [None, Some(EMAIL)] {
        let builder = ToriiBuilder::new().with_postgres(&database.url()).await.unwrap().apply_migrations(true);
        let torii = builder.with_password_hasher(fast_hasher()).build().await.unwrap();
        torii.health_check().await.unwrap();
        let acme = torii.with_tenant("acme");
        assert_eq!(acme.get_user_by_email(EMAIL).await.unwrap().map(|user| user.email).as_deref(), existing);
        acme.register_user(EMAIL, PASSWORD).await.unwrap();
        acme.authenticate(EMAIL, PASSWORD, None, None).await.unwrap();
        assert!(torii.get_user_by_email(EMAIL).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn by_a_pool() {
    let database = PostgresServer::shared().empty_database().await;
    let pool = PgPoolOptions::new().max_connections(2).connect_with(database.options()).await.unwrap();
    let builder = ToriiBuilder::new().with_postgres_pool(pool.clone()).apply_migrations(true);
    let torii = builder.with_password_hasher(fast_hasher()).build().await.unwrap();
    torii.register_user(EMAIL, PASSWORD).await.unwrap();
    let users: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(&pool).await.unwrap();
    assert_eq!(users, 1);
    assert_eq!(torii.repositories().pool_status().max, 2);
    // The application's pool is the library's.
    pool.close().await;
    let refused = torii.get_user_by_email(EMAIL).await.unwrap_err();
    assert_eq!(storage_kind(&refused), Some(StorageErrorKind::Unavailable));
}

#[derive(Debug, Default)]
struct Counter {
    done: AtomicUsize,
    failed: AtomicUsize,
}

impl StorageObserver for Counter {
    fn operation_finished(&self, event: &OperationFinished) {
        let outcomes = if event.outcome == Outcome::Done { &self.done } else { &self.failed };
        outcomes.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn with_an_observer() {
    let database = PostgresServer::shared().database().await;
    let counter = Arc::new(Counter::default());
    let builder = ToriiBuilder::new().with_postgres(&database.url()).await.unwrap();
    let torii = builder.with_storage_observer(counter.clone()).build().await.unwrap();
    torii.get_user_by_email(EMAIL).await.unwrap();
    torii.with_tenant("acme").get_user_by_email(EMAIL).await.unwrap();
    torii.repositories().pool().close().await;
    torii.get_user_by_email(EMAIL).await.unwrap_err();
    assert_eq!((counter.done.load(Ordering::Relaxed), counter.failed.load(Ordering::Relaxed)), (2, 1));
}

#[tokio::test]
async fn without_migrations() {
    let database = PostgresServer::shared().empty_database().await;
    let builder = ToriiBuilder::new().with_postgres(&database.url()).await.unwrap();
    let torii = builder.with_password_hasher(fast_hasher()).build().await.unwrap();
    torii.health_check().await.unwrap();
    let refused = torii.register_user(EMAIL, PASSWORD).await.unwrap_err();
    assert_eq!(storage_kind(&refused), Some(StorageErrorKind::SchemaMissing));
    assert!(refused.to_string().contains("run the migrations"), "{refused}");
    torii.migrate().await.unwrap();
    torii.register_user(EMAIL, PASSWORD).await.unwrap();
}

/// A role that may not make tables, as an application's role may be.
#[tokio::test]
async fn migrations_that_are_not_allowed() {
    let database = PostgresServer::shared().empty_database().await;
    let pool = PgPoolOptions::new().connect_with(database.role().await).await.unwrap();
    let refused = ToriiBuilder::new().with_postgres_pool(pool).apply_migrations(true).build().await.err().unwrap();
    assert!(matches!(refused, ToriiBuilderError::Migration(_)), "{refused:?}");
    assert!(refused.to_string().contains("may not create tables"), "{refused}");
}

#[tokio::test]
async fn a_wrong_password() {
    // A server of its own, because another one may not look at passwords.
    let server = RestartablePostgres::start();
    let administrator = PgPool::connect(&server.url()).await.unwrap();
    sqlx::query("CREATE ROLE app LOGIN PASSWORD 'right'").execute(&administrator).await.unwrap();
    let url = |password| server.url().replacen("postgres@", &format!("app:{password}@"), 1);
    assert!(ToriiBuilder::new().with_postgres(&url("right")).await.is_ok());
    let text = refusal(&url("guessed")).await;
    assert!(text.contains("as app: the server does not let this user in (is the password"), "{text}");
}

/// What connecting to `url` fails with.
async fn refusal(url: &str) -> String {
    let refused = ToriiBuilder::new().with_postgres(url).await.err().unwrap();
    let ToriiBuilderError::StorageConnection(text) = &refused else { panic!("{refused:?}") };
    assert!(!format!("{refused:?}").contains("guessed"), "the password is not told: {refused:?}");
    text.clone()
}

#[tokio::test]
async fn what_cannot_be_opened_is_told() {
    let database = PostgresServer::shared().empty_database().await;
    let options = database.options();
    let socket = options.get_socket().map(|socket| socket.display().to_string());
    let (host, port) = (socket.unwrap_or_else(|| options.get_host().to_owned()), options.get_port());
    let (name, user) = (options.get_database().unwrap(), options.get_username());
    let url = |user: &str, database: &str| format!("postgres://{user}:guessed@localhost:{port}/{database}?host={host}");

    let text = refusal(&url(user, "torii_has_no_such_database")).await;
    assert!(text.contains("the database torii_has_no_such_database at"), "{text}");
    assert!(text.contains("the server has no such database"), "{text}");

    let text = refusal(&url("torii_has_no_such_role", name)).await;
    assert!(text.contains("as torii_has_no_such_role: the server does not let this user in"), "{text}");

    // A port that was free a moment ago, and nobody has been told of.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let text = refusal(&format!("postgres://app:guessed@127.0.0.1:{port}/shop")).await;
    assert!(
        text.contains(&format!("the database shop at 127.0.0.1:{port} as app: no server is to be reached")),
        "{text}"
    );

    let text = refusal("postgres://app:guessed@torii.invalid/shop").await;
    assert!(text.contains("no server is to be reached at this address"), "{text}");

    let text = refusal("mysql://app:guessed@localhost/shop").await;
    assert!(text.contains("has to begin with postgres://"), "{text}");
}
