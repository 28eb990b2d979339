//! Row-level security, and steps on databases where it is on: with `FORCE ROW LEVEL SECURITY` the owner's own statements see no
//! row, and say nothing about it.

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use tokio::sync::Barrier;

use super::*;
use crate::{
    MigrationError,
    postgres::{
        RowLevelSecurity, disable_row_level_security, enable_row_level_security, enable_row_level_security_with,
        migrate, row_level_security,
    },
    step::Check,
};

/// A schema whose owner is a plain role, with two users.
async fn owned() -> (PostgresDatabase, PgPool) {
    let database = PostgresServer::shared().empty_database().await;
    let owner = pool(database.role().await);
    execute(&database.pool(), "GRANT CREATE ON SCHEMA public TO PUBLIC").await;
    migrate(&owner, &Noon).await.unwrap();
    execute(
        &owner,
        "INSERT INTO users (id, email, email_key, created_at, updated_at)
             VALUES ('anna', 'a', 'a', now(), now()), ('ben', 'b', 'b', now(), now())",
    )
    .await;
    (database, owner)
}

/// The same with row-level security.
async fn forced() -> (PostgresDatabase, PgPool) {
    let (database, owner) = owned().await;
    assert!(enable_row_level_security(&owner).await.unwrap());
    assert_eq!(count(&owner, "SELECT count(*) FROM users").await, 0);
    (database, owner)
}

const FORCED: &str = "SELECT count(*) FROM pg_class WHERE relrowsecurity AND relforcerowsecurity";

/// Everything that row-level security consists of.
async fn walls(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT concat_ws(' ', 'table', relname, relrowsecurity, relforcerowsecurity) FROM pg_class \
         WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' \
         UNION ALL \
         SELECT concat_ws(' ', 'policy', tablename, policyname, permissive, roles, cmd, qual, 'check', with_check) \
         FROM pg_policies WHERE schemaname = current_schema() \
         UNION ALL \
         SELECT concat_ws(' ', 'function', oid::regprocedure, prosecdef, prosrc) FROM pg_proc \
         WHERE pronamespace = current_schema()::regnamespace \
         ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

async fn look(pool: &PgPool) -> RowLevelSecurity {
    row_level_security(&mut pool.acquire().await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn enabling_again_changes_nothing() {
    let (_database, owner) = owned().await;
    assert!(!look(&owner).await.is_enabled());
    assert!(enable_row_level_security(&owner).await.unwrap());
    let first = walls(&owner).await;
    assert!(!enable_row_level_security(&owner).await.unwrap());
    assert_eq!(walls(&owner).await, first);
    let state = look(&owner).await;
    assert!(state.is_enabled() && state.applies, "{state:?}");
    assert!(!state.superuser && !state.bypasses, "{state:?}");
}

#[tokio::test]
async fn disabling_leaves_nothing_of_it_and_touches_nothing_else() {
    let (_database, owner) = owned().await;
    let foreign = "CREATE TABLE notes (id TEXT); CREATE POLICY own ON notes USING (false); \
        ALTER TABLE notes ENABLE ROW LEVEL SECURITY; CREATE POLICY support ON users FOR SELECT USING (false)";
    execute(&owner, foreign).await;
    let before = (walls(&owner).await, contents(&owner).await);
    assert!(!disable_row_level_security(&owner).await.unwrap());
    enable_row_level_security(&owner).await.unwrap();
    assert!(disable_row_level_security(&owner).await.unwrap());
    assert_eq!((walls(&owner).await, contents(&owner).await), before);
    assert_eq!(count(&owner, "SELECT count(*) FROM users").await, 2);
    assert!(!disable_row_level_security(&owner).await.unwrap());
}

/// What has a tenant is behind the wall, tables of later steps too.
#[tokio::test]
async fn no_table_with_a_tenant_is_forgotten() {
    let (_database, owner) = forced().await;
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class AS c WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace \
         AND (relname = 'tenants' OR EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id')) \
         AND NOT (relrowsecurity AND relforcerowsecurity)",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    assert!(open.is_empty(), "{open:?}");
    assert_eq!(count(&owner, FORCED).await, 10);
}

#[tokio::test]
async fn a_wall_with_a_gap_is_seen_and_closed() {
    for gap in [
        "ALTER TABLE users NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE sessions DISABLE ROW LEVEL SECURITY",
        "DROP POLICY torii_tenant ON lockouts",
        "DROP POLICY torii_list ON tenants",
        "DROP POLICY torii_sweep_read ON sessions",
        "ALTER POLICY torii_tenant ON users USING (true)",
        "ALTER POLICY torii_tenant ON users WITH CHECK (true)",
        "ALTER POLICY torii_tenant ON passkeys TO CURRENT_USER",
        "DROP FUNCTION torii_find_session_v1",
        "COMMENT ON POLICY torii_tenant ON tenants IS NULL",
    ] {
        let (_database, owner) = forced().await;
        let whole = walls(&owner).await;
        execute(&owner, gap).await;
        assert_eq!(look(&owner).await.is_enabled(), gap.starts_with("COMMENT"), "{gap}");
        assert!(enable_row_level_security(&owner).await.unwrap(), "{gap}");
        assert_eq!(walls(&owner).await, whole, "{gap}");
    }
}

/// Whoever changes the text raises its number: databases are recognised by that.
#[tokio::test]
async fn a_revision_has_one_text() {
    let text = include_str!("../../../sql/postgres/row_level_security_on.sql").replace("\r\n", "\n");
    let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    let (_database, owner) = forced().await;
    let revision = look(&owner).await.revision();
    assert_eq!((revision, digest.as_str()), (1, REVISION_1));
}

const REVISION_1: &str = "3a804fc6713008bbfcdf82c9cdd7e0fabf7cc10e1d6f4f3fae6d3f7e7e094843";

/// A newer version of torii has been here: what it made is left as it is.
#[tokio::test]
async fn a_newer_revision_is_left_alone() {
    let (_database, owner) = forced().await;
    execute(&owner, "COMMENT ON POLICY torii_tenant ON tenants IS 'torii row-level security, revision 99'").await;
    assert!(!enable_row_level_security(&owner).await.unwrap());
    assert_eq!(look(&owner).await.revision(), 99);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_enable_it_once() {
    let (_database, owner) = owned().await;
    let gate = Arc::new(Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (owner, gate) = (owner.clone(), Arc::clone(&gate));
            tokio::spawn(async move {
                gate.wait().await;
                enable_row_level_security(&owner).await
            })
        })
        .collect();
    let mut enabled = 0;
    for task in tasks {
        enabled += i32::from(task.await.unwrap().unwrap());
    }
    assert_eq!(enabled, 1);
    assert!(look(&owner).await.is_enabled());
}

#[tokio::test]
async fn a_reader_is_waited_for_only_until_the_deadline_and_nothing_is_half_done() {
    let (database, owner) = owned().await;
    let admin = database.pool();
    let mut reader = admin.begin().await.unwrap();
    sqlx::query("SELECT email_key FROM lockouts").fetch_all(&mut *reader).await.unwrap();
    let patience = MigrateOptions::new().lock_timeout(Duration::from_millis(300));
    let error = enable_row_level_security_with(&owner, &patience).await.unwrap_err();
    assert!(matches!(error, MigrationError::Locked { .. }), "{error:?}");
    assert_eq!(count(&owner, FORCED).await, 0);
    reader.rollback().await.unwrap();
    assert!(enable_row_level_security(&owner).await.unwrap());
}

#[tokio::test]
async fn a_schema_that_is_not_up_to_date_is_refused() {
    let (_database, pool) = empty().await;
    for error in [enable_row_level_security(&pool).await, disable_row_level_security(&pool).await] {
        // There is nothing to take away.
        if let Err(error) = error {
            assert!(matches!(error, MigrationError::Pending { version: 1, .. }), "{error:?}");
        }
    }
    assert!(contents(&pool).await.is_empty());
}

#[tokio::test]
async fn only_the_owner_switches_it_but_anybody_may_see_that_it_is_on() {
    let (database, owner) = owned().await;
    execute(&owner, "GRANT SELECT ON _torii_schema TO PUBLIC").await;
    let other = pool(database.role().await);
    let error = enable_row_level_security(&other).await.unwrap_err();
    let role = other.connect_options().get_username().to_owned();
    assert!(matches!(&error, MigrationError::MayNotAlter { role: named, .. } if *named == role), "{error:?}");
    enable_row_level_security(&owner).await.unwrap();
    assert!(!enable_row_level_security(&other).await.unwrap());
    assert!(look(&other).await.is_enabled());
    assert!(migrate(&other, &Noon).await.unwrap().applied.is_empty());
}

#[tokio::test]
async fn a_step_sees_every_row() {
    for sql in [
        "UPDATE users SET name = 'filled in'",
        // What was valid before the step is still valid after it.
        "ALTER TABLE users ADD COLUMN parent TEXT REFERENCES users (id); UPDATE users SET parent = 'anna', name = 'filled in'",
        "DROP TABLE lockouts; UPDATE users SET name = 'filled in'",
    ] {
        let (database, owner) = forced().await;
        assert_eq!(run_steps(&owner, &steps_and(Body::InTransaction(sql))).await.unwrap(), [3]);
        assert_eq!(count(&database.pool(), "SELECT count(*) FROM users WHERE name = 'filled in'").await, 2, "{sql}");
        assert_eq!(count(&owner, "SELECT count(*) FROM users").await, 0, "{sql}");
        let forced = if sql.starts_with("DROP") { 9 } else { 10 };
        assert_eq!(count(&owner, FORCED).await, forced, "{sql}");
    }
}

#[tokio::test]
async fn a_foreign_key_that_is_violated_is_found() {
    let (database, owner) = forced().await;
    // Nobody's parent exists; hidden rows would count as checked.
    let key = "ALTER TABLE users ADD CONSTRAINT parent FOREIGN KEY (email) REFERENCES users (id)";
    let error = run_steps(&owner, &steps_and(Body::InTransaction(key))).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(matches!(error, MigrationError::Step { version: 3, .. }) && cause.contains("foreign key"), "{cause}");
    assert_eq!(count(&database.pool(), "SELECT max(version) FROM _torii_schema").await, 2);
    assert_eq!(count(&owner, FORCED).await, 10);
}

/// A step that finds nothing wrong because it sees nothing.
#[tokio::test]
async fn post_conditions_see_every_row() {
    let nameless = || Check { what: "a user has no name", query: "SELECT 1 FROM users WHERE name IS NULL" };
    let checks: &[Check] = Box::leak(Box::new([nameless()]));
    let (_database, owner) = forced().await;
    let mut steps = steps_and(Body::InTransaction("CREATE TABLE extra (x TEXT)"));
    steps.last_mut().unwrap().checks = checks;
    let error = run_steps(&owner, &steps).await.unwrap_err();
    assert!(matches!(error, MigrationError::PostCondition { version: 3, .. }), "{error:?}");
    // Outside a transaction nothing can be lifted, but nothing is passed over either.
    let mut steps = steps_and(Body::OutsideTransaction("CREATE TABLE IF NOT EXISTS extra (x TEXT)"));
    steps.last_mut().unwrap().checks = checks;
    let error = run_steps(&owner, &steps).await.unwrap_err();
    assert!(matches!(error, MigrationError::Step { version: 3, .. }), "{error:?}");
    assert_eq!(count(&owner, FORCED).await, 10);
}

/// A step that needs no hidden row locks no table that it does not touch.
#[tokio::test]
async fn a_step_that_needs_no_row_waits_for_nobody() {
    let (database, owner) = forced().await;
    let admin = database.pool();
    let mut reader = admin.begin().await.unwrap();
    sqlx::query("SELECT id FROM users").fetch_all(&mut *reader).await.unwrap();
    let steps = steps_and(Body::InTransaction("CREATE TABLE extra (x TEXT)"));
    assert_eq!(run_steps(&owner, &steps).await.unwrap(), [3]);
    reader.rollback().await.unwrap();
}
