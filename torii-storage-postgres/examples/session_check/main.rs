//! What a tenant costs, and what row-level security costs on top: the session check of every request, through the provider,
//! against a bare prepared lookup on one connection.
//!
//! ```sh
//! cargo run --release -p torii-storage-postgres --example session_check
//! cargo run --release -p torii-storage-postgres --example session_check -- 250   # as if the server were 250 µs away, each way
//! ```
//!
//! It uses the server of `TORII_TEST_POSTGRES_URL`, or a private one. Every way is measured in turn, round by round, so that what
//! else the machine does meets all of them; the medians are over all rounds.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people")]

mod distance;

use std::{
    env,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use torii_core::{
    Clock, NewUser, SessionToken, SystemClock, TenantId, UserId,
    crypto::{TokenDigest, TokenUse},
    repositories::{BruteForceProtectionRepository, SessionRepository, UserRepository},
    session::NewSession,
};
use torii_storage_postgres::PostgresRepositoryProvider;
use torii_testkit::servers::{PostgresDatabase, PostgresServer};

const ROUNDS: usize = 30;
const CALLS: usize = 100;
/// Those that are looked up, each in a tenant of its own.
const SESSIONS: usize = 200;

/// A thousand tenants, and 200,000 sessions that nobody looks for. One table has no tenant.
const FILL: &str = "\
    INSERT INTO tenants (id, created_at, updated_at) SELECT 'filler-' || i, now(), now() FROM generate_series(0, 999) AS i; \
    INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at) \
    SELECT 'filler-' || i % 1000, 'u' || i, i || '@example.com', i || '@example.com', now(), now() \
    FROM generate_series(1, 20000) AS i; \
    INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) \
    SELECT tenant_id, sha256((id || n)::bytea), id, now(), now(), now() + interval '30 days' \
    FROM users, generate_series(1, 10) AS n WHERE tenant_id LIKE 'filler-%'; \
    CREATE TABLE bare_sessions AS SELECT token_digest, user_id, user_agent, ip_address, created_at, updated_at, expires_at \
    FROM sessions; \
    ALTER TABLE bare_sessions ADD PRIMARY KEY (token_digest); \
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO PUBLIC; \
    VACUUM";

const BARE: &str = "SELECT token_digest, user_id, user_agent, ip_address, created_at, updated_at, expires_at \
    FROM bare_sessions WHERE token_digest = $1";
const TENANTED: &str = "SELECT token_digest, user_id, user_agent, ip_address, created_at, updated_at, expires_at \
    FROM sessions WHERE tenant_id = $1 AND token_digest = $2";

/// A session that is looked up.
struct Known {
    storage: PostgresRepositoryProvider,
    token: SessionToken,
    digest: TokenDigest,
    user: UserId,
}

/// A filled database, with row-level security or without.
struct Filled {
    known: Vec<Known>,
    options: PgConnectOptions,
    // Dropped last: it drops the database.
    _database: PostgresDatabase,
}

impl Filled {
    async fn new(row_level_security: bool, delay: Duration) -> Self {
        let database = PostgresServer::shared().database().await;
        let admin = database.pool();
        for statement in FILL.split_inclusive(';') {
            sqlx::raw_sql(statement).execute(&admin).await.unwrap();
        }
        if row_level_security {
            torii_migration::postgres::enable_row_level_security(&admin).await.unwrap();
        }
        let options = distance::away(database.role().await, delay);
        let pool =
            PgPoolOptions::new().max_connections(4).test_before_acquire(false).connect_lazy_with(options.clone());
        let storage = PostgresRepositoryProvider::new(pool).row_level_security(row_level_security);
        let mut known = Vec::new();
        for index in 0..SESSIONS {
            known.push(
                Self::sign_in(&admin, storage.for_tenant(TenantId::new(format!("tenant-{index}")).unwrap())).await,
            );
        }
        sqlx::raw_sql("VACUUM ANALYZE").execute(&admin).await.unwrap();
        Self { known, options, _database: database }
    }

    async fn sign_in(admin: &PgPool, storage: PostgresRepositoryProvider) -> Known {
        let user = storage.register(NewUser::new("ann@example.com".into()), "hash").await.unwrap().into_user().id;
        let new = NewSession { user_agent: None, ip_address: None, lifetime: TimeDelta::days(30) };
        let session = new.begin(storage.tenant_id().clone(), user.clone(), SystemClock.now());
        let token = SessionRepository::create(&storage, session).await.unwrap().token.unwrap();
        let digest = TokenDigest::new(TokenUse::Session, storage.tenant_id(), token.expose_secret());
        let copy = "INSERT INTO bare_sessions SELECT token_digest, user_id, user_agent, ip_address, created_at, updated_at, \
            expires_at FROM sessions WHERE token_digest = $1";
        sqlx::query(copy).bind(&digest.as_bytes()[..]).execute(admin).await.unwrap();
        Known { storage, token, digest, user }
    }
}

/// How long one way took, call by call.
struct Way {
    name: &'static str,
    took: Vec<Duration>,
}

impl Way {
    const fn new(name: &'static str) -> Self {
        Self { name, took: Vec::new() }
    }

    async fn measure<'k>(&mut self, known: &'k [Known], round: usize, mut call: impl AsyncFnMut(&'k Known)) {
        for index in 0..CALLS {
            let known = &known[(round * CALLS + index) % known.len()];
            let began = Instant::now();
            call(known).await;
            self.took.push(began.elapsed());
        }
    }

    fn median(&self) -> f64 {
        let mut took = self.took.clone();
        took.sort_unstable();
        took[took.len() / 2].as_secs_f64() * 1e6
    }
}

#[tokio::main]
async fn main() {
    let delay = Duration::from_micros(env::args().nth(1).map_or(0, |text| text.parse().unwrap()));
    let (open, walled) = (Filled::new(false, delay).await, Filled::new(true, delay).await);
    let mut connection = PgConnection::connect_with(&open.options).await.unwrap();
    let mut ways = [
        Way::new("bare lookup, no tenant, one connection"),
        Way::new("bare lookup with a tenant, one connection"),
        Way::new("session"),
        Way::new("session, row-level security"),
        Way::new("session and user"),
        Way::new("session and user, row-level security"),
        Way::new("another read"),
        Way::new("another read, row-level security"),
        Way::new("a write"),
        Way::new("a write, row-level security"),
    ];
    for round in 0..ROUNDS {
        let [bare, tenanted, session, session_rls, both, both_rls, read, read_rls, write, write_rls] = &mut ways;
        bare.measure(&open.known, round, async |known| {
            let digest = &known.digest.as_bytes()[..];
            sqlx::query(BARE).bind(digest).fetch_one(&mut connection).await.unwrap();
        })
        .await;
        tenanted
            .measure(&open.known, round, async |known| {
                let (tenant, digest) = (known.storage.tenant_id().as_str(), &known.digest.as_bytes()[..]);
                sqlx::query(TENANTED).bind(tenant).bind(digest).fetch_one(&mut connection).await.unwrap();
            })
            .await;
        for (database, session, both, read, write) in
            [(&open, session, both, read, write), (&walled, session_rls, both_rls, read_rls, write_rls)]
        {
            let find = async |known: &Known| drop(known.storage.find_by_token(&known.token).await.unwrap().unwrap());
            session.measure(&database.known, round, find).await;
            let find = async |known: &Known| drop(known.storage.find_with_user(&known.token).await.unwrap().unwrap());
            both.measure(&database.known, round, find).await;
            let find = async |known: &Known| drop(known.storage.find_by_id(&known.user).await.unwrap().unwrap());
            read.measure(&database.known, round, find).await;
            let lock = async |known: &Known| known.storage.set_locked_at("ann@example.com", None).await.unwrap();
            write.measure(&database.known, round, lock).await;
        }
    }
    let bare = ways[0].median();
    println!("{:<44}{:>10}{:>12}{:>14}", "", "p50 µs", "to bare", "to no RLS");
    for (index, way) in ways.iter().enumerate() {
        let plain = &ways[if index >= 2 { index - index % 2 } else { index }];
        let median = way.median();
        println!("{:<44}{median:>10.1}{:>11.2}x{:>13.2}x", way.name, median / bare, median / plain.median());
    }
}
