//! The tables that hold the rows as they were.

use super::*;
use crate::mysql::drop_backup;

const BACKUPS: &str = "SELECT COUNT(*) FROM information_schema.tables \
    WHERE table_schema = DATABASE() AND table_name LIKE '\\_torii\\_backup\\_%'";

#[tokio::test]
async fn they_stay_until_they_are_dropped() {
    let (_database, pool) = old(LATER, "").await;
    let adoption = adopt(&pool).await;
    assert_eq!(count(&pool, BACKUPS).await, 7);
    let named: Vec<String> = adoption.backups().map(str::to_owned).collect();
    assert_eq!(drop_backup(&pool, &MigrateOptions::new()).await.unwrap(), named);
    assert_eq!(count(&pool, BACKUPS).await, 0);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM sessions").await, 7);
    assert!(drop_backup(&pool, &MigrateOptions::new()).await.unwrap().is_empty());
    let known = status(&pool).await.unwrap().adopted.unwrap();
    assert_eq!((known.from, known.backups().count(), known.tables.len()), (OlderVersion::SeaOrm06Preview, 0, 8));
    assert!(migrate(&pool, &Noon).await.unwrap().applied.is_empty());
}

#[tokio::test]
async fn an_option_drops_them_at_once_or_later() {
    let dropping = MigrateOptions::new().drop_backup(true);
    let (_database, pool) = old(V053, "").await;
    let report = migrate_with(&pool, &Noon, &dropping).await.unwrap();
    assert_eq!(report.adopted.unwrap().backups().count(), 0);
    assert_eq!(count(&pool, BACKUPS).await, 0);

    let (_database, pool) = old(V053, "").await;
    let named: Vec<String> = adopt(&pool).await.backups().map(str::to_owned).collect();
    assert!(!named.is_empty());
    assert!(plan(&pool, &MigrateOptions::new()).await.unwrap().steps.is_empty());
    let planned = plan(&pool, &dropping).await.unwrap().steps;
    assert_eq!(planned.len(), named.len());
    for (step, backup) in planned.iter().zip(&named) {
        assert!(step.sql.starts_with("DROP TABLE ") && step.sql.contains(backup), "{step:?}");
    }
    assert_eq!(migrate_with(&pool, &Noon, &dropping).await.unwrap().dropped_backups, named);
    assert!(plan(&pool, &dropping).await.unwrap().steps.is_empty());
    assert!(migrate_with(&pool, &Noon, &dropping).await.unwrap().dropped_backups.is_empty());
    assert_eq!(count(&pool, BACKUPS).await, 0);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM users").await, 9);
}

/// Killed while they are dropped, the rest is dropped the next time.
#[tokio::test]
async fn an_interrupted_drop_goes_on() {
    let (_database, pool) = old(LATER, "").await;
    adopt(&pool).await;
    let mut number = 0;
    while drop_backup(&pool, &ending_at(number)).await.is_err() {
        number += 1;
    }
    assert!(number > 5, "{number}");
    assert_eq!(count(&pool, BACKUPS).await, 0);
    assert_eq!(status(&pool).await.unwrap().adopted.unwrap().backups().count(), 0);
}

/// Nothing refers to them, and they refer to nothing: deleting a user is neither refused nor seen.
#[tokio::test]
async fn they_stand_apart() {
    for (fixture, _) in ALL {
        let (_database, pool) = old(fixture, "").await;
        adopt(&pool).await;
        let tokens = "SELECT COUNT(*) FROM _torii_backup_secure_tokens";
        let rows = count(&pool, tokens).await;
        execute(&pool, "DELETE FROM users").await;
        assert_eq!(count(&pool, tokens).await, rows);
        const KEYS: &str = "SELECT COUNT(*) FROM information_schema.key_column_usage WHERE table_schema = DATABASE() \
            AND (table_name LIKE '%backup%' AND referenced_table_name IS NOT NULL OR referenced_table_name LIKE '%backup%')";
        assert_eq!(count(&pool, KEYS).await, 0);
    }
}

/// An up-to-date database that never was another version's.
#[tokio::test]
async fn a_new_database_has_none() {
    let (_database, pool) = empty().await;
    migrate_with(&pool, &Noon, &MigrateOptions::new().drop_backup(true)).await.unwrap();
    assert!(drop_backup(&pool, &MigrateOptions::new()).await.unwrap().is_empty());
    assert_eq!(status(&pool).await.unwrap().adopted, None);
}
