use super::*;
use crate::{
    MigrationError,
    sqlite::{migrate, status},
};

/// A database that is refused is refused before anything is changed, by `status` too.
async fn refused(pool: &SqlitePool) -> MigrationError {
    let before = contents(pool).await;
    let mut witness = pool.acquire().await.unwrap();
    let unchanged = data_version(&mut witness).await;
    let error = migrate(pool, &Noon).await.unwrap_err();
    assert_eq!(contents(pool).await, before);
    assert_eq!(data_version(&mut witness).await, unchanged);
    assert_eq!(status(pool).await.unwrap_err().to_string(), error.to_string());
    error
}

#[tokio::test]
async fn a_newer_database_names_both_versions() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    migrate(&pool, &Noon).await.unwrap();
    execute(
        &pool,
        "INSERT INTO _torii_schema VALUES (77, 'from the future', zeroblob(32), 'done', 'then', 'then'); \
         UPDATE _torii_schema SET started_at = '2030-01-01T00:00:00+00:00', finished_at = '2030-01-01T00:00:00+00:00'",
    )
    .await;
    let error = refused(&pool).await;
    assert!(matches!(error, MigrationError::NewerDatabase { found: 77, known: 2 }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("newer version of torii") && text.contains("77") && text.contains(" 2"), "{text}");
}

#[tokio::test]
async fn an_applied_step_that_changed_is_an_error() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    migrate(&pool, &Noon).await.unwrap();
    execute(&pool, "UPDATE _torii_schema SET checksum = zeroblob(32) WHERE version = 1").await;
    let error = refused(&pool).await;
    assert!(matches!(&error, MigrationError::ChecksumMismatch { version: 1, name } if name == "initial"), "{error:?}");
}

#[tokio::test]
async fn a_history_with_a_hole_is_an_error() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    migrate(&pool, &Noon).await.unwrap();
    execute(&pool, "DELETE FROM _torii_schema WHERE version = 1").await;
    let error = refused(&pool).await;
    assert!(matches!(error, MigrationError::HistoryMismatch { version: 1 }), "{error:?}");
}

const BOOKKEEPING: &str = "CREATE TABLE _torii_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL,
    applied_at INTEGER NOT NULL DEFAULT (unixepoch())); INSERT INTO _torii_migrations VALUES (1, 'CreateUsersTable', 1);";

/// The bookkeeping alone proves nothing: the tables have to be as the older version made them.
#[tokio::test]
async fn an_older_database_of_another_shape_is_refused_and_untouched() {
    for (schema, what) in [
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, nick TEXT)", "users has no column email"),
        ("CREATE TABLE sessions (id INTEGER PRIMARY KEY, token TEXT)", "sessions has no column user_id"),
        ("CREATE TABLE torii_migrations (version TEXT PRIMARY KEY, applied_at BIGINT)", "torii_migrations"),
    ] {
        let scratch = Scratch::new();
        let pool = scratch.pool();
        execute(&pool, BOOKKEEPING).await;
        execute(&pool, schema).await;
        let error = refused(&pool).await;
        assert!(
            matches!(&error, MigrationError::OlderTorii { table, problem } if table == "_torii_migrations" && problem.contains(what)),
            "{error:?}"
        );
        assert!(error.to_string().contains("older version of torii"), "{error}");
    }
}

/// A name that neither the older version nor this one made.
#[tokio::test]
async fn beside_an_older_database_a_foreign_table_is_still_refused() {
    for (schema, name) in [
        ("CREATE TABLE tenants (id INTEGER PRIMARY KEY, created_at)", "tenants"),
        (
            "CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT, name TEXT, password_hash TEXT, email_verified_at INTEGER, \
            created_at INTEGER, updated_at INTEGER); CREATE TABLE _torii_backup_users (id)",
            "_torii_backup_users",
        ),
        ("CREATE VIEW lockouts AS SELECT 1 AS id", "lockouts"),
    ] {
        let scratch = Scratch::new();
        let pool = scratch.pool();
        execute(&pool, BOOKKEEPING).await;
        execute(&pool, schema).await;
        let error = refused(&pool).await;
        assert!(matches!(&error, MigrationError::ForeignDatabase { table } if table == name), "{error:?}");
    }
}

#[tokio::test]
async fn a_foreign_table_or_view_of_the_same_name_is_refused() {
    for (schema, name) in [
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, nick TEXT); INSERT INTO users VALUES (1, 'ada')", "users"),
        ("CREATE TABLE Sessions (id INTEGER PRIMARY KEY)", "Sessions"),
        ("CREATE VIEW tenants AS SELECT 1 AS id", "tenants"),
    ] {
        let scratch = Scratch::new();
        let pool = scratch.pool();
        execute(&pool, schema).await;
        let error = refused(&pool).await;
        assert!(matches!(&error, MigrationError::ForeignDatabase { table } if table == name), "{error:?}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// Every table of the schema is on the list of names that must be free.
#[tokio::test]
async fn every_table_of_the_schema_must_be_free() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    migrate(&pool, &Noon).await.unwrap();
    let mut names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_torii%' ESCAPE '\\' ORDER BY name",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    execute(&pool, "DROP TABLE _torii_schema").await;
    // The first of those that are left is the one that is named.
    let drops = [
        "DROP TABLE failed_login_attempts",
        "DROP TABLE lockouts",
        "DROP TABLE oauth_accounts",
        "DROP TABLE oauth_states",
        "DROP TABLE passkey_challenges",
        "DROP TABLE passkeys",
        "DROP TABLE secure_tokens",
        "DROP TABLE sessions",
        "DROP TABLE tenants",
        "DROP TABLE users",
    ];
    let mut named = Vec::new();
    let mut connection = pool.acquire().await.unwrap();
    sqlx::raw_sql("PRAGMA foreign_keys = OFF").execute(&mut *connection).await.unwrap();
    for drop in drops {
        let MigrationError::ForeignDatabase { table } = migrate(&pool, &Noon).await.unwrap_err() else {
            panic!("{drop}");
        };
        named.push(table);
        sqlx::raw_sql(drop).execute(&mut *connection).await.unwrap();
    }
    names.sort();
    assert_eq!(named, names);
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
}

#[tokio::test]
async fn the_applications_own_tables_are_no_obstacle() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    execute(&pool, "CREATE TABLE articles (id INTEGER PRIMARY KEY); INSERT INTO articles VALUES (1)").await;
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    assert_eq!(count(&pool, "SELECT count(*) FROM articles").await, 1);
}
