//! Taking over a database that an older version left behind.
//!
//! The servers commit every definition by itself, so the work is made of statements that each leave a state from which the next
//! start goes on. One `RENAME TABLE` takes the tables away from the older version, which cannot lose a write to them from then on.
//! Rows are copied out of them into today's tables, and compared; `users`, to which the application's tables refer, is altered
//! where it is, by one statement. Another `RENAME TABLE` puts everything in its place, the history among it. What goes wrong for
//! good before `users` is altered is undone.

mod catalog;
mod copy;
mod foreign_keys;
mod made;
mod record;
mod rows;
mod schema;
mod switch;
mod undo;
mod users;
mod work;

use chrono::{DateTime, Utc};
use sqlx::{MySqlConnection, MySqlPool};
use torii_core::{clock::Clock, error::StorageErrorKind};

#[cfg(test)]
pub(super) use self::work::safe;
pub(super) use self::{
    catalog::{Found, find},
    record::{plan_drop_backup, read as adoption},
};
use self::{
    rows::{NEW, NEW_USERS, OldTables, Reader},
    work::{Work, failed, live, safe as statement},
};
use super::{errors, session, steps};
use crate::{
    Adoption, Handling, MigrateOptions, MigrationError, PlannedStep, Result, StepRecord,
    legacy::{BASELINE, Legacy, Survey, survey},
    patience::Patience,
};

/// Takes the database over. With the lock of migrations.
pub(super) async fn adopt(
    connection: &mut MySqlConnection,
    found: &Found,
    options: &MigrateOptions,
    clock: &dyn Clock,
    patience: Patience,
) -> Result<(Adoption, Vec<StepRecord>)> {
    let legacy = &found.legacy;
    let mut work = Work { connection, options, patience };
    if !found.is_under_way() {
        // Before anything is changed: what nobody could answer for, and what the account may not do.
        refuse(&examine(&mut work, legacy, false).await?)?;
        require_privileges(&mut work, found).await?;
    }
    let done = exchange(&mut work, found, clock).await;
    match done {
        Ok((mut adoption, records, survey)) => {
            adoption.findings = survey.findings.listed;
            Ok((adoption, records))
        }
        Err(error) => Err(give_up(&mut work, legacy, error).await),
    }
}

/// What is undone after an error, and the error as it is told.
async fn give_up(work: &mut Work<'_>, legacy: &Legacy, error: MigrationError) -> MigrationError {
    // A lost connection, or too little patience: the next start goes on from here.
    if is_passing(&error) {
        return error;
    }
    let undone = match undo::is_possible(work).await {
        Ok(true) => undo::undo(work, legacy).await,
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = undone {
        tracing::warn!(%error, "what was prepared for the upgrade stays, and the next start goes on with it");
    }
    let is_denied = matches!(&error, MigrationError::Adoption { source, .. } if errors::is_denied(source));
    if is_denied {
        let tables = legacy.tables.iter().map(|present| present.table.source.to_owned()).collect();
        return catalog::may_not_alter(work.connection, tables).await.unwrap_or(error);
    }
    error
}

fn is_passing(error: &MigrationError) -> bool {
    match error {
        MigrationError::Locked { .. } => true,
        MigrationError::Adoption { kind, .. }
        | MigrationError::Step { kind, .. }
        | MigrationError::Database { kind, .. } => {
            matches!(kind, StorageErrorKind::Locked | StorageErrorKind::Unavailable)
        }
        _ => false,
    }
}

async fn exchange(
    work: &mut Work<'_>,
    found: &Found,
    clock: &dyn Clock,
) -> Result<(Adoption, Vec<StepRecord>, Survey)> {
    let (legacy, started_at) = (&found.legacy, clock.now());
    record::begin(work, legacy).await?;
    switch::set_aside(work, found).await?;
    // Again: the older version may have written in between. Now it cannot.
    let survey = examine(work, legacy, true).await?;
    refuse(&survey)?;
    let kept_id = users::kept_id(work, legacy, NEW_USERS).await?;
    successors(work, kept_id.as_deref(), started_at).await?;
    for present in legacy.tables.iter().filter(|present| !present.table.is_users()) {
        copy::copy(work, present, &survey).await?;
    }
    users::fill(work, legacy, &survey).await?;
    switch::drop_keys(work, legacy).await?;
    users::alter(work, legacy, kept_id).await?;
    switch::user_keys(work).await?;
    if legacy.find("failed_login_attempts").is_some() {
        switch::lockouts(work, started_at).await?;
    }
    let finished_at = clock.now();
    switch::history(work, started_at, finished_at).await?;
    switch::exchange(work).await?;
    let adoption = record::read(work.connection).await?;
    let adoption = adoption.unwrap_or(Adoption { from: legacy.version, tables: Vec::new(), findings: Vec::new() });
    let record = |step: &crate::step::Step<MySqlConnection>| StepRecord {
        version: step.version,
        name: step.name.to_owned(),
        finished_at: Some(finished_at),
    };
    Ok((adoption, steps::STEPS.iter().take(BASELINE).map(record).collect(), survey))
}

async fn examine(work: &mut Work<'_>, legacy: &Legacy, are_moved: bool) -> Result<Survey> {
    let mut reader = Reader::new(are_moved);
    survey(&mut OldTables { connection: work.connection, reader: &mut reader }, legacy, work.options).await
}

fn refuse(found: &Survey) -> Result<()> {
    let findings = found.findings.refused();
    if findings.is_empty() {
        return Ok(());
    }
    Err(MigrationError::DirtyData { count: found.findings.count(Handling::Refused), findings })
}

async fn require_privileges(work: &mut Work<'_>, found: &Found) -> Result<()> {
    loop {
        match catalog::require_privileges(work.connection, found).await {
            Ok(()) => return Ok(()),
            Err(error) => work.patience.after(error).await?,
        }
    }
}

/// Makes today's tables beside the old ones, and the rows' tenant.
async fn successors(work: &mut Work<'_>, kept_id: Option<&str>, now: DateTime<Utc>) -> Result<()> {
    const STEP: &str = "make the new tables";
    for (_, statement) in schema::successors(kept_id.unwrap_or_default()) {
        work.run(STEP, statement).await?;
    }
    live(work.connection, work.options, STEP).await?;
    let insert = steps::INSERT_DEFAULT_TENANT.replace("INTO tenants", &format!("INTO {NEW}tenants"));
    steps::bind_default_tenant(sqlx::query(statement(insert)), now)
        .execute(&mut *work.connection)
        .await
        .map_err(failed(STEP))?;
    Ok(())
}

/// What [`adopt`] would do and find. Reads only.
pub(super) async fn plan(
    connection: &mut MySqlConnection,
    found: &Found,
    options: &MigrateOptions,
) -> Result<(Vec<PlannedStep>, Survey)> {
    let (legacy, are_moved) = (&found.legacy, found.is_under_way());
    let mut work = Work { connection, options, patience: Patience::new(options.get_lock_timeout()) };
    let survey = examine(&mut work, legacy, are_moved).await?;
    let mut steps = vec![PlannedStep::new(
        "examine",
        "-- Every row is examined; rows that nobody could answer for stop the upgrade here.",
    )];
    steps.push(switch::describe_set_aside(found));
    let users_table = if are_moved { NEW_USERS } else { "users" };
    let kept_id = users::kept_id(&mut work, legacy, users_table).await?;
    let made = schema::successors(kept_id.as_deref().unwrap_or_default()).into_iter();
    let made: Vec<String> = made.map(|(_, statement)| format!("{statement};")).collect();
    steps.push(PlannedStep::new("make the new tables", made.join("\n")));
    for present in legacy.tables.iter().filter(|present| !present.table.is_users()) {
        steps.push(rows::describe(work.connection, present, are_moved).await?);
    }
    steps.push(PlannedStep::new(
        "copy users",
        format!(
            "{};\n{};\n-- In batches:\n{};",
            schema::Users::prepare(),
            users::make_keys(kept_id.as_deref().unwrap_or_default()),
            users::UPDATE_KEYS
        ),
    ));
    steps.extend(switch::describe_exchange(&users::look(&mut work, users_table, kept_id).await?));
    if options.drops_backup() {
        steps.push(record::describe_drop(legacy));
    }
    Ok((steps, survey))
}

/// Drops the backup of an older version's tables, and answers their names.
pub(super) async fn drop_backup_of(
    connection: &mut MySqlConnection,
    options: &MigrateOptions,
    patience: Patience,
) -> Result<Vec<String>> {
    record::drop_backup(&mut Work { connection, options, patience }).await
}

/// The same on a connection of its own.
pub(super) async fn drop_backup(pool: &MySqlPool, options: &MigrateOptions) -> Result<Vec<String>> {
    let mut connection = session::open(pool).await?;
    let patience = Patience::new(options.get_lock_timeout()).growing(super::run::LONGEST_PAUSE);
    let dropped = drop_backup_of(&mut connection, options, patience).await;
    session::close(connection).await;
    dropped
}
