//! Reading old rows, and writing and reading new ones.

use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, TypeInfo, ValueRef, sqlite::SqliteRow};

use super::work::{failed, query, quoted};
use crate::{
    Result,
    legacy::{BATCH, Cell, Kind, OldRow, Present, Source, Table, time},
};

/// The old tables, by their own names or by those of their backups.
pub(super) struct OldTables<'c> {
    pub(super) connection: &'c mut SqliteConnection,
    pub(super) are_backups: bool,
}

impl OldTables<'_> {
    fn name(&self, present: &Present) -> String {
        if self.are_backups { present.backup() } else { present.table.source.to_owned() }
    }
}

impl Source for OldTables<'_> {
    async fn count(&mut self, present: &Present) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM main.{}", quoted(&self.name(present)));
        let row = query(sql).fetch_one(&mut *self.connection).await.map_err(failed("count rows"))?;
        let count: i64 = row.try_get(0).map_err(failed("count rows"))?;
        Ok(count.unsigned_abs())
    }

    async fn batch(&mut self, present: &Present, after: Option<&Cell>) -> Result<Vec<OldRow>> {
        const STEP: &str = "read rows";
        let after = if let Some(Cell::Integer(after)) = after { *after } else { i64::MIN };
        let rows = query(select(present, &self.name(present)))
            .bind(after)
            .bind(BATCH)
            .fetch_all(&mut *self.connection)
            .await
            .map_err(failed(STEP))?;
        rows.iter().map(|row| old_row(present, row).map_err(failed(STEP))).collect()
    }
}

/// A page of an old table in the order of its rowids, which the last row is the largest of.
pub(super) fn select(present: &Present, name: &str) -> String {
    let columns: Vec<String> = present
        .table
        .columns
        .iter()
        .map(|column| if present.has(column) { format!("old.{column}") } else { "NULL".to_owned() })
        .collect();
    let has_user =
        if present.table.has_user() { "EXISTS (SELECT 1 FROM main.users WHERE users.id = old.user_id)" } else { "1" };
    format!(
        "SELECT old.rowid, old.id, {has_user}, {} FROM main.{} AS old WHERE old.rowid > ?1 ORDER BY old.rowid LIMIT ?2",
        columns.join(", "),
        quoted(name)
    )
}

fn old_row(present: &Present, row: &SqliteRow) -> sqlx::Result<OldRow> {
    Ok(OldRow {
        cursor: cell(row, 0)?,
        id: cell(row, 1)?,
        has_user: row.try_get_unchecked(2)?,
        cells: (3..3 + present.table.columns.len()).map(|index| cell(row, index)).collect::<sqlx::Result<_>>()?,
    })
}

/// A value, by the type that it has and not the one that its column was declared with.
fn cell(row: &SqliteRow, index: usize) -> sqlx::Result<Cell> {
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    Ok(match value.type_info().name() {
        "INTEGER" => Cell::Integer(row.try_get_unchecked(index)?),
        "REAL" => Cell::Real(row.try_get_unchecked(index)?),
        "BLOB" => Cell::Bytes(row.try_get_unchecked(index)?),
        // The only failure is text that is not UTF-8.
        _ => row.try_get_unchecked(index).map_or(Cell::Unreadable, Cell::Text),
    })
}

/// Writes rows.
pub(super) async fn insert(connection: &mut SqliteConnection, table: &Table, rows: &[Vec<Cell>]) -> Result<()> {
    // Well below the most values that a statement can have.
    const CHUNK: usize = 100;
    for rows in rows.chunks(CHUNK) {
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO main.");
        insert.push(table.target).push(" (").push(table.target_columns()).push(") ");
        insert.push_values(rows, |mut row, cells| {
            for cell in cells {
                match cell.clone() {
                    // Bound, so that the text is the same whatever is missing.
                    Cell::Null | Cell::Unreadable => row.push_bind(None::<String>),
                    Cell::Integer(number) => row.push_bind(number),
                    Cell::Real(number) => row.push_bind(number),
                    Cell::Text(text) => row.push_bind(text),
                    Cell::Bytes(bytes) => row.push_bind(bytes),
                    Cell::Time(time) => row.push_bind(time),
                };
            }
        });
        // The statement for a whole chunk is parsed once.
        let statement = insert.build().persistent(rows.len() == CHUNK);
        statement.execute(&mut *connection).await.map_err(failed(&format!("write {}", table.target)))?;
    }
    Ok(())
}

/// Reads new rows as they were written.
pub(super) async fn written(
    connection: &mut SqliteConnection,
    table: &'static Table,
    after: Option<&[Cell]>,
) -> Result<Option<(Vec<Vec<Cell>>, Vec<Cell>)>> {
    const STEP: &str = "read what was written";
    let keys = page_keys(table);
    let mut page = QueryBuilder::<Sqlite>::new(format!(
        "SELECT {}, {} FROM main.{}",
        keys.join(", "),
        table.target_columns(),
        table.target
    ));
    // Its keys begin with it, and there is no other tenant yet.
    page.push(" WHERE tenant_id = 'default'");
    if let Some(after) = after {
        page.push(format!(" AND ({}) > (", keys.join(", ")));
        let mut values = page.separated(", ");
        for cell in after {
            match cell.clone() {
                Cell::Integer(number) => values.push_bind(number),
                Cell::Bytes(bytes) => values.push_bind(bytes),
                Cell::Text(text) => values.push_bind(text),
                _ => values.push("NULL"),
            };
        }
        page.push(")");
    }
    page.push(format!(" ORDER BY {} LIMIT {BATCH}", keys.join(", ")));
    let rows = page.build().fetch_all(connection).await.map_err(failed(STEP))?;
    let Some(last) = rows.last() else { return Ok(None) };
    let last = (0..keys.len()).map(|index| cell(last, index)).collect::<sqlx::Result<_>>().map_err(failed(STEP))?;
    let read = |row: &SqliteRow| -> sqlx::Result<Vec<Cell>> {
        table.into.iter().enumerate().map(|(index, (_, kind))| new_cell(row, keys.len() + index, *kind)).collect()
    };
    let rows = rows.iter().map(read).collect::<sqlx::Result<_>>().map_err(failed(STEP))?;
    Ok(Some((rows, last)))
}

fn new_cell(row: &SqliteRow, index: usize, kind: Kind) -> sqlx::Result<Cell> {
    let value = cell(row, index)?;
    Ok(match kind {
        Kind::Time => time::read(&value).map_or(value, Cell::Time),
        Kind::Text | Kind::Bytes => value,
    })
}

/// What a new table is read in the order of.
fn page_keys(table: &Table) -> Vec<&'static str> {
    match table.target {
        "users" => vec!["id"],
        "failed_login_attempts" => vec!["rowid"],
        _ => table.into.iter().take(table.key).map(|(name, _)| *name).collect(),
    }
}
