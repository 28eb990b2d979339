//! The schema on SQLite.

use sqlx::{Connection as _, SqlitePool};
use torii_core::clock::Clock;

use crate::{
    MigrateOptions, MigrationPlan, MigrationReport, MigrationStatus, PlannedStep, Result, StepRecord, legacy::BASELINE,
    target,
};

mod bookkeeping;
mod errors;
mod lease;
mod legacy;
mod orphans;
mod run;
mod steps;

#[cfg(test)]
mod tests;

/// Brings the database of `pool` to the newest schema.
///
/// Works on a connection of its own, made with the pool's connect options and closed afterwards. A database that only the
/// pool can see, because it is in memory or locked exclusively, is migrated on a connection of the pool; a pool of one
/// connection suffices, and must not be in use by the caller.
///
/// ```
/// use sqlx::SqlitePool;
/// use torii_core::clock::SystemClock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = SqlitePool::connect("sqlite::memory:").await?;
/// let report = torii_migration::sqlite::migrate(&pool, &SystemClock).await?;
/// assert_eq!(report.applied[0].name, "initial");
/// assert!(torii_migration::sqlite::status(&pool).await?.is_up_to_date());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`MigrationError`](crate::MigrationError): the database is refused, is locked for too long, or a step failed. Steps that
/// were reported as applied stay applied, and calling again goes on from there.
pub async fn migrate(pool: &SqlitePool, clock: &dyn Clock) -> Result<MigrationReport> {
    migrate_with(pool, clock, &MigrateOptions::new()).await
}

/// [`migrate`] with options.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_with(pool: &SqlitePool, clock: &dyn Clock, options: &MigrateOptions) -> Result<MigrationReport> {
    let steps = target::steps(options, steps::STEPS)?;
    if options.target().is_some() {
        let status = status(pool).await?;
        target::allow(options, &status.applied, status.adoptable.is_some())?;
    }
    run::run(pool, clock, options, steps).await
}

/// How far the database of `pool` is. Reads only.
///
/// # Errors
/// Whatever [`migrate`] would refuse the database for, and failures to read it.
pub async fn status(pool: &SqlitePool) -> Result<MigrationStatus> {
    let mut connection = pool.acquire().await.map_err(|error| errors::connect(&pool.connect_options(), error))?;
    let found = run::look_unlocked(&mut connection, steps::STEPS).await?;
    Ok(MigrationStatus {
        applied: found.history.applied(),
        pending: found
            .history
            .pending(steps::STEPS)
            .map(|step| StepRecord { version: step.version, name: step.name.to_owned(), finished_at: None })
            .collect(),
        adopted: legacy::adoption(&mut connection).await?,
        adoptable: found.legacy.map(|legacy| legacy.version),
    })
}

/// What [`migrate_with`] would do to the database of `pool`, and what it would find in the rows of an older version. Reads
/// only, but every row of an older version.
///
/// # Errors
/// As [`status`].
pub async fn plan(pool: &SqlitePool, options: &MigrateOptions) -> Result<MigrationPlan> {
    const OPERATION: &str = "read the database";
    let mut connection = pool.acquire().await.map_err(|error| errors::connect(&pool.connect_options(), error))?;
    let mut snapshot = connection.begin().await.map_err(errors::failed(OPERATION))?;
    let found = run::look(&mut snapshot, steps::STEPS).await?;
    let mut plan = MigrationPlan { adopts: None, steps: Vec::new(), findings: Vec::new() };
    target::allow(options, &found.history.applied(), found.legacy.is_some())?;
    let mut pending: Vec<_> = found.history.pending(target::steps(options, steps::STEPS)?).collect();
    if let Some(legacy) = found.legacy {
        let (steps, survey) = legacy::plan(&mut snapshot, &legacy, options).await?;
        (plan.adopts, plan.steps, plan.findings) = (Some(legacy.version), steps, survey.findings.listed);
        pending.retain(|step| step.version > BASELINE as i64);
    }
    plan.steps.extend(pending.into_iter().map(|step| PlannedStep::new(step.name, step.text())));
    if options.drops_backup() {
        plan.steps.extend(legacy::plan_drop_backup(&mut snapshot).await?);
    }
    snapshot.rollback().await.map_err(errors::failed(OPERATION))?;
    Ok(plan)
}

/// Drops the tables that hold an older version's rows as they were, and answers their names: none if there are none.
///
/// # Errors
/// [`MigrationError`](crate::MigrationError): the database is locked for too long, or cannot be written.
pub async fn drop_backup(pool: &SqlitePool, options: &MigrateOptions) -> Result<Vec<String>> {
    legacy::drop_backup(pool, options).await
}
