//! Rows whose foreign keys lead nowhere.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use crate::{MigrationError, Result, step::Step};

/// How many rows of which table refer to which other table in vain.
pub(super) type Orphans = BTreeMap<(String, String), i64>;

/// The application's own tables live in the same database, and orphans that were among them are none of torii's business.
pub(super) fn none_is_new(step: &Step<SqliteConnection>, before: &Orphans, after: &Orphans) -> Result<()> {
    for ((child, parent), count) in after {
        if *count > before.get(&(child.clone(), parent.clone())).copied().unwrap_or(0) {
            let what = format!("rows of {child} refer to rows of {parent} that are gone");
            return Err(MigrationError::PostCondition { version: step.version, name: step.name, what });
        }
    }
    Ok(())
}

/// How many rows of which table refer to a row of which other table that does not exist.
pub(super) async fn count(connection: &mut SqliteConnection) -> sqlx::Result<Orphans> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY \"table\", parent")
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(|(child, parent, count)| ((child, parent), count)).collect())
}
