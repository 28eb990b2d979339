//! Stopping before the newest version.

use super::*;
use crate::{
    MigrationError,
    mysql::{migrate, migrate_with, status},
};

#[tokio::test]
async fn it_stops_after_the_step_that_was_asked_for_and_does_not_go_back() {
    let (_database, pool) = empty().await;
    let to = |version| MigrateOptions::new().to(version);
    let error = migrate_with(&pool, &Noon, &to(3)).await.unwrap_err();
    assert!(matches!(error, MigrationError::UnknownVersion { version: 3, known: 2 }), "{error:?}");
    assert!(contents(&pool).await.is_empty());

    assert_eq!(migrate_with(&pool, &Noon, &to(1)).await.unwrap().version, 1);
    assert_eq!(status(&pool).await.unwrap().pending.len(), 1);
    assert_eq!(migrate(&pool, &Noon).await.unwrap().version, 2);
    let error = migrate_with(&pool, &Noon, &to(1)).await.unwrap_err();
    assert!(matches!(error, MigrationError::BeyondTarget { found: 2, target: 1 }), "{error:?}");
}
