//! The tables that hold the rows as they were.

use super::*;
use crate::postgres::drop_backup;

const BACKUPS: &str = "SELECT count(*) FROM pg_tables WHERE tablename LIKE '\\_torii\\_backup\\_%'";

#[tokio::test]
async fn they_stay_until_they_are_dropped() {
    let (_database, pool) = old(LATER_SEAORM, "").await;
    let adoption = adopt(&pool).await;
    assert_eq!(count(&pool, BACKUPS).await, 7);
    let named: Vec<String> = adoption.backups().map(str::to_owned).collect();
    assert_eq!(drop_backup(&pool, &MigrateOptions::new()).await.unwrap(), named);
    assert_eq!(count(&pool, BACKUPS).await, 0);
    assert_eq!(count(&pool, "SELECT count(*) FROM pg_class WHERE relname LIKE '\\_torii\\_backup%'").await, 0);
    assert!(drop_backup(&pool, &MigrateOptions::new()).await.unwrap().is_empty());
    let known = status(&pool).await.unwrap().adopted.unwrap();
    assert_eq!((known.from, known.backups().count(), known.tables.len()), (OlderVersion::SeaOrm06Preview, 0, 8));
}

#[tokio::test]
async fn an_option_drops_them_at_once_or_later() {
    let dropping = MigrateOptions::new().drop_backup(true);
    let (_database, pool) = old(V053, "").await;
    assert_eq!(migrate_with(&pool, &Noon, &dropping).await.unwrap().adopted.unwrap().backups().count(), 0);
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
    assert_eq!(count(&pool, "SELECT count(*) FROM users").await, 2);
}

#[tokio::test]
async fn they_stand_apart() {
    for (fixture, _) in ALL {
        let (_database, pool) = old(fixture, "").await;
        adopt(&pool).await;
        let rows = count(&pool, "SELECT count(*) FROM _torii_backup_sessions").await;
        execute(&pool, "DELETE FROM users").await;
        assert_eq!(count(&pool, "SELECT count(*) FROM _torii_backup_sessions").await, rows);
        assert_eq!(count(&pool, "SELECT count(*) FROM sessions").await, 0);
    }
}
