use super::*;
use crate::mysql::{fingerprint, migrate, status};

#[tokio::test]
async fn a_fresh_database_gets_every_step_and_the_default_tenant() {
    let (_database, pool) = empty().await;
    let report = migrate(&pool, &Noon).await.unwrap();

    let applied: Vec<_> = report.applied.iter().map(|step| (step.version, step.name.as_str())).collect();
    assert_eq!(applied, [(1, "initial"), (2, "default_tenant")]);
    assert_eq!(report.version, 2);

    let (id, status, settings, created_at): (String, String, String, DateTime<Utc>) =
        sqlx::query_as("SELECT id, status, CAST(settings AS CHAR), created_at FROM tenants")
            .fetch_one(&pool)
            .await
            .unwrap();
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
    "31556d32acaddfddba9c77689f64751cf11bdfde98264db0b90d95f8241e037e",
    "18895e3602499106fcd1ec08a628eddf985435412eb7fcb76b02f3b25cf751dd",
];

#[test]
fn versions_count_from_one() {
    let versions: Vec<i64> = STEPS.iter().map(|step| step.version).collect();
    assert_eq!(versions, (1..=i64::try_from(STEPS.len()).unwrap()).collect::<Vec<_>>());
}

#[test]
fn the_fingerprint_is_that_of_all_steps() {
    use sha2::{Digest as _, Sha256};
    assert_eq!(fingerprint().as_slice(), &Sha256::digest([STEPS[0].checksum(), STEPS[1].checksum()].concat())[..]);
}

/// The pool's only connection may be at work elsewhere.
#[tokio::test]
async fn a_pool_of_one_that_is_in_use_is_no_obstacle_and_keeps_its_settings() {
    let (database, _) = empty().await;
    let pool = MySqlPoolOptions::new().max_connections(1).connect_lazy_with(database.options());
    let mut in_use = pool.acquire().await.unwrap();
    const SETTINGS: &str = "SELECT CAST(CONCAT_WS(' ', @@sql_mode, @@time_zone, @@lock_wait_timeout, \
        @@innodb_lock_wait_timeout, @@foreign_key_checks, @@autocommit) AS CHAR)";
    let before: String = sqlx::query_scalar(SETTINGS).fetch_one(&mut *in_use).await.unwrap();
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    let after: String = sqlx::query_scalar(SETTINGS).fetch_one(&mut *in_use).await.unwrap();
    assert_eq!(after, before);
}

/// Without its lock, another run can begin at once.
#[tokio::test]
async fn nothing_is_left_locked() {
    let (_database, pool) = empty().await;
    migrate(&pool, &Noon).await.unwrap();
    let free = "SELECT IS_FREE_LOCK(CONCAT('torii:', LEFT(SHA2(DATABASE(), 256), 40)))";
    assert_eq!(count(&pool, free).await, 1);
}
