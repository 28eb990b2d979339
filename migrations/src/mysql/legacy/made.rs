//! Writing new rows, and reading them again.

use chrono::NaiveDateTime;
use sqlx::{MySql, MySqlConnection, QueryBuilder, Row, mysql::MySqlRow};

use super::{
    rows::{NEW, cell},
    work::failed,
};
use crate::{
    Result,
    legacy::{BATCH, Cell, Kind, Table},
};

/// Writes rows into a table. Inside a transaction.
pub(super) async fn insert(
    connection: &mut MySqlConnection,
    table: &str,
    columns: &str,
    rows: &[Vec<Cell>],
) -> sqlx::Result<()> {
    // Small enough for the packets of a server with small ones.
    const CHUNK: usize = 250;
    for rows in rows.chunks(CHUNK) {
        let mut insert = QueryBuilder::<MySql>::new("INSERT INTO ");
        insert.push(table).push(" (").push(columns).push(") ");
        insert.push_values(rows, |mut row, cells| {
            for cell in cells {
                match cell.clone() {
                    // Bound, so that the text is the same whatever is missing.
                    Cell::Null | Cell::Unreadable => row.push_bind(None::<String>),
                    Cell::Integer(number) => row.push_bind(number),
                    Cell::Real(number) => row.push_bind(number),
                    Cell::Text(text) => row.push_bind(text),
                    Cell::Bytes(bytes) => row.push_bind(bytes),
                    // With a zone it would go as TIMESTAMP, which ends in 2038.
                    Cell::Time(time) => row.push_bind(time.naive_utc()),
                };
            }
        });
        // The statement for a whole chunk is parsed once.
        let statement = insert.build().persistent(rows.len() == CHUNK);
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Reads new rows as they were written, a page after the other: the rows, and where the next page begins.
pub(super) async fn written(
    connection: &mut MySqlConnection,
    table: &'static Table,
    after: Option<&[Cell]>,
) -> Result<Option<(Vec<Vec<Cell>>, Vec<Cell>)>> {
    const STEP: &str = "read what was written";
    let keys = page_keys(table);
    let mut page = QueryBuilder::<MySql>::new(format!(
        "SELECT {}, {} FROM {NEW}{}",
        keys.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
        table.target_columns(),
        table.target
    ));
    // Its keys begin with it, and there is no other tenant yet.
    page.push(" WHERE tenant_id = 'default'");
    if let Some(after) = after {
        // No server looks up a comparison of several columns at once in an index.
        let mut separator = " AND (";
        for (end, ((name, _), value)) in keys.iter().zip(after).enumerate() {
            page.push(separator);
            for ((equal, _), value) in keys.iter().zip(after).take(end) {
                page.push(format!("{equal} = "));
                push(&mut page, value);
                page.push(" AND ");
            }
            page.push(format!("{name} > "));
            push(&mut page, value);
            separator = " OR ";
        }
        page.push(")");
    }
    let order: Vec<_> = keys.iter().map(|(name, _)| *name).collect();
    page.push(format!(" ORDER BY {} LIMIT {BATCH}", order.join(", ")));
    let rows = page.build().fetch_all(connection).await.map_err(failed(STEP))?;
    let Some(last) = rows.last() else { return Ok(None) };
    let last = keys.iter().enumerate().map(|(index, (_, kind))| new_cell(last, index, *kind));
    let last = last.collect::<sqlx::Result<_>>().map_err(failed(STEP))?;
    let read = |row: &MySqlRow| -> sqlx::Result<Vec<Cell>> {
        let cells = table.into.iter().enumerate();
        cells.map(|(index, (_, kind))| new_cell(row, keys.len() + index, Some(*kind))).collect()
    };
    let rows = rows.iter().map(read).collect::<sqlx::Result<_>>().map_err(failed(STEP))?;
    Ok(Some((rows, last)))
}

fn push(page: &mut QueryBuilder<MySql>, value: &Cell) {
    match value.clone() {
        Cell::Integer(number) => page.push_bind(number),
        Cell::Bytes(bytes) => page.push_bind(bytes),
        Cell::Text(text) => page.push_bind(text),
        _ => page.push("NULL"),
    };
}

/// A value of a new row; without a kind it is a number.
fn new_cell(row: &MySqlRow, index: usize, kind: Option<Kind>) -> sqlx::Result<Cell> {
    Ok(match kind {
        None => Cell::Integer(row.try_get(index)?),
        Some(Kind::Text) => cell(row, index)?,
        Some(Kind::Bytes) => row.try_get_unchecked::<Option<Vec<u8>>, _>(index)?.map_or(Cell::Null, Cell::Bytes),
        Some(Kind::Time) => {
            row.try_get::<Option<NaiveDateTime>, _>(index)?.map_or(Cell::Null, |time| Cell::Time(time.and_utc()))
        }
    })
}

/// What a new table is read in the order of.
fn page_keys(table: &Table) -> Vec<(&'static str, Option<Kind>)> {
    match table.target {
        "users" => vec![("id", Some(Kind::Text))],
        "failed_login_attempts" => vec![("id", None)],
        _ => table.into.iter().take(table.key).map(|(name, kind)| (*name, Some(*kind))).collect(),
    }
}
