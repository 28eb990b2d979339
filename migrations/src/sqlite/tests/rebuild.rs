use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::SqliteConnection;

use super::*;
use crate::{
    MigrateOptions, MigrationError,
    sqlite::{migrate, run::run, steps::STEPS},
    step::{Body, Step},
};

const REBUILD_USERS: &str = "
    CREATE TABLE users_new (
        id                TEXT NOT NULL PRIMARY KEY,
        tenant_id         TEXT NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
        email             TEXT NOT NULL,
        email_key         TEXT NOT NULL,
        name              TEXT NOT NULL DEFAULT '',
        email_verified_at TEXT,
        locked_at         TEXT,
        password_hash     TEXT,
        metadata          TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metadata)),
        created_at        TEXT NOT NULL,
        updated_at        TEXT NOT NULL,
        UNIQUE (tenant_id, id),
        UNIQUE (tenant_id, email_key)
    ) STRICT;
    INSERT INTO users_new SELECT id, tenant_id, email, email_key, coalesce(name, ''), email_verified_at, locked_at,
        password_hash, metadata, created_at, updated_at FROM users;
    DROP TABLE users;
    ALTER TABLE users_new RENAME TO users;
";

/// Forgets the rows, so that every session refers to nobody.
const LOSE_USERS: &str = "
    CREATE TABLE users_new (id TEXT NOT NULL PRIMARY KEY, tenant_id TEXT NOT NULL, UNIQUE (tenant_id, id)) STRICT;
    DROP TABLE users;
    ALTER TABLE users_new RENAME TO users;
";

/// The released steps, and `last`. The test's own history has to begin as the real one does.
fn steps(last: Body<SqliteConnection>) -> Vec<Step<SqliteConnection>> {
    let mut steps: Vec<_> = STEPS
        .iter()
        .map(|step| Step {
            version: step.version,
            name: step.name,
            checks: step.checks,
            body: match step.body {
                Body::InTransaction(sql) => Body::InTransaction(sql),
                Body::OutsideTransaction(sql) => Body::OutsideTransaction(sql),
                Body::Index { name, create, drop } => Body::Index { name, create, drop },
                Body::SqliteRebuild(sql) => Body::SqliteRebuild(sql),
                Body::Rust { text, run } => Body::Rust { text, run },
            },
        })
        .collect();
    steps.push(Step { version: steps.len() as i64 + 1, name: "rebuild", body: last, checks: &[] });
    steps
}

async fn with_a_session(pool: &SqlitePool) {
    migrate(pool, &Noon).await.unwrap();
    execute(
        pool,
        "INSERT INTO users (id, email, email_key, created_at, updated_at) VALUES ('anna', 'a', 'a', 't', 't');
         INSERT INTO sessions (token_digest, user_id, created_at, updated_at, expires_at)
             VALUES (zeroblob(32), 'anna', 't', 't', 't');
         CREATE TABLE articles (id INTEGER PRIMARY KEY, author TEXT REFERENCES users (id) ON DELETE CASCADE);
         INSERT INTO articles VALUES (1, 'anna');
         CREATE VIEW authors AS SELECT u.email FROM users AS u JOIN articles AS a ON a.author = u.id;",
    )
    .await;
}

async fn rebuild(pool: &SqlitePool, sql: &'static str) -> crate::Result<usize> {
    let report = run(pool, &Noon, &MigrateOptions::new(), &steps(Body::SqliteRebuild(sql))).await?;
    Ok(report.applied.len())
}

async fn pools() -> Vec<(Option<Scratch>, SqlitePool)> {
    let scratch = Scratch::new();
    let file = scratch.pool();
    let shared = SqlitePoolOptions::new().max_connections(4).connect("sqlite::memory:").await.unwrap();
    let private = SqlitePoolOptions::new().max_connections(1).connect_lazy_with(SqliteConnectOptions::new());
    vec![(Some(scratch), file), (None, shared), (None, private)]
}

#[tokio::test]
async fn a_rebuild_keeps_the_children() {
    for (_scratch, pool) in pools().await {
        with_a_session(&pool).await;
        assert_eq!(rebuild(&pool, REBUILD_USERS).await.unwrap(), 1);
        assert_eq!(count(&pool, "SELECT count(*) FROM users WHERE name = ''").await, 1);
        assert_eq!(count(&pool, "SELECT count(*) FROM sessions").await, 1);
        assert_eq!(count(&pool, "SELECT count(*) FROM articles").await, 1);
        assert_eq!(count(&pool, "SELECT count(*) FROM authors").await, 1);
        // Foreign keys are on again, and lead to the new table.
        assert_eq!(count(&pool, "PRAGMA foreign_keys").await, 1);
        assert_eq!(count(&pool, "PRAGMA legacy_alter_table").await, 0);
        execute(&pool, "DELETE FROM users").await;
        assert_eq!(count(&pool, "SELECT count(*) FROM sessions").await, 0);
    }
}

/// Why the kind exists: the same statements in an ordinary transaction take the sessions with them.
#[tokio::test]
async fn an_ordinary_transaction_would_not_keep_the_children() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    with_a_session(&pool).await;
    execute(&pool, "DROP VIEW authors").await;
    run(&pool, &Noon, &MigrateOptions::new(), &steps(Body::InTransaction(REBUILD_USERS))).await.unwrap();
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions").await, 0);
}

#[tokio::test]
async fn a_rebuild_that_orphans_rows_is_rolled_back() {
    for (_scratch, pool) in pools().await {
        with_a_session(&pool).await;
        let error = rebuild(&pool, LOSE_USERS).await.unwrap_err();
        assert!(
            matches!(&error, MigrationError::PostCondition { version: 3, what, .. } if what.contains("users")),
            "{error:?}"
        );
        assert_eq!(count(&pool, "SELECT count(*) FROM users WHERE email = 'a'").await, 1);
        assert_eq!(count(&pool, "SELECT count(*) FROM sessions").await, 1);
        assert_eq!(count(&pool, "SELECT max(version) FROM _torii_schema").await, 2);
        assert_eq!(count(&pool, "PRAGMA foreign_keys").await, 1);
    }
}

/// The application's own tables may hold orphans that nobody ever checked.
#[tokio::test]
async fn orphans_that_were_there_before_do_not_stop_a_rebuild() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    with_a_session(&pool).await;
    let mut connection = pool.acquire().await.unwrap();
    sqlx::raw_sql("PRAGMA foreign_keys = OFF; INSERT INTO articles VALUES (2, 'nobody'); PRAGMA foreign_keys = ON")
        .execute(&mut *connection)
        .await
        .unwrap();
    drop(connection);
    assert_eq!(rebuild(&pool, REBUILD_USERS).await.unwrap(), 1);
    assert_eq!(count(&pool, "SELECT count(*) FROM articles").await, 2);
}

/// Answers once, for the beginning of the step, and ends the task when it is asked for the end.
#[derive(Debug, Default)]
struct Broken(AtomicBool);

impl Clock for Broken {
    fn now(&self) -> DateTime<Utc> {
        assert!(!self.0.swap(true, Ordering::SeqCst), "the clock is broken");
        Noon.now()
    }
}

/// A migration that is dropped in the middle, as a caller that gives up does, leaves no open transaction and no connection
/// without foreign keys in the pool.
#[tokio::test]
async fn a_rebuild_that_is_given_up_leaves_the_pool_clean() {
    // Two pools on one database in memory: the first keeps it alive.
    let options: SqliteConnectOptions = "sqlite::memory:".parse().unwrap();
    let keeper = SqlitePool::connect_with(options.clone()).await.unwrap();
    with_a_session(&keeper).await;
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();

    let migration = tokio::spawn({
        let pool = pool.clone();
        async move {
            let steps = steps(Body::SqliteRebuild(REBUILD_USERS));
            run(&pool, &Broken::default(), &MigrateOptions::new(), &steps).await
        }
    });
    assert!(migration.await.unwrap_err().is_panic());

    assert_eq!(count(&pool, "PRAGMA foreign_keys").await, 1);
    assert_eq!(count(&pool, "PRAGMA legacy_alter_table").await, 0);
    assert_eq!(count(&pool, "SELECT max(version) FROM _torii_schema").await, 2);
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions").await, 1);
    assert_eq!(rebuild(&pool, REBUILD_USERS).await.unwrap(), 1);
}
