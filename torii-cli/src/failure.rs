//! Why a command has no answer.

use std::{error::Error, io, time::Duration};

use thiserror::Error;
use torii_core::error::StorageErrorKind;
use torii_migration::MigrationError;

use crate::{exit::Exit, target::Engine};

/// Why a command has no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    #[error("No database is named: set DATABASE_URL, or pass --database-url")]
    NoUrl,
    #[error("The URL of the database begins with none of sqlite:, postgres: and mysql:")]
    UnknownScheme,
    #[error("The URL of the database cannot be read")]
    BadUrl { source: sqlx::Error },
    #[error("This build of torii does not know {}", .0.name())]
    NotBuilt(Engine),
    #[error("Cannot connect to the database")]
    Connect { source: sqlx::Error },
    #[error("Cannot connect to the database: no answer within {} seconds", .0.as_secs())]
    NoAnswer(Duration),
    #[error("Failed to {operation}")]
    Database { operation: &'static str, source: sqlx::Error },
    #[error(transparent)]
    Migration(#[from] MigrationError),
    #[error("Rolling back is not possible: {}", .reasons.join("; "))]
    NoWayBack {
        /// Each by itself is one too many.
        reasons: Vec<String>,
    },
    #[error("Tables of torii were written to or used while they were to be dropped; nothing was changed")]
    InUseNow,
    #[error("The program cannot run")]
    Runtime { source: io::Error },
}

impl Failure {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::NoUrl | Self::UnknownScheme | Self::BadUrl { .. } | Self::NotBuilt(_) => Exit::Usage,
            Self::Connect { .. } | Self::NoAnswer(_) => Exit::NoConnection,
            Self::NoWayBack { .. } | Self::InUseNow => Exit::Refused,
            Self::Database { .. } | Self::Runtime { .. } => Exit::Failed,
            Self::Migration(error) => exit_of(error),
        }
    }

    /// A word for scripts, which stays what it is.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NoUrl => "no_database_url",
            Self::UnknownScheme | Self::BadUrl { .. } => "bad_database_url",
            Self::NotBuilt(_) => "not_built",
            Self::Connect { .. } | Self::NoAnswer(_) => "no_connection",
            Self::Database { .. } => "database",
            Self::NoWayBack { .. } => "no_way_back",
            Self::InUseNow => "in_use",
            Self::Runtime { .. } => "runtime",
            Self::Migration(error) => kind_of(error),
        }
    }

    /// What can be done about it.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        let error = match self {
            Self::BadUrl { .. } => {
                return Some("Escape what is special in a URL: @ is %40, / is %2F, # is %23, ? is %3F.");
            }
            Self::NotBuilt(_) => return Some("Install torii-cli with the feature of this engine."),
            Self::InUseNow => return Some("Stop the applications that use the database, and look at it again."),
            Self::Migration(error) => error,
            _ => return None,
        };
        match error {
            MigrationError::CannotOpen { problem: torii_migration::OpenProblem::MissingFile, .. } => Some(
                "Correct the path. A new database is made by `torii migrate` with ?mode=rwc at the end of the URL.",
            ),
            MigrationError::NewerDatabase { .. } => Some("Use the torii of the version that wrote it, or a newer one."),
            MigrationError::ChecksumMismatch { .. } | MigrationError::HistoryMismatch { .. } => {
                Some("`torii verify` compares the schema itself. If it is well, the rows of _torii_schema were edited.")
            }
            MigrationError::OlderTorii { .. } | MigrationError::ForeignDatabase { .. } => {
                Some("Give torii a database or schema of its own, or rename what is in the way.")
            }
            MigrationError::DirtyData { .. } => {
                Some("`torii migrate --dry-run` names the rows. Correct them, and start again.")
            }
            MigrationError::InUse { .. } => Some("Drop what depends on the old tables, and start again."),
            MigrationError::Locked { .. } | MigrationError::AlreadyRunning { .. } => {
                Some("Try again when the other writer is done, or with a longer --lock-timeout.")
            }
            MigrationError::BeyondTarget { .. } => {
                Some("`torii rollback` says whether there is a way back. Otherwise restore a copy.")
            }
            MigrationError::NoSchema { .. } | MigrationError::NoDatabase => Some("Name one that exists in the URL."),
            MigrationError::MayNotCreate { .. } | MigrationError::MayNotAlter { .. } => Some(
                "Migrate as the owner of torii's tables (PostgreSQL), or as an account that may create and alter tables (MySQL).",
            ),
            _ => None,
        }
    }

    /// Its causes, the nearest first.
    pub(crate) fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut error = self.source();
        while let Some(cause) = error {
            let text = cause.to_string();
            // Some errors repeat their source.
            if !causes.last().is_some_and(|last| last.ends_with(&text)) {
                causes.push(text);
            }
            error = cause.source();
        }
        causes
    }

    /// Why something is not possible, one by one.
    pub(crate) fn reasons(&self) -> &[String] {
        match self {
            Self::NoWayBack { reasons } => reasons,
            _ => &[],
        }
    }

    /// For `map_err`. `operation` is an infinitive.
    pub(crate) fn database(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { operation, source }
    }
}

fn exit_of(error: &MigrationError) -> Exit {
    use MigrationError as E;
    match error {
        E::UnknownVersion { .. } => Exit::Usage,
        E::CannotOpen { .. } | E::Database { kind: StorageErrorKind::Unavailable, .. } => Exit::NoConnection,
        E::NoSchema { .. }
        | E::NoDatabase
        | E::MayNotCreate { .. }
        | E::Pending { .. }
        | E::ChecksumMismatch { .. }
        | E::NewerDatabase { .. }
        | E::BeyondTarget { .. }
        | E::BeforeAdoption { .. }
        | E::HistoryMismatch { .. }
        | E::OlderTorii { .. }
        | E::DirtyData { .. }
        | E::InUse { .. }
        | E::MayNotAlter { .. }
        | E::ForeignDatabase { .. } => Exit::Refused,
        _ => Exit::Failed,
    }
}

fn kind_of(error: &MigrationError) -> &'static str {
    use MigrationError as E;
    match error {
        E::CannotOpen { .. } => "cannot_open",
        E::Database { kind: StorageErrorKind::Unavailable, .. } => "no_connection",
        E::Step { .. } => "step",
        E::PostCondition { .. } => "post_condition",
        E::Locked { .. } => "locked",
        E::AlreadyRunning { .. } => "already_running",
        E::NoSchema { .. } => "no_schema",
        E::NoDatabase => "no_database",
        E::MayNotCreate { .. } => "may_not_create",
        E::Pending { .. } => "pending",
        E::ChecksumMismatch { .. } => "checksum_mismatch",
        E::NewerDatabase { .. } => "newer_database",
        E::UnknownVersion { .. } => "unknown_version",
        E::BeyondTarget { .. } => "beyond_target",
        E::BeforeAdoption { .. } => "before_adoption",
        E::HistoryMismatch { .. } => "history_mismatch",
        E::OlderTorii { .. } => "older_torii",
        E::DirtyData { .. } => "dirty_data",
        E::InUse { .. } => "in_use",
        E::MayNotAlter { .. } => "may_not_alter",
        E::Adoption { .. } => "adoption",
        E::NotCopied { .. } => "not_copied",
        E::ForeignDatabase { .. } => "foreign_database",
        _ => "database",
    }
}
