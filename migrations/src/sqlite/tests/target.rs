//! Stopping before the newest version.

use super::{
    legacy::{LATER, old},
    *,
};
use crate::{
    MigrateOptions, MigrationError,
    sqlite::{migrate, migrate_with, plan, status},
};

#[tokio::test]
async fn it_stops_after_the_step_that_was_asked_for_and_goes_on_later() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    let to = |version| MigrateOptions::new().to(version);
    let names: Vec<_> = plan(&pool, &to(1)).await.unwrap().steps.into_iter().map(|step| step.name).collect();
    assert_eq!(names, ["initial"]);

    let report = migrate_with(&pool, &Noon, &to(1)).await.unwrap();
    assert_eq!((report.version, report.applied.len()), (1, 1));
    assert_eq!(count(&pool, "SELECT count(*) FROM tenants").await, 0);
    assert_eq!(status(&pool).await.unwrap().pending.len(), 1);
    assert!(migrate_with(&pool, &Noon, &to(1)).await.unwrap().applied.is_empty());

    assert_eq!(migrate(&pool, &Noon).await.unwrap().version, 2);
    assert_eq!(count(&pool, "SELECT count(*) FROM tenants").await, 1);
}

#[tokio::test]
async fn an_unknown_version_is_refused_before_anything_is_changed() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    for version in [-1, 0, 3, i64::MAX] {
        let options = MigrateOptions::new().to(version);
        for error in [migrate_with(&pool, &Noon, &options).await.err(), plan(&pool, &options).await.err()] {
            let error = error.expect("refused");
            assert!(
                matches!(error, MigrationError::UnknownVersion { version: asked, known: 2 } if asked == version),
                "{error:?}"
            );
        }
    }
    assert!(contents(&pool).await.is_empty());
}

#[tokio::test]
async fn a_database_beyond_the_version_is_refused() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    migrate(&pool, &Noon).await.unwrap();
    let before = contents(&pool).await;
    let options = MigrateOptions::new().to(1);
    for error in [migrate_with(&pool, &Noon, &options).await.err(), plan(&pool, &options).await.err()] {
        let error = error.expect("refused");
        assert!(matches!(error, MigrationError::BeyondTarget { found: 2, target: 1 }), "{error:?}");
    }
    assert_eq!(contents(&pool).await, before);
}

#[tokio::test]
async fn an_older_versions_database_is_taken_over_whole_or_not() {
    let (_scratch, pool) = old(LATER, "").await;
    let before = contents(&pool).await;
    let options = MigrateOptions::new().to(1);
    for error in [migrate_with(&pool, &Noon, &options).await.err(), plan(&pool, &options).await.err()] {
        let error = error.expect("refused");
        assert!(matches!(error, MigrationError::BeforeAdoption { adopted: 2, target: 1 }), "{error:?}");
    }
    assert_eq!(contents(&pool).await, before);
    assert!(migrate_with(&pool, &Noon, &MigrateOptions::new().to(2)).await.unwrap().adopted.is_some());
}
