//! Reading old rows.

use std::collections::HashMap;

use sqlx::{MySqlConnection, Row, ValueRef, mysql::MySqlRow};

use super::work::{failed, query, quoted};
use crate::{
    PlannedStep, Result,
    legacy::{BATCH, Cell, OldRow, Present, Source},
};

/// The name of a table's successor until it takes its place.
pub(super) const NEW: &str = "_torii_new_";

/// `users` while the older version cannot use it.
pub(super) const NEW_USERS: &str = "_torii_new_users";

const READ: &str = "read rows";

/// Where the old tables are, and how they are read.
pub(super) struct Reader {
    /// Whether they are out of the way; else they have their own names.
    are_moved: bool,
    /// By table: the beginning of a query.
    selections: HashMap<&'static str, String>,
}

impl Reader {
    pub(super) fn new(are_moved: bool) -> Self {
        Self { are_moved, selections: HashMap::new() }
    }

    fn name(&self, present: &Present) -> String {
        match (self.are_moved, present.table.is_users()) {
            (false, _) => present.table.source.to_owned(),
            (true, true) => NEW_USERS.to_owned(),
            (true, false) => present.backup(),
        }
    }

    async fn selection(&mut self, connection: &mut MySqlConnection, present: &Present) -> Result<String> {
        let source = present.table.source;
        if let Some(selection) = self.selections.get(source) {
            return Ok(selection.clone());
        }
        let users = if self.are_moved { NEW_USERS } else { "users" };
        let selection = select(connection, present, &self.name(present), users).await.map_err(failed(READ))?;
        self.selections.insert(source, selection.clone());
        Ok(selection)
    }
}

/// The old tables.
pub(super) struct OldTables<'c> {
    pub(super) connection: &'c mut MySqlConnection,
    pub(super) reader: &'c mut Reader,
}

impl Source for OldTables<'_> {
    async fn count(&mut self, present: &Present) -> Result<u64> {
        let sql = format!("SELECT COUNT(*) FROM {}", quoted(&self.reader.name(present)));
        let row = query(sql).fetch_one(&mut *self.connection).await.map_err(failed("count rows"))?;
        let count: i64 = row.try_get(0).map_err(failed("count rows"))?;
        Ok(count.unsigned_abs())
    }

    async fn batch(&mut self, present: &Present, after: Option<&Cell>) -> Result<Vec<OldRow>> {
        let select = self.reader.selection(self.connection, present).await?;
        let page = format!("ORDER BY old.id LIMIT {BATCH}");
        let rows = match after {
            None => query(format!("{select} {page}")).fetch_all(&mut *self.connection).await,
            Some(after) => {
                let next = query(format!("{select} WHERE old.id > ? {page}"));
                let next =
                    if let Cell::Integer(number) = after { next.bind(*number) } else { next.bind(after.name_whole()) };
                next.fetch_all(&mut *self.connection).await
            }
        };
        let rows = rows.map_err(failed(READ))?;
        rows.iter().map(|row| old_row(present, row).map_err(failed(READ))).collect()
    }
}

/// Types whose values are sent as the bytes of their text.
const TEXTUAL: [&str; 14] = [
    "char",
    "varchar",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
    "enum",
    "set",
    "binary",
    "varbinary",
    "tinyblob",
    "blob",
    "mediumblob",
    "longblob",
];

/// What a column is, as the catalogue says.
pub(super) struct Column {
    pub(super) name: String,
    kind: String,
    character_set: String,
    collation: String,
}

impl Column {
    /// The character set and collation of its text.
    pub(super) fn text_type(&self) -> String {
        format!("CHARACTER SET {} COLLATE {}", self.character_set, self.collation)
    }
}

/// The columns of a table.
pub(super) async fn columns(connection: &mut MySqlConnection, table: &str) -> sqlx::Result<Vec<Column>> {
    let rows: Vec<(String, String, String, String)> = sqlx::query_as(
        "SELECT CAST(column_name AS CHAR), CAST(data_type AS CHAR), \
             COALESCE(CAST(character_set_name AS CHAR), ''), COALESCE(CAST(collation_name AS CHAR), '') \
         FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position",
    )
    .bind(table)
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter();
    Ok(rows.map(|(name, kind, character_set, collation)| Column { name, kind, character_set, collation }).collect())
}

/// The beginning of a query for rows of an old table: the id, whether their user exists, and the values.
async fn select(connection: &mut MySqlConnection, present: &Present, name: &str, users: &str) -> sqlx::Result<String> {
    let table = present.table;
    let types = columns(connection, name).await?;
    let find = |name: &str| types.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    let value = |column: &&str| match find(column) {
        None => "NULL".to_owned(),
        // The user's id as the user's own row spells it: old collations have no regard to case.
        Some(_) if *column == "user_id" => "COALESCE(owner.id, old.user_id)".to_owned(),
        // Times as text: the driver cannot hold the zeros that old servers accepted.
        Some(found) if table.times.contains(column) || !TEXTUAL.contains(&found.kind.as_str()) => {
            format!("CAST(old.{column} AS CHAR)")
        }
        Some(_) => format!("old.{column}"),
    };
    let values: Vec<String> = table.columns.iter().map(value).collect();
    let (has_user, owner) = match (table.has_user(), find("user_id")) {
        (true, Some(user)) => {
            let ids = columns(connection, users).await?;
            let id = ids.iter().find(|column| column.name.eq_ignore_ascii_case("id"));
            let same = match id {
                // One that cannot be compared with the other as it is.
                Some(id) if id.collation != user.collation && !id.collation.is_empty() => {
                    format!("CONVERT(old.user_id USING {}) COLLATE {}", id.character_set, id.collation)
                }
                _ => "old.user_id".to_owned(),
            };
            ("owner.id IS NOT NULL", format!(" LEFT JOIN {} AS owner ON owner.id = {same}", quoted(users)))
        }
        _ => ("TRUE", String::new()),
    };
    let id = if table.is_users() { "old.id" } else { "CAST(old.id AS SIGNED)" };
    Ok(format!("SELECT {id}, {has_user}, {} FROM {} AS old{owner}", values.join(", "), quoted(name)))
}

/// The query of a page and the statement that writes it, for people.
pub(super) async fn describe(
    connection: &mut MySqlConnection,
    present: &Present,
    are_moved: bool,
) -> Result<PlannedStep> {
    let table = present.table;
    let select = Reader::new(are_moved).selection(connection, present).await?;
    let sql = format!(
        "-- In batches, each a transaction; then every row is read again and compared:\n\
         {select} WHERE old.id > ? ORDER BY old.id LIMIT {BATCH};\nINSERT INTO {NEW}{} ({}) VALUES ..;",
        table.target,
        table.target_columns()
    );
    Ok(PlannedStep::new(format!("copy {}", table.source), sql))
}

fn old_row(present: &Present, row: &MySqlRow) -> sqlx::Result<OldRow> {
    let id = if present.table.is_users() { cell(row, 0)? } else { Cell::Integer(row.try_get(0)?) };
    Ok(OldRow {
        cursor: id.clone(),
        id,
        has_user: row.try_get_unchecked::<i64, _>(1)? != 0,
        cells: (2..2 + present.table.columns.len()).map(|index| cell(row, index)).collect::<sqlx::Result<_>>()?,
    })
}

/// Text, or the bytes of what is none.
pub(super) fn cell(row: &MySqlRow, index: usize) -> sqlx::Result<Cell> {
    if row.try_get_raw(index)?.is_null() {
        return Ok(Cell::Null);
    }
    let bytes: Vec<u8> = row.try_get_unchecked(index)?;
    Ok(String::from_utf8(bytes).map_or_else(|error| Cell::Bytes(error.into_bytes()), Cell::Text))
}
