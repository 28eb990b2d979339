//! What an observer is told.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Waker},
    time::Duration,
};

use sqlx::postgres::PgPoolOptions;
use torii_core::{
    NewUser, RepositoryProvider, TenantId, User,
    error::StorageErrorKind,
    metrics::{ConnectionAcquired, ConnectionRefused, OperationFinished, Outcome, PoolStatus, StorageObserver},
    repositories::UserRepository,
};
use torii_storage_postgres::PostgresRepositoryProvider;

use crate::{
    connections::fail_with,
    world::{EMAIL, World, kind},
};

#[derive(Debug, Default)]
struct Notes(Mutex<Vec<Told>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Acquired(&'static str),
    Refused(&'static str, StorageErrorKind),
    Finished(&'static str, Outcome),
}

impl Notes {
    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn note(&self, told: Told) {
        self.0.lock().unwrap().push(told);
    }
}

impl StorageObserver for Notes {
    fn connection_acquired(&self, event: &ConnectionAcquired) {
        self.note(Told::Acquired(event.operation));
    }

    fn connection_refused(&self, event: &ConnectionRefused) {
        self.note(Told::Refused(event.operation, event.kind));
    }

    fn operation_finished(&self, event: &OperationFinished) {
        self.note(Told::Finished(event.operation, event.outcome));
    }
}

/// Somebody who wants to know nothing.
#[derive(Debug)]
struct Deaf;

impl StorageObserver for Deaf {}

fn observed(w: &World) -> (Arc<Notes>, PostgresRepositoryProvider) {
    let notes = Arc::new(Notes::default());
    (Arc::clone(&notes), w.storage.clone().with_observer(notes))
}

#[tokio::test]
async fn statements_and_transactions_are_told_once() {
    let w = World::new().await;
    let user = w.register(EMAIL).await;
    let (notes, storage) = observed(&w);
    storage.find_by_email(EMAIL).await.unwrap();
    storage.find_by_email("nobody@example.com").await.unwrap();
    let found = [Told::Acquired("find user by email"), Told::Finished("find user by email", Outcome::Done)];
    assert_eq!(notes.take(), found.repeat(2));
    // Two statements in a transaction.
    storage.update(&User { email: "ann@example.org".into(), ..user }).await.unwrap();
    assert_eq!(notes.take(), [Told::Acquired("update user"), Told::Finished("update user", Outcome::Done)]);
    storage.health_check().await.unwrap();
    assert_eq!(
        notes.take(),
        [Told::Acquired("check the database"), Told::Finished("check the database", Outcome::Done)]
    );
    storage.for_tenant(TenantId::from_static("acme")).count().await.unwrap();
    assert_eq!(notes.take(), [Told::Acquired("count users"), Told::Finished("count users", Outcome::Done)]);
    w.storage.count().await.unwrap();
    w.storage.clone().with_observer(Arc::new(Deaf)).count().await.unwrap();
    assert_eq!(notes.take(), []);
}

#[tokio::test]
async fn tries_are_told_with_why_they_failed() {
    let w = World::new().await;
    fail_with(&w, "CREATE TRIGGER conflict BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION fail('40001', 1)")
        .await;
    let (notes, storage) = observed(&w);
    storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap();
    let tried = [
        Told::Finished("create user", Outcome::Retried(StorageErrorKind::Locked)),
        Told::Finished("create user", Outcome::Done),
    ];
    let told = notes.take();
    let finished: Vec<_> = told.into_iter().filter(|told| matches!(told, Told::Finished(..))).collect();
    assert!(finished.ends_with(&tried), "{finished:?}");

    w.execute("ALTER TABLE users RENAME TO elsewhere").await;
    let refused = storage.find_by_email(EMAIL).await.unwrap_err();
    let why = kind(&refused).unwrap();
    assert_eq!(
        notes.take(),
        [Told::Acquired("find user by email"), Told::Finished("find user by email", Outcome::Failed(why))]
    );
}

#[tokio::test]
async fn a_connection_that_is_not_to_be_had_is_told() {
    let w = World::new().await;
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_millis(20));
    let pool = pool.connect_lazy_with(w.database.options());
    let taken = loop {
        if let Ok(connection) = pool.acquire().await {
            break connection;
        }
    };
    let notes = Arc::new(Notes::default());
    let storage = PostgresRepositoryProvider::new(pool).with_observer(notes.clone());
    assert_eq!(storage.pool_status(), PoolStatus::new(1, 0, 1));
    storage.find_by_email(EMAIL).await.unwrap_err();
    let unavailable = StorageErrorKind::Unavailable;
    assert_eq!(
        notes.take(),
        [
            Told::Refused("find user by email", unavailable),
            Told::Finished("find user by email", Outcome::Failed(unavailable)),
        ]
    );
    drop(taken);
}

#[tokio::test]
async fn a_caller_that_goes_away_is_told() {
    let w = World::new().await;
    let (notes, storage) = observed(&w);
    {
        let mut call = pin!(storage.find_by_email(EMAIL));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(notes.take().last(), Some(&Told::Finished("find user by email", Outcome::Abandoned)));
}

#[tokio::test]
async fn the_pool_says_how_busy_it_is() {
    let w = World::new().await;
    let max = w.storage.pool_status().max;
    assert_eq!(max, 10);
    let mut connections = Vec::new();
    for _ in 0..3 {
        connections.push(w.storage.pool().acquire().await.unwrap());
    }
    assert_eq!(w.storage.pool_status(), PoolStatus::new(3, 0, max));
    connections.pop().unwrap().return_to_pool().await;
    assert_eq!((w.storage.pool_status().idle, w.storage.pool_status().in_use), (1, 2));
}
