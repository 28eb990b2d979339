//! Copying rows into the new tables, and bringing over what the older version has changed since.

use std::collections::{BTreeMap, HashSet};

use sqlx::{Connection, PgConnection};
use torii_core::error::StorageErrorKind;

use super::{
    rows::{self, NEW, Numbered, OldTables},
    users::{self, Progress},
    work::{Work, failed, live, query},
};
use crate::{
    MigrateOptions, MigrationError, Result,
    legacy::{BATCH, Cell, Keep, Legacy, OldRow, Present, Source, Survey, hash, next},
    postgres::run::BEGIN,
    progress::Reporter,
};

/// Copies the rows of a table, in batches.
pub(super) async fn copy(work: &mut Work<'_>, present: &Present, found: &Survey) -> Result<()> {
    let progress = Progress::read(work, present).await?;
    if progress.is_whole {
        return Ok(());
    }
    let total = OldTables::new(work.connection).count(present).await?;
    let reporter = Reporter::new(work.options, "copy", present.table.source, total);
    let mut after = progress.copied.and_then(|number| number.parse().ok()).map(Cell::Integer);
    loop {
        work.patience.renew();
        let (count, last) = loop {
            match copy_batch(work, present, found, after.as_ref()).await {
                Ok(done) => break done,
                // A user was deleted between reading and writing.
                Err(MigrationError::Adoption { kind: StorageErrorKind::ForeignKeyViolation, .. }) => {}
                Err(error) => work.patience.after(error).await?,
            }
        };
        reporter.advance(count);
        match last {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    Progress::finish(work, present).await
}

async fn copy_batch(
    work: &mut Work<'_>,
    present: &Present,
    found: &Survey,
    after: Option<&Cell>,
) -> Result<(usize, Option<Cell>)> {
    let step = format!("copy {}", present.table.source);
    let mut transaction = work.connection.begin_with(BEGIN).await.map_err(failed(&step))?;
    let batch = OldTables::new(&mut transaction).batch(present, after).await?;
    write(&mut transaction, work.options, present, found, &batch).await?;
    let last = batch.last().map(|row| row.id.clone());
    if let Some(last) = &last {
        Progress::write(&mut transaction, present, last).await?;
    }
    live(&mut transaction, work.options, &step).await?;
    transaction.commit().await.map_err(failed(&step))?;
    // What is added from here on is on the list of changes.
    Ok((batch.len(), next(batch)))
}

/// Writes the successors of old rows, and reads them again.
async fn write(
    connection: &mut PgConnection,
    options: &MigrateOptions,
    present: &Present,
    found: &Survey,
    batch: &[OldRow],
) -> Result<()> {
    let table = present.table;
    let step = format!("copy {}", table.source);
    let mut new: Vec<Numbered> = Vec::with_capacity(batch.len());
    for row in batch {
        if let (Ok(cells), Some(number), false) =
            (row.convert(present, &found.rules), row.number(), found.is_duplicate(present, row))
        {
            new.push((number, cells));
        }
    }
    if table.keep == Keep::Newest {
        // In the order of their numbers: of two with one key the later one stays.
        let mut keys = HashSet::new();
        new.reverse();
        new.retain(|(_, cells)| keys.insert(hash(cells.get(..table.key).unwrap_or_default())));
    }
    live(connection, options, &step).await?;
    let inserted = rows::insert(connection, table, &new).await.map_err(failed(&step))?;
    let numbers: Vec<i64> = new.iter().map(|(number, _)| *number).collect();
    let written = rows::written(connection, table, &numbers).await.map_err(failed(&step))?;
    let matching = new.iter().filter(|(number, cells)| written.get(number) == Some(cells)).count() as u64;
    // A row that has got the key of another one meanwhile is not written.
    if written.len() as u64 == inserted && matching == inserted {
        return Ok(());
    }
    Err(MigrationError::NotCopied { table: table.source.to_owned(), expected: inserted, found: matching })
}

/// A row that the older version has changed.
type Change = (i64, String, String);

/// Brings over what is on the list of changes, at most [`BATCH`] of them, inside a transaction. Answers how many there were.
pub(super) async fn follow(
    connection: &mut PgConnection,
    options: &MigrateOptions,
    legacy: &Legacy,
    found: &Survey,
) -> Result<usize> {
    const STEP: &str = "bring over what the older version has changed";
    live(connection, options, STEP).await?;
    let changes: Vec<Change> =
        query(format!("SELECT number, source, id FROM _torii_changes ORDER BY number LIMIT {BATCH}"))
            .try_map(|row: sqlx::postgres::PgRow| {
                use sqlx::Row as _;
                Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
            })
            .fetch_all(&mut *connection)
            .await
            .map_err(failed(STEP))?;
    let mut by_table: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (_, source, id) in &changes {
        by_table.entry(source).or_default().push(id.clone());
    }
    // Users first, so that the rows of new ones have somebody to belong to.
    for present in &legacy.tables {
        let Some(ids) = by_table.get(present.table.source) else { continue };
        if present.table.is_users() {
            let rows = OldTables::new(connection).with_ids(present, ids).await?;
            users::set_keys(connection, options, &found.rules, &rows).await?;
        } else {
            let numbers: Vec<i64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
            let delete = format!("DELETE FROM {NEW}{} WHERE _torii_id = ANY ($1)", present.table.target);
            query(delete).bind(&numbers).execute(&mut *connection).await.map_err(failed(STEP))?;
            let rows = OldTables::new(connection).with_ids(present, ids).await?;
            write(connection, options, present, found, &rows).await?;
        }
    }
    let numbers: Vec<i64> = changes.iter().map(|(number, ..)| *number).collect();
    sqlx::query("DELETE FROM _torii_changes WHERE number = ANY ($1)")
        .bind(&numbers)
        .execute(connection)
        .await
        .map_err(failed(STEP))?;
    Ok(changes.len())
}

/// Brings changes over until few are left.
pub(super) async fn catch_up(work: &mut Work<'_>, legacy: &Legacy, found: &Survey) -> Result<()> {
    const STEP: &str = "bring over what the older version has changed";
    work.patience.renew();
    loop {
        match try_follow(work, legacy, found).await {
            Ok(count) if count < BATCH as usize => return Ok(()),
            Ok(_) => {}
            Err(error) if is_passing(&error) => {}
            Err(error) => work.patience.after(error).await?,
        }
    }

    /// Somebody changed the same rows: the next look finds them as they are then.
    fn is_passing(error: &MigrationError) -> bool {
        matches!(error, MigrationError::Adoption { kind: StorageErrorKind::ForeignKeyViolation, .. })
    }

    async fn try_follow(work: &mut Work<'_>, legacy: &Legacy, found: &Survey) -> Result<usize> {
        let mut transaction = work.connection.begin_with(BEGIN).await.map_err(failed(STEP))?;
        let count = follow(&mut transaction, work.options, legacy, found).await?;
        transaction.commit().await.map_err(failed(STEP))?;
        Ok(count)
    }
}
