//! The tables that hold the rows as they were.

use super::*;
use crate::sqlite::drop_backup;

async fn backups(pool: &SqlitePool) -> i64 {
    count(
        pool,
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name LIKE '\\_torii\\_backup\\_%' ESCAPE '\\'",
    )
    .await
}

#[tokio::test]
async fn they_stay_until_they_are_dropped() {
    let (_scratch, pool) = old(LATER_SEAORM, "").await;
    let adoption = adopt(&pool).await;
    assert_eq!(backups(&pool).await, 8);
    let named: Vec<String> = adoption.backups().map(str::to_owned).collect();
    assert_eq!(drop_backup(&pool, &MigrateOptions::new()).await.unwrap(), named);
    assert_eq!(backups(&pool).await, 0);
    assert_eq!(count(&pool, "SELECT count(*) FROM sessions").await, 7);
    assert!(drop_backup(&pool, &MigrateOptions::new()).await.unwrap().is_empty());
    let known = status(&pool).await.unwrap().adopted.unwrap();
    assert_eq!((known.from, known.backups().count(), known.tables.len()), (OlderVersion::SeaOrm06Preview, 0, 8));
    assert!(migrate(&pool, &Noon).await.unwrap().applied.is_empty());
}

#[tokio::test]
async fn an_option_drops_them_at_once_or_later() {
    let dropping = MigrateOptions::new().drop_backup(true);
    let (_scratch, pool) = old(V053, "").await;
    let report = migrate_with(&pool, &Noon, &dropping).await.unwrap();
    assert_eq!(report.adopted.unwrap().backups().count(), 0);
    assert_eq!(backups(&pool).await, 0);

    let (_scratch, pool) = old(V053, "").await;
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
    assert_eq!(backups(&pool).await, 0);
    assert_eq!(count(&pool, "SELECT count(*) FROM users").await, 6);
}

/// Nothing refers to them, and they refer to nothing: deleting a user is neither refused nor seen.
#[tokio::test]
async fn they_stand_apart() {
    for (fixture, _) in ALL {
        let (_scratch, pool) = old(fixture, "").await;
        adopt(&pool).await;
        let rows = count(&pool, "SELECT count(*) FROM _torii_backup_sessions").await;
        execute(&pool, "DELETE FROM users").await;
        assert_eq!(count(&pool, "SELECT count(*) FROM _torii_backup_sessions").await, rows);
        let keys = "SELECT count(*) FROM sqlite_schema AS t JOIN pragma_foreign_key_list(t.name) AS k \
            WHERE t.name LIKE '%backup%' OR k.\"table\" LIKE '%backup%'";
        assert_eq!(count(&pool, keys).await, 0);
    }
}

/// An up-to-date database that never was another version's.
#[tokio::test]
async fn a_new_database_has_none() {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    migrate_with(&pool, &Noon, &MigrateOptions::new().drop_backup(true)).await.unwrap();
    assert!(drop_backup(&pool, &MigrateOptions::new()).await.unwrap().is_empty());
    assert_eq!(status(&pool).await.unwrap().adopted, None);
}
