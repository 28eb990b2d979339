//! What the databases, sqlx and SeaORM report, in the words of torii. The only file that names `DbErr` and `sqlx::Error`.

use std::io;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::error::DatabaseError;
use thiserror::Error;
use torii_core::error::{Error, StorageError, StorageErrorKind};

mod codes;
mod connect;

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub(crate) use self::connect::connect_error;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) use self::connect::no_answer;
pub(crate) use self::connect::unknown_url;
pub use self::connect::{ConnectError, ConnectProblem};

/// What [`SeaORMStorage`](crate::SeaORMStorage) reports.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SeaORMStorageError {
    /// SeaORM failed. For statements of the application: `?` turns a `DbErr` into this.
    #[error(transparent)]
    Database(#[from] DbErr),
    /// There is no such user.
    #[error("User not found")]
    UserNotFound,
    /// Connecting or migrating failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl SeaORMStorageError {
    /// What went wrong while migrating.
    pub(crate) fn from_core(error: Error) -> Self {
        Self::Storage(match error {
            Error::Storage(error) => error,
            other => StorageError::MigrationFailed { source: Box::new(other) },
        })
    }
}

impl From<SeaORMStorageError> for Error {
    fn from(error: SeaORMStorageError) -> Self {
        match error {
            SeaORMStorageError::Database(error) => failed("use the database")(error),
            SeaORMStorageError::UserNotFound => StorageError::NotFound.into(),
            SeaORMStorageError::Storage(error) => error.into(),
        }
    }
}

/// What reading a row returns.
pub(crate) type RowResult<T> = Result<T, DbErr>;

/// Why a value of a row cannot be read.
#[derive(Debug, Error)]
#[error(transparent)]
pub(crate) struct Unreadable(Box<dyn std::error::Error + Send + Sync>);

impl From<DbErr> for Unreadable {
    fn from(error: DbErr) -> Self {
        Self(Box::new(error))
    }
}

#[cfg(feature = "postgres")]
impl From<NoSuchTime> for Unreadable {
    fn from(error: NoSuchTime) -> Self {
        Self(Box::new(error))
    }
}

#[cfg(feature = "postgres")]
#[derive(Debug, Error)]
#[error("no calendar has this time")]
pub(crate) struct NoSuchTime;

/// A column of a row is not of the type that is expected, or missing.
#[cfg(feature = "postgres")]
pub(crate) fn unreadable_column(error: sqlx::Error) -> sea_orm::TryGetError {
    sea_orm::TryGetError::DbErr(DbErr::Query(RuntimeErr::SqlxError(error.into())))
}

/// Turns an error of SeaORM into [`StorageError::Failed`]. `operation` is an infinitive.
pub(crate) fn failed(operation: &'static str) -> impl FnOnce(DbErr) -> Error {
    move |error| StorageError::Failed { operation, kind: kind(&error), source: Box::new(error) }.into()
}

/// Turns an error of sqlx into [`StorageError::Failed`].
pub(crate) fn driver_failed(operation: &'static str, error: sqlx::Error) -> StorageError {
    StorageError::Failed { operation, kind: meaning(&error).0, source: Box::new(error) }
}

/// Turns the error of a `COMMIT`. If the connection broke the transaction may be committed, which [`passing`] must not take
/// for a reason to repeat it.
pub(crate) fn unconfirmed(operation: &'static str) -> impl FnOnce(DbErr) -> Error {
    move |error| match driver_error(&error).and_then(|error| meaning(error).1) {
        Some(Passing::Broken { ran: true }) => {
            StorageError::Failed { operation, kind: kind(&error), source: Box::new(Unconfirmed(error)) }.into()
        }
        _ => failed(operation)(error),
    }
}

#[derive(Debug, Error)]
#[error("the connection broke before the server confirmed the commit")]
struct Unconfirmed(#[source] DbErr);

/// A writer of this process has waited too long for its turn.
pub(crate) fn no_turn(operation: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    StorageError::Failed { operation, kind: StorageErrorKind::Locked, source: Box::new(source) }.into()
}

/// Whether `error` is a failed statement of this kind.
pub(crate) fn is(error: &Error, wanted: StorageErrorKind) -> bool {
    matches!(error, Error::Storage(StorageError::Failed { kind, .. }) if *kind == wanted)
}

/// A reason to fail that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "no database reports all of them")]
pub(crate) enum Passing {
    /// Two transactions were in each other's way, and this one was rolled back.
    Conflict,
    /// A lock was waited for in vain. Nothing was done.
    Waited,
    /// The connection is broken.
    Broken {
        /// Whether the statement may have run to its end nevertheless.
        ran: bool,
    },
}

/// Whether `error` may be gone when the same is done again.
pub(crate) fn passing(error: &Error) -> Option<Passing> {
    let Error::Storage(StorageError::Failed { source, .. }) = error else { return None };
    driver_error(source.downcast_ref()?).and_then(|error| meaning(error).1)
}

fn kind(error: &DbErr) -> StorageErrorKind {
    match (driver_error(error), error) {
        (Some(error), _) => meaning(error).0,
        (None, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) => StorageErrorKind::Unavailable,
        _ => StorageErrorKind::Other,
    }
}

fn driver_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

fn meaning(error: &sqlx::Error) -> codes::Meaning {
    match error {
        sqlx::Error::Database(reported) => reported_meaning(reported.as_ref()),
        // The request ends with the message that commits, and did not leave whole.
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            (StorageErrorKind::Unavailable, Some(Passing::Broken { ran: false }))
        }
        sqlx::Error::Io(_) => (StorageErrorKind::Unavailable, Some(Passing::Broken { ran: true })),
        sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            (StorageErrorKind::Unavailable, None)
        }
        _ => (StorageErrorKind::Other, None),
    }
}

#[allow(unused_variables, reason = "without any database nothing is reported")]
fn reported_meaning(reported: &dyn DatabaseError) -> codes::Meaning {
    #[cfg(feature = "sqlite")]
    if reported.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        let code = reported.code().and_then(|code| code.parse().ok());
        return codes::sqlite(code.unwrap_or_default(), reported.message());
    }
    #[cfg(feature = "postgres")]
    if let Some(error) = reported.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        return codes::postgres(error.code());
    }
    #[cfg(feature = "mysql")]
    if let Some(error) = reported.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return codes::mysql(error.number());
    }
    (StorageErrorKind::Other, None)
}
