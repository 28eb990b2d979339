//! What is in the database.

use sqlx::MySqlConnection;

use super::{
    foreign_keys::foreign_keys,
    record::UPGRADE,
    rows::{NEW, NEW_USERS},
    work::{quoted, safe},
};
use crate::{
    MigrationError, Result,
    legacy::{BACKUP, Catalog, Legacy, NEEDED, SEA_ORM_BOOKKEEPING, SQLX_BOOKKEEPING, bookkeeping, recognise},
    mysql::errors::{failed, is_denied, says_it_is_there},
};

const LOOK: &str = "look for other tables";

/// A database that an older version left behind.
pub(in crate::mysql) struct Found {
    pub(in crate::mysql) legacy: Legacy,
    /// The tables that are out of the way already, by the names the older version gave them.
    moved: Vec<String>,
}

impl Found {
    /// Whether the older version can no longer use its tables: an upgrade was interrupted.
    pub(super) fn is_under_way(&self) -> bool {
        !self.moved.is_empty()
    }

    pub(super) fn is_moved(&self, source: &str) -> bool {
        self.moved.iter().any(|moved| moved.eq_ignore_ascii_case(source))
    }
}

/// Looks for what an older version left behind, or an upgrade that was interrupted. Only called while torii's own bookkeeping
/// is empty.
///
/// # Errors
/// [`MigrationError::OlderTorii`] and [`MigrationError::ForeignDatabase`]: creating "if not exists" would silently adopt an
/// application's own `users`. [`MigrationError::InUse`].
pub(in crate::mysql) async fn find(connection: &mut MySqlConnection) -> Result<Option<Found>> {
    let mut relations = relations(connection).await?;
    let Some(bookkeeping) = bookkeeping(relations.iter().map(|(name, _)| name.as_str()))? else {
        return match relations.into_iter().find(|(name, _)| is_needed(name)) {
            Some((table, _)) => Err(MigrationError::ForeignDatabase { table }),
            None => Ok(None),
        };
    };
    if bookkeeping == SQLX_BOOKKEEPING {
        let problem = "no older version kept such a table on MySQL or MariaDB".to_owned();
        return Err(MigrationError::OlderTorii { table: bookkeeping.to_owned(), problem });
    }
    let mut moved = Vec::new();
    if relations.iter().any(|(name, _)| name.eq_ignore_ascii_case(UPGRADE)) {
        (relations, moved) = by_old_names(relations);
        // Somebody has made one of the tables again meanwhile.
        let is_again =
            |name: &String| relations.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).count() > 1;
        if let Some(table) = moved.iter().find(|name| is_again(name)) {
            return Err(MigrationError::ForeignDatabase { table: table.clone() });
        }
    }
    let rows = sqlx::query_scalar("SELECT CAST(version AS CHAR) FROM torii_migrations")
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(LOOK))?;
    let found = Found { legacy: recognise(SEA_ORM_BOOKKEEPING, &Catalog { relations, bookkeeping: rows })?, moved };
    refuse_dependents(connection, &found).await?;
    // Nothing but the bookkeeping: whatever wrote it was interrupted before it made a table.
    Ok((!found.legacy.tables.is_empty()).then_some(found))
}

fn is_needed(name: &str) -> bool {
    NEEDED.iter().any(|needed| needed.eq_ignore_ascii_case(name))
}

type Relation = (String, Vec<String>);

/// Tables and views with their columns, none of a view, in the order of their names.
async fn relations(connection: &mut MySqlConnection) -> Result<Vec<Relation>> {
    let case_counts: bool = sqlx::query_scalar("SELECT @@lower_case_table_names = 0")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed(LOOK))?;
    let columns: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT CAST(t.table_name AS CHAR), CAST(c.column_name AS CHAR) FROM information_schema.tables AS t \
         LEFT JOIN information_schema.columns AS c ON c.table_schema = DATABASE() AND c.table_name = t.table_name \
             AND t.table_type LIKE '%TABLE%' \
         WHERE t.table_schema = DATABASE() ORDER BY t.table_name, c.ordinal_position",
    )
    .fetch_all(connection)
    .await
    .map_err(failed(LOOK))?;
    let mut relations: Vec<Relation> = Vec::new();
    for (table, column) in columns {
        // The server's names of tables differ by case or do not, as its files do.
        if case_counts && table.contains(char::is_uppercase) {
            continue;
        }
        match relations.last_mut().filter(|(name, _)| *name == table) {
            Some((_, columns)) => columns.extend(column),
            None => relations.push((table, column.into_iter().collect())),
        }
    }
    relations.sort_unstable();
    Ok(relations)
}

/// Gives tables that are out of the way the names that the older version gave them, and leaves out what the upgrade made.
fn by_old_names(relations: Vec<Relation>) -> (Vec<Relation>, Vec<String>) {
    let mut moved = Vec::new();
    let relations = relations
        .into_iter()
        .filter_map(|(name, columns)| {
            let old = if name.eq_ignore_ascii_case(NEW_USERS) { Some("users") } else { name.strip_prefix(BACKUP) };
            if let Some(old) = old.map(str::to_owned) {
                moved.push(old.clone());
                return Some((old, columns));
            }
            let is_ours = name.starts_with(NEW) || name.eq_ignore_ascii_case(UPGRADE);
            (!is_ours).then_some((name, columns))
        })
        .collect();
    (relations, moved)
}

pub(super) fn is_users(table: &str) -> bool {
    table.eq_ignore_ascii_case("users") || table.eq_ignore_ascii_case(NEW_USERS)
}

/// The name the older version gave a table that may be out of the way.
pub(super) fn old_name(name: &str) -> &str {
    if name.eq_ignore_ascii_case(NEW_USERS) { "users" } else { name.strip_prefix(BACKUP).unwrap_or(name) }
}

/// Refuses a database in which something of the application would stop working.
async fn refuse_dependents(connection: &mut MySqlConnection, found: &Found) -> Result<()> {
    const LOOK: &str = "look for what depends on the old tables";
    let legacy = &found.legacy;
    let is_replaced = |table: &str| legacy.owns(old_name(table)) && !is_users(table);
    let mut objects = Vec::new();
    for key in foreign_keys(connection, false).await? {
        let is_ours = is_replaced(&key.table) || key.table.starts_with(NEW) && !is_users(&key.table);
        if legacy.owns(old_name(&key.parent)) && !is_ours && !key.is_to_a_user() && !key.is_todays() {
            let columns: Vec<&str> = key.columns.iter().map(|(_, referenced)| referenced.as_str()).collect();
            objects.push(format!(
                "the foreign key {} of {} to {} ({})",
                key.name,
                key.table,
                key.parent,
                columns.join(", ")
            ));
        }
    }
    // Empty to an account that may not see it.
    let views: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT CAST(table_name AS CHAR), CONCAT('`', DATABASE(), '`.'), CONVERT(view_definition USING utf8mb4) \
         FROM information_schema.views WHERE table_schema = DATABASE() ORDER BY table_name",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(failed(LOOK))?;
    for (view, database, definition) in views {
        let names = |source: &str| definition.contains(&format!("{database}`{source}`")) && is_replaced(source);
        if legacy.tables.iter().any(|present| names(present.table.source)) {
            objects.push(format!("the view {view}"));
        }
    }
    let triggers: Vec<(String, String)> = sqlx::query_as(
        "SELECT CAST(trigger_name AS CHAR), CAST(event_object_table AS CHAR) FROM information_schema.triggers \
         WHERE trigger_schema = DATABASE() ORDER BY trigger_name",
    )
    .fetch_all(connection)
    .await
    .map_err(failed(LOOK))?;
    for (trigger, table) in triggers {
        if is_replaced(&table) {
            objects.push(format!("the trigger {trigger} of {table}"));
        }
    }
    if let Some(users) = legacy.find("users").filter(|_| !found.is_moved("users")) {
        for column in ["tenant_id", "email_key", "metadata"] {
            if users.has(column) {
                objects.push(format!("the application's column {column} of users, whose name is needed,"));
            }
        }
    }
    if objects.is_empty() { Ok(()) } else { Err(MigrationError::InUse { objects }) }
}

/// Makes sure that the old tables may be changed: to rename a table into its own name does nothing, but takes the privileges.
///
/// # Errors
/// [`MigrationError::MayNotAlter`].
pub(super) async fn require_privileges(connection: &mut MySqlConnection, found: &Found) -> Result<()> {
    const LOOK: &str = "look for the right to change the old tables";
    let mut tables = Vec::new();
    for present in &found.legacy.tables {
        let source = present.table.source;
        let old = quoted(source);
        let rename = format!("RENAME TABLE {old} TO {old}");
        let mut tried = sqlx::raw_sql(safe(rename)).execute(&mut *connection).await.map(|_| ());
        if present.table.is_users() && !tried.as_ref().is_err_and(is_denied) {
            let update = "UPDATE users SET email = email WHERE FALSE";
            tried = sqlx::query(update).execute(&mut *connection).await.map(|_| ());
        }
        match tried {
            Err(error) if is_denied(&error) => tables.push(source.to_owned()),
            Err(error) if !says_it_is_there(&error) => return Err(failed(LOOK)(error)),
            _ => {}
        }
    }
    if tables.is_empty() { Ok(()) } else { Err(may_not_alter(connection, tables).await?) }
}

/// Who may not change `tables`.
pub(super) async fn may_not_alter(connection: &mut MySqlConnection, tables: Vec<String>) -> Result<MigrationError> {
    let role = sqlx::query_scalar("SELECT CURRENT_USER()")
        .fetch_one(connection)
        .await
        .map_err(failed("look for the account's name"))?;
    Ok(MigrationError::MayNotAlter { role, tables })
}
