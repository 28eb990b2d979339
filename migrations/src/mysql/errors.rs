//! What the error numbers of MySQL and MariaDB mean (<https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>,
//! <https://mariadb.com/docs/server/reference/error-codes>).

use sqlx::{MySqlConnection, error::ErrorKind, mysql::MySqlDatabaseError};
use torii_core::error::StorageErrorKind;

use crate::{MigrationError, step::Step};

/// A failure outside any step. `operation` is an infinitive.
pub(super) fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> MigrationError {
    move |source| MigrationError::Database { operation, kind: kind(&source), source }
}

/// A failure of a step.
pub(super) fn step_failed(step: &Step<MySqlConnection>) -> impl FnOnce(sqlx::Error) -> MigrationError + use<> {
    let (version, name) = (step.version, step.name);
    move |source| MigrationError::Step { version, name, kind: kind(&source), source }
}

/// Whether the account lacks a privilege: for a database, for a table, for a column.
pub(super) fn is_denied(error: &sqlx::Error) -> bool {
    matches!(number(error), Some(1044 | 1142 | 1143))
}

/// Whether a table of the name is there already.
pub(super) fn says_it_is_there(error: &sqlx::Error) -> bool {
    number(error) == Some(1050)
}

pub(super) fn kind(error: &sqlx::Error) -> StorageErrorKind {
    match error.as_database_error().map(|error| error.kind()) {
        Some(ErrorKind::UniqueViolation) => return StorageErrorKind::UniqueViolation,
        Some(ErrorKind::ForeignKeyViolation) => return StorageErrorKind::ForeignKeyViolation,
        Some(ErrorKind::NotNullViolation | ErrorKind::CheckViolation) => return StorageErrorKind::ConstraintViolation,
        _ => {}
    }
    match (number(error), error) {
        // ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK, ER_LOCK_NOWAIT
        (Some(1205 | 1213 | 3572), _) => StorageErrorKind::Locked,
        // ER_OPTION_PREVENTS_STATEMENT (--read-only), ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, ER_READ_ONLY_MODE
        (Some(1290 | 1792 | 1836), _) => StorageErrorKind::ReadOnly,
        // ER_DISK_FULL, ER_RECORD_FILE_FULL
        (Some(1021 | 1114), _) => StorageErrorKind::Full,
        // ER_NOT_KEYFILE, ER_OLD_KEYFILE, ER_CRASHED_ON_USAGE, ER_CRASHED_ON_REPAIR, ER_INDEX_CORRUPT
        (Some(1034 | 1035 | 1194 | 1195 | 1712), _) => StorageErrorKind::Corrupt,
        // Failed connections, wrong passwords, missing databases, too many connections, shutdowns: ER_CON_COUNT_ERROR,
        // ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR, ER_BAD_DB_ERROR, ER_SERVER_SHUTDOWN, ER_HOST_IS_BLOCKED,
        // ER_HOST_NOT_PRIVILEGED, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED, ER_QUERY_INTERRUPTED,
        // ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_CONNECTION_KILLED
        (Some(1040 | 1044 | 1045 | 1049 | 1053 | 1129 | 1130 | 1203 | 1226 | 1317 | 1698 | 1927), _)
        | (
            None,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed,
        ) => StorageErrorKind::Unavailable,
        _ => StorageErrorKind::Other,
    }
}

fn number(error: &sqlx::Error) -> Option<u16> {
    error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}
