//! Telling an observer, if there is one. Without one no clock is read.

use std::time::{Duration, Instant};

use torii_core::{
    error::StorageErrorKind,
    metrics::{ConnectionAcquired, ConnectionRefused, OperationFinished, Outcome, StorageObserver},
};

/// Who is told, and of what. Runs from its beginning until it is told how it ended.
pub(crate) struct Stopwatch<'a> {
    running: Option<(&'a dyn StorageObserver, Instant)>,
    operation: &'static str,
}

impl<'a> Stopwatch<'a> {
    pub(crate) fn start(observer: Option<&'a dyn StorageObserver>, operation: &'static str) -> Self {
        Self { running: observer.map(|observer| (observer, Instant::now())), operation }
    }

    /// There is a connection, or none.
    pub(crate) fn connected<T>(mut self, connection: Result<T, StorageErrorKind>) {
        let Some((observer, waited)) = self.stop() else { return };
        match connection {
            Ok(_) => observer.connection_acquired(&ConnectionAcquired::new(self.operation, waited)),
            Err(kind) => observer.connection_refused(&ConnectionRefused::new(self.operation, waited, kind)),
        }
    }

    /// The operation ended.
    pub(crate) fn finished(&mut self, outcome: Outcome) {
        let Some((observer, took)) = self.stop() else { return };
        observer.operation_finished(&OperationFinished::new(self.operation, took, outcome));
    }

    fn stop(&mut self) -> Option<(&'a dyn StorageObserver, Duration)> {
        self.running.take().map(|(observer, began)| (observer, began.elapsed()))
    }
}

/// An operation whose caller goes away ends too.
pub(crate) struct Attempt<'a>(Stopwatch<'a>);

impl<'a> Attempt<'a> {
    pub(crate) fn start(observer: Option<&'a dyn StorageObserver>, operation: &'static str) -> Self {
        Self(Stopwatch::start(observer, operation))
    }

    pub(crate) fn finished(mut self, outcome: Outcome) {
        self.0.finished(outcome);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        // An observer that panicked is not asked again while it is unwound: a second panic would end the process.
        if std::thread::panicking() {
            return;
        }
        self.0.finished(Outcome::Abandoned);
    }
}
