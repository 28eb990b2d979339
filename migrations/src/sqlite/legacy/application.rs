//! What the application has to do with the old tables.

use sqlx::SqliteConnection;

use super::work::{list, quoted};
use crate::{MigrationError, Result, legacy::Legacy, sqlite::errors::failed};

const LOOK: &str = "look for what depends on the old tables";

/// Refuses a database in which something of the application would stop working.
///
/// # Errors
/// [`MigrationError::InUse`].
pub(super) async fn refuse_dependents(connection: &mut SqliteConnection, legacy: &Legacy) -> Result<()> {
    let mut objects = Vec::new();
    // Table, parent, column of the parent; none stands for the primary key.
    let keys: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "SELECT t.name, k.\"table\", k.\"to\" FROM main.sqlite_schema AS t JOIN pragma_foreign_key_list(t.name, 'main') AS k \
         WHERE t.type = 'table' ORDER BY t.name",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(failed(LOOK))?;
    for (table, parent, column) in keys {
        let to_a_user = parent.eq_ignore_ascii_case("users")
            && column.as_deref().is_none_or(|column| column.eq_ignore_ascii_case("id"));
        let is_the_applications = table.eq_ignore_ascii_case("users") || !legacy.owns(&table);
        if legacy.owns(&parent) && !to_a_user && is_the_applications {
            let column = column.unwrap_or_else(|| "its key".to_owned());
            objects.push(format!("the foreign key of {table} to {parent} ({column})"));
        }
    }
    let triggers: Vec<(String, String)> =
        sqlx::query_as("SELECT name, tbl_name FROM main.sqlite_schema WHERE type = 'trigger' ORDER BY name")
            .fetch_all(&mut *connection)
            .await
            .map_err(failed(LOOK))?;
    for (trigger, table) in triggers {
        if legacy.owns(&table) && !table.eq_ignore_ascii_case("users") {
            objects.push(format!("the trigger {trigger} of {table}"));
        }
    }
    let generated: Vec<String> =
        sqlx::query_scalar("SELECT name FROM pragma_table_xinfo('users', 'main') WHERE hidden > 1")
            .fetch_all(connection)
            .await
            .map_err(failed(LOOK))?;
    objects.extend(generated.into_iter().map(|column| format!("the generated column {column} of users")));
    if objects.is_empty() { Ok(()) } else { Err(MigrationError::InUse { objects }) }
}

/// What the application added to `users`, and gets back on the new table.
#[derive(Default)]
pub(super) struct Additions {
    columns: Vec<String>,
    definitions: Vec<String>,
    /// Indexes and triggers: kind, name, the statement that makes it.
    objects: Vec<(String, String, String)>,
}

/// Name, type, whether it must not be `NULL`, default.
type Column = (String, String, bool, Option<String>);

/// Column, parent table, column of the parent, on update, on delete.
type Key = (String, String, Option<String>, String, String);

impl Additions {
    /// Reads them from the old table.
    pub(super) async fn read(connection: &mut SqliteConnection, legacy: &Legacy) -> Result<Self> {
        let Some(users) = legacy.find("users") else { return Ok(Self::default()) };
        let columns: Vec<Column> = sqlx::query_as(
            "SELECT name, type, \"notnull\", dflt_value FROM pragma_table_info('users', 'main') ORDER BY cid",
        )
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(LOOK))?;
        let keys: Vec<Key> = sqlx::query_as(
            "SELECT \"from\", \"table\", \"to\", on_update, on_delete FROM pragma_foreign_key_list('users', 'main')",
        )
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(LOOK))?;
        let mut additions = Self::default();
        for (name, kind, not_null, default) in columns {
            if users.foreign_columns().any(|foreign| *foreign == name) {
                additions.definitions.push(definition(&name, &kind, not_null, default, &keys));
                additions.columns.push(name);
            }
        }
        // The versions' own index has another name today. Indexes without a text belong to a constraint.
        additions.objects = sqlx::query_as(
            "SELECT type, name, sql FROM main.sqlite_schema WHERE type IN ('index', 'trigger') AND tbl_name = 'users' COLLATE NOCASE \
             AND sql IS NOT NULL AND name <> 'idx_users_email' ORDER BY type, name",
        )
        .fetch_all(connection)
        .await
        .map_err(failed(LOOK))?;
        Ok(additions)
    }

    /// Statements that make the columns on the new table.
    pub(super) fn add_columns(&self) -> Option<String> {
        let add = |definition: &String| format!("ALTER TABLE main.users ADD COLUMN {definition};");
        let statements: Vec<_> = self.definitions.iter().map(add).collect();
        (!statements.is_empty()).then(|| statements.join("\n"))
    }

    /// A statement that fills them.
    pub(super) fn fill_columns(&self, backup: &str) -> Option<String> {
        if self.columns.is_empty() {
            return None;
        }
        let new = list(self.columns.iter().map(String::as_str));
        let old: Vec<_> = self.columns.iter().map(|column| format!("old.{}", quoted(column))).collect();
        let (old, backup) = (old.join(", "), quoted(backup));
        Some(format!("UPDATE main.users SET ({new}) = ({old}) FROM main.{backup} AS old WHERE old.id = users.id"))
    }

    /// Statements that drop its indexes and triggers, whose names are needed.
    pub(super) fn drop_objects(&self) -> impl Iterator<Item = String> {
        self.objects.iter().map(|(kind, name, _)| format!("DROP {kind} main.{};", quoted(name)))
    }

    /// Statements that make them on the new table.
    pub(super) fn make_objects(&self) -> impl Iterator<Item = String> {
        self.objects.iter().map(|(_, _, sql)| format!("{sql};"))
    }
}

/// What a column is defined as in a table that is `STRICT`: one of its types, or any.
fn definition(name: &str, kind: &str, not_null: bool, default: Option<String>, keys: &[Key]) -> String {
    const STRICT: [&str; 6] = ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"];
    let kind = STRICT.into_iter().find(|strict| strict.eq_ignore_ascii_case(kind)).unwrap_or("ANY");
    let mut definition = format!("{} {kind}", quoted(name));
    if not_null {
        definition.push_str(" NOT NULL");
    }
    if let Some(default) = default {
        definition.push_str(&format!(" DEFAULT ({default})"));
    }
    for (_, parent, column, on_update, on_delete) in keys.iter().filter(|(from, ..)| from == name) {
        let column = column.as_deref().map(|column| format!(" ({})", quoted(column))).unwrap_or_default();
        let parent = quoted(parent);
        definition.push_str(&format!(" REFERENCES {parent}{column} ON UPDATE {on_update} ON DELETE {on_delete}"));
    }
    definition
}
