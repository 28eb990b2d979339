//! Why a schema could not be brought up to date.

use std::{path::PathBuf, time::Duration};

use thiserror::Error;
use torii_core::error::{StorageError, StorageErrorKind};

use crate::{Finding, legacy::InBrief};

/// Why a schema could not be brought up to date.
///
/// Whatever the variant, every step either happened with its bookkeeping row or did not happen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// The database file cannot be opened.
    #[error("Cannot open the database {}: {problem}", .path.display())]
    CannotOpen {
        /// The file, as it was configured.
        path: PathBuf,
        /// What is wrong with it, as far as can be seen.
        problem: OpenProblem,
        /// The driver's error.
        source: sqlx::Error,
    },
    /// The database did not do what was asked, outside any step.
    #[error("Failed to {operation}: {kind}")]
    Database {
        /// What was being done, as an infinitive: `"read the schema's history"`.
        operation: &'static str,
        /// What kind of failure it was.
        kind: StorageErrorKind,
        /// The driver's error.
        source: sqlx::Error,
    },
    /// A step failed. Nothing of it is left, unless it runs outside transactions.
    #[error("Migration {version} ({name}) failed: {kind}")]
    Step {
        /// The step's number.
        version: i64,
        /// The step's name.
        name: &'static str,
        /// What kind of failure it was.
        kind: StorageErrorKind,
        /// The driver's error.
        source: sqlx::Error,
    },
    /// A step ran, but what has to hold after it does not. It was rolled back, unless it runs outside transactions.
    #[error("Migration {version} ({name}) did not reach its goal: {what}")]
    PostCondition {
        /// The step's number.
        version: i64,
        /// The step's name.
        name: &'static str,
        /// What does not hold.
        what: String,
    },
    /// Another writer kept the database locked.
    #[error("The database is locked by another writer: gave up after {} ms", .waited.as_millis())]
    Locked {
        /// How long was waited, over the whole migration.
        waited: Duration,
        /// The last answer.
        source: sqlx::Error,
    },
    /// Another process is migrating the database, and did not come to an end.
    #[error("Another process is migrating this database: gave up after {} ms", .waited.as_millis())]
    AlreadyRunning {
        /// How long was waited, over the whole migration.
        waited: Duration,
    },
    /// The connection's search path names no schema that exists and that the role may use. Nothing was changed.
    #[error("No schema of the search path ({search_path}) exists for the role {role}; nothing was changed")]
    NoSchema {
        /// The search path, as the server tells it.
        search_path: String,
        /// The role that migrates.
        role: String,
    },
    /// The connection names no database, as it must on MySQL. Nothing was changed.
    #[error("The connection names no database to migrate; nothing was changed")]
    NoDatabase,
    /// The role may not create tables in the schema that is to hold them. Nothing was changed.
    #[error(
        "The role {role} may not create tables in the schema {schema} (GRANT CREATE ON SCHEMA); nothing was changed"
    )]
    MayNotCreate {
        /// The role that migrates.
        role: String,
        /// The first schema of its search path.
        schema: String,
    },
    /// Row-level security is switched on a schema that is up to date. Nothing was changed.
    #[error(
        "Migration {version} ({name}) has to be applied before row-level security is switched; nothing was changed"
    )]
    Pending {
        /// The first step that is missing.
        version: i64,
        /// The step's name.
        name: &'static str,
    },
    /// A step that has been applied reads differently today: released steps never change.
    #[error("Migration {version} ({name}) is not the one that this database was migrated with")]
    ChecksumMismatch {
        /// The step's number.
        version: i64,
        /// The step's name, as the database holds it.
        name: String,
    },
    /// A newer version of torii has migrated this database.
    #[error(
        "This database was written by a newer version of torii: its schema has version {found}, the newest known here is {known}"
    )]
    NewerDatabase {
        /// The version in the database.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The version that was asked for is none of the schema's. Nothing was changed.
    #[error("The schema has no version {version}, the newest known here is {known}; nothing was changed")]
    UnknownVersion {
        /// The version that was asked for.
        version: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The schema is beyond the version that was asked for, and a migration does not go back. Nothing was changed.
    #[error("The schema has version {found}, and a migration does not go back to {target}; nothing was changed")]
    BeyondTarget {
        /// The version in the database.
        found: i64,
        /// The version that was asked for.
        target: i64,
    },
    /// The version that was asked for lies before the one to which an older version's database is brought in one piece. Nothing
    /// was changed.
    #[error(
        "A database of an older version of torii is brought to version {adopted} in one piece, so it cannot stop at {target}; nothing was changed"
    )]
    BeforeAdoption {
        /// The version that the database would have.
        adopted: i64,
        /// The version that was asked for.
        target: i64,
    },
    /// The steps that were applied are not a beginning of the known ones.
    #[error("The history of this database's schema differs from the known one at version {version}")]
    HistoryMismatch {
        /// The first version that is in one history only.
        version: i64,
    },
    /// The database holds tables of an older version of torii that are not as that version made them. Nothing was changed.
    #[error(
        "This database holds tables of an older version of torii (bookkeeping table {table}) that cannot be taken over: {problem}; nothing was changed"
    )]
    OlderTorii {
        /// The older version's bookkeeping table.
        table: String,
        /// What is not as it should be.
        problem: String,
    },
    /// Rows of an older version cannot be taken over as they are, and somebody has to correct them. Nothing was changed.
    #[error("{count} rows of an older version of torii cannot be taken over ({}); nothing was changed", InBrief(.findings))]
    DirtyData {
        /// The rows, up to a hundred of each kind.
        findings: Vec<Finding>,
        /// How many there are in all.
        count: u64,
    },
    /// Something of the application depends on a table of an older version that has to make room for a new one, and would stop
    /// working. It has to be changed or dropped first. Nothing was changed.
    #[error("Tables of an older version of torii cannot be replaced while {} depends on them; nothing was changed", .objects.join(", "))]
    InUse {
        /// What depends on them.
        objects: Vec<String>,
    },
    /// The role may not change tables that have to be altered, an older version's or those that row-level security is switched on:
    /// on PostgreSQL it does not own them, on MySQL it lacks a privilege on them (`ALTER`, `CREATE`, `DROP`, `INSERT`, `UPDATE`).
    /// Nothing was changed.
    #[error("The role {role} may not change the tables {} (PostgreSQL: only their owner may; MySQL: that takes ALTER, CREATE, DROP, INSERT and UPDATE); nothing was changed", .tables.join(", "))]
    MayNotAlter {
        /// The role that migrates.
        role: String,
        /// The tables.
        tables: Vec<String>,
    },
    /// The upgrade of an older version's database failed. Nothing that the older version uses was changed.
    #[error("Taking over the database of an older version of torii failed at: {step}: {kind}")]
    Adoption {
        /// What was being done.
        step: String,
        /// What kind of failure it was.
        kind: StorageErrorKind,
        /// The driver's error.
        source: sqlx::Error,
    },
    /// After rows were copied, the copy was not what it should have been. It was undone.
    #[error(
        "The rows of {table} were not copied whole: {found} instead of {expected}, or with other values; the copy was undone"
    )]
    NotCopied {
        /// The table.
        table: String,
        /// How many rows there should have been.
        expected: u64,
        /// How many there were.
        found: u64,
    },
    /// The database holds a table or view that torii needs to create, and it is not torii's. Nothing was changed.
    #[error("This database already holds a table or view {table} that torii did not create; nothing was changed")]
    ForeignDatabase {
        /// The table or view.
        table: String,
    },
}

/// What is wrong with a database file that cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenProblem {
    /// The directory that should hold the file does not exist.
    #[error("its directory does not exist")]
    MissingDirectory,
    /// The file does not exist, and the options do not say that it may be created.
    #[error("the file does not exist, and create_if_missing is off")]
    MissingFile,
    /// The path names a directory.
    #[error("it is a directory")]
    IsDirectory,
    /// Something else: often a lack of rights.
    #[error("the file or its directory is not accessible")]
    Other,
}

impl From<MigrationError> for StorageError {
    fn from(error: MigrationError) -> Self {
        Self::MigrationFailed { source: Box::new(error) }
    }
}

impl From<MigrationError> for torii_core::Error {
    fn from(error: MigrationError) -> Self {
        Self::Storage(error.into())
    }
}
