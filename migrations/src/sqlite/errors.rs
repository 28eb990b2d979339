//! What SQLite's result codes mean (<https://www.sqlite.org/rescode.html>).

use std::path::Path;

use sqlx::{SqliteConnection, sqlite::SqliteConnectOptions};
use torii_core::error::StorageErrorKind;

use crate::{MigrationError, OpenProblem, step::Step};

/// A failure outside any step. `operation` is an infinitive.
pub(super) fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> MigrationError {
    move |source| MigrationError::Database { operation, kind: kind(&source), source }
}

/// A failure of a step.
pub(super) fn step_failed(step: &Step<SqliteConnection>) -> impl FnOnce(sqlx::Error) -> MigrationError + use<> {
    let (version, name) = (step.version, step.name);
    move |source| MigrationError::Step { version, name, kind: kind(&source), source }
}

/// A failure to connect, or to get a connection from the pool.
pub(super) fn connect(options: &SqliteConnectOptions, source: sqlx::Error) -> MigrationError {
    const SQLITE_CANTOPEN: i32 = 14;
    if primary_code(&source) != Some(SQLITE_CANTOPEN) {
        return failed("connect to the database")(source);
    }
    let path = options.get_filename();
    MigrationError::CannotOpen { path: path.to_owned(), problem: open_problem(path), source }
}

fn open_problem(path: &Path) -> OpenProblem {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if directory.is_some_and(|directory| !directory.is_dir()) {
        OpenProblem::MissingDirectory
    } else if path.is_dir() {
        OpenProblem::IsDirectory
    } else if !path.exists() {
        OpenProblem::MissingFile
    } else {
        OpenProblem::Other
    }
}

pub(super) fn kind(error: &sqlx::Error) -> StorageErrorKind {
    use sqlx::error::ErrorKind;
    if let Some(error) = error.as_database_error() {
        match error.kind() {
            ErrorKind::UniqueViolation => return StorageErrorKind::UniqueViolation,
            ErrorKind::ForeignKeyViolation => return StorageErrorKind::ForeignKeyViolation,
            ErrorKind::NotNullViolation | ErrorKind::CheckViolation => {
                return StorageErrorKind::ConstraintViolation;
            }
            _ => {}
        }
    }
    match (primary_code(error), error) {
        // SQLITE_BUSY, SQLITE_LOCKED
        (Some(5 | 6), _) => StorageErrorKind::Locked,
        // SQLITE_READONLY
        (Some(8), _) => StorageErrorKind::ReadOnly,
        // SQLITE_CORRUPT, SQLITE_NOTADB
        (Some(11 | 26), _) => StorageErrorKind::Corrupt,
        // SQLITE_FULL
        (Some(13), _) => StorageErrorKind::Full,
        // SQLITE_CANTOPEN
        (Some(14), _) => StorageErrorKind::Unavailable,
        // SQLITE_CONSTRAINT
        (Some(19), _) => StorageErrorKind::ConstraintViolation,
        (
            None,
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed,
        ) => StorageErrorKind::Unavailable,
        _ => StorageErrorKind::Other,
    }
}

/// The result code without its extension.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|code| code & 0xff)
}
