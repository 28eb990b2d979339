//! The schema on PostgreSQL, version 13 and newer.

use sha2::{Digest, Sha256};
use sqlx::PgPool;
use torii_core::clock::Clock;

use crate::{MigrateOptions, MigrationReport, MigrationStatus, Result, StepRecord};

mod bookkeeping;
mod errors;
mod index;
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
    run::run(pool, clock, options, steps::STEPS).await
}

/// How far the database of `pool` is. Reads only, on a connection of its own as [`migrate`] does.
///
/// # Errors
/// Whatever [`migrate`] would refuse the database for, and failures to read it.
pub async fn status(pool: &PgPool) -> Result<MigrationStatus> {
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
