//! Copying rows into new tables.

use sqlx::Connection;

use super::{
    made, record,
    rows::{NEW, OldTables, Reader},
    work::{Work, failed, live},
};
use crate::{
    MigrationError, Result,
    legacy::{Cell, Contents, Present, Source, Survey, next},
    progress::Reporter,
};

/// Copies the rows of a table, and makes sure that they are there. A copy that was interrupted is made from its beginning.
pub(super) async fn copy(work: &mut Work<'_>, present: &Present, found: &Survey) -> Result<()> {
    if record::copied(work, present).await?.is_some() {
        return Ok(());
    }
    let table = present.table;
    let (step, target) = (format!("copy {}", table.source), format!("{NEW}{}", table.target));
    if work.finds(&step, format!("SELECT 1 FROM {target} LIMIT 1")).await? {
        work.run(&step, format!("TRUNCATE TABLE {target}")).await?;
    }
    let mut reader = Reader::new(true);
    let total = OldTables { connection: work.connection, reader: &mut reader }.count(present).await?;
    let progress = Reporter::new(work.options, "copy", table.source, total);
    let columns = table.target_columns();
    let (mut expected, mut set_aside, mut after) = (Contents::default(), 0, None);
    loop {
        let batch =
            OldTables { connection: work.connection, reader: &mut reader }.batch(present, after.as_ref()).await?;
        let mut new = Vec::with_capacity(batch.len());
        for row in &batch {
            match row.convert(present, &found.rules) {
                Ok(cells) if !found.is_duplicate(present, row) => new.push(cells),
                _ => set_aside += 1,
            }
        }
        for row in &new {
            expected.add(row);
        }
        write(work, &step, &target, &columns, &new).await?;
        progress.advance(batch.len());
        match next(batch) {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    let found = read(work, present, expected.rows).await?;
    if found != expected {
        return Err(not_copied(present, expected.rows, found.rows));
    }
    record::mark_copied(work, present, &expected, set_aside).await
}

/// Writes rows in one transaction.
async fn write(work: &mut Work<'_>, step: &str, target: &str, columns: &str, new: &[Vec<Cell>]) -> Result<()> {
    work.patience.renew();
    loop {
        match try_write(work, step, target, columns, new).await {
            Ok(()) => return Ok(()),
            Err(error) => work.patience.after(error).await?,
        }
    }
}

async fn try_write(work: &mut Work<'_>, step: &str, target: &str, columns: &str, new: &[Vec<Cell>]) -> Result<()> {
    let mut transaction = work.connection.begin().await.map_err(failed(step))?;
    live(&mut transaction, work.options, step).await?;
    made::insert(&mut transaction, target, columns, new).await.map_err(failed(step))?;
    transaction.commit().await.map_err(failed(step))
}

/// Reads a new table, and says what is in it.
pub(super) async fn read(work: &mut Work<'_>, present: &Present, total: u64) -> Result<Contents> {
    let table = present.table;
    let progress = Reporter::new(work.options, "verify", table.source, total);
    let (mut found, mut after) = (Contents::default(), None::<Vec<_>>);
    while let Some((rows, last)) = made::written(work.connection, table, after.as_deref()).await? {
        for row in &rows {
            found.add(row);
        }
        progress.advance(rows.len());
        after = Some(last);
    }
    Ok(found)
}

pub(super) fn not_copied(present: &Present, expected: u64, found: u64) -> MigrationError {
    MigrationError::NotCopied { table: present.table.source.to_owned(), expected, found }
}
