//! A database that cannot be connected to.

use std::{io, path::Path};

use thiserror::Error;
use torii_core::error::{StorageError, StorageErrorKind};

use super::{driver_failed, meaning};

/// A database that cannot be connected to. The source of the [`StorageError::Failed`] that
/// [`SeaORMStorage::connect`](crate::SeaORMStorage::connect) returns in that case.
#[derive(Debug, Error)]
#[error("Cannot connect to {place}: {problem}")]
pub struct ConnectError {
    place: String,
    problem: ConnectProblem,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl ConnectError {
    /// Server, database and user, or the file, as the URL names them.
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
    #[error("no encrypted connection can be made (`sslmode` or `ssl-mode` in the URL says which is wanted)")]
    Encryption,
    /// The server has no connection left, or is starting up or shutting down.
    #[error("the server takes no connection at present")]
    Busy,
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
    /// The file or its directory cannot be used: often a lack of rights.
    #[error("the file or its directory is not accessible")]
    Inaccessible,
    /// Something else.
    #[error("the server or the driver reports an error")]
    Other,
}

/// Why no connection can be made to `place`, which is `file` unless it is a server.
pub(crate) fn connect_error(
    operation: &'static str,
    place: String,
    file: Option<&Path>,
    error: sqlx::Error,
) -> StorageError {
    let kind = meaning(&error).0;
    let problem = match file {
        None => server_problem(&error),
        Some(path) => file_problem(kind, path),
    };
    let kind = match problem {
        ConnectProblem::Unreachable
        | ConnectProblem::NoAnswer
        | ConnectProblem::Refused
        | ConnectProblem::MissingDatabase
        | ConnectProblem::Encryption
        | ConnectProblem::Busy => StorageErrorKind::Unavailable,
        _ => kind,
    };
    let source = ConnectError { place, problem, source: Box::new(error) };
    StorageError::Failed { operation, kind, source: Box::new(source) }
}

fn server_problem(error: &sqlx::Error) -> ConnectProblem {
    match error {
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => ConnectProblem::NoAnswer,
        sqlx::Error::Io(_) => ConnectProblem::Unreachable,
        sqlx::Error::Tls(_) => ConnectProblem::Encryption,
        #[cfg(feature = "mysql")]
        sqlx::Error::Database(reported) if is_mysql(reported.as_ref(), 1044) => ConnectProblem::Refused,
        #[cfg(feature = "mysql")]
        sqlx::Error::Database(reported) if is_mysql(reported.as_ref(), 1049) => ConnectProblem::MissingDatabase,
        sqlx::Error::Database(reported) => match reported.code().as_deref() {
            Some("3D000") => ConnectProblem::MissingDatabase,
            Some(state) if state.starts_with("28") => ConnectProblem::Refused,
            Some(state) if ["53", "57", "08"].iter().any(|class| state.starts_with(class)) => ConnectProblem::Busy,
            _ => ConnectProblem::Other,
        },
        _ => ConnectProblem::Other,
    }
}

#[cfg(feature = "mysql")]
fn is_mysql(reported: &dyn sqlx::error::DatabaseError, number: u16) -> bool {
    reported.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().is_some_and(|error| error.number() == number)
}

fn file_problem(kind: StorageErrorKind, path: &Path) -> ConnectProblem {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match kind {
        StorageErrorKind::ReadOnly => ConnectProblem::ReadOnly,
        StorageErrorKind::Corrupt => ConnectProblem::NotADatabase,
        StorageErrorKind::Unavailable if directory.is_some_and(|directory| !directory.is_dir()) => {
            ConnectProblem::MissingDirectory
        }
        StorageErrorKind::Unavailable if path.is_dir() => ConnectProblem::IsDirectory,
        StorageErrorKind::Unavailable if !path.exists() => ConnectProblem::MissingFile,
        StorageErrorKind::Unavailable => ConnectProblem::Inaccessible,
        _ => ConnectProblem::Other,
    }
}

/// No database of this crate's features has such a URL.
pub(crate) fn unknown_url(operation: &'static str) -> StorageError {
    let wanted = [
        ("sqlite:", cfg!(feature = "sqlite")),
        ("postgres://", cfg!(feature = "postgres")),
        ("mysql://", cfg!(feature = "mysql")),
    ];
    let wanted: Vec<_> = wanted.iter().filter(|(_, enabled)| *enabled).map(|(scheme, _)| *scheme).collect();
    let message = format!("the URL has to begin with {} (others need a feature)", wanted.join(" or "));
    driver_failed(operation, sqlx::Error::Configuration(message.into()))
}

/// The error of a server that does not answer.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) fn no_answer() -> sqlx::Error {
    sqlx::Error::Io(io::ErrorKind::TimedOut.into())
}
