//! Applying steps.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Connection, MySqlConnection, MySqlPool};
use torii_core::clock::Clock;

use super::{bookkeeping, errors::step_failed, index, neighbours, session};
use crate::{
    MigrateOptions, MigrationError, MigrationReport, Result, StepRecord,
    history::History,
    patience::Patience,
    step::{Body, Step},
};

type MySqlStep = Step<MySqlConnection>;

/// The longest pause between two tries of a step. Each try may hold up the application for as long as it waits.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Applies what is missing of `steps`.
pub(super) async fn run(
    pool: &MySqlPool,
    clock: &dyn Clock,
    options: &MigrateOptions,
    steps: &[MySqlStep],
) -> Result<MigrationReport> {
    let mut patience = Patience::new(options.get_lock_timeout());
    let mut connection = session::open(pool).await?;
    let applied = apply_missing(&mut connection, clock, &mut patience, steps).await;
    session::close(connection).await;
    Ok(MigrationReport { applied: applied?, version: steps.last().map_or(0, |step| step.version), adopted: None })
}

/// Reads what has been applied, and refuses the database if this version of torii must not touch it.
pub(super) async fn look(connection: &mut MySqlConnection, steps: &[MySqlStep]) -> Result<History> {
    neighbours::require_database(connection).await?;
    // The catalogue knows no snapshots, so in this order: whoever makes these tables for torii has written the history before.
    let neighbour = neighbours::find(connection).await?;
    let history = bookkeeping::read(connection).await?;
    history.compare(steps)?;
    match neighbour {
        Some(error) if history.is_empty() => Err(error),
        _ => Ok(history),
    }
}

async fn apply_missing(
    connection: &mut MySqlConnection,
    clock: &dyn Clock,
    patience: &mut Patience,
    steps: &[MySqlStep],
) -> Result<Vec<StepRecord>> {
    // First without the lock, so that a database that needs nothing may be a replica, and its account without rights.
    if look_patiently(connection, patience, steps).await?.pending(steps).next().is_none() {
        return Ok(Vec::new());
    }
    session::lock(connection, patience).await?;
    let applied = apply_locked(connection, clock, patience, steps).await;
    session::unlock(connection).await;
    applied
}

async fn apply_locked(
    connection: &mut MySqlConnection,
    clock: &dyn Clock,
    patience: &mut Patience,
    steps: &[MySqlStep],
) -> Result<Vec<StepRecord>> {
    // Again, because another process may have been faster.
    let history = look_patiently(connection, patience, steps).await?;
    let mut applied = Vec::new();
    for step in history.pending(steps) {
        let mut patience = patience.growing(LONGEST_PAUSE);
        let record = loop {
            match apply(connection, clock, step).await {
                Ok(record) => break record,
                Err(error) => patience.after(error).await?,
            }
        };
        tracing::info!(version = step.version, name = step.name, "migration applied");
        applied.push(record);
    }
    Ok(applied)
}

async fn look_patiently(
    connection: &mut MySqlConnection,
    patience: &mut Patience,
    steps: &[MySqlStep],
) -> Result<History> {
    loop {
        match look(connection, steps).await {
            Ok(history) => return Ok(history),
            Err(error) => patience.after(error).await?,
        }
    }
}

/// Applies one step. What defines something commits what came before it and itself, so nothing but data can be changed in a
/// transaction; a step that does more is marked as under way, and goes on from there if it is interrupted.
async fn apply(connection: &mut MySqlConnection, clock: &dyn Clock, step: &MySqlStep) -> Result<StepRecord> {
    let started_at = clock.now();
    bookkeeping::create(connection, step).await?;
    let finished_at = match step.body {
        Body::InTransaction(sql) | Body::SqliteRebuild(sql) => {
            let mut transaction = connection.begin().await.map_err(step_failed(step))?;
            execute(&mut transaction, step, sql).await?;
            let finished_at = mark_done(&mut transaction, clock, step, started_at).await?;
            transaction.commit().await.map_err(step_failed(step))?;
            finished_at
        }
        Body::OutsideTransaction(sql) => {
            bookkeeping::record(connection, step, started_at, None).await?;
            execute(connection, step, sql).await?;
            mark_done(connection, clock, step, started_at).await?
        }
        Body::Index { name, create, .. } => {
            bookkeeping::record(connection, step, started_at, None).await?;
            index::build(connection, step, name, create).await?;
            mark_done(connection, clock, step, started_at).await?
        }
        Body::Rust { run, .. } => {
            bookkeeping::record(connection, step, started_at, None).await?;
            run(connection, started_at).await.map_err(step_failed(step))?;
            mark_done(connection, clock, step, started_at).await?
        }
    };
    Ok(StepRecord { version: step.version, name: step.name.to_owned(), finished_at: Some(finished_at) })
}

/// Marks a step as done, if what has to hold does hold.
async fn mark_done(
    connection: &mut MySqlConnection,
    clock: &dyn Clock,
    step: &MySqlStep,
    started_at: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    check(connection, step).await?;
    let finished_at = clock.now();
    bookkeeping::record(connection, step, started_at, Some(finished_at)).await?;
    Ok(finished_at)
}

async fn execute(connection: &mut MySqlConnection, step: &MySqlStep, sql: &'static str) -> Result<()> {
    sqlx::raw_sql(sql).execute(connection).await.map_err(step_failed(step))?;
    Ok(())
}

/// Runs the step's post-conditions.
async fn check(connection: &mut MySqlConnection, step: &MySqlStep) -> Result<()> {
    for check in step.checks {
        let row = sqlx::query(check.query).fetch_optional(&mut *connection).await.map_err(step_failed(step))?;
        if row.is_some() {
            let what = check.what.to_owned();
            return Err(MigrationError::PostCondition { version: step.version, name: step.name, what });
        }
    }
    Ok(())
}
