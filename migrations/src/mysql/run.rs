//! Applying steps.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Connection, MySqlConnection, MySqlPool};
use torii_core::clock::Clock;

use super::{bookkeeping, errors::step_failed, index, legacy, neighbours, session};
use crate::{
    Adoption, MigrateOptions, MigrationError, MigrationReport, Result, StepRecord,
    history::History,
    patience::Patience,
    step::{Body, Step},
};

type MySqlStep = Step<MySqlConnection>;

/// The longest pause between two tries of a step. Each try may hold up the application for as long as it waits.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Applies what is missing of `steps`.
pub(super) async fn run(
    pool: &MySqlPool,
    clock: &dyn Clock,
    options: &MigrateOptions,
    steps: &[MySqlStep],
) -> Result<MigrationReport> {
    let mut patience = Patience::new(options.get_lock_timeout());
    let mut connection = session::open(pool).await?;
    let done = apply_missing(&mut connection, clock, options, &mut patience, steps).await;
    session::close(connection).await;
    let Done { applied, adopted, dropped_backups } = done?;
    Ok(MigrationReport { applied, version: steps.last().map_or(0, |step| step.version), adopted, dropped_backups })
}

/// What is there.
pub(super) struct Found {
    pub(super) history: History,
    /// What an older version left behind, if nothing of this one has taken its place yet.
    pub(super) legacy: Option<legacy::Found>,
}

/// Reads what has been applied, and refuses the database if this version of torii must not touch it.
pub(super) async fn look(connection: &mut MySqlConnection, steps: &[MySqlStep]) -> Result<Found> {
    neighbours::require_database(connection).await?;
    // The catalogue knows no snapshots, so in this order: whoever makes these tables for torii has written the history before.
    let legacy = legacy::find(connection).await;
    let history = bookkeeping::read(connection).await?;
    history.compare(steps)?;
    let legacy = if history.is_empty() { legacy? } else { None };
    Ok(Found { history, legacy })
}

/// [`look`] without the lock of migrations: tables may be put in their place at the same time, and then what is found is neither the
/// old nor the new. So whatever is in the way has to be there when nobody migrates.
pub(super) async fn look_unlocked(
    connection: &mut MySqlConnection,
    patience: &mut Patience,
    steps: &[MySqlStep],
) -> Result<Found> {
    loop {
        let refusal = match look_patiently(connection, patience, steps).await {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        let is_refused = matches!(
            refusal,
            MigrationError::OlderTorii { .. } | MigrationError::ForeignDatabase { .. } | MigrationError::InUse { .. }
        );
        if !is_refused {
            return Err(refusal);
        }
        if session::is_unlocked(connection).await? {
            // Whoever had the lock may have given it back in between.
            return look_patiently(connection, patience, steps).await;
        }
        patience.pause().await.map_err(|waited| MigrationError::AlreadyRunning { waited })?;
    }
}

/// What was done.
#[derive(Default)]
struct Done {
    applied: Vec<StepRecord>,
    adopted: Option<Adoption>,
    dropped_backups: Vec<String>,
}

async fn apply_missing(
    connection: &mut MySqlConnection,
    clock: &dyn Clock,
    options: &MigrateOptions,
    patience: &mut Patience,
    steps: &[MySqlStep],
) -> Result<Done> {
    // First without the lock, so that a database that needs nothing may be a replica, and its account without rights.
    let found = look_unlocked(connection, patience, steps).await?;
    if found.history.pending(steps).next().is_none() && !must_drop_backup(connection, options).await? {
        return Ok(Done::default());
    }
    session::lock(connection, patience).await?;
    let done = apply_locked(connection, clock, options, patience, steps).await;
    session::unlock(connection).await;
    done
}

async fn must_drop_backup(connection: &mut MySqlConnection, options: &MigrateOptions) -> Result<bool> {
    if !options.drops_backup() {
        return Ok(false);
    }
    Ok(legacy::adoption(connection).await?.is_some_and(|adoption| adoption.backups().next().is_some()))
}

async fn apply_locked(
    connection: &mut MySqlConnection,
    clock: &dyn Clock,
    options: &MigrateOptions,
    patience: &mut Patience,
    steps: &[MySqlStep],
) -> Result<Done> {
    // Again, because another process may have been faster.
    let mut found = look_patiently(connection, patience, steps).await?;
    let Done { mut applied, mut adopted, mut dropped_backups } = Done::default();
    if let Some(legacy) = &found.legacy {
        let growing = patience.growing(LONGEST_PAUSE);
        let (adoption, records) = legacy::adopt(connection, legacy, options, clock, growing).await?;
        tracing::info!(from = %adoption.from, set_aside = adoption.set_aside(), "an older version's database is taken over");
        (applied, adopted) = (records, Some(adoption));
        patience.renew();
        found = look_patiently(connection, patience, steps).await?;
    }
    for step in found.history.pending(steps) {
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
    if options.drops_backup() {
        dropped_backups = legacy::drop_backup_of(connection, options, patience.growing(LONGEST_PAUSE)).await?;
        if let Some(adopted) = adopted.as_mut().filter(|_| !dropped_backups.is_empty()) {
            adopted.tables.iter_mut().for_each(|table| table.backup = None);
        }
    }
    Ok(Done { applied, adopted, dropped_backups })
}

pub(super) async fn look_patiently(
    connection: &mut MySqlConnection,
    patience: &mut Patience,
    steps: &[MySqlStep],
) -> Result<Found> {
    loop {
        match look(connection, steps).await {
            Ok(found) => return Ok(found),
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
