//! Applying steps.

use sqlx::{Connection, SqliteConnection, SqlitePool};
use torii_core::clock::Clock;

use super::{
    bookkeeping,
    errors::{failed, step_failed},
    lease::Lease,
    legacy, orphans,
};
use crate::{
    MigrateOptions, MigrationError, MigrationReport, Result, StepRecord,
    history::History,
    legacy::Legacy,
    patience::Patience,
    step::{Body, RunFn, Step},
};

type SqliteStep = Step<SqliteConnection>;

/// Applies what is missing of `steps`.
pub(super) async fn run(
    pool: &SqlitePool,
    clock: &dyn Clock,
    options: &MigrateOptions,
    steps: &[SqliteStep],
) -> Result<MigrationReport> {
    let mut patience = Patience::new(options.get_lock_timeout());
    let mut lease = Lease::take(pool, &mut patience).await?;
    let report = apply_missing(&mut lease, clock, options, &mut patience, steps).await;
    lease.end().await;
    report
}

/// What is there.
pub(super) struct Found {
    pub(super) history: History,
    /// What an older version left behind, if nothing of this one is there yet.
    pub(super) legacy: Option<Legacy>,
}

/// [`look`] without the write lock, so that a database that needs nothing may be busy, or read-only.
pub(super) async fn look_unlocked(connection: &mut SqliteConnection, steps: &[SqliteStep]) -> Result<Found> {
    const OPERATION: &str = "read the database";
    // In one snapshot: a table that appears after the history was read would look like somebody else's.
    let mut snapshot = connection.begin().await.map_err(failed(OPERATION))?;
    let found = look(&mut snapshot, steps).await?;
    snapshot.rollback().await.map_err(failed(OPERATION))?;
    Ok(found)
}

/// Reads what has been applied, and refuses the database if this version of torii must not touch it. Inside a transaction.
pub(super) async fn look(connection: &mut SqliteConnection, steps: &[SqliteStep]) -> Result<Found> {
    let history = bookkeeping::read(connection).await?;
    history.compare(steps)?;
    let legacy = if history.is_empty() { legacy::find(connection).await? } else { None };
    Ok(Found { history, legacy })
}

async fn apply_missing(
    lease: &mut Lease,
    clock: &dyn Clock,
    options: &MigrateOptions,
    patience: &mut Patience,
    steps: &[SqliteStep],
) -> Result<MigrationReport> {
    let mut found = look_patiently(lease, patience, steps).await?;
    let (mut applied, mut adopted, mut dropped_backups) = (Vec::new(), None, Vec::new());
    if found.legacy.is_some() {
        let done = loop {
            match legacy::take_over(lease, clock, options, steps).await {
                Ok(done) => break done,
                Err(error) => patience.after(error).await?,
            }
        };
        if let Some((adoption, records)) = done {
            tracing::info!(from = %adoption.from, set_aside = adoption.set_aside(), "an older version's database is taken over");
            (applied, adopted) = (records, Some(adoption));
            patience.renew();
        }
        found = look_patiently(lease, patience, steps).await?;
    }
    for step in found.history.pending(steps) {
        let record = loop {
            match apply(lease, clock, step, steps).await {
                Ok(record) => break record,
                Err(error) => patience.after(error).await?,
            }
        };
        if let Some(record) = record {
            tracing::info!(version = step.version, name = step.name, "migration applied");
            applied.push(record);
        }
    }
    if options.drops_backup() {
        dropped_backups = legacy::drop_backup_of(lease, patience).await?;
        if let Some(adopted) = adopted.as_mut().filter(|_| !dropped_backups.is_empty()) {
            adopted.tables.iter_mut().for_each(|table| table.backup = None);
        }
    }
    Ok(MigrationReport { applied, version: steps.last().map_or(0, |step| step.version), adopted, dropped_backups })
}

async fn look_patiently(lease: &mut Lease, patience: &mut Patience, steps: &[SqliteStep]) -> Result<Found> {
    loop {
        match look_unlocked(lease.connection(), steps).await {
            Ok(found) => return Ok(found),
            Err(error) => patience.after(error).await?,
        }
    }
}

/// Applies one step; `None` if another process was faster.
async fn apply(
    lease: &mut Lease,
    clock: &dyn Clock,
    step: &SqliteStep,
    steps: &[SqliteStep],
) -> Result<Option<StepRecord>> {
    match step.body {
        Body::InTransaction(sql) | Body::Index { create: sql, .. } => {
            in_transaction(lease, clock, step, Work::Statements(sql), steps).await
        }
        Body::Rust { run, .. } => in_transaction(lease, clock, step, Work::Code(run), steps).await,
        Body::SqliteRebuild(sql) => {
            let were_on = lease.suspend_foreign_keys().await?;
            let record = in_transaction(lease, clock, step, Work::Rebuild(sql), steps).await;
            let restored = lease.restore_foreign_keys(were_on).await;
            let record = record?;
            restored?;
            Ok(record)
        }
        Body::OutsideTransaction(sql) => outside_transaction(lease, clock, step, sql, steps).await,
    }
}

/// What is done inside a transaction.
enum Work {
    Statements(&'static str),
    Rebuild(&'static str),
    Code(RunFn<SqliteConnection>),
}

async fn in_transaction(
    lease: &mut Lease,
    clock: &dyn Clock,
    step: &SqliteStep,
    work: Work,
    steps: &[SqliteStep],
) -> Result<Option<StepRecord>> {
    let started_at = clock.now();
    let mut transaction = lease.connection().begin_with("BEGIN IMMEDIATE").await.map_err(step_failed(step))?;
    if must_not_apply(&mut transaction, step, steps).await? {
        transaction.rollback().await.map_err(step_failed(step))?;
        return Ok(None);
    }
    bookkeeping::create(&mut transaction, step).await?;
    match work {
        Work::Statements(sql) => execute(&mut transaction, step, sql).await?,
        Work::Rebuild(sql) => rebuild(&mut transaction, step, sql).await?,
        Work::Code(run) => run(&mut transaction, started_at).await.map_err(step_failed(step))?,
    }
    check(&mut transaction, step).await?;
    let finished_at = clock.now();
    bookkeeping::record(&mut transaction, step, started_at, Some(finished_at)).await?;
    // Without WAL a commit has to wait for readers; one that is refused counts as a lock like any other.
    transaction.commit().await.map_err(step_failed(step))?;
    Ok(Some(StepRecord { version: step.version, name: step.name.to_owned(), finished_at: Some(finished_at) }))
}

/// Whether another process has applied the step.
async fn must_not_apply(connection: &mut SqliteConnection, step: &SqliteStep, steps: &[SqliteStep]) -> Result<bool> {
    let found = look(connection, steps).await?;
    match found.legacy {
        // It was not there a moment ago.
        Some(legacy) => Err(MigrationError::OlderTorii {
            table: legacy.version.bookkeeping().to_owned(),
            problem: "it began to use the database while this migration was under way".to_owned(),
        }),
        None => Ok(found.history.is_done(step.version)),
    }
}

async fn outside_transaction(
    lease: &mut Lease,
    clock: &dyn Clock,
    step: &SqliteStep,
    sql: &'static str,
    steps: &[SqliteStep],
) -> Result<Option<StepRecord>> {
    let started_at = clock.now();
    let connection = lease.connection();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(step_failed(step))?;
    if must_not_apply(&mut transaction, step, steps).await? {
        transaction.rollback().await.map_err(step_failed(step))?;
        return Ok(None);
    }
    bookkeeping::create(&mut transaction, step).await?;
    bookkeeping::record(&mut transaction, step, started_at, None).await?;
    transaction.commit().await.map_err(step_failed(step))?;

    execute(connection, step, sql).await?;
    check(connection, step).await?;
    let finished_at = clock.now();
    bookkeeping::record(connection, step, started_at, Some(finished_at)).await?;
    Ok(Some(StepRecord { version: step.version, name: step.name.to_owned(), finished_at: Some(finished_at) }))
}

/// Runs the statements of a rebuild, inside a transaction that began with foreign keys off.
async fn rebuild(connection: &mut SqliteConnection, step: &SqliteStep, sql: &'static str) -> Result<()> {
    let are_on: bool =
        sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&mut *connection).await.map_err(step_failed(step))?;
    if are_on {
        return Err(unmet(step, "foreign keys could not be switched off".to_owned()));
    }
    let before = orphans::count(connection).await.map_err(step_failed(step))?;
    execute(connection, step, sql).await?;
    let after = orphans::count(connection).await.map_err(step_failed(step))?;
    orphans::none_is_new(step, &before, &after)
}

async fn execute(connection: &mut SqliteConnection, step: &SqliteStep, sql: &'static str) -> Result<()> {
    sqlx::raw_sql(sql).execute(connection).await.map_err(step_failed(step))?;
    Ok(())
}

/// Runs the step's post-conditions.
pub(super) async fn check(connection: &mut SqliteConnection, step: &SqliteStep) -> Result<()> {
    for check in step.checks {
        let row = sqlx::query(check.query).fetch_optional(&mut *connection).await.map_err(step_failed(step))?;
        if row.is_some() {
            return Err(unmet(step, check.what.to_owned()));
        }
    }
    Ok(())
}

fn unmet(step: &SqliteStep, what: String) -> MigrationError {
    MigrationError::PostCondition { version: step.version, name: step.name, what }
}
