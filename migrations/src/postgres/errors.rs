//! What PostgreSQL's error codes mean (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).

use sqlx::PgConnection;
use torii_core::error::StorageErrorKind;

use crate::{MigrationError, step::Step};

/// A failure outside any step. `operation` is an infinitive.
pub(super) fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> MigrationError {
    move |source| MigrationError::Database { operation, kind: kind(&source), source }
}

/// A failure of a step.
pub(super) fn step_failed(step: &Step<PgConnection>) -> impl FnOnce(sqlx::Error) -> MigrationError + use<> {
    let (version, name) = (step.version, step.name);
    move |source| MigrationError::Step { version, name, kind: kind(&source), source }
}

pub(super) fn kind(error: &sqlx::Error) -> StorageErrorKind {
    let code = error.as_database_error().and_then(|error| error.code());
    match (code.as_deref(), error) {
        // lock_not_available, deadlock_detected, serialization_failure
        (Some("55P03" | "40P01" | "40001"), _) => StorageErrorKind::Locked,
        // read_only_sql_transaction: a standby, or a role that is set to be read-only
        (Some("25006"), _) => StorageErrorKind::ReadOnly,
        // disk_full
        (Some("53100"), _) => StorageErrorKind::Full,
        // unique_violation
        (Some("23505"), _) => StorageErrorKind::UniqueViolation,
        // foreign_key_violation
        (Some("23503"), _) => StorageErrorKind::ForeignKeyViolation,
        (Some(code), _) => match code.get(..2) {
            // Integrity constraint violations.
            Some("23") => StorageErrorKind::ConstraintViolation,
            // Failed connections, wrong passwords, missing databases, too many connections, shutdowns.
            Some("08" | "28" | "3D" | "53" | "57") => StorageErrorKind::Unavailable,
            // Damaged data and indexes.
            Some("XX") if code != "XX000" => StorageErrorKind::Corrupt,
            _ => StorageErrorKind::Other,
        },
        (
            None,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed,
        ) => StorageErrorKind::Unavailable,
        (None, _) => StorageErrorKind::Other,
    }
}
