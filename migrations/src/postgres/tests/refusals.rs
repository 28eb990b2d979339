use super::*;
use crate::{
    MigrationError,
    postgres::{migrate, status},
};

/// A database that is refused is refused before anything is changed, by `status` too.
async fn refused(pool: &PgPool) -> MigrationError {
    let before = contents(pool).await;
    let error = migrate(pool, &Noon).await.unwrap_err();
    assert_eq!(contents(pool).await, before);
    assert_eq!(status(pool).await.unwrap_err().to_string(), error.to_string());
    error
}

#[tokio::test]
async fn a_newer_database_names_both_versions() {
    let (_database, pool) = migrated().await;
    execute(
        &pool,
        "INSERT INTO _torii_schema VALUES (77, 'from the future', decode(repeat('00', 32), 'hex'), 'done', now(), now())",
    )
    .await;
    let error = refused(&pool).await;
    assert!(matches!(error, MigrationError::NewerDatabase { found: 77, known: 2 }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("newer version of torii") && text.contains("77") && text.contains(" 2"), "{text}");
}

#[tokio::test]
async fn an_applied_step_that_changed_is_an_error() {
    let (_database, pool) = migrated().await;
    execute(&pool, "UPDATE _torii_schema SET checksum = decode(repeat('00', 32), 'hex') WHERE version = 1").await;
    let error = refused(&pool).await;
    assert!(matches!(&error, MigrationError::ChecksumMismatch { version: 1, name } if name == "initial"), "{error:?}");
}

#[tokio::test]
async fn a_history_with_a_hole_is_an_error() {
    let (_database, pool) = migrated().await;
    execute(&pool, "DELETE FROM _torii_schema WHERE version = 1").await;
    let error = refused(&pool).await;
    assert!(matches!(error, MigrationError::HistoryMismatch { version: 1 }), "{error:?}");
}

const BOOKKEEPING: &str = "CREATE TABLE _torii_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()); INSERT INTO _torii_migrations VALUES (1, 'CreateUsersTable');";

/// The bookkeeping alone proves nothing: the tables have to be as the older version made them.
#[tokio::test]
async fn an_older_database_of_another_shape_is_refused_and_untouched() {
    for (schema, what) in [
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, nick TEXT)", "users has no column email"),
        ("CREATE TABLE sessions (id INTEGER PRIMARY KEY, token TEXT)", "sessions has no column user_id"),
        ("CREATE TABLE torii_migrations (version TEXT PRIMARY KEY, applied_at BIGINT)", "torii_migrations"),
    ] {
        let (_database, pool) = empty().await;
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
        ("CREATE TABLE tenants (id INTEGER PRIMARY KEY)", "tenants"),
        ("CREATE VIEW lockouts AS SELECT 1 AS id", "lockouts"),
    ] {
        let (_database, pool) = empty().await;
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
        ("CREATE TABLE sessions (id INTEGER) PARTITION BY RANGE (id)", "sessions"),
        ("CREATE VIEW tenants AS SELECT 1 AS id", "tenants"),
        ("CREATE MATERIALIZED VIEW passkeys AS SELECT 1 AS id", "passkeys"),
        ("CREATE SEQUENCE lockouts", "lockouts"),
    ] {
        let (_database, pool) = empty().await;
        execute(&pool, schema).await;
        let error = refused(&pool).await;
        assert!(matches!(&error, MigrationError::ForeignDatabase { table } if table == name), "{error:?}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// Every table of the schema is on the list of names that must be free.
#[tokio::test]
async fn every_table_of_the_schema_must_be_free() {
    let (_database, pool) = migrated().await;
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_torii_schema' ORDER BY 1",
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
        "DROP TABLE tenants CASCADE",
        "DROP TABLE users",
    ];
    let mut named = Vec::new();
    for drop in drops {
        let MigrationError::ForeignDatabase { table } = migrate(&pool, &Noon).await.unwrap_err() else {
            panic!("{drop}");
        };
        named.push(table);
        execute(&pool, drop).await;
    }
    assert_eq!(named, names);
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
}

#[tokio::test]
async fn the_applications_own_tables_are_no_obstacle() {
    let (_database, pool) = empty().await;
    // Names with capitals are other names.
    execute(
        &pool,
        "CREATE TABLE articles (id INTEGER); INSERT INTO articles VALUES (1); CREATE TABLE \"Users\" (id TEXT)",
    )
    .await;
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    assert_eq!(count(&pool, "SELECT count(*) FROM articles").await, 1);
}
