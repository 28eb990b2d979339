//! What was taken over.

use super::{finding::Finding, version::OlderVersion};

/// What was taken over from an older version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adoption {
    /// The version.
    pub from: OlderVersion,
    /// Its tables, users first.
    pub tables: Vec<AdoptedTable>,
    /// The rows that were not simply taken over, up to a hundred of each kind. Known to the call that took them over only.
    pub findings: Vec<Finding>,
}

impl Adoption {
    /// Rows that stay in the backup tables because they could not be taken over.
    pub fn set_aside(&self) -> u64 {
        self.tables.iter().map(|table| table.set_aside).sum()
    }

    /// The tables that hold the rows as they were, until [`drop_backup`](crate::MigrateOptions::drop_backup).
    pub fn backups(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().filter_map(|table| table.backup.as_deref())
    }
}

/// One table of an older version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdoptedTable {
    /// The name it had.
    pub source: String,
    /// Where its rows are now.
    pub table: String,
    /// Where its rows are as they were. `None` if the table was changed in place, or the backup has been dropped.
    pub backup: Option<String>,
    /// How many rows were taken over.
    pub adopted: u64,
    /// How many were not.
    pub set_aside: u64,
}
