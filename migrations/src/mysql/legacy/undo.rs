//! Taking back what was made, and giving the older version its tables back.

use super::{
    record::UPGRADE,
    rows::{self, NEW, NEW_USERS},
    switch, users,
    work::{Work, failed, quoted},
};
use crate::{
    Result,
    legacy::{Legacy, NEEDED},
};

/// Whether it can be undone: not once `users` is what it is today, after which nothing but the exchange is left.
pub(super) async fn is_possible(work: &mut Work<'_>) -> Result<bool> {
    Ok(!users::is_altered(work).await?)
}

/// Leaves the database as the older version made it.
pub(super) async fn undo(work: &mut Work<'_>, legacy: &Legacy) -> Result<()> {
    const STEP: &str = "undo what was prepared";
    // The table of tenants last: others refer to it.
    let mut new: Vec<String> = vec![format!("{NEW}keys"), format!("{NEW}schema")];
    new.extend(NEEDED.iter().rev().filter(|name| **name != "users").map(|name| format!("{NEW}{name}")));
    for table in new {
        work.run(STEP, format!("DROP TABLE IF EXISTS {}", quoted(&table))).await?;
    }
    let columns = rows::columns(work.connection, NEW_USERS).await.map_err(failed(STEP))?;
    if columns.iter().any(|column| column.name.eq_ignore_ascii_case("email_key")) {
        work.run(STEP, format!("ALTER TABLE {NEW_USERS} DROP COLUMN email_key")).await?;
    }
    if work.has_table(UPGRADE).await? {
        switch::add_keys(work, legacy).await?;
    }
    switch::give_back(work, legacy).await?;
    work.run(STEP, format!("DROP TABLE IF EXISTS {UPGRADE}")).await
}
