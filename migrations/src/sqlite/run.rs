//! Applying steps.

use std::collections::BTreeMap;

use sqlx::{Connection, SqliteConnection, SqlitePool};
use torii_core::clock::Clock;

use super::{
    bookkeeping,
    errors::{failed, step_failed},
    lease::Lease,
    neighbours,
};
use crate::{
    MigrateOptions, MigrationError, MigrationReport, Result, StepRecord,
    history::History,
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
    let report = apply_missing(&mut lease, clock, &mut patience, steps).await;
    lease.end().await;
    report
}

/// [`look`] without the write lock, so that a database that needs nothing may be busy, or read-only.
pub(super) async fn look_unlocked(connection: &mut SqliteConnection, steps: &[SqliteStep]) -> Result<History> {
    const OPERATION: &str = "read the database";
    // In one snapshot: a table that appears after the history was read would look like somebody else's.
    let mut snapshot = connection.begin().await.map_err(failed(OPERATION))?;
    let history = look(&mut snapshot, steps).await?;
    snapshot.rollback().await.map_err(failed(OPERATION))?;
    Ok(history)
}

/// Reads what has been applied, and refuses the database if this version of torii must not touch it. Inside a transaction.
async fn look(connection: &mut SqliteConnection, steps: &[SqliteStep]) -> Result<History> {
    let history = bookkeeping::read(connection).await?;
    history.compare(steps)?;
    if history.is_empty() {
        neighbours::refuse(connection).await?;
    }
    Ok(history)
}

async fn apply_missing(
    lease: &mut Lease,
    clock: &dyn Clock,
    patience: &mut Patience,
    steps: &[SqliteStep],
) -> Result<MigrationReport> {
    let history = loop {
        match look_unlocked(lease.connection(), steps).await {
            Ok(history) => break history,
            Err(error) => patience.after(error).await?,
        }
    };
    let mut applied = Vec::new();
    for step in history.pending(steps) {
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
    Ok(MigrationReport { applied, version: steps.last().map_or(0, |step| step.version) })
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
    if look(&mut transaction, steps).await?.is_done(step.version) {
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
    if look(&mut transaction, steps).await?.is_done(step.version) {
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
    let before = orphans(connection, step).await?;
    execute(connection, step, sql).await?;
    let after = orphans(connection, step).await?;
    // The application's own tables live in the same database, and orphans among them are none of torii's business.
    for ((child, parent), count) in after {
        if count > before.get(&(child.clone(), parent.clone())).copied().unwrap_or(0) {
            let what = format!("rows of {child} refer to rows of {parent} that are gone");
            return Err(unmet(step, what));
        }
    }
    Ok(())
}

/// How many rows of which table refer to a row of which other table that does not exist.
async fn orphans(connection: &mut SqliteConnection, step: &SqliteStep) -> Result<BTreeMap<(String, String), i64>> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY \"table\", parent")
            .fetch_all(connection)
            .await
            .map_err(step_failed(step))?;
    Ok(rows.into_iter().map(|(child, parent, count)| ((child, parent), count)).collect())
}

async fn execute(connection: &mut SqliteConnection, step: &SqliteStep, sql: &'static str) -> Result<()> {
    sqlx::raw_sql(sql).execute(connection).await.map_err(step_failed(step))?;
    Ok(())
}

/// Runs the step's post-conditions.
async fn check(connection: &mut SqliteConnection, step: &SqliteStep) -> Result<()> {
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
