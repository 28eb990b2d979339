//! Connections that break, transactions that are in each other's way, and what is done again.

use std::sync::Arc;

use sqlx::{Connection, PgConnection};
use torii_core::{
    Clock, NewUser, User,
    error::StorageErrorKind,
    repositories::{BruteForceProtectionRepository, SessionRepository, UserRepository},
};
use torii_storage_postgres::PostgresRepositoryProvider;

use crate::world::{EMAIL, LIMITS, World, kind};

/// Ends all connections of the world's pool, as a server does that is shut down, and waits until they are gone.
async fn end_connections(w: &World) {
    let mut admin = PgConnection::connect_with(&w.database.options()).await.unwrap();
    let others = "SELECT COALESCE(bool_and(pg_terminate_backend(pid, 5000)), true) FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    let ended: bool = sqlx::query_scalar(others).fetch_one(&mut admin).await.unwrap();
    assert!(ended);
    admin.close().await.unwrap();
}

/// Opens `count` connections of the pool and gives them back.
async fn warm(storage: &PostgresRepositoryProvider, count: usize) {
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(storage.pool().acquire().await.unwrap());
    }
    for mut connection in connections {
        connection.return_to_pool().await;
    }
}

#[tokio::test]
async fn a_server_that_restarts_fails_nobody() {
    let w = World::new().await;
    let user = w.register(EMAIL).await;
    let session = SessionRepository::create(&w.storage, w.session_for(&user.id)).await.unwrap();
    let token = session.token.unwrap();

    warm(&w.storage, 5).await;
    end_connections(&w).await;
    assert!(w.storage.find_with_user(&token).await.unwrap().is_some(), "a read");

    warm(&w.storage, 5).await;
    end_connections(&w).await;
    assert!(w.storage.register(NewUser::new("new@example.com".into()), "hash").await.unwrap().is_created(), "a write");
    assert_eq!(w.storage.reserve_attempt(EMAIL, LIMITS).await.unwrap().number, 1);

    warm(&w.storage, 5).await;
    end_connections(&w).await;
    let changed = User { name: Some("Ann".into()), ..user.clone() };
    assert_eq!(w.storage.update(&changed).await.unwrap().name, changed.name, "a transaction");
    assert_eq!(w.storage.count().await.unwrap(), 2);
}

/// The other idle connections are as dead as the one that somebody noticed.
#[tokio::test]
async fn one_who_notices_warns_the_others() {
    let w = World::new().await;
    warm(&w.storage, 5).await;
    end_connections(&w).await;
    w.storage.find_by_email(EMAIL).await.unwrap();
    assert!(w.storage.pool().size() <= 2, "the dead ones are gone");
}

/// A constraint that makes the statement fail with a state of our choice the first few times.
pub(crate) async fn fail_with(w: &World, trigger: &'static str) {
    w.execute(
        "CREATE SEQUENCE tries; \
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN \
         IF nextval('tries') <= TG_ARGV[1]::bigint THEN RAISE EXCEPTION 'refused' USING ERRCODE = TG_ARGV[0]; END IF; \
         RETURN NEW; END$$",
    )
    .await;
    w.execute(trigger).await;
}

#[tokio::test]
async fn a_conflict_is_tried_again() {
    for trigger in [
        "CREATE TRIGGER conflict BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION fail('40001', 3)",
        "CREATE TRIGGER conflict BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION fail('40P01', 3)",
    ] {
        let w = World::new().await;
        fail_with(&w, trigger).await;
        let user = w.register(EMAIL).await;
        w.execute("ALTER SEQUENCE tries RESTART").await;
        w.storage.update(&User { name: Some("Ann".into()), ..user }).await.unwrap();
        assert_eq!(w.storage.count().await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_conflict_that_stays_is_an_error() {
    let w = World::new().await;
    fail_with(&w, "CREATE TRIGGER conflict BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION fail('40001', 1000)")
        .await;
    let refused = w.storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap_err();
    assert_eq!(kind(&refused), Some(StorageErrorKind::Locked));
    assert_eq!(w.count("SELECT last_value FROM tries").await, 4, "the first try and three more");
}

/// A statement whose connection broke may have been committed; it is not done twice.
#[tokio::test]
async fn a_write_without_an_answer_is_not_repeated() {
    let w = World::new().await;
    fail_with(&w, "CREATE TRIGGER lost BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION fail('08006', 1)").await;
    let refused = w.storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap_err();
    assert_eq!(kind(&refused), Some(StorageErrorKind::Unavailable));
    w.register(EMAIL).await;
}

/// A read does no harm when it is done twice.
#[tokio::test]
async fn a_read_without_an_answer_is_repeated() {
    let w = World::new().await;
    let user = w.register(EMAIL).await;
    w.execute(
        "CREATE SEQUENCE tries; \
         CREATE FUNCTION answer() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN \
         IF nextval('tries') = 1 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '08006'; END IF; RETURN true; END$$; \
         ALTER TABLE users RENAME TO stored_users; \
         CREATE VIEW users AS SELECT * FROM stored_users WHERE answer()",
    )
    .await;
    assert_eq!(w.storage.find_by_id(&user.id).await.unwrap(), Some(user));
}

/// All of this holds in databases whose transactions are stricter than usual.
#[tokio::test(flavor = "multi_thread")]
async fn serializable_transactions() {
    let w = World::new().await;
    let options = w.database.options().options([("default_transaction_isolation", "serializable")]);
    let pool = sqlx::postgres::PgPoolOptions::new().connect_with(options).await.unwrap();
    let storage = PostgresRepositoryProvider::new(pool).with_clock(Arc::new(w.clock.clone()) as Arc<dyn Clock>);
    let user = storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap().into_user();
    for number in 1..=3 {
        assert_eq!(storage.reserve_attempt(EMAIL, LIMITS).await.unwrap().number, number);
    }
    let session = storage.create_and_clear_attempts(w.session_for(&user.id), EMAIL).await.unwrap();
    assert!(storage.find_with_user(session.token.as_ref().unwrap()).await.unwrap().is_some());
    storage.update(&User { email: "new@example.com".into(), ..user }).await.unwrap();
}
