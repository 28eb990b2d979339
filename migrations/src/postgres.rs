//! The schema on PostgreSQL, version 13 and newer.

use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use torii_core::clock::Clock;

use crate::{
    MigrateOptions, MigrationPlan, MigrationReport, MigrationStatus, PlannedStep, Result, StepRecord, legacy::BASELINE,
    target,
};

mod bookkeeping;
mod errors;
mod index;
mod legacy;
mod neighbours;
mod row_security;
mod run;
mod session;
mod steps;

#[cfg(test)]
mod tests;

pub use self::row_security::{
    RowLevelSecurity, disable_row_level_security, disable_row_level_security_with, enable_row_level_security,
    enable_row_level_security_with, row_level_security,
};

/// Brings the database of `pool` to the newest schema.
///
/// Works on a connection of its own, made with the pool's connect options and closed afterwards: what the pool's
/// `after_connect` sets is not seen, so a search path belongs into the options. The tables are made in the first schema of
/// the search path, which must exist. The connection must lead to the server itself: a pooler that hands a connection to
/// somebody else between two statements (PgBouncer in transaction mode) would hand the migration's lock to them.
///
/// One process migrates at a time, others wait. The application keeps running: a step that cannot have its locks at once
/// gets out of the way and tries again.
///
/// ```no_run
/// use sqlx::PgPool;
/// use torii_core::clock::SystemClock;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = PgPool::connect("postgres://torii_owner@localhost/app?options[search_path]=torii").await?;
/// let report = torii_migration::postgres::migrate(&pool, &SystemClock).await?;
/// assert_eq!(report.applied[0].name, "initial");
/// assert!(torii_migration::postgres::status(&pool).await?.is_up_to_date());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`MigrationError`](crate::MigrationError): the database is refused, is locked for too long, or a step failed. Steps that
/// were reported as applied stay applied, and calling again goes on from there.
pub async fn migrate(pool: &PgPool, clock: &dyn Clock) -> Result<MigrationReport> {
    migrate_with(pool, clock, &MigrateOptions::new()).await
}

/// [`migrate`] with options.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_with(pool: &PgPool, clock: &dyn Clock, options: &MigrateOptions) -> Result<MigrationReport> {
    let steps = target::steps(options, steps::STEPS)?;
    if options.target().is_some() {
        let status = status(pool).await?;
        target::allow(options, &status.applied, status.adoptable.is_some())?;
    }
    run::run(pool, clock, options, steps).await
}

/// How far the database of `pool` is. Reads only, on a connection of its own as [`migrate`] does.
///
/// # Errors
/// Whatever [`migrate`] would refuse the database for, and failures to read it.
pub async fn status(pool: &PgPool) -> Result<MigrationStatus> {
    let mut connection = session::open(pool).await?;
    let status = read_status(&mut connection).await;
    session::close(connection).await;
    status
}

async fn read_status(connection: &mut PgConnection) -> Result<MigrationStatus> {
    let found = run::look(connection, steps::STEPS).await?;
    Ok(MigrationStatus {
        applied: found.history.applied(),
        pending: found
            .history
            .pending(steps::STEPS)
            .map(|step| StepRecord { version: step.version, name: step.name.to_owned(), finished_at: None })
            .collect(),
        adopted: legacy::adoption(connection).await?,
        adoptable: found.legacy.map(|legacy| legacy.version),
    })
}

/// What [`migrate_with`] would do to the database of `pool`, and what it would find in the rows of an older version. Reads
/// only, but every row of an older version.
///
/// # Errors
/// As [`status`].
pub async fn plan(pool: &PgPool, options: &MigrateOptions) -> Result<MigrationPlan> {
    let mut connection = session::open(pool).await?;
    let plan = read_plan(&mut connection, options).await;
    session::close(connection).await;
    plan
}

async fn read_plan(connection: &mut PgConnection, options: &MigrateOptions) -> Result<MigrationPlan> {
    let found = run::look(connection, steps::STEPS).await?;
    let mut plan = MigrationPlan { adopts: None, steps: Vec::new(), findings: Vec::new() };
    target::allow(options, &found.history.applied(), found.legacy.is_some())?;
    let mut pending: Vec<_> = found.history.pending(target::steps(options, steps::STEPS)?).collect();
    if let Some(legacy) = found.legacy {
        let (steps, survey) = legacy::plan(connection, &legacy, options).await?;
        (plan.adopts, plan.steps, plan.findings) = (Some(legacy.version), steps, survey.findings.listed);
        pending.retain(|step| step.version > BASELINE as i64);
    }
    plan.steps.extend(pending.into_iter().map(|step| PlannedStep::new(step.name, step.text())));
    if options.drops_backup() {
        plan.steps.extend(legacy::plan_drop_backup(connection).await?);
    }
    Ok(plan)
}

/// Drops the tables that hold an older version's rows as they were, and answers their names: none if there are none.
///
/// # Errors
/// [`MigrationError`](crate::MigrationError): the tables are locked for too long, or the role may not drop them.
pub async fn drop_backup(pool: &PgPool, options: &MigrateOptions) -> Result<Vec<String>> {
    run::drop_backup(pool, options).await
}

/// A digest over all steps: two builds with the same one bring a database to the same schema. To recognise a database that
/// is kept ready, such as a template for tests.
pub fn fingerprint() -> [u8; 32] {
    let mut hasher = Sha256::new();
    for step in steps::STEPS {
        hasher.update(step.checksum());
    }
    hasher.finalize().into()
}
