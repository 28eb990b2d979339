//! Reading old rows, and writing and reading new ones.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{
    catalog,
    work::{failed, query, quoted},
};
use crate::{
    PlannedStep, Result,
    legacy::{BATCH, Cell, Keep, Kind, OldRow, Present, Source, Table},
};

const READ: &str = "read rows";

/// The old tables.
pub(super) struct OldTables<'c> {
    connection: &'c mut PgConnection,
    /// By table: what is selected.
    selections: HashMap<&'static str, Selection>,
}

/// The beginning of a query, and which of its columns are times.
#[derive(Clone)]
struct Selection {
    select: String,
    times: Vec<bool>,
}

impl<'c> OldTables<'c> {
    pub(super) fn new(connection: &'c mut PgConnection) -> Self {
        Self { connection, selections: HashMap::new() }
    }

    async fn selection(&mut self, present: &Present) -> Result<Selection> {
        let source = present.table.source;
        if let Some(selection) = self.selections.get(source) {
            return Ok(selection.clone());
        }
        let selection = selection(self.connection, present).await?;
        self.selections.insert(source, selection.clone());
        Ok(selection)
    }

    /// The rows with these ids that are there.
    pub(super) async fn with_ids(&mut self, present: &Present, ids: &[String]) -> Result<Vec<OldRow>> {
        let Selection { select, times } = self.selection(present).await?;
        let rows = if present.table.is_users() {
            query(format!("{select} WHERE old.id = ANY ($1)")).bind(ids).fetch_all(&mut *self.connection).await
        } else {
            let ids: Vec<i64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
            query(format!("{select} WHERE old.id = ANY ($1) ORDER BY old.id"))
                .bind(ids)
                .fetch_all(&mut *self.connection)
                .await
        };
        let rows = rows.map_err(failed(READ))?;
        rows.iter().map(|row| old_row(present, &times, row).map_err(failed(READ))).collect()
    }
}

impl Source for OldTables<'_> {
    async fn count(&mut self, present: &Present) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {}", quoted(present.table.source));
        let row = query(sql).fetch_one(&mut *self.connection).await.map_err(failed("count rows"))?;
        let count: i64 = row.try_get(0).map_err(failed("count rows"))?;
        Ok(count.unsigned_abs())
    }

    async fn batch(&mut self, present: &Present, after: Option<&Cell>) -> Result<Vec<OldRow>> {
        let Selection { select, times } = self.selection(present).await?;
        let page = format!("ORDER BY old.id LIMIT {BATCH}");
        let rows = match after {
            None => query(format!("{select} {page}")).fetch_all(&mut *self.connection).await,
            Some(after) => {
                let next = query(format!("{select} WHERE old.id > $1 {page}"));
                let next =
                    if let Cell::Integer(number) = after { next.bind(*number) } else { next.bind(after.name_whole()) };
                next.fetch_all(&mut *self.connection).await
            }
        };
        let rows = rows.map_err(failed(READ))?;
        rows.iter().map(|row| old_row(present, &times, row).map_err(failed(READ))).collect()
    }
}

/// The query of a page, for people.
pub(super) async fn describe(connection: &mut PgConnection, present: &Present) -> Result<PlannedStep> {
    let table = present.table;
    let Selection { select, .. } = selection(connection, present).await?;
    let write = if table.is_users() { UPDATE_KEYS.to_owned() } else { insert_statement(table) };
    let sql = format!(
        "-- In batches, each a transaction, in which what was written is read again and compared:\n\
         {select} WHERE old.id > $1 ORDER BY old.id LIMIT {BATCH};\n{write};"
    );
    Ok(PlannedStep::new(format!("copy {}", table.source), sql))
}

/// Fills in the keys of addresses. An empty hash is none.
pub(super) const UPDATE_KEYS: &str = "UPDATE users SET email_key = new.email_key, password_hash = NULLIF(password_hash, '') \
     FROM unnest($1::text[], $2::text[]) AS new (id, email_key) WHERE users.id = new.id";

async fn selection(connection: &mut PgConnection, present: &Present) -> Result<Selection> {
    let table = present.table;
    let types = catalog::time_types(connection, table.source).await.map_err(failed(READ))?;
    let mut times = Vec::new();
    let mut columns = Vec::new();
    for column in table.columns {
        let kind = types.iter().find(|(name, _)| name == column).map(|(_, kind)| kind.as_str());
        let time = match kind {
            _ if !table.times.contains(column) => None,
            Some("timestamp with time zone") => Some(format!("old.{column}")),
            // SeaORM's columns without a zone hold UTC.
            Some("timestamp without time zone") => Some(format!("old.{column} AT TIME ZONE 'UTC'")),
            _ => None,
        };
        times.push(time.is_some());
        columns.push(match (time, kind) {
            // The driver cannot hold an infinite time, nor some finite ones.
            (Some(time), _) => format!(
                "CASE WHEN old.{column} IS NOT NULL THEN least(greatest({time}, '0001-01-01 00:00:00+00'), \
                 timestamptz '9999-12-31 23:59:59+00') END"
            ),
            (None, Some(_)) => format!("old.{column}::text"),
            (None, None) => "NULL::text".to_owned(),
        });
    }
    let has_user = if table.has_user() { "EXISTS (SELECT 1 FROM users WHERE users.id = old.user_id)" } else { "true" };
    let id = if table.is_users() { "old.id::text" } else { "old.id::bigint" };
    let select = format!("SELECT {id}, {has_user}, {} FROM {} AS old", columns.join(", "), quoted(table.source));
    Ok(Selection { select, times })
}

fn old_row(present: &Present, times: &[bool], row: &PgRow) -> sqlx::Result<OldRow> {
    let id = if present.table.is_users() { Cell::Text(row.try_get(0)?) } else { Cell::Integer(row.try_get(0)?) };
    let mut cells = Vec::with_capacity(times.len());
    for (index, is_time) in times.iter().enumerate() {
        cells.push(if *is_time {
            row.try_get::<Option<DateTime<Utc>>, _>(index + 2)?.map_or(Cell::Null, Cell::Time)
        } else {
            row.try_get::<Option<String>, _>(index + 2)?.map_or(Cell::Null, Cell::Text)
        });
    }
    Ok(OldRow { cursor: id.clone(), id, has_user: row.try_get(1)?, cells })
}

/// The name of a table's successor until it takes its place.
pub(super) const NEW: &str = "_torii_new_";

fn insert_statement(table: &Table) -> String {
    let mut types = String::from("$1::bigint[]");
    for (index, (_, kind)) in table.into.iter().enumerate() {
        types.push_str(&format!(", ${}::{}[]", index + 2, type_of(*kind)));
    }
    let (target, into) = (table.target, table.target_columns());
    let conflict = match (table.key, table.keep) {
        // Nothing is unique. Its numbers are its own.
        (0, _) => String::new(),
        (key, Keep::Newest) => {
            let names: Vec<_> = table.into.iter().map(|(name, _)| *name).collect();
            let excluded: Vec<_> = names.iter().map(|name| format!("excluded.{name}")).collect();
            format!(
                " ON CONFLICT (tenant_id, {}) DO UPDATE SET (_torii_id, {into}) = (excluded._torii_id, {}) \
                 WHERE excluded._torii_id > new._torii_id",
                names.iter().take(key).copied().collect::<Vec<_>>().join(", "),
                excluded.join(", ")
            )
        }
        _ => " ON CONFLICT DO NOTHING".to_owned(),
    };
    // A user may have been deleted since the row was read; the row has been, too, or is an orphan.
    let has_user =
        if table.has_user() { " WHERE EXISTS (SELECT 1 FROM users WHERE users.id = made.user_id)" } else { "" };
    format!(
        "INSERT INTO {NEW}{target} AS new (_torii_id, {into}) \
         SELECT * FROM unnest({types}) AS made (_torii_id, {into}){has_user}{conflict}"
    )
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Bytes => "bytea",
        Kind::Time => "timestamptz",
    }
}

/// A new row, and the number of the old one.
pub(super) type Numbered = (i64, Vec<Cell>);

/// Writes rows into a table's successor. Of rows with the same key one is written.
pub(super) async fn insert(connection: &mut PgConnection, table: &Table, rows: &[Numbered]) -> sqlx::Result<u64> {
    if rows.is_empty() {
        return Ok(0);
    }
    let numbers: Vec<i64> = rows.iter().map(|(number, _)| *number).collect();
    let mut insert = query(insert_statement(table)).bind(numbers);
    for (index, (_, kind)) in table.into.iter().enumerate() {
        let column = rows.iter().map(|(_, cells)| cells.get(index).unwrap_or(&Cell::Null));
        insert = match kind {
            Kind::Text => insert.bind(
                column
                    .map(|cell| if let Cell::Text(text) = cell { Some(text.clone()) } else { None })
                    .collect::<Vec<_>>(),
            ),
            Kind::Bytes => insert.bind(
                column
                    .map(|cell| if let Cell::Bytes(bytes) = cell { Some(bytes.clone()) } else { None })
                    .collect::<Vec<_>>(),
            ),
            Kind::Time => insert.bind(
                column.map(|cell| if let Cell::Time(time) = cell { Some(*time) } else { None }).collect::<Vec<_>>(),
            ),
        };
    }
    Ok(insert.execute(connection).await?.rows_affected())
}

/// Reads rows of a successor by the numbers of the old ones.
pub(super) async fn written(
    connection: &mut PgConnection,
    table: &'static Table,
    numbers: &[i64],
) -> sqlx::Result<HashMap<i64, Vec<Cell>>> {
    let sql =
        format!("SELECT _torii_id, {} FROM {NEW}{} WHERE _torii_id = ANY ($1)", table.target_columns(), table.target);
    let rows = query(sql).bind(numbers).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let cell = |(index, (_, kind)): (usize, &(&str, Kind))| new_cell(row, index + 1, *kind);
            Ok((row.try_get(0)?, table.into.iter().enumerate().map(cell).collect::<sqlx::Result<_>>()?))
        })
        .collect()
}

fn new_cell(row: &PgRow, index: usize, kind: Kind) -> sqlx::Result<Cell> {
    Ok(match kind {
        Kind::Text => row.try_get::<Option<String>, _>(index)?.map_or(Cell::Null, Cell::Text),
        Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(index)?.map_or(Cell::Null, Cell::Bytes),
        Kind::Time => row.try_get::<Option<DateTime<Utc>>, _>(index)?.map_or(Cell::Null, Cell::Time),
    })
}
