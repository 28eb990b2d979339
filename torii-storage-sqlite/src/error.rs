//! What SQLite and sqlx report, in the words of torii. The only file that names `sqlx::Error`, and the only one that looks at a
//! message.

use std::path::PathBuf;

use sqlx::error::ErrorKind;
use thiserror::Error;
use torii_core::error::{Error, StorageError, StorageErrorKind};

#[cfg(test)]
mod tests;

// Primary result codes (https://www.sqlite.org/rescode.html).
const SQLITE_ERROR: i32 = 1;
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_READONLY: i32 = 8;
const SQLITE_IOERR: i32 = 10;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_CONSTRAINT: i32 = 19;
const SQLITE_NOTADB: i32 = 26;
// Extended: the shared memory of the write-ahead log could not grow.
const SQLITE_IOERR_SHMSIZE: i32 = 4874;

/// Turns a driver error into [`StorageError::Failed`]. `operation` is an infinitive.
pub(crate) fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
    move |error| storage_error(operation, error).into()
}

pub(crate) fn storage_error(operation: &'static str, error: sqlx::Error) -> StorageError {
    StorageError::Failed { operation, kind: kind(&error), source: Box::new(error) }
}

/// A writer of this process has waited too long for its turn.
pub(crate) fn no_turn(operation: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    StorageError::Failed { operation, kind: StorageErrorKind::Locked, source: Box::new(source) }.into()
}

/// JSON that SQLite itself put together cannot be read.
pub(crate) fn unreadable(operation: &'static str, source: serde_json::Error) -> Error {
    StorageError::Failed { operation, kind: StorageErrorKind::Other, source: Box::new(source) }.into()
}

/// Whether `error` is a failed statement of this kind.
pub(crate) fn is(error: &Error, wanted: StorageErrorKind) -> bool {
    matches!(error, Error::Storage(StorageError::Failed { kind, .. }) if *kind == wanted)
}

fn kind(error: &sqlx::Error) -> StorageErrorKind {
    match error {
        sqlx::Error::Database(reported) => match reported.kind() {
            ErrorKind::UniqueViolation => StorageErrorKind::UniqueViolation,
            ErrorKind::ForeignKeyViolation => StorageErrorKind::ForeignKeyViolation,
            ErrorKind::NotNullViolation | ErrorKind::CheckViolation => StorageErrorKind::ConstraintViolation,
            _ => extended_code(error).map_or(StorageErrorKind::Other, |code| kind_of_code(code, reported.message())),
        },
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            StorageErrorKind::Unavailable
        }
        _ => StorageErrorKind::Other,
    }
}

fn kind_of_code(code: i32, message: &str) -> StorageErrorKind {
    match (code & 0xff, code) {
        (SQLITE_BUSY | SQLITE_LOCKED, _) => StorageErrorKind::Locked,
        (SQLITE_READONLY, _) => StorageErrorKind::ReadOnly,
        (SQLITE_FULL, _) | (_, SQLITE_IOERR_SHMSIZE) => StorageErrorKind::Full,
        (SQLITE_IOERR | SQLITE_CANTOPEN, _) => StorageErrorKind::Unavailable,
        (SQLITE_CORRUPT | SQLITE_NOTADB, _) => StorageErrorKind::Corrupt,
        (SQLITE_CONSTRAINT, _) => StorageErrorKind::ConstraintViolation,
        // SQLite has no code of its own for a schema that lacks something.
        (SQLITE_ERROR, _) if lacks_schema(message) => StorageErrorKind::SchemaMissing,
        _ => StorageErrorKind::Other,
    }
}

fn lacks_schema(message: &str) -> bool {
    ["no such table", "no such column", "no such index"].iter().any(|what| message.starts_with(what))
        || message.contains(" has no column named ")
}

fn extended_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// A database that could not be opened. The source of the [`StorageError::Failed`] that
/// [`SqliteStorage::connect`](crate::SqliteStorage::connect) returns in that case.
#[derive(Debug, Error)]
#[error("Cannot open {}: {problem}", .path.display())]
pub struct OpenError {
    path: PathBuf,
    problem: OpenProblem,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl OpenError {
    /// The file, as the URL names it.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// What is wrong with it.
    pub fn problem(&self) -> OpenProblem {
        self.problem
    }
}

/// What is wrong with a database that could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenProblem {
    /// The file does not exist, and the URL does not say that it may be created.
    #[error("the file does not exist (`?mode=rwc` at the end of the URL creates it)")]
    MissingFile,
    /// The directory that should hold the file does not exist.
    #[error("its directory does not exist")]
    MissingDirectory,
    /// It is a directory.
    #[error("it is a directory")]
    IsDirectory,
    /// The file cannot be written, but has to be.
    #[error("the file is read-only (`?mode=ro` at the end of the URL opens it so)")]
    ReadOnly,
    /// The file holds something else, or is damaged.
    #[error("the file is not a SQLite database, or is damaged")]
    NotADatabase,
    /// Something else: often a lack of rights.
    #[error("the file or its directory is not accessible")]
    Inaccessible,
}

/// Why `path` could not be opened.
pub(crate) fn open_error(path: PathBuf, error: sqlx::Error) -> StorageError {
    const OPERATION: &str = "connect to database";
    let kind = kind(&error);
    let problem = match kind {
        StorageErrorKind::ReadOnly => OpenProblem::ReadOnly,
        StorageErrorKind::Corrupt => OpenProblem::NotADatabase,
        _ if extended_code(&error).map(|code| code & 0xff) == Some(SQLITE_CANTOPEN) => {
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            if directory.is_some_and(|directory| !directory.is_dir()) {
                OpenProblem::MissingDirectory
            } else if path.is_dir() {
                OpenProblem::IsDirectory
            } else if !path.exists() {
                OpenProblem::MissingFile
            } else {
                OpenProblem::Inaccessible
            }
        }
        _ => return storage_error(OPERATION, error),
    };
    let source = OpenError { path, problem, source: Box::new(error) };
    StorageError::Failed { operation: OPERATION, kind, source: Box::new(source) }
}
