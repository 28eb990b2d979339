//! What has been applied to a database, compared with what is known here.

use chrono::{DateTime, Utc};

use crate::{MigrationError, Result, StepRecord, step::Step};

/// The rows of the bookkeeping table, in the order of their versions.
#[derive(Debug, Default)]
pub(crate) struct History(Vec<Entry>);

/// One row of the bookkeeping table.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) version: i64,
    pub(crate) name: String,
    pub(crate) checksum: Vec<u8>,
    /// `None` while a step that runs outside transactions is under way, or was interrupted.
    pub(crate) finished_at: Option<DateTime<Utc>>,
}

impl History {
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        Self(entries)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn is_done(&self, version: i64) -> bool {
        self.done().any(|entry| entry.version == version)
    }

    /// The steps of `steps` that are not done.
    pub(crate) fn pending<'s, C>(&self, steps: &'s [Step<C>]) -> impl Iterator<Item = &'s Step<C>> {
        steps.iter().filter(|step| !self.is_done(step.version))
    }

    pub(crate) fn applied(&self) -> Vec<StepRecord> {
        self.done()
            .map(|entry| StepRecord {
                version: entry.version,
                name: entry.name.clone(),
                finished_at: entry.finished_at,
            })
            .collect()
    }

    /// Holds this history against the steps known here.
    ///
    /// # Errors
    /// [`MigrationError::NewerDatabase`], [`MigrationError::HistoryMismatch`] or [`MigrationError::ChecksumMismatch`].
    pub(crate) fn compare<C>(&self, steps: &[Step<C>]) -> Result<()> {
        let known = steps.last().map_or(0, |step| step.version);
        if let Some(newest) = self.0.last().filter(|entry| entry.version > known) {
            return Err(MigrationError::NewerDatabase { found: newest.version, known });
        }
        // The rows must be the first of the steps: one that is unknown, or one that is missing in between, shows here.
        for (entry, step) in self.0.iter().zip(steps) {
            if entry.version != step.version {
                return Err(MigrationError::HistoryMismatch { version: entry.version.min(step.version) });
            }
            // The text of a step that was not finished may still be corrected; it is run again.
            if entry.finished_at.is_some() && entry.checksum != step.checksum() {
                return Err(MigrationError::ChecksumMismatch { version: entry.version, name: entry.name.clone() });
            }
        }
        Ok(())
    }

    fn done(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().filter(|entry| entry.finished_at.is_some())
    }
}
