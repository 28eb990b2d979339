//! What was taken over, as the database remembers it: the table `_torii_adoption`.

use sqlx::{Connection, PgConnection};

use super::work::{failed, live, quoted, run};
use crate::{
    AdoptedTable, Adoption, MigrateOptions, OlderVersion, PlannedStep, Result,
    legacy::Legacy,
    patience::Patience,
    postgres::{errors, run::BEGIN, session},
};

pub(super) const CREATE: &str = "CREATE TABLE _torii_adoption ( \
     position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
     version TEXT NOT NULL, \
     source TEXT NOT NULL, \
     target TEXT NOT NULL, \
     backup TEXT, \
     adopted BIGINT NOT NULL, \
     set_aside BIGINT NOT NULL \
 )";

const READ: &str = "read what was taken over";

/// Version, source, target, backup, rows that were taken over and not.
type Row = (String, String, String, Option<String>, i64, i64);

/// What was taken over, if anything was.
pub(in crate::postgres) async fn read(connection: &mut PgConnection) -> Result<Option<Adoption>> {
    let exists: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = '_torii_adoption' \
             AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()))",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(errors::failed(READ))?;
    if !exists {
        return Ok(None);
    }
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT version, source, target, backup, adopted, set_aside FROM _torii_adoption ORDER BY position",
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
pub(super) async fn write(connection: &mut PgConnection, options: &MigrateOptions, adoption: &Adoption) -> Result<()> {
    const STEP: &str = "remember what was taken over";
    run(connection, options, STEP, CREATE.to_owned()).await?;
    for table in &adoption.tables {
        live(connection, options, STEP).await?;
        sqlx::query(
            "INSERT INTO _torii_adoption (version, source, target, backup, adopted, set_aside) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(adoption.from.as_str())
        .bind(&table.source)
        .bind(&table.table)
        .bind(&table.backup)
        .bind(i64::try_from(table.adopted).unwrap_or(i64::MAX))
        .bind(i64::try_from(table.set_aside).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await
        .map_err(failed(STEP))?;
    }
    Ok(())
}

/// Drops the backups, and answers their names.
pub(in crate::postgres) async fn drop_backup(
    connection: &mut PgConnection,
    options: &MigrateOptions,
    patience: &mut Patience,
) -> Result<Vec<String>> {
    loop {
        match try_drop_backup(connection, options, patience).await {
            Ok(dropped) => return Ok(dropped),
            Err(error) => patience.after(error).await?,
        }
    }
}

async fn try_drop_backup(
    connection: &mut PgConnection,
    options: &MigrateOptions,
    patience: &Patience,
) -> Result<Vec<String>> {
    const STEP: &str = "drop the backup";
    let Some(adoption) = read(connection).await? else { return Ok(Vec::new()) };
    let backups: Vec<String> = adoption.backups().map(str::to_owned).collect();
    if backups.is_empty() {
        return Ok(backups);
    }
    let mut transaction = connection.begin_with(BEGIN).await.map_err(failed(STEP))?;
    session::limit_waits_past_autovacuum(&mut transaction, patience).await.map_err(failed(STEP))?;
    for backup in &backups {
        run(&mut transaction, options, STEP, format!("DROP TABLE IF EXISTS {}", quoted(backup))).await?;
    }
    run(&mut transaction, options, STEP, "UPDATE _torii_adoption SET backup = NULL".to_owned()).await?;
    transaction.commit().await.map_err(failed(STEP))?;
    Ok(backups)
}

/// [`drop_backup`] for people, a step for each table.
pub(in crate::postgres) async fn plan_drop_backup(connection: &mut PgConnection) -> Result<Vec<PlannedStep>> {
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
