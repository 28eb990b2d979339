//! What was taken over, as the database remembers it: the table `_torii_adoption`.

use sqlx::SqliteConnection;

use super::work::{Work, failed, quoted};
use crate::{AdoptedTable, Adoption, MigrateOptions, OlderVersion, PlannedStep, Result, sqlite::errors};

pub(super) const CREATE: &str = "CREATE TABLE main._torii_adoption ( \
     position INTEGER NOT NULL PRIMARY KEY, \
     version TEXT NOT NULL, \
     source TEXT NOT NULL, \
     target TEXT NOT NULL, \
     backup TEXT, \
     adopted INTEGER NOT NULL, \
     set_aside INTEGER NOT NULL \
 ) STRICT";

const READ: &str = "read what was taken over";

/// Version, source, target, backup, rows that were taken over and not.
type Row = (String, String, String, Option<String>, i64, i64);

/// What was taken over, if anything was.
pub(in crate::sqlite) async fn read(connection: &mut SqliteConnection) -> Result<Option<Adoption>> {
    let exists: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = '_torii_adoption')",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(errors::failed(READ))?;
    if !exists {
        return Ok(None);
    }
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT version, source, target, backup, adopted, set_aside FROM main._torii_adoption ORDER BY position",
    )
    .fetch_all(connection)
    .await
    .map_err(errors::failed(READ))?;
    let Some(from) = rows.first().and_then(|row| OlderVersion::from_name(&row.0)) else { return Ok(None) };
    let tables = rows.into_iter().map(|(_, source, table, backup, adopted, set_aside)| AdoptedTable {
        source,
        table,
        backup,
        adopted: adopted.unsigned_abs(),
        set_aside: set_aside.unsigned_abs(),
    });
    Ok(Some(Adoption { from, tables: tables.collect(), findings: Vec::new() }))
}

/// Writes it.
pub(super) async fn write(work: &mut Work<'_>, adoption: &Adoption) -> Result<()> {
    const STEP: &str = "remember what was taken over";
    work.run(STEP, CREATE.to_owned()).await?;
    for table in &adoption.tables {
        work.live(STEP)?;
        sqlx::query(
            "INSERT INTO main._torii_adoption (version, source, target, backup, adopted, set_aside) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .bind(adoption.from.as_str())
        .bind(&table.source)
        .bind(&table.table)
        .bind(&table.backup)
        .bind(i64::try_from(table.adopted).unwrap_or(i64::MAX))
        .bind(i64::try_from(table.set_aside).unwrap_or(i64::MAX))
        .execute(&mut *work.connection)
        .await
        .map_err(failed(STEP))?;
    }
    Ok(())
}

/// Drops the backups, and answers their names. Inside a transaction.
pub(super) async fn drop_backup(connection: &mut SqliteConnection) -> Result<Vec<String>> {
    const STEP: &str = "drop the backup";
    let Some(adoption) = read(connection).await? else { return Ok(Vec::new()) };
    let backups: Vec<String> = adoption.backups().map(str::to_owned).collect();
    let options = MigrateOptions::new();
    let mut work = Work { connection, options: &options };
    for backup in &backups {
        work.run(STEP, format!("DROP TABLE IF EXISTS main.{}", quoted(backup))).await?;
    }
    if !backups.is_empty() {
        work.run(STEP, "UPDATE main._torii_adoption SET backup = NULL".to_owned()).await?;
    }
    Ok(backups)
}

/// [`drop_backup`] for people, a step for each table.
pub(in crate::sqlite) async fn plan_drop_backup(connection: &mut SqliteConnection) -> Result<Vec<PlannedStep>> {
    let adoption = read(connection).await?;
    let backups = adoption.iter().flat_map(Adoption::backups);
    let step =
        |backup| PlannedStep::new(format!("drop the backup {backup}"), format!("DROP TABLE main.{};", quoted(backup)));
    Ok(backups.map(step).collect())
}
