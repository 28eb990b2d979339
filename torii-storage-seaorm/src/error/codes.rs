//! What the codes of the three databases mean.

use torii_core::error::StorageErrorKind;

use super::Passing;

/// A kind, and whether the failure may pass.
pub(super) type Meaning = (StorageErrorKind, Option<Passing>);

/// By SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
#[cfg(feature = "postgres")]
pub(super) fn postgres(state: &str) -> Meaning {
    let kind = match state {
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
    };
    let passing = match state {
        "40001" | "40P01" => Some(Passing::Conflict),
        // admin_shutdown, idle_session_timeout: the server says so instead of running the statement, or rolls it back.
        "57P01" | "57P05" => Some(Passing::Broken { ran: false }),
        "57P02" => Some(Passing::Broken { ran: true }),
        _ if state.starts_with("08") => Some(Passing::Broken { ran: true }),
        _ => None,
    };
    (kind, passing)
}

/// By error number (<https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>,
/// <https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference>).
#[cfg(feature = "mysql")]
pub(super) fn mysql(number: u16) -> Meaning {
    let kind = match number {
        1022 | 1062 | 1169 | 1586 => StorageErrorKind::UniqueViolation,
        1216 | 1217 | 1451 | 1452 => StorageErrorKind::ForeignKeyViolation,
        // A NULL, a value too long, out of range, not in the character set or not of the type, an index entry too long, JSON that
        // is none, a check (of MySQL, of MariaDB), text whose character set cannot be compared with the column's.
        1048 | 1264 | 1265 | 1267 | 1292 | 1364 | 1366 | 1406 | 1713 | 3140 | 3819 | 3854 | 4025 => {
            StorageErrorKind::ConstraintViolation
        }
        // No such column, no such table.
        1054 | 1146 => StorageErrorKind::SchemaMissing,
        // Lock wait timeout, deadlock, snapshot overtaken (MariaDB), query interrupted, statement timeouts.
        1205 | 1213 | 1020 | 1317 | 1969 | 3024 => StorageErrorKind::Locked,
        1021 | 1041 | 1114 | 1135 => StorageErrorKind::Full,
        1290 | 1792 | 1836 => StorageErrorKind::ReadOnly,
        // Too many connections, credentials, no such database, host, shutdown, resources, killed, idle for too long.
        1040 | 1042 | 1043 | 1044 | 1045 | 1049 | 1053 | 1129 | 1130 | 1152 | 1184 | 1203 | 1226 | 1698 | 1927
        | 4031 => StorageErrorKind::Unavailable,
        1034 | 1035 | 1194 | 1195 | 1712 => StorageErrorKind::Corrupt,
        _ => StorageErrorKind::Other,
    };
    let passing = match number {
        1213 | 1020 => Some(Passing::Conflict),
        1205 => Some(Passing::Waited),
        // The server says so instead of running the statement, or rolls it back.
        1053 | 1927 | 4031 => Some(Passing::Broken { ran: false }),
        _ => None,
    };
    (kind, passing)
}

/// By extended result code (<https://www.sqlite.org/rescode.html>), of which the last byte is the primary one.
#[cfg(feature = "sqlite")]
pub(super) fn sqlite(code: i32, message: &str) -> Meaning {
    /// The shared memory of the write-ahead log could not grow.
    const IOERR_SHMSIZE: i32 = 4874;
    let kind = match (code & 0xff, code) {
        // SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT
        (_, 1555 | 2067) => StorageErrorKind::UniqueViolation,
        (_, 787) => StorageErrorKind::ForeignKeyViolation,
        (19, _) => StorageErrorKind::ConstraintViolation,
        // SQLITE_BUSY, SQLITE_LOCKED
        (5 | 6, _) => StorageErrorKind::Locked,
        // SQLITE_READONLY
        (8, _) => StorageErrorKind::ReadOnly,
        // SQLITE_FULL
        (13, _) | (_, IOERR_SHMSIZE) => StorageErrorKind::Full,
        // SQLITE_IOERR, SQLITE_CANTOPEN
        (10 | 14, _) => StorageErrorKind::Unavailable,
        // SQLITE_CORRUPT, SQLITE_NOTADB
        (11 | 26, _) => StorageErrorKind::Corrupt,
        // SQLite has no code of its own for a schema that lacks something.
        (1, _) if lacks_schema(message) => StorageErrorKind::SchemaMissing,
        _ => StorageErrorKind::Other,
    };
    // The statement, or the transaction that it should have begun, was refused whole.
    (kind, (kind == StorageErrorKind::Locked).then_some(Passing::Waited))
}

#[cfg(feature = "sqlite")]
fn lacks_schema(message: &str) -> bool {
    ["no such table", "no such column", "no such index"].iter().any(|what| message.starts_with(what))
        || message.contains(" has no column named ")
}
