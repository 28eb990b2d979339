//! The schema on SQLite.

use sqlx::SqlitePool;
use torii_core::clock::Clock;

use crate::{MigrateOptions, MigrationReport, MigrationStatus, Result, StepRecord};

mod bookkeeping;
mod errors;
mod lease;
mod neighbours;
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
    run::run(pool, clock, options, steps::STEPS).await
}

/// How far the database of `pool` is. Reads only.
///
/// # Errors
/// Whatever [`migrate`] would refuse the database for, and failures to read it.
pub async fn status(pool: &SqlitePool) -> Result<MigrationStatus> {
    let mut connection = pool.acquire().await.map_err(|error| errors::connect(&pool.connect_options(), error))?;
    let history = run::look_unlocked(&mut connection, steps::STEPS).await?;
    Ok(MigrationStatus {
        applied: history.applied(),
        pending: history
            .pending(steps::STEPS)
            .map(|step| StepRecord { version: step.version, name: step.name.to_owned(), finished_at: None })
            .collect(),
    })
}
