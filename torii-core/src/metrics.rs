//! What storage tells whoever measures it: how long callers wait for a connection, and how long what they asked for takes.
//!
//! Durations come from the monotonic clock of the operating system, not from the provider's [`Clock`](crate::Clock): they are for
//! graphs, and no decision depends on them.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! use torii_core::metrics::{OperationFinished, Outcome, StorageObserver};
//!
//! #[derive(Debug, Default)]
//! struct Failures(AtomicU64);
//!
//! impl StorageObserver for Failures {
//!     fn operation_finished(&self, event: &OperationFinished) {
//!         if matches!(event.outcome, Outcome::Failed(_)) {
//!             self.0.fetch_add(1, Ordering::Relaxed);
//!         }
//!     }
//! }
//! ```

use std::{fmt, sync::Arc, time::Duration};

use crate::error::StorageErrorKind;

/// Is told what storage does, for metrics. Every method does nothing unless it is implemented.
///
/// Methods run inside the calls that they report, so they must not block; adding to a counter or a histogram is what they are
/// for. One that panics makes the call panic.
///
/// Nothing here names a tenant, a user, an address or a token, and no error's text is handed out. What can become a label is bounded:
/// there are about a hundred operations, each a text of the source code, and a dozen kinds of errors. The tenant is left out on
/// purpose. A time series per tenant grows with the number of tenants, and the names of some customers are not for everybody who
/// may look at graphs; traces have the tenant, in their spans.
pub trait StorageObserver: fmt::Debug + Send + Sync + 'static {
    /// A caller got a connection of the pool.
    fn connection_acquired(&self, event: &ConnectionAcquired) {
        let _ = event;
    }

    /// A caller got no connection: the pool had none in time, or the database cannot be reached.
    fn connection_refused(&self, event: &ConnectionRefused) {
        let _ = event;
    }

    /// A statement, or a transaction as a whole, has ended.
    fn operation_finished(&self, event: &OperationFinished) {
        let _ = event;
    }
}

/// See [`StorageObserver::connection_acquired`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionAcquired {
    /// What it is for, as an infinitive: `"find user by email"`.
    pub operation: &'static str,
    /// How long the caller waited: for a free connection, or for a new one to be made; and where the connection is for a
    /// transaction, for that to begin.
    pub waited: Duration,
}

/// See [`StorageObserver::connection_refused`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionRefused {
    /// What it was for, as an infinitive.
    pub operation: &'static str,
    /// How long the caller waited.
    pub waited: Duration,
    /// Why there was none.
    pub kind: StorageErrorKind,
}

/// See [`StorageObserver::operation_finished`].
///
/// What is done again is told once per try. A call of the facade may be several operations, and a service may not have asked
/// storage at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationFinished {
    /// What was done, as an infinitive.
    pub operation: &'static str,
    /// How long it took, with the wait for a connection.
    pub took: Duration,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The database did it. That nothing was found, or that a condition kept a row from being changed, is no failure.
    Done,
    /// It failed for a reason that passes, and is done again: the same operation is told once more.
    Retried(StorageErrorKind),
    /// It failed, and the caller is told. A key that exists already is one of the kinds, so not every failure is a fault.
    Failed(StorageErrorKind),
    /// The caller went away before there was an answer: a timeout, or a request that was cancelled.
    Abandoned,
}

impl ConnectionAcquired {
    /// For authors of backends.
    pub fn new(operation: &'static str, waited: Duration) -> Self {
        Self { operation, waited }
    }
}

impl ConnectionRefused {
    /// For authors of backends.
    pub fn new(operation: &'static str, waited: Duration, kind: StorageErrorKind) -> Self {
        Self { operation, waited, kind }
    }
}

impl OperationFinished {
    /// For authors of backends.
    pub fn new(operation: &'static str, took: Duration, outcome: Outcome) -> Self {
        Self { operation, took, outcome }
    }
}

/// The connections of a pool at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatus {
    /// Connections there are.
    pub size: u32,
    /// Of these, those that nobody uses.
    pub idle: u32,
    /// Of these, those in use.
    pub in_use: u32,
    /// How many there can be.
    pub max: u32,
}

impl PoolStatus {
    /// For authors of backends. The numbers of a busy pool are read one after the other and may not fit together; no more are idle
    /// here than there are.
    pub fn new(size: u32, idle: u32, max: u32) -> Self {
        let idle = idle.min(size);
        Self { size, idle, in_use: size - idle, max }
    }
}

/// Storage that can be measured.
pub trait ObservableStorage: Sized {
    /// The same storage, which tells `observer` what it does. Scopes made from it do too.
    #[must_use]
    fn with_observer(self, observer: Arc<dyn StorageObserver>) -> Self;

    /// The pool's connections at present. No I/O.
    fn pool_status(&self) -> PoolStatus;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_idle_than_there_are() {
        assert_eq!(PoolStatus::new(3, 1, 10), PoolStatus { size: 3, idle: 1, in_use: 2, max: 10 });
        assert_eq!(PoolStatus::new(0, 1, 10), PoolStatus { size: 0, idle: 0, in_use: 0, max: 10 });
    }
}
