//! What is in the database.

use sqlx::SqliteConnection;

use super::application;
use crate::{
    MigrationError, Result,
    legacy::{Catalog, Legacy, NEEDED, SEA_ORM_BOOKKEEPING, bookkeeping, recognise},
    sqlite::errors::failed,
};

const LOOK: &str = "look for other tables";

/// Looks for what an older version left behind. Only called while torii's own bookkeeping is empty. Inside a transaction.
///
/// # Errors
/// [`MigrationError::OlderTorii`] and [`MigrationError::ForeignDatabase`]: creating "if not exists" would silently adopt an
/// application's own `users`.
pub(in crate::sqlite) async fn find(connection: &mut SqliteConnection) -> Result<Option<Legacy>> {
    let names: Vec<String> =
        sqlx::query_scalar("SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') ORDER BY name")
            .fetch_all(&mut *connection)
            .await
            .map_err(failed(LOOK))?;
    let Some(bookkeeping) = bookkeeping(names.iter().map(String::as_str))? else {
        let needed = |name: &&String| NEEDED.iter().any(|needed| needed.eq_ignore_ascii_case(name));
        return match names.iter().find(needed) {
            Some(table) => Err(MigrationError::ForeignDatabase { table: table.clone() }),
            None => Ok(None),
        };
    };
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT t.name, c.name FROM main.sqlite_schema AS t JOIN pragma_table_info(t.name, 'main') AS c \
         WHERE t.type = 'table' ORDER BY t.name, c.cid",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(failed(LOOK))?;
    let relations = names
        .into_iter()
        .map(|name| {
            let of = columns.iter().filter(|(table, _)| *table == name).map(|(_, column)| column.clone()).collect();
            (name, of)
        })
        .collect();
    let rows = if bookkeeping == SEA_ORM_BOOKKEEPING {
        "SELECT CAST(version AS TEXT) FROM main.torii_migrations"
    } else {
        "SELECT CAST(version AS TEXT) FROM main._torii_migrations"
    };
    let rows = sqlx::query_scalar(rows).fetch_all(&mut *connection).await.map_err(failed(LOOK))?;
    let legacy = recognise(bookkeeping, &Catalog { relations, bookkeeping: rows })?;
    application::refuse_dependents(connection, &legacy).await?;
    // Nothing but the bookkeeping: whatever wrote it was interrupted before it made a table.
    Ok((!legacy.tables.is_empty()).then_some(legacy))
}
