//! What a migration did, and what is left to do.

use chrono::{DateTime, Utc};

use crate::{Adoption, OlderVersion};

/// What a call brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationReport {
    /// The steps that this call applied, in order. Empty if the schema was up to date, or if another process was faster.
    pub applied: Vec<StepRecord>,
    /// The version the schema has now.
    pub version: i64,
    /// What this call took over from an older version.
    pub adopted: Option<Adoption>,
    /// The tables with an older version's rows that this call dropped, as [`drop_backup`](crate::MigrateOptions::drop_backup) says.
    pub dropped_backups: Vec<String>,
}

/// How far a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationStatus {
    /// The steps that have been applied, in order.
    pub applied: Vec<StepRecord>,
    /// The steps that `migrate` would apply, in order; their `finished_at` is `None`.
    pub pending: Vec<StepRecord>,
    /// What was taken over from an older version, by whichever call.
    pub adopted: Option<Adoption>,
    /// The older version whose database `migrate` would take over.
    pub adoptable: Option<OlderVersion>,
}

impl MigrationStatus {
    /// Whether there is nothing left to apply.
    pub fn is_up_to_date(&self) -> bool {
        self.pending.is_empty()
    }
}

/// One step of the schema's history.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepRecord {
    /// The step's number.
    pub version: i64,
    /// The step's name.
    pub name: String,
    /// When it was finished, by the clock of whoever applied it.
    pub finished_at: Option<DateTime<Utc>>,
}
