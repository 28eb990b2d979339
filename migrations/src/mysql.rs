//! The schema on MySQL 8.0.17 and MariaDB 10.6, and newer.

use sha2::{Digest, Sha256};
use sqlx::MySqlPool;
use torii_core::clock::Clock;

use crate::{MigrateOptions, MigrationReport, MigrationStatus, Result, StepRecord};

mod bookkeeping;
mod errors;
mod index;
mod neighbours;
mod run;
mod session;
mod steps;

#[cfg(test)]
mod tests;

/// Brings the database of `pool` to the newest schema.
///
/// Works on a connection of its own, made with the pool's connect options and closed afterwards: what the pool's
/// `after_connect` sets is not seen. The options must name a database. The connection must lead to the server itself: a proxy
/// that hands a connection to somebody else between two statements would hand the migration's lock to them.
///
/// One process migrates a database at a time, others wait. The application keeps running: a statement that cannot have its
/// locks within a second gets out of the way and is tried again.
///
/// ```no_run
/// use sqlx::MySqlPool;
/// use torii_core::clock::SystemClock;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = MySqlPool::connect("mysql://torii_owner@localhost/app").await?;
/// let report = torii_migration::mysql::migrate(&pool, &SystemClock).await?;
/// assert_eq!(report.applied[0].name, "initial");
/// assert!(torii_migration::mysql::status(&pool).await?.is_up_to_date());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`MigrationError`](crate::MigrationError): the database is refused, is locked for too long, or a step failed. Steps that
/// were reported as applied stay applied, and calling again goes on from there, within a step too.
pub async fn migrate(pool: &MySqlPool, clock: &dyn Clock) -> Result<MigrationReport> {
    migrate_with(pool, clock, &MigrateOptions::new()).await
}

/// [`migrate`] with options.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_with(pool: &MySqlPool, clock: &dyn Clock, options: &MigrateOptions) -> Result<MigrationReport> {
    run::run(pool, clock, options, steps::STEPS).await
}

/// How far the database of `pool` is. Reads only, on a connection of its own as [`migrate`] does.
///
/// # Errors
/// Whatever [`migrate`] would refuse the database for, and failures to read it.
pub async fn status(pool: &MySqlPool) -> Result<MigrationStatus> {
    let mut connection = session::open(pool).await?;
    let history = run::look(&mut connection, steps::STEPS).await;
    session::close(connection).await;
    let history = history?;
    Ok(MigrationStatus {
        applied: history.applied(),
        pending: history
            .pending(steps::STEPS)
            .map(|step| StepRecord { version: step.version, name: step.name.to_owned(), finished_at: None })
            .collect(),
        adopted: None,
        adoptable: None,
    })
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
