use super::*;
use crate::sqlite::{migrate, status, steps::STEPS};

#[tokio::test]
async fn a_fresh_database_gets_every_step_and_the_default_tenant() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    let report = migrate(&pool, &Noon).await.unwrap();

    let applied: Vec<_> = report.applied.iter().map(|step| (step.version, step.name.as_str())).collect();
    assert_eq!(applied, [(1, "initial"), (2, "default_tenant")]);
    assert_eq!(report.version, 2);

    let (id, status, settings, created_at): (String, String, String, DateTime<Utc>) =
        sqlx::query_as("SELECT id, status, settings, created_at FROM tenants").fetch_one(&pool).await.unwrap();
    assert_eq!((id.as_str(), status.as_str(), settings.as_str()), ("default", "active", "{}"));
    assert_eq!(created_at, Noon.now());
}

#[tokio::test]
async fn the_second_run_does_nothing() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    migrate(&pool, &Noon).await.unwrap();
    let before = contents(&pool).await;
    let mut witness = pool.acquire().await.unwrap();
    let unchanged = data_version(&mut witness).await;

    let report = migrate(&pool, &Noon).await.unwrap();

    assert!(report.applied.is_empty());
    assert_eq!(report.version, 2);
    assert_eq!(contents(&pool).await, before);
    assert_eq!(data_version(&mut witness).await, unchanged);
}

#[tokio::test]
async fn the_status_tells_what_is_applied_and_what_is_pending() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
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
    "1fe5721781d08e57467546c315f5c14d50f19178ccae9e2131d20e38b57326c6",
    "545eadd3b1ece07be994496d6bf8135c221f9e1c192ed4494f20da43dd87bc45",
];

#[test]
fn versions_count_from_one() {
    let versions: Vec<i64> = STEPS.iter().map(|step| step.version).collect();
    assert_eq!(versions, (1..=i64::try_from(STEPS.len()).unwrap()).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_connection_is_closed_and_no_setting_leaks_into_the_pool() {
    let scratch = Scratch::new();
    let pool = SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options(&scratch.file()));
    let busy_timeout = count(&pool, "PRAGMA busy_timeout").await;
    migrate(&pool, &Noon).await.unwrap();
    assert_eq!(count(&pool, "PRAGMA busy_timeout").await, busy_timeout);
    assert_eq!(count(&pool, "PRAGMA foreign_keys").await, 1);
    // Only without another connection can the file be locked as a whole.
    execute(&pool, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT").await;
}

/// The pool's only connection may be at work elsewhere: a file is migrated on a connection of its own.
#[tokio::test]
async fn a_pool_of_one_that_is_in_use_is_no_obstacle_for_a_file() {
    let scratch = Scratch::new();
    let pool = SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options(&scratch.file()));
    let in_use = pool.acquire().await.unwrap();
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    drop(in_use);
}

#[tokio::test]
async fn a_pool_that_locks_its_file_exclusively_is_migrated_through_itself() {
    let scratch = Scratch::new();
    let options = options(&scratch.file()).locking_mode(sqlx::sqlite::SqliteLockingMode::Exclusive);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    execute(&pool, "CREATE TABLE notes (text TEXT)").await;
    assert_eq!(migrate(&pool, &Noon).await.unwrap().applied.len(), 2);
    assert!(status(&pool).await.unwrap().is_up_to_date());
}
