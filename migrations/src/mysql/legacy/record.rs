//! How far the upgrade is, and what was taken over: one table, `_torii_upgrade` until the tables are exchanged and
//! `_torii_adoption` from then on.

use sqlx::MySqlConnection;

use super::work::{Work, failed, live, query, quoted};
use crate::{
    AdoptedTable, Adoption, OlderVersion, PlannedStep, Result,
    legacy::{Contents, Legacy, Present},
    mysql::errors,
};

pub(super) const UPGRADE: &str = "_torii_upgrade";

pub(super) const ADOPTION: &str = "_torii_adoption";

/// What a table of today held when it was copied, and the foreign keys that the old one had, are kept with the counts.
pub(super) const CREATE: &str = "CREATE TABLE IF NOT EXISTS _torii_upgrade (
    source       VARCHAR(64) NOT NULL PRIMARY KEY,
    position     BIGINT NOT NULL,
    version      VARCHAR(64) NOT NULL,
    target       VARCHAR(64) NOT NULL,
    backup       VARCHAR(64),
    adopted      BIGINT,
    set_aside    BIGINT,
    checksum     VARBINARY(32),
    foreign_keys TEXT
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

const READ: &str = "read what was taken over";

/// Version, source, target, backup, rows that were taken over and not.
type Row = (String, String, String, Option<String>, i64, i64);

/// What was taken over, if anything was.
pub(in crate::mysql) async fn read(connection: &mut MySqlConnection) -> Result<Option<Adoption>> {
    let tables: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name = '_torii_adoption'",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(errors::failed(READ))?;
    if tables == 0 {
        return Ok(None);
    }
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT version, source, target, backup, COALESCE(adopted, 0), COALESCE(set_aside, 0) \
         FROM _torii_adoption ORDER BY position",
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

/// Makes the table, with a row for each old table.
pub(super) async fn begin(work: &mut Work<'_>, legacy: &Legacy) -> Result<()> {
    const STEP: &str = "begin to remember what is taken over";
    work.run(STEP, CREATE.to_owned()).await?;
    for (position, present) in legacy.tables.iter().enumerate() {
        live(work.connection, work.options, STEP).await?;
        let backup = (!present.table.is_users()).then(|| present.backup());
        sqlx::query(
            "INSERT INTO _torii_upgrade (source, position, version, target, backup) VALUES (?, ?, ?, ?, ?) \
             ON DUPLICATE KEY UPDATE version = VALUES(version)",
        )
        .bind(present.table.source)
        .bind(i64::try_from(position).unwrap_or(i64::MAX))
        .bind(legacy.version.as_str())
        .bind(present.table.target)
        .bind(backup)
        .execute(&mut *work.connection)
        .await
        .map_err(failed(STEP))?;
    }
    Ok(())
}

/// How many rows of a table were copied, and what is in them; `None` while they are not.
pub(super) async fn copied(work: &mut Work<'_>, present: &Present) -> Result<Option<(u64, Vec<u8>)>> {
    let row: Option<(Option<i64>, Option<Vec<u8>>)> =
        sqlx::query_as("SELECT adopted, checksum FROM _torii_upgrade WHERE source = ?")
            .bind(present.table.source)
            .fetch_optional(&mut *work.connection)
            .await
            .map_err(failed(READ))?;
    Ok(row.and_then(|(adopted, checksum)| Some((adopted?.unsigned_abs(), checksum?))))
}

/// Remembers that a table is copied.
pub(super) async fn mark_copied(
    work: &mut Work<'_>,
    present: &Present,
    contents: &Contents,
    set_aside: u64,
) -> Result<()> {
    const STEP: &str = "remember what was taken over";
    live(work.connection, work.options, STEP).await?;
    sqlx::query("UPDATE _torii_upgrade SET adopted = ?, set_aside = ?, checksum = ? WHERE source = ?")
        .bind(i64::try_from(contents.rows).unwrap_or(i64::MAX))
        .bind(i64::try_from(set_aside).unwrap_or(i64::MAX))
        .bind(contents.checksum())
        .bind(present.table.source)
        .execute(&mut *work.connection)
        .await
        .map_err(failed(STEP))?;
    Ok(())
}

/// Remembers the foreign keys of an old table before they are dropped: how they are added again.
pub(super) async fn write_keys(work: &mut Work<'_>, source: &str, keys: &str) -> Result<()> {
    const STEP: &str = "remember the foreign keys of the old tables";
    live(work.connection, work.options, STEP).await?;
    sqlx::query("UPDATE _torii_upgrade SET foreign_keys = ? WHERE source = ?")
        .bind(keys)
        .bind(source)
        .execute(&mut *work.connection)
        .await
        .map_err(failed(STEP))?;
    Ok(())
}

/// What [`write_keys`] wrote.
pub(super) async fn read_keys(work: &mut Work<'_>, source: &str) -> Result<Option<String>> {
    let keys: Option<Option<String>> = sqlx::query_scalar("SELECT foreign_keys FROM _torii_upgrade WHERE source = ?")
        .bind(source)
        .fetch_optional(&mut *work.connection)
        .await
        .map_err(failed(READ))?;
    Ok(keys.flatten())
}

/// Drops the backups, and answers their names. Killed in between, it does the rest the next time.
pub(in crate::mysql) async fn drop_backup(work: &mut Work<'_>) -> Result<Vec<String>> {
    const STEP: &str = "drop the backup";
    let Some(adoption) = read(work.connection).await? else { return Ok(Vec::new()) };
    let backups: Vec<String> = adoption.backups().map(str::to_owned).collect();
    for backup in &backups {
        work.run(STEP, format!("DROP TABLE IF EXISTS {}", quoted(backup))).await?;
    }
    if !backups.is_empty() {
        live(work.connection, work.options, STEP).await?;
        query("UPDATE _torii_adoption SET backup = NULL".to_owned())
            .execute(&mut *work.connection)
            .await
            .map_err(failed(STEP))?;
    }
    Ok(backups)
}

/// [`drop_backup`] for people, a step for each table.
pub(in crate::mysql) async fn plan_drop_backup(connection: &mut MySqlConnection) -> Result<Vec<PlannedStep>> {
    let adoption = read(connection).await?;
    let backups = adoption.iter().flat_map(Adoption::backups);
    let step =
        |backup| PlannedStep::new(format!("drop the backup {backup}"), format!("DROP TABLE {};", quoted(backup)));
    Ok(backups.map(step).collect())
}

/// The end of the backup, for people.
pub(super) fn describe_drop(legacy: &Legacy) -> PlannedStep {
    let replaced = legacy.tables.iter().filter(|present| !present.table.is_users());
    let drops: Vec<_> = replaced.map(|present| format!("DROP TABLE {};", quoted(&present.backup()))).collect();
    PlannedStep::new("drop the backup", drops.join("\n"))
}
