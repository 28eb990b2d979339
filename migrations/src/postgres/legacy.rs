//! Taking over a database that an older version left behind, while the older version goes on using it.
//!
//! Everything that takes time happens beside it: `users` gets new columns, the other tables get successors, both are filled in
//! batches, and triggers list what the older version changes meanwhile. Then one short transaction brings the last changes
//! over and exchanges the tables. Killed before it, the next start goes on; what went wrong before it is undone.

mod catalog;
mod copy;
mod prepare;
mod record;
mod rows;
mod switch;
mod undo;
mod users;
mod work;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use torii_core::{clock::Clock, error::StorageErrorKind};

pub(super) use self::{
    catalog::find,
    record::{drop_backup, plan_drop_backup, read as adoption},
};
use self::{rows::OldTables, work::Work};
use crate::{
    Adoption, Handling, MigrateOptions, MigrationError, PlannedStep, Result, StepRecord,
    legacy::{Legacy, Survey, survey},
    patience::Patience,
};

/// Takes the database over. With the lock of migrations.
pub(super) async fn adopt(
    connection: &mut PgConnection,
    legacy: &Legacy,
    options: &MigrateOptions,
    clock: &dyn Clock,
    patience: Patience,
) -> Result<(Adoption, Vec<StepRecord>)> {
    catalog::require_owner(connection, legacy).await?;
    let found = examine(connection, legacy, options).await?;
    let refused = found.findings.refused();
    if !refused.is_empty() {
        return Err(MigrationError::DirtyData { count: found.findings.count(Handling::Refused), findings: refused });
    }
    let started_at = clock.now();
    let mut work = Work { connection, options, patience };
    let done = exchange(&mut work, legacy, &found, clock, started_at).await;
    match done {
        Ok((mut adoption, records)) => {
            adoption.findings = found.findings.listed;
            Ok((adoption, records))
        }
        Err(error) => {
            // A lost connection, or too little patience: the next start goes on from here.
            if !is_passing(&error)
                && let Err(error) = undo::undo(&mut work, legacy).await
            {
                tracing::warn!(%error, "what was prepared for the upgrade stays, and the next start goes on with it");
            }
            Err(error)
        }
    }
}

async fn exchange(
    work: &mut Work<'_>,
    legacy: &Legacy,
    found: &Survey,
    clock: &dyn Clock,
    started_at: DateTime<Utc>,
) -> Result<(Adoption, Vec<StepRecord>)> {
    prepare::columns(work, legacy).await?;
    users::fill(work, legacy, found).await?;
    prepare::constraints(work).await?;
    prepare::successors(work, started_at).await?;
    for present in legacy.tables.iter().filter(|present| !present.table.is_users()) {
        copy::copy(work, present, found).await?;
    }
    switch::switch(work, legacy, found, clock, started_at).await
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

/// What [`adopt`] would do and find. Reads only.
pub(super) async fn plan(
    connection: &mut PgConnection,
    legacy: &Legacy,
    options: &MigrateOptions,
) -> Result<(Vec<PlannedStep>, Survey)> {
    catalog::require_owner(connection, legacy).await?;
    let found = examine(connection, legacy, options).await?;
    let mut steps = vec![PlannedStep::new(
        "examine",
        "-- Every row is examined; rows that nobody could answer for stop the upgrade here.",
    )];
    steps.extend(prepare::describe(legacy));
    for present in &legacy.tables {
        steps.push(rows::describe(connection, present).await?);
    }
    steps.extend(switch::describe(legacy));
    if options.drops_backup() {
        steps.push(record::describe_drop(legacy));
    }
    Ok((steps, found))
}

async fn examine(connection: &mut PgConnection, legacy: &Legacy, options: &MigrateOptions) -> Result<Survey> {
    survey(&mut OldTables::new(connection), legacy, options).await
}

#[cfg(test)]
pub(super) use self::work::safe;
