use super::*;
use crate::{
    MigrationError,
    mysql::{migrate, status},
};

/// A database that is refused is refused before anything is changed, by `status` too.
async fn refused(pool: &MySqlPool) -> MigrationError {
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
        "INSERT INTO _torii_schema VALUES (77, 'from the future', REPEAT(CHAR(0), 32), 'done', NOW(6), NOW(6))",
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
    execute(&pool, "UPDATE _torii_schema SET checksum = REPEAT(CHAR(0), 32) WHERE version = 1").await;
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

const OLDER: &str = "
    CREATE TABLE torii_migrations (version VARCHAR(255) NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL);
    INSERT INTO torii_migrations VALUES ('m20250304_000001_create_user_table', 1700000000);
    CREATE TABLE users (id VARCHAR(255) NOT NULL PRIMARY KEY, email VARCHAR(255) NOT NULL, name VARCHAR(255),
        password_hash VARCHAR(255), email_verified_at TIMESTAMP NULL,
        created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
    INSERT INTO users (id, email) VALUES ('usr_1', 'ada@example.com');
";

/// The sqlx crates had no MySQL.
#[tokio::test]
async fn bookkeeping_that_no_version_kept_here_is_refused() {
    let (_database, pool) = empty().await;
    execute(&pool, "CREATE TABLE _torii_migrations (version INTEGER PRIMARY KEY)").await;
    let error = refused(&pool).await;
    assert!(matches!(&error, MigrationError::OlderTorii { table, .. } if table == "_torii_migrations"), "{error:?}");
    assert!(error.to_string().contains("older version of torii"), "{error}");
    execute(&pool, "CREATE TABLE torii_migrations (version INTEGER PRIMARY KEY)").await;
    let error = refused(&pool).await;
    assert!(error.to_string().contains("two storage crates"), "{error}");
}

#[tokio::test]
async fn older_tables_that_are_not_as_they_were_made_are_refused_and_untouched() {
    for (more, what) in [
        ("ALTER TABLE users DROP COLUMN password_hash", "users has no column password_hash"),
        (
            "RENAME TABLE users TO people; CREATE TABLE sessions (id BIGINT, user_id TEXT, token TEXT, ip_address TEXT, user_agent TEXT, expires_at TIMESTAMP NULL, created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL)",
            "no table users",
        ),
    ] {
        let (_database, pool) = empty().await;
        execute(&pool, OLDER).await;
        execute(&pool, more).await;
        let error = refused(&pool).await;
        assert!(error.to_string().contains(what), "{error}");
    }
    for (more, name) in [
        ("CREATE TABLE tenants (id INTEGER)", "tenants"),
        ("CREATE TABLE _torii_backup_users (id INTEGER)", "_torii_backup_users"),
        ("CREATE VIEW lockouts AS SELECT 1 AS id", "lockouts"),
    ] {
        let (_database, pool) = empty().await;
        execute(&pool, OLDER).await;
        execute(&pool, more).await;
        let error = refused(&pool).await;
        assert!(matches!(&error, MigrationError::ForeignDatabase { table } if table == name), "{error:?}");
    }
}

#[tokio::test]
async fn a_foreign_table_or_view_of_the_same_name_is_refused() {
    for (schema, name) in [
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, nick TEXT); INSERT INTO users VALUES (1, 'ada')", "users"),
        ("CREATE TABLE sessions (id INTEGER) ENGINE = MyISAM", "sessions"),
        ("CREATE VIEW tenants AS SELECT 1 AS id", "tenants"),
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
    let mut names: Vec<String> = sqlx::query_scalar(
        "SELECT CAST(table_name AS CHAR) FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name <> '_torii_schema'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    names.sort_unstable();
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
        "SET foreign_key_checks = 0; DROP TABLE tenants; SET foreign_key_checks = 1",
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
    execute(&pool, "CREATE TABLE articles (id INTEGER); INSERT INTO articles VALUES (1)").await;
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM articles").await, 1);
}

/// A name with capitals is another name exactly where the server's files are told apart by them.
#[tokio::test]
async fn a_name_with_capitals_is_in_the_way_where_case_does_not_count() {
    let (_database, pool) = empty().await;
    execute(&pool, "CREATE TABLE Users (id INTEGER)").await;
    if count(&pool, "SELECT CAST(@@lower_case_table_names AS SIGNED)").await == 0 {
        assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    } else {
        let error = refused(&pool).await;
        assert!(matches!(&error, MigrationError::ForeignDatabase { .. }), "{error:?}");
    }
}

/// What another database of the same server holds is not looked at.
#[tokio::test]
async fn other_databases_are_not_in_the_way() {
    let (_other, other) = empty().await;
    execute(&other, OLDER).await;
    let (_database, pool) = empty().await;
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
}
