//! Taking the tables away from the older version, and putting today's in their place: two statements, each of which happens as
//! a whole or not at all.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    catalog::Found,
    foreign_keys::foreign_keys_of,
    record::{self, ADOPTION, UPGRADE},
    rows::{NEW, NEW_USERS},
    schema,
    work::{Work, failed, live, query, quoted, safe},
};
use crate::{
    MigrationError, PlannedStep, Result,
    legacy::{LOCKOUT_MINUTES, Legacy, NEEDED, Present},
    mysql::{bookkeeping, steps},
};

const SET_ASIDE: &str = "take the tables away from the older version";

/// Where a table is once it is out of the way.
fn aside(present: &Present) -> String {
    if present.table.is_users() { NEW_USERS.to_owned() } else { present.backup() }
}

/// The statement that takes tables away from the older version; none if they are out of the way.
fn set_aside_statement<'p>(tables: impl Iterator<Item = &'p Present>) -> Option<String> {
    let renames: Vec<String> =
        tables.map(|present| format!("{} TO {}", quoted(present.table.source), quoted(&aside(present)))).collect();
    (!renames.is_empty()).then(|| format!("RENAME TABLE {}", renames.join(", ")))
}

/// Takes the tables away from the older version. Foreign keys of the application follow.
pub(super) async fn set_aside(work: &mut Work<'_>, found: &Found) -> Result<()> {
    let there = found.legacy.tables.iter().filter(|present| !found.is_moved(present.table.source));
    match set_aside_statement(there) {
        Some(statement) => work.run(SET_ASIDE, statement).await,
        None => Ok(()),
    }
}

/// Gives the older version its tables back.
pub(super) async fn give_back(work: &mut Work<'_>, legacy: &Legacy) -> Result<()> {
    const STEP: &str = "give the older version its tables back";
    let mut renames = Vec::new();
    for present in &legacy.tables {
        let aside = aside(present);
        if work.has_table(&aside).await? {
            renames.push(format!("{} TO {}", quoted(&aside), quoted(present.table.source)));
        }
    }
    if renames.is_empty() { Ok(()) } else { work.run(STEP, format!("RENAME TABLE {}", renames.join(", "))).await }
}

/// Drops the foreign keys of the old tables: a user who is deleted later is deleted without them.
pub(super) async fn drop_keys(work: &mut Work<'_>, legacy: &Legacy) -> Result<()> {
    const STEP: &str = "drop the foreign keys of the old tables";
    for present in legacy.tables.iter().filter(|present| !present.table.is_users()) {
        let keys = foreign_keys_of(work.connection, &present.backup()).await?;
        if keys.is_empty() {
            continue;
        }
        let adds = schema::add_keys(&keys.iter().map(|(key, rules)| (key, rules.clone())).collect::<Vec<_>>());
        record::write_keys(work, present.table.source, &adds).await?;
        let drops: Vec<_> = keys.iter().map(|(key, _)| format!("DROP FOREIGN KEY {}", quoted(&key.name))).collect();
        work.run(STEP, format!("ALTER TABLE {} {}", quoted(&present.backup()), drops.join(", "))).await?;
    }
    Ok(())
}

/// Adds them again.
pub(super) async fn add_keys(work: &mut Work<'_>, legacy: &Legacy) -> Result<()> {
    const STEP: &str = "add the foreign keys of the old tables again";
    for present in legacy.tables.iter().filter(|present| !present.table.is_users()) {
        let Some(adds) = record::read_keys(work, present.table.source).await? else { continue };
        if work.has_table(&present.backup()).await?
            && foreign_keys_of(work.connection, &present.backup()).await?.is_empty()
        {
            work.run(STEP, format!("ALTER TABLE {} {adds}", quoted(&present.backup()))).await?;
        }
    }
    Ok(())
}

/// Adds the keys of the new tables to users. A server that is to check them writes the whole table again: they are checked here.
pub(super) async fn user_keys(work: &mut Work<'_>) -> Result<()> {
    const STEP: &str = "add the keys to users";
    for table in schema::OF_USERS {
        if !foreign_keys_of(work.connection, &format!("{NEW}{table}")).await?.iter().any(|(key, _)| key.is_todays()) {
            if work.finds(STEP, schema::orphans(table)).await? {
                return Err(MigrationError::NotCopied { table: table.to_owned(), expected: 0, found: 1 });
            }
            work.run(STEP, "SET SESSION foreign_key_checks = 0".to_owned()).await?;
            let added = work.run(STEP, schema::user_key(table)).await;
            work.run(STEP, "SET SESSION foreign_key_checks = 1".to_owned()).await?;
            added?;
        }
    }
    Ok(())
}

/// Goes on counting the wrong passwords of the last minutes.
pub(super) async fn lockouts(work: &mut Work<'_>, now: DateTime<Utc>) -> Result<()> {
    const STEP: &str = "count the wrong passwords of the last minutes";
    let since = (now - TimeDelta::minutes(LOCKOUT_MINUTES)).naive_utc();
    // What an interrupted run wrote was for other minutes.
    work.run(STEP, format!("DELETE FROM {NEW}lockouts")).await?;
    live(work.connection, work.options, STEP).await?;
    query(schema::lockouts()).bind(since).bind(since).execute(&mut *work.connection).await.map_err(failed(STEP))?;
    Ok(())
}

/// Writes the history that the tables will have, beside them, if what has to hold does hold.
pub(super) async fn history(work: &mut Work<'_>, started_at: DateTime<Utc>, finished_at: DateTime<Utc>) -> Result<()> {
    const STEP: &str = "write the schema's history";
    for step in steps::STEPS.iter().take(crate::legacy::BASELINE) {
        for check in step.checks {
            if work.finds(STEP, beside(check.query)).await? {
                let what = check.what.to_owned();
                return Err(MigrationError::PostCondition { version: step.version, name: step.name, what });
            }
        }
    }
    work.run(STEP, bookkeeping::create_statement(HISTORY)).await?;
    for step in steps::STEPS.iter().take(crate::legacy::BASELINE) {
        live(work.connection, work.options, STEP).await?;
        let record = bookkeeping::record_statement(HISTORY);
        bookkeeping::bind(sqlx::query(safe(record)), step, started_at, Some(finished_at))
            .execute(&mut *work.connection)
            .await
            .map_err(failed(STEP))?;
    }
    Ok(())
}

const HISTORY: &str = "_torii_new_schema";

/// A query about the tables, asked of their successors.
fn beside(query: &str) -> String {
    let mut query = query.replace(" FROM tenants ", &format!(" FROM {NEW}tenants "));
    for name in NEEDED {
        query = query.replace(&format!("'{name}'"), &format!("'{NEW}{name}'"));
    }
    query
}

/// The statement that puts today's tables in their place, with their history and what was taken over.
fn exchange_statement() -> String {
    let mut renames: Vec<String> = NEEDED.iter().map(|name| format!("{NEW}{name} TO {name}")).collect();
    renames.push(format!("{HISTORY} TO _torii_schema"));
    renames.push(format!("{UPGRADE} TO {ADOPTION}"));
    format!("RENAME TABLE {}", renames.join(", "))
}

/// Puts today's tables in their place. From here on the database is today's.
pub(super) async fn exchange(work: &mut Work<'_>) -> Result<()> {
    const STEP: &str = "put today's tables in their place";
    // Empty: a run that was killed before it had anything to write.
    if work.has_table("_torii_schema").await? {
        work.run(STEP, "DROP TABLE _torii_schema".to_owned()).await?;
    }
    work.run(STEP, exchange_statement()).await
}

/// The first part of the work, for people.
pub(super) fn describe_set_aside(found: &Found) -> PlannedStep {
    let there = found.legacy.tables.iter().filter(|present| !found.is_moved(present.table.source));
    let sql = set_aside_statement(there).map(|statement| format!("{statement};")).unwrap_or_default();
    PlannedStep::new(SET_ASIDE, format!("{};\n{sql}", record::CREATE))
}

/// The last part of it, for people.
pub(super) fn describe_exchange(users: &schema::Users) -> Vec<PlannedStep> {
    let keys: Vec<String> = schema::OF_USERS.iter().map(|table| format!("{};", schema::user_key(table))).collect();
    vec![
        PlannedStep::new(
            "make users what it is today",
            format!(
                "-- The foreign keys of the old tables are dropped; then:\n{};\n-- Every row is read again and compared.",
                users.alter()
            ),
        ),
        PlannedStep::new(
            "add the keys to users",
            format!("SET SESSION foreign_key_checks = 0;\n{}\nSET SESSION foreign_key_checks = 1;", keys.join("\n")),
        ),
        PlannedStep::new("count the wrong passwords of the last minutes", format!("{};", schema::lockouts())),
        PlannedStep::new("put today's tables in their place", format!("{};", exchange_statement())),
    ]
}
