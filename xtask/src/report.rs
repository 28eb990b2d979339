//! The closing summary.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::command::Failure;

/// The steps that ran, how long each took and how it ended, and what a reader must know about the run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<(&'static str, Duration, bool)>,
    notes: Vec<String>,
}

impl Report {
    /// Runs one step and remembers how it ended.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let outcome = work();
        self.steps.push((name, started.elapsed(), outcome.is_ok()));
        outcome
    }

    /// Adds a line about something that this machine could not check.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, took, passed) in &self.steps {
            writeln!(f, "{name:<14}{:>6} s  {}", took.as_secs(), if *passed { "ok" } else { "failed" })?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}
