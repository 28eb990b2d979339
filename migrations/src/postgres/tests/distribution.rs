//! The optional script after which rows can be spread over nodes by tenant: as far as a PostgreSQL of one node can say.

use std::collections::BTreeSet;

use super::*;
use crate::postgres::migrate;

const SCRIPT: &str = include_str!("../../../sql/postgres/distribute_by_tenant.sql");

/// Two users and a session, a failure each.
const ROWS: &str = "\
    INSERT INTO tenants (id, created_at, updated_at) VALUES ('acme', now(), now()); \
    INSERT INTO users (tenant_id, id, email, email_key, created_at, updated_at) \
    VALUES ('default', 'anna', 'a', 'a', now(), now()), ('acme', 'ben', 'b', 'b', now(), now()); \
    INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) \
    SELECT tenant_id, sha256(id::bytea), id, now(), now(), now() FROM users; \
    INSERT INTO failed_login_attempts (tenant_id, email, attempted_at) SELECT tenant_id, email, now() FROM users";

/// Runs the script in one transaction, as it asks for.
async fn distribute(pool: &PgPool) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    sqlx::raw_sql(SCRIPT).execute(&mut *transaction).await?;
    transaction.commit().await
}

async fn distributed() -> (PostgresDatabase, PgPool) {
    let (database, pool) = migrated().await;
    execute(&pool, ROWS).await;
    distribute(&pool).await.unwrap();
    (database, pool)
}

/// Nodes can look a key over only where all rows that could break it are on one of them.
#[tokio::test]
async fn every_key_holds_the_tenant() {
    let (_database, pool) = distributed().await;
    let without = "SELECT concat_ws(' ', conrelid::regclass, conname) FROM pg_constraint \
        WHERE connamespace = current_schema()::regnamespace AND contype IN ('p', 'u', 'f', 'x') \
        AND conrelid::regclass::text NOT IN ('tenants', '_torii_schema') \
        AND NOT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey) \
            AND attname = 'tenant_id')";
    let without: Vec<String> = sqlx::query_scalar(without).fetch_all(&pool).await.unwrap();
    assert!(without.is_empty(), "{without:?}");
    // A unique index need not be a constraint.
    let indexes = "SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid \
        WHERE relnamespace = current_schema()::regnamespace AND indisunique \
        AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))";
    assert_eq!(count(&pool, indexes).await, 0);
}

#[tokio::test]
async fn two_tables_have_another_key_and_nothing_else_changes() {
    let (_database, pool) = migrated().await;
    execute(&pool, ROWS).await;
    let before: BTreeSet<String> = contents(&pool).await.into_iter().collect();
    distribute(&pool).await.unwrap();
    let after: BTreeSet<String> = contents(&pool).await.into_iter().collect();
    let gone: Vec<&str> = before.difference(&after).map(String::as_str).collect();
    let new: Vec<&str> = after.difference(&before).map(String::as_str).collect();
    assert_eq!(
        gone,
        [
            "constraint failed_login_attempts_pkey p PRIMARY KEY (id) t",
            "constraint users_pkey p PRIMARY KEY (id) t",
            "constraint users_tenant_user u UNIQUE (tenant_id, id) t",
            "index failed_login_attempts_pkey t CREATE UNIQUE INDEX failed_login_attempts_pkey USING btree (id)",
            "index users_pkey t CREATE UNIQUE INDEX users_pkey USING btree (id)",
            "index users_tenant_user t CREATE UNIQUE INDEX users_tenant_user USING btree (tenant_id, id)",
            "relation i users_tenant_user",
        ]
    );
    assert_eq!(
        new,
        [
            "constraint failed_login_attempts_pkey p PRIMARY KEY (tenant_id, id) t",
            "constraint users_pkey p PRIMARY KEY (tenant_id, id) t",
            "index failed_login_attempts_pkey t CREATE UNIQUE INDEX failed_login_attempts_pkey USING btree (tenant_id, id)",
            "index users_pkey t CREATE UNIQUE INDEX users_pkey USING btree (tenant_id, id)",
        ]
    );
    assert!(migrate(&pool, &Noon).await.unwrap().applied.is_empty());
}

#[tokio::test]
async fn users_stay_in_their_tenant_and_take_what_is_theirs_along() {
    let (_database, pool) = distributed().await;
    let foreign = "INSERT INTO sessions (tenant_id, token_digest, user_id, created_at, updated_at, expires_at) \
        VALUES ('acme', sha256('x'), 'anna', now(), now(), now())";
    let error = sqlx::query(foreign).execute(&pool).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("23503"));
    execute(&pool, "DELETE FROM users WHERE tenant_id = 'acme' AND id = 'ben'").await;
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions WHERE tenant_id = 'acme'").await, 0);
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions").await, 1);
    execute(&pool, "DELETE FROM tenants WHERE id = 'default'").await;
    assert_eq!(count(&pool, "SELECT count(*) FROM users").await, 0);
}

/// It would lose its own key to users otherwise.
#[tokio::test]
async fn an_application_that_refers_to_users_by_id_alone_is_told() {
    let (_database, pool) = migrated().await;
    execute(&pool, ROWS).await;
    execute(&pool, "CREATE TABLE todos (id INT PRIMARY KEY, owner TEXT COLLATE \"C\" REFERENCES users (id))").await;
    let before = contents(&pool).await;
    let error = distribute(&pool).await.unwrap_err();
    // dependent_objects_still_exist
    assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("2BP01"));
    assert_eq!(contents(&pool).await, before);
}

/// Its key would pass over rows that policies hide from the owner.
#[tokio::test]
async fn policies_that_hold_for_the_owner_stop_it() {
    let database = PostgresServer::shared().empty_database().await;
    execute(&database.pool(), "GRANT CREATE ON SCHEMA public TO PUBLIC").await;
    let owner = pool(database.role().await);
    migrate(&owner, &Noon).await.unwrap();
    execute(&owner, ROWS).await;
    crate::postgres::enable_row_level_security(&owner).await.unwrap();
    let before = contents(&owner).await;
    let error = distribute(&owner).await.unwrap_err();
    assert!(error.to_string().contains("row-level security"), "{error}");
    assert_eq!(contents(&owner).await, before);
    crate::postgres::disable_row_level_security(&owner).await.unwrap();
    distribute(&owner).await.unwrap();
}

/// Those calls exist on Citus only, so they are comments, which nothing else would keep complete.
#[tokio::test]
async fn every_table_has_its_call() {
    let (_database, pool) = migrated().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'tenant_id' \
         WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let called: Vec<&str> =
        SCRIPT.lines().filter_map(|line| line.strip_prefix("--   SELECT create_distributed_table('")).collect();
    let (first, rest) = called.split_first().unwrap();
    assert_eq!(*first, "tenants', 'id');");
    let rest: BTreeSet<String> = rest
        .iter()
        .map(|call| call.strip_suffix("', 'tenant_id', colocate_with => 'tenants');").unwrap().to_owned())
        .collect();
    assert_eq!(rest, tables.into_iter().collect());
    // Whom a foreign key refers to is there before the key's own table.
    assert!(called[1].starts_with("users'"));
}
