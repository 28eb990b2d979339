//! Filling in the keys of addresses.

use std::collections::HashMap;

use sqlx::{Connection, PgConnection};
use torii_core::error::StorageErrorKind;

use super::{
    rows::{OldTables, UPDATE_KEYS},
    work::{Work, failed, live},
};
use crate::{
    MigrateOptions, MigrationError, Result,
    legacy::{Cell, Legacy, OldRow, Present, Rules, Source, Survey, next, user_key},
    postgres::{errors, run::BEGIN},
    progress::Reporter,
};

const STEP: &str = "fill in the keys of users' addresses";

/// Fills in every key, in batches.
pub(super) async fn fill(work: &mut Work<'_>, legacy: &Legacy, found: &Survey) -> Result<()> {
    let Some(present) = legacy.find("users") else { return Ok(()) };
    let progress = Progress::read(work, present).await?;
    if progress.is_whole {
        return Ok(());
    }
    let total = OldTables::new(work.connection).count(present).await?;
    let reporter = Reporter::new(work.options, "copy", present.table.source, total);
    let mut after = progress.copied.map(Cell::Text);
    loop {
        let rows = OldTables::new(work.connection).batch(present, after.as_ref()).await?;
        let (count, last) = (rows.len(), rows.last().map(|row| row.id.clone()));
        work.patience.renew();
        loop {
            match fill_batch(work, present, &found.rules, &rows, last.as_ref()).await {
                Ok(()) => break,
                Err(error) => work.patience.after(error).await?,
            }
        }
        reporter.advance(count);
        // What is added from here on is on the list of changes.
        match next(rows) {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    Progress::finish(work, present).await
}

async fn fill_batch(
    work: &mut Work<'_>,
    present: &Present,
    rules: &Rules,
    rows: &[OldRow],
    last: Option<&Cell>,
) -> Result<()> {
    let mut transaction = work.connection.begin_with(BEGIN).await.map_err(failed(STEP))?;
    set_keys(&mut transaction, work.options, rules, rows).await?;
    if let Some(last) = last {
        Progress::write(&mut transaction, present, last).await?;
    }
    live(&mut transaction, work.options, STEP).await?;
    transaction.commit().await.map_err(failed(STEP))
}

/// Gives users their keys, and reads them again. A key that somebody else has got meanwhile is no longer to be had: the later
/// user is found by the exact address.
pub(super) async fn set_keys(
    connection: &mut PgConnection,
    options: &MigrateOptions,
    rules: &Rules,
    rows: &[OldRow],
) -> Result<()> {
    let mut keys: Vec<(String, String)> = Vec::with_capacity(rows.len());
    for row in rows {
        // A user whose row cannot be read was found before anything was changed.
        if let (Cell::Text(id), Some(Cell::Text(email))) = (&row.id, row.cells.first()) {
            keys.push((id.clone(), user_key(email, rules.exact_users.contains(id)).as_str().to_owned()));
        }
    }
    live(connection, options, STEP).await?;
    let mut savepoint = connection.begin().await.map_err(failed(STEP))?;
    match update(&mut savepoint, &keys).await {
        Ok(()) => savepoint.commit().await.map_err(failed(STEP))?,
        Err(error) if errors::kind(&error) == StorageErrorKind::UniqueViolation => {
            savepoint.rollback().await.map_err(failed(STEP))?;
            keys = one_by_one(connection, rows, keys).await?;
        }
        Err(error) => return Err(failed(STEP)(error)),
    }
    verify(connection, &keys).await
}

async fn update(connection: &mut PgConnection, keys: &[(String, String)]) -> sqlx::Result<()> {
    let (ids, keys): (Vec<&str>, Vec<&str>) = keys.iter().map(|(id, key)| (id.as_str(), key.as_str())).unzip();
    sqlx::query(UPDATE_KEYS).bind(&ids).bind(&keys).execute(connection).await?;
    Ok(())
}

async fn one_by_one(
    connection: &mut PgConnection,
    rows: &[OldRow],
    mut keys: Vec<(String, String)>,
) -> Result<Vec<(String, String)>> {
    let emails: HashMap<&str, &str> = rows
        .iter()
        .filter_map(|row| match (&row.id, row.cells.first()) {
            (Cell::Text(id), Some(Cell::Text(email))) => Some((id.as_str(), email.as_str())),
            _ => None,
        })
        .collect();
    for pair in &mut keys {
        let mut savepoint = connection.begin().await.map_err(failed(STEP))?;
        match update(&mut savepoint, std::slice::from_ref(pair)).await {
            Ok(()) => savepoint.commit().await.map_err(failed(STEP))?,
            Err(error) if errors::kind(&error) == StorageErrorKind::UniqueViolation => {
                savepoint.rollback().await.map_err(failed(STEP))?;
                let email = emails.get(pair.0.as_str()).copied().unwrap_or_default();
                pair.1 = user_key(email, true).as_str().to_owned();
                update(connection, std::slice::from_ref(pair)).await.map_err(failed(STEP))?;
            }
            Err(error) => return Err(failed(STEP)(error)),
        }
    }
    Ok(keys)
}

async fn verify(connection: &mut PgConnection, keys: &[(String, String)]) -> Result<()> {
    let ids: Vec<&str> = keys.iter().map(|(id, _)| id.as_str()).collect();
    let written: HashMap<String, Option<String>> =
        sqlx::query_as("SELECT id::text, email_key FROM users WHERE id = ANY ($1)")
            .bind(&ids)
            .fetch_all(connection)
            .await
            .map_err(failed(STEP))?
            .into_iter()
            .collect();
    let matches = |(id, key): &&(String, String)| match written.get(id) {
        Some(Some(written)) => written == key,
        Some(None) => false,
        // Deleted meanwhile.
        None => true,
    };
    let found = keys.iter().filter(matches).count();
    if found == keys.len() {
        return Ok(());
    }
    Err(MigrationError::NotCopied { table: "users".to_owned(), expected: keys.len() as u64, found: found as u64 })
}

/// How far the rows of a table are copied.
pub(super) struct Progress {
    pub(super) copied: Option<String>,
    pub(super) is_whole: bool,
}

impl Progress {
    pub(super) async fn read(work: &mut Work<'_>, present: &Present) -> Result<Self> {
        let row: Option<(Option<String>, bool)> =
            sqlx::query_as("SELECT copied, is_whole FROM _torii_upgrade WHERE source = $1")
                .bind(present.table.source)
                .fetch_optional(&mut *work.connection)
                .await
                .map_err(failed("read how far the upgrade is"))?;
        let (copied, is_whole) = row.unwrap_or_default();
        Ok(Self { copied, is_whole })
    }

    pub(super) async fn write(connection: &mut PgConnection, present: &Present, last: &Cell) -> Result<()> {
        sqlx::query(
            "INSERT INTO _torii_upgrade (source, copied) VALUES ($1, $2) \
             ON CONFLICT (source) DO UPDATE SET copied = excluded.copied",
        )
        .bind(present.table.source)
        .bind(last.name_whole())
        .execute(connection)
        .await
        .map_err(failed("write how far the upgrade is"))?;
        Ok(())
    }

    pub(super) async fn finish(work: &mut Work<'_>, present: &Present) -> Result<()> {
        const STEP: &str = "write how far the upgrade is";
        live(work.connection, work.options, STEP).await?;
        sqlx::query(
            "INSERT INTO _torii_upgrade (source, is_whole) VALUES ($1, true) ON CONFLICT (source) DO UPDATE SET is_whole = true",
        )
        .bind(present.table.source)
        .execute(&mut *work.connection)
        .await
        .map_err(failed(STEP))?;
        Ok(())
    }
}
