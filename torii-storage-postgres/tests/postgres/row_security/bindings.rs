//! What is left on the one connection of the pool after a call, however it ended.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use torii_core::{
    Error, PageRequest, SessionToken,
    repositories::{CleanupRetention, CleanupScope, TenantRepository},
};

use super::*;

const RETENTION: CleanupRetention =
    CleanupRetention { failed_attempts: TimeDelta::days(7), lockout_period: TimeDelta::minutes(15) };

/// One call of each kind: a read, a read through a function, a write, a transaction, and across tenants.
const KINDS: usize = 7;

async fn call(storage: &PostgresRepositoryProvider, kind: usize, user: &User) -> Result<(), Error> {
    match kind {
        0 => storage.find_by_email(EMAIL).await.map(drop),
        1 => storage.find_by_token(&SessionToken::new_random()).await.map(drop),
        2 => storage.find_with_user(&SessionToken::new_random()).await.map(drop),
        3 => storage.record_failed_attempt(EMAIL, None).await.map(drop),
        4 => storage.update(user).await.map(drop),
        5 => storage.page_tenants(&PageRequest::default()).await.map(drop),
        _ => storage.cleanup(CleanupScope::AllTenants, RETENTION).await.map(drop),
    }
}

/// What the next user of the connection finds: no setting, no transaction, no row.
async fn expect_clean(w: &Walled, after: &str) {
    let mut connection = w.app.acquire().await.unwrap();
    let settings =
        "SELECT concat(current_setting('torii.tenant_id', true), current_setting('torii.all_tenants', true))";
    let left: String = sqlx::query_scalar(settings).fetch_one(&mut *connection).await.unwrap();
    assert_eq!(left, "", "{after}");
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM tenants").fetch_one(&mut *connection).await.unwrap();
    assert_eq!(rows, 0, "{after}");
    let role = w.app.connect_options().get_username().to_owned();
    let states = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND state LIKE 'idle in transaction%'";
    let open: i64 = sqlx::query_scalar(states).bind(role).fetch_one(&w.admin).await.unwrap();
    assert_eq!(open, 0, "{after}");
}

/// Runs `future` until it has been waited for `times` times, and then drops it. Whether it ended before.
async fn give_up_after<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut waited = 0;
    poll_fn(|context| match Pin::as_mut(&mut future).poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => {
            waited += 1;
            if waited > times { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

#[tokio::test]
async fn a_call_leaves_nothing_behind() {
    let w = Walled::new().await;
    let storage = w.tenant("a");
    let user = furnish(&storage).await;
    for kind in 0..KINDS {
        call(&storage, kind, &user).await.unwrap();
        expect_clean(&w, &format!("call {kind}")).await;
    }
}

/// A caller that goes away, at whatever it was waiting for, leaves nothing behind either.
#[tokio::test]
async fn a_cancelled_call_leaves_nothing_behind() {
    let w = Walled::new().await;
    let storage = w.tenant("a");
    let user = furnish(&storage).await;
    let mut given_up = 0;
    // Many rounds, because a server that is quick is not waited for.
    for kind in (0..KINDS).cycle().take(KINDS * 5) {
        // Once with everything prepared, so that what is waited for is the call's own.
        call(&storage, kind, &user).await.unwrap();
        for times in 0.. {
            let ended = give_up_after(times, call(&storage, kind, &user)).await;
            expect_clean(&w, &format!("call {kind}, given up after {times}")).await;
            if let Some(ended) = ended {
                ended.unwrap();
                break;
            }
            given_up += 1;
        }
    }
    assert!(given_up > 0);
}

/// Without row-level security too: a transaction that was about to begin is not left open.
#[tokio::test]
async fn a_cancelled_transaction_is_not_left_open() {
    let w = Walled::new().await;
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with((*w.admin.connect_options()).clone());
    let storage = PostgresRepositoryProvider::new(pool.clone());
    let user = storage.register(NewUser::new(EMAIL.into()), "hash").await.unwrap().into_user();
    let mut given_up = 0;
    for times in (0..5).cycle().take(25) {
        given_up += i32::from(give_up_after(times, storage.update(&user)).await.is_none());
        let mut connection = pool.acquire().await.unwrap();
        let process: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *connection).await.unwrap();
        let state = "SELECT state FROM pg_stat_activity WHERE pid = $1";
        let state: String = sqlx::query_scalar(state).bind(process).fetch_one(&w.admin).await.unwrap();
        assert_eq!(state, "idle", "given up after {times}");
    }
    assert!(given_up > 0);
}

/// Tenants that take turns on one connection.
#[tokio::test]
async fn tenants_that_share_a_connection_do_not_meet() {
    let w = Walled::new().await;
    let (a, b) = (w.tenant("a"), w.tenant("b"));
    let ours = furnish(&a).await;
    let theirs = furnish(&b).await;
    for _ in 0..10 {
        assert_eq!(a.find_by_email(EMAIL).await.unwrap().unwrap().id, ours.id);
        assert_eq!(b.find_by_email(EMAIL).await.unwrap().unwrap().id, theirs.id);
        assert!(a.find_by_id(&theirs.id).await.unwrap().is_none());
        b.update(&theirs).await.unwrap();
        assert_eq!(a.count().await.unwrap(), 1);
        assert_eq!(a.page_tenants(&PageRequest::default()).await.unwrap().items.len(), 3);
        assert!(w.tenant("c").find_by_email(EMAIL).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn statements_are_repeated_and_errors_are_kept() {
    let w = Walled::new().await;
    let storage = w.tenant("a");
    let user = furnish(&storage).await;
    w.admin(
        "CREATE SEQUENCE torii.tries; GRANT USAGE ON SEQUENCE torii.tries TO PUBLIC; \
         CREATE FUNCTION torii.fail() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN \
         IF nextval('torii.tries') <= 3 THEN RAISE EXCEPTION 'refused' USING ERRCODE = TG_ARGV[0]; END IF; \
         RETURN NEW; END$$; GRANT EXECUTE ON FUNCTION torii.fail() TO PUBLIC; \
         CREATE TRIGGER conflict BEFORE INSERT ON torii.users FOR EACH ROW EXECUTE FUNCTION torii.fail('40001')",
    )
    .await;
    storage.register(NewUser::new("new@example.com".into()), "hash").await.unwrap();
    assert_eq!(storage.count().await.unwrap(), 2);
    // A write whose connection breaks before its commit was not done, and can be done again.
    w.admin(
        "DROP TRIGGER conflict ON torii.users; ALTER SEQUENCE torii.tries RESTART WITH 3; \
         CREATE TRIGGER lost BEFORE INSERT ON torii.users FOR EACH ROW EXECUTE FUNCTION torii.fail('08006')",
    )
    .await;
    storage.register(NewUser::new("newer@example.com".into()), "hash").await.unwrap();
    assert_eq!(storage.count().await.unwrap(), 3);
    assert!(matches!(storage.create_account("github", "1", &user.id).await, Err(Error::Auth(_))));
    expect_clean(&w, "an error").await;
}
