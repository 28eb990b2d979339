use super::*;
use crate::postgres::{migrate, status};

#[tokio::test]
async fn a_fresh_database_gets_every_step_and_the_default_tenant() {
    let (_database, pool) = empty().await;
    let report = migrate(&pool, &Noon).await.unwrap();

    let applied: Vec<_> = report.applied.iter().map(|step| (step.version, step.name.as_str())).collect();
    assert_eq!(applied, [(1, "initial"), (2, "default_tenant")]);
    assert_eq!(report.version, 2);

    let (id, status, settings, created_at): (String, String, String, DateTime<Utc>) =
        sqlx::query_as("SELECT id, status, settings::text, created_at FROM tenants").fetch_one(&pool).await.unwrap();
    assert_eq!((id.as_str(), status.as_str(), settings.as_str()), ("default", "active", "{}"));
    assert_eq!(created_at, Noon.now());
}

#[tokio::test]
async fn the_second_run_does_nothing() {
    let (_database, pool) = empty().await;
    migrate(&pool, &Noon).await.unwrap();
    let before = contents(&pool).await;
    let report = migrate(&pool, &Noon).await.unwrap();
    assert!(report.applied.is_empty());
    assert_eq!(report.version, 2);
    assert_eq!(contents(&pool).await, before);
}

#[tokio::test]
async fn the_status_tells_what_is_applied_and_what_is_pending() {
    let (_database, pool) = empty().await;
    let fresh = status(&pool).await.unwrap();
    assert!(fresh.applied.is_empty() && !fresh.is_up_to_date());
    assert_eq!(fresh.pending.iter().map(|step| step.version).collect::<Vec<_>>(), [1, 2]);
    assert!(contents(&pool).await.is_empty(), "asking changes nothing");

    migrate(&pool, &Noon).await.unwrap();
    let migrated = status(&pool).await.unwrap();
    assert!(migrated.is_up_to_date());
    assert_eq!(migrated.applied.iter().map(|step| step.version).collect::<Vec<_>>(), [1, 2]);
    assert!(migrated.applied.iter().all(|step| step.finished_at == Some(Noon.now())));
}

/// A released step that changed would be refused by every database out there.
#[test]
fn released_steps_do_not_change() {
    let checksums: Vec<String> =
        STEPS.iter().map(|step| step.checksum().iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    assert_eq!(checksums, RELEASED);
}

const RELEASED: [&str; 2] = [
    "42056774a628ef8eefc09b27d41c0a4e475d3454c0262b8cb0e5f59c8e598f40",
    "900710d5f1d281b5b0a5974ef8c15189c6c3acf3c8ae67d8f46a1f3f958ebac3",
];

#[test]
fn versions_count_from_one() {
    let versions: Vec<i64> = STEPS.iter().map(|step| step.version).collect();
    assert_eq!(versions, (1..=i64::try_from(STEPS.len()).unwrap()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_copy_of_the_servers_template_is_up_to_date() {
    let (_database, pool) = migrated().await;
    assert!(status(&pool).await.unwrap().is_up_to_date());
    assert!(migrate(&pool, &Noon).await.unwrap().applied.is_empty());
}

/// The pool's only connection may be at work elsewhere.
#[tokio::test]
async fn a_pool_of_one_that_is_in_use_is_no_obstacle_and_keeps_its_settings() {
    let (database, _) = empty().await;
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(database.options());
    let mut in_use = pool.acquire().await.unwrap();
    const SETTINGS: &str = "SELECT string_agg(name || '=' || setting, ',' ORDER BY name) FROM pg_settings \
        WHERE name IN ('lock_timeout', 'statement_timeout', 'row_security', 'client_min_messages')";
    let before: String = sqlx::query_scalar(SETTINGS).fetch_one(&mut *in_use).await.unwrap();
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    let after: String = sqlx::query_scalar(SETTINGS).fetch_one(&mut *in_use).await.unwrap();
    assert_eq!(after, before);
}

/// Without its lock and without a session that lingers, another run can begin at once.
#[tokio::test]
async fn nothing_is_left_locked() {
    let (_database, pool) = empty().await;
    migrate(&pool, &Noon).await.unwrap();
    const LOCKS: &str = "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database \
        WHERE datname = current_database() AND locktype = 'advisory'";
    assert_eq!(count(&pool, LOCKS).await, 0);
}

/// A role's own limit for a statement is meant for its everyday queries.
#[tokio::test]
async fn the_roles_own_timeout_does_not_end_a_step() {
    let (database, pool) = empty().await;
    let impatient = super::pool(database.options().options([("statement_timeout", "50ms")]));
    let slow = [step(1, Body::InTransaction("CREATE TABLE a (x INTEGER); SELECT pg_sleep(0.2)"))];
    assert_eq!(run_steps(&impatient, &slow).await.unwrap(), [1]);
    assert_eq!(count(&pool, "SELECT count(*) FROM a").await, 0);
}
