//! What PostgreSQL and sqlx report, in the words of torii. The only file that names `sqlx::Error`.

use std::io;

use sqlx::postgres::PgConnectOptions;
use thiserror::Error;
use torii_core::error::{Error, StorageError, StorageErrorKind};

#[cfg(test)]
mod tests;

/// Turns a driver error into [`StorageError::Failed`]. `operation` is an infinitive.
pub(crate) fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
    move |error| storage_error(operation, error).into()
}

pub(crate) fn storage_error(operation: &'static str, error: sqlx::Error) -> StorageError {
    StorageError::Failed { operation, kind: kind(&error), source: Box::new(error) }
}

/// Turns the error of a `COMMIT`. If the connection broke the transaction may be committed, which [`passing`] must not take
/// for a reason to repeat it.
pub(crate) fn unconfirmed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
    move |error| match passing_driver_error(&error) {
        Some(Passing::Broken { ran: true }) => {
            StorageError::Failed { operation, kind: kind(&error), source: Box::new(Unconfirmed(error)) }.into()
        }
        _ => failed(operation)(error),
    }
}

#[derive(Debug, Error)]
#[error("the connection broke before the server confirmed the commit")]
struct Unconfirmed(#[source] sqlx::Error);

/// The URL is not one of PostgreSQL.
pub(crate) fn not_a_url(operation: &'static str) -> StorageError {
    storage_error(
        operation,
        sqlx::Error::Configuration("the URL has to begin with postgres:// or postgresql://".into()),
    )
}

/// Whether `error` is a failed statement of this kind.
pub(crate) fn is(error: &Error, wanted: StorageErrorKind) -> bool {
    matches!(error, Error::Storage(StorageError::Failed { kind, .. }) if *kind == wanted)
}

/// The kind of a failure.
pub(crate) fn kind_of(error: &Error) -> StorageErrorKind {
    match error {
        Error::Storage(StorageError::Failed { kind, .. }) => *kind,
        Error::Storage(StorageError::Corrupt { .. }) => StorageErrorKind::Corrupt,
        _ => StorageErrorKind::Other,
    }
}

/// Whether a row was refused because its tenant is not registered: somebody purged the tenant meanwhile.
pub(crate) fn tenant_is_gone(error: &Error) -> bool {
    let constraint = driver_error(error).and_then(sqlx::Error::as_database_error).and_then(|error| error.constraint());
    is(error, StorageErrorKind::ForeignKeyViolation) && constraint.is_some_and(|name| name.ends_with("_tenant_id_fkey"))
}

/// A reason to fail that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passing {
    /// Two transactions were in each other's way, and this one was rolled back.
    Conflict,
    /// The connection is broken.
    Broken {
        /// Whether the statement may have run to its end nevertheless.
        ran: bool,
    },
}

/// Whether `error` may be gone when the same is done again.
pub(crate) fn passing(error: &Error) -> Option<Passing> {
    driver_error(error).and_then(passing_driver_error)
}

fn driver_error(error: &Error) -> Option<&sqlx::Error> {
    match error {
        Error::Storage(StorageError::Failed { source, .. }) => source.downcast_ref(),
        _ => None,
    }
}

fn passing_driver_error(error: &sqlx::Error) -> Option<Passing> {
    match error {
        sqlx::Error::Database(reported) => match reported.code().as_deref()? {
            // serialization_failure, deadlock_detected
            "40001" | "40P01" => Some(Passing::Conflict),
            // admin_shutdown, idle_session_timeout: the server says so instead of running the statement, or rolls it back.
            "57P01" | "57P05" => Some(Passing::Broken { ran: false }),
            "57P02" => Some(Passing::Broken { ran: true }),
            code if code.starts_with("08") => Some(Passing::Broken { ran: true }),
            _ => None,
        },
        // The request ends with the message that commits, and did not leave whole.
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => Some(Passing::Broken { ran: false }),
        sqlx::Error::Io(_) => Some(Passing::Broken { ran: true }),
        _ => None,
    }
}

fn kind(error: &sqlx::Error) -> StorageErrorKind {
    match error {
        sqlx::Error::Database(reported) => {
            reported.code().map_or(StorageErrorKind::Other, |state| kind_of_state(&state))
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StorageErrorKind::Unavailable,
        _ => StorageErrorKind::Other,
    }
}

/// By SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn kind_of_state(state: &str) -> StorageErrorKind {
    match state {
        "23505" => StorageErrorKind::UniqueViolation,
        "23503" => StorageErrorKind::ForeignKeyViolation,
        // Text with a NUL, or too long for its column or for an index, is refused by a rule too.
        "22001" | "22021" | "22P05" | "54000" => StorageErrorKind::ConstraintViolation,
        // undefined_table, undefined_column, invalid_schema_name
        "42P01" | "42703" | "3F000" => StorageErrorKind::SchemaMissing,
        // lock_not_available, query_canceled, serialization_failure, deadlock_detected
        "55P03" | "57014" | "40001" | "40P01" => StorageErrorKind::Locked,
        "53100" => StorageErrorKind::Full,
        "25006" => StorageErrorKind::ReadOnly,
        // invalid_catalog_name: there is no such database
        "3D000" | "58030" => StorageErrorKind::Unavailable,
        _ => match state.get(..2) {
            Some("23") => StorageErrorKind::ConstraintViolation,
            // Connections, credentials, resources, shutdown.
            Some("08" | "28" | "53" | "57") => StorageErrorKind::Unavailable,
            Some("XX") if state != "XX000" => StorageErrorKind::Corrupt,
            _ => StorageErrorKind::Other,
        },
    }
}

/// A database that cannot be connected to. The source of the [`StorageError::Failed`] that
/// [`PostgresStorage::connect`](crate::PostgresStorage::connect) returns in that case.
#[derive(Debug, Error)]
#[error("Cannot connect to {place} as {user}: {problem}")]
pub struct ConnectError {
    place: String,
    user: String,
    problem: ConnectProblem,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl ConnectError {
    /// Server and database, as the URL names them.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong.
    pub fn problem(&self) -> ConnectProblem {
        self.problem
    }
}

/// Why a database cannot be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectProblem {
    /// Nothing listens at the address, or the name has none.
    #[error("no server is to be reached at this address")]
    Unreachable,
    /// Nothing came back in time.
    #[error("the server does not answer")]
    NoAnswer,
    /// The password is wrong, the user unknown, or the server's configuration does not let the user in.
    #[error("the server does not let this user in (is the password in the URL right?)")]
    Refused,
    /// The server has no database of this name.
    #[error("the server has no such database")]
    MissingDatabase,
    /// Client and server do not agree on encryption, or the server's certificate is not trusted.
    #[error("no encrypted connection can be made (`sslmode` and `sslrootcert` in the URL say which is wanted)")]
    Encryption,
    /// The server has no connection left, or is starting up or shutting down.
    #[error("the server takes no connection at present")]
    Busy,
    /// Something else.
    #[error("the server or the driver reports an error")]
    Other,
}

/// Why `options` do not lead to a database.
pub(crate) fn connect_error(operation: &'static str, options: &PgConnectOptions, error: sqlx::Error) -> StorageError {
    let problem = match &error {
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => ConnectProblem::NoAnswer,
        sqlx::Error::Io(_) => ConnectProblem::Unreachable,
        sqlx::Error::Tls(_) => ConnectProblem::Encryption,
        sqlx::Error::Database(reported) => match reported.code().as_deref() {
            Some("3D000") => ConnectProblem::MissingDatabase,
            Some(code) if code.starts_with("28") => ConnectProblem::Refused,
            Some(code) if code.starts_with("53") || code.starts_with("57") => ConnectProblem::Busy,
            _ => ConnectProblem::Other,
        },
        _ => ConnectProblem::Other,
    };
    let kind = match problem {
        ConnectProblem::Other => kind(&error),
        _ => StorageErrorKind::Unavailable,
    };
    let server = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let database = options.get_database().unwrap_or(options.get_username());
    let place = format!("the database {database} at {server}");
    let user = options.get_username().to_owned();
    let source = ConnectError { place, user, problem, source: Box::new(error) };
    StorageError::Failed { operation, kind, source: Box::new(source) }
}

/// The error of a server that does not answer.
pub(crate) fn no_answer() -> sqlx::Error {
    sqlx::Error::Io(io::ErrorKind::TimedOut.into())
}
