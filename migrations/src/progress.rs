//! How far a long piece of work is.

/// How far a long piece of work is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done: `examine` (nothing is changed yet), `copy` or `verify`.
    pub work: &'static str,
    /// The table, by the name the older version gave it.
    pub table: &'static str,
    /// How many rows are done.
    pub done: u64,
    /// How many rows there were when the work began. On a database in use, `done` may end above or below.
    pub total: u64,
}

/// Counts rows and tells of them.
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub(crate) struct Reporter<'o> {
    options: &'o crate::MigrateOptions,
    progress: std::sync::Mutex<Progress>,
}

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
impl<'o> Reporter<'o> {
    pub(crate) fn new(options: &'o crate::MigrateOptions, work: &'static str, table: &'static str, total: u64) -> Self {
        Self { options, progress: std::sync::Mutex::new(Progress { work, table, done: 0, total }) }
    }

    pub(crate) fn advance(&self, rows: usize) {
        if rows == 0 {
            return;
        }
        let mut progress = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        progress.done += rows as u64;
        self.options.report(&progress);
    }
}
