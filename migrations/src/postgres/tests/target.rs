//! Stopping before the newest version.

use super::{
    legacy::{LATER, old},
    *,
};
use crate::{
    MigrateOptions, MigrationError,
    postgres::{migrate, migrate_with, plan, status},
};

#[tokio::test]
async fn it_stops_after_the_step_that_was_asked_for_and_does_not_go_back() {
    let (_database, pool) = empty().await;
    let to = |version| MigrateOptions::new().to(version);
    let names: Vec<_> = plan(&pool, &to(1)).await.unwrap().steps.into_iter().map(|step| step.name).collect();
    assert_eq!(names, ["initial"]);
    for error in [migrate_with(&pool, &Noon, &to(3)).await.err(), plan(&pool, &to(3)).await.err()] {
        assert!(matches!(error, Some(MigrationError::UnknownVersion { version: 3, known: 2 })), "{error:?}");
    }
    assert!(contents(&pool).await.is_empty());

    assert_eq!(migrate_with(&pool, &Noon, &to(1)).await.unwrap().version, 1);
    assert_eq!(status(&pool).await.unwrap().pending.len(), 1);
    assert_eq!(migrate(&pool, &Noon).await.unwrap().version, 2);
    for error in [migrate_with(&pool, &Noon, &to(1)).await.err(), plan(&pool, &to(1)).await.err()] {
        assert!(matches!(error, Some(MigrationError::BeyondTarget { found: 2, target: 1 })), "{error:?}");
    }
}

#[tokio::test]
async fn an_older_versions_database_is_taken_over_whole_or_not() {
    let (_database, pool) = old(LATER, "").await;
    let before = contents(&pool).await;
    let options = MigrateOptions::new().to(1);
    for error in [migrate_with(&pool, &Noon, &options).await.err(), plan(&pool, &options).await.err()] {
        assert!(matches!(error, Some(MigrationError::BeforeAdoption { adopted: 2, target: 1 })), "{error:?}");
    }
    assert_eq!(contents(&pool).await, before);
}
