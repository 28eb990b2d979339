//! Applying steps.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection, PgPool};
use torii_core::clock::Clock;

use super::{
    bookkeeping,
    errors::{failed, step_failed},
    index::{self, Index},
    legacy, neighbours, row_security, session,
};
use crate::{
    Adoption, MigrateOptions, MigrationError, MigrationReport, Result, StepRecord,
    history::History,
    legacy::Legacy,
    patience::Patience,
    step::{Body, RunFn, Step},
};

type PgStep = Step<PgConnection>;

/// The longest pause between two tries of a step. Each try may hold up the application for as long as it waits.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Whatever the role's defaults are. Row-level security is off, which means that a statement whose rows it would hide
/// fails: on the owner's tables with `FORCE ROW LEVEL SECURITY`, an update finds no row and a foreign key that is violated
/// counts as checked, both without an error.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL row_security = off";

/// Applies what is missing of `steps`.
pub(super) async fn run(
    pool: &PgPool,
    clock: &dyn Clock,
    options: &MigrateOptions,
    steps: &[PgStep],
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
    pub(super) legacy: Option<Legacy>,
}

/// Reads what has been applied, and refuses the database if this version of torii must not touch it.
pub(super) async fn look(connection: &mut PgConnection, steps: &[PgStep]) -> Result<Found> {
    const OPERATION: &str = "read the database";
    // In one snapshot: a table that appears after the history was read would look like somebody else's.
    let mut snapshot =
        connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(failed(OPERATION))?;
    neighbours::require_schema(&mut snapshot).await?;
    let history = bookkeeping::read(&mut snapshot).await?;
    history.compare(steps)?;
    let legacy = if history.is_empty() { legacy::find(&mut snapshot).await? } else { None };
    snapshot.rollback().await.map_err(failed(OPERATION))?;
    Ok(Found { history, legacy })
}

/// What was done.
#[derive(Default)]
struct Done {
    applied: Vec<StepRecord>,
    adopted: Option<Adoption>,
    dropped_backups: Vec<String>,
}

async fn apply_missing(
    connection: &mut PgConnection,
    clock: &dyn Clock,
    options: &MigrateOptions,
    patience: &mut Patience,
    steps: &[PgStep],
) -> Result<Done> {
    // First without the lock, so that a database that needs nothing may be a standby, and its role without rights.
    let found = look_patiently(connection, patience, steps).await?;
    if found.history.pending(steps).next().is_none() && !must_drop_backup(connection, options).await? {
        return Ok(Done::default());
    }
    session::lock(connection, patience).await?;
    let done = apply_locked(connection, clock, options, patience, steps).await;
    session::unlock(connection).await;
    done
}

async fn must_drop_backup(connection: &mut PgConnection, options: &MigrateOptions) -> Result<bool> {
    if !options.drops_backup() {
        return Ok(false);
    }
    Ok(legacy::adoption(connection).await?.is_some_and(|adoption| adoption.backups().next().is_some()))
}

async fn apply_locked(
    connection: &mut PgConnection,
    clock: &dyn Clock,
    options: &MigrateOptions,
    patience: &mut Patience,
    steps: &[PgStep],
) -> Result<Done> {
    // Again, because another process may have been faster.
    let mut found = look_patiently(connection, patience, steps).await?;
    let Done { mut applied, mut adopted, mut dropped_backups } = Done::default();
    if let Some(legacy) = &found.legacy {
        neighbours::require_create(connection).await?;
        let growing = patience.growing(LONGEST_PAUSE);
        let (adoption, records) = legacy::adopt(connection, legacy, options, clock, growing).await?;
        tracing::info!(from = %adoption.from, set_aside = adoption.set_aside(), "an older version's database is taken over");
        (applied, adopted) = (records, Some(adoption));
        patience.renew();
        found = look(connection, steps).await?;
    }
    for step in found.history.pending(steps) {
        if applied.is_empty() {
            neighbours::require_create(connection).await?;
        }
        let mut patience = patience.growing(LONGEST_PAUSE);
        let record = loop {
            match apply(connection, clock, step, &patience).await {
                Ok(record) => break record,
                Err(error) => patience.after(error).await?,
            }
        };
        tracing::info!(version = step.version, name = step.name, "migration applied");
        applied.push(record);
    }
    if options.drops_backup() {
        dropped_backups = legacy::drop_backup(connection, options, &mut patience.growing(LONGEST_PAUSE)).await?;
        if let Some(adopted) = adopted.as_mut().filter(|_| !dropped_backups.is_empty()) {
            adopted.tables.iter_mut().for_each(|table| table.backup = None);
        }
    }
    Ok(Done { applied, adopted, dropped_backups })
}

/// Drops the backup of an older version's tables, and answers their names.
pub(super) async fn drop_backup(pool: &PgPool, options: &MigrateOptions) -> Result<Vec<String>> {
    let mut patience = Patience::new(options.get_lock_timeout()).growing(LONGEST_PAUSE);
    let mut connection = session::open(pool).await?;
    let dropped = legacy::drop_backup(&mut connection, options, &mut patience).await;
    session::close(connection).await;
    dropped
}

pub(super) async fn look_patiently(
    connection: &mut PgConnection,
    patience: &mut Patience,
    steps: &[PgStep],
) -> Result<Found> {
    loop {
        match look(connection, steps).await {
            Ok(found) => return Ok(found),
            Err(error) => patience.after(error).await?,
        }
    }
}

/// Applies one step.
async fn apply(
    connection: &mut PgConnection,
    clock: &dyn Clock,
    step: &PgStep,
    patience: &Patience,
) -> Result<StepRecord> {
    let started_at = clock.now();
    let finished_at = match step.body {
        Body::InTransaction(sql) | Body::SqliteRebuild(sql) => {
            seeing_every_row(connection, clock, step, Work::Statements(sql), patience, started_at).await
        }
        Body::Rust { run, .. } => {
            seeing_every_row(connection, clock, step, Work::Code(run), patience, started_at).await
        }
        Body::OutsideTransaction(sql) => {
            mark_started(connection, step, patience, started_at).await?;
            execute(connection, step, sql).await?;
            mark_done(connection, clock, step, started_at).await
        }
        Body::Index { name, create, drop } => {
            mark_started(connection, step, patience, started_at).await?;
            index::build(connection, step, &Index { name, create, drop }, patience).await?;
            mark_done(connection, clock, step, started_at).await
        }
    }?;
    Ok(StepRecord { version: step.version, name: step.name.to_owned(), finished_at: Some(finished_at) })
}

/// What is done inside a transaction.
#[derive(Clone, Copy)]
enum Work {
    Statements(&'static str),
    Code(RunFn<PgConnection>),
}

/// Whether row-level security holds for the owner of the tables while a step runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Force {
    Kept,
    /// Needs every table for itself, from the first moment to the last.
    Lifted,
}

/// A step that works on rows of tables with forced row-level security fails at the first try, and is run again with that
/// lifted. Others never lock a table that they do not touch.
async fn seeing_every_row(
    connection: &mut PgConnection,
    clock: &dyn Clock,
    step: &PgStep,
    work: Work,
    patience: &Patience,
    started_at: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    match in_transaction(connection, clock, step, work, Force::Kept, patience, started_at).await {
        Err(error) if row_security::hides_rows(&error) => {
            in_transaction(connection, clock, step, work, Force::Lifted, patience, started_at).await
        }
        done => done,
    }
}

async fn in_transaction(
    connection: &mut PgConnection,
    clock: &dyn Clock,
    step: &PgStep,
    work: Work,
    force: Force,
    patience: &Patience,
    started_at: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    let mut transaction = connection.begin_with(BEGIN).await.map_err(step_failed(step))?;
    session::limit_waits(&mut transaction, patience).await.map_err(step_failed(step))?;
    if force == Force::Lifted {
        execute(&mut transaction, step, row_security::LIFT_FORCE).await?;
    }
    bookkeeping::create(&mut transaction, step).await?;
    match work {
        Work::Statements(sql) => execute(&mut transaction, step, sql).await?,
        Work::Code(run) => run(&mut transaction, started_at).await.map_err(step_failed(step))?,
    }
    check(&mut transaction, step).await?;
    if force == Force::Lifted {
        execute(&mut transaction, step, row_security::FORCE_AGAIN).await?;
    }
    let finished_at = clock.now();
    bookkeeping::record(&mut transaction, step, started_at, Some(finished_at)).await?;
    transaction.commit().await.map_err(step_failed(step))?;
    Ok(finished_at)
}

/// Marks a step that runs outside transactions as under way.
async fn mark_started(
    connection: &mut PgConnection,
    step: &PgStep,
    patience: &Patience,
    started_at: DateTime<Utc>,
) -> Result<()> {
    let mut transaction = connection.begin_with(BEGIN).await.map_err(step_failed(step))?;
    session::limit_waits(&mut transaction, patience).await.map_err(step_failed(step))?;
    bookkeeping::create(&mut transaction, step).await?;
    bookkeeping::record(&mut transaction, step, started_at, None).await?;
    transaction.commit().await.map_err(step_failed(step))
}

/// Marks it as done, if what has to hold does hold.
async fn mark_done(
    connection: &mut PgConnection,
    clock: &dyn Clock,
    step: &PgStep,
    started_at: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    check(connection, step).await?;
    let finished_at = clock.now();
    bookkeeping::record(connection, step, started_at, Some(finished_at)).await?;
    Ok(finished_at)
}

async fn execute(connection: &mut PgConnection, step: &PgStep, sql: &'static str) -> Result<()> {
    sqlx::raw_sql(sql).execute(connection).await.map_err(step_failed(step))?;
    Ok(())
}

/// Runs the step's post-conditions.
pub(super) async fn check(connection: &mut PgConnection, step: &PgStep) -> Result<()> {
    for check in step.checks {
        let row = sqlx::query(check.query).fetch_optional(&mut *connection).await.map_err(step_failed(step))?;
        if row.is_some() {
            let what = check.what.to_owned();
            return Err(MigrationError::PostCondition { version: step.version, name: step.name, what });
        }
    }
    Ok(())
}
