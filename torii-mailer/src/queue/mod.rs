//! Sending in the background.
//!
//! A sign-up must not wait for a mail server, fail with it, or tell by its duration whether a mail was sent. [`MailQueue`]
//! takes a job, which is cheap and never waits, and renders and sends the mail on the runtime's own time.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::Mailer;

mod job;
#[cfg(test)]
mod tests;
mod worker;

use job::Pending;
pub use job::{FailureCause, FailureObserver, MailFailure, MailJob, QueueFull};
use worker::Shared;

/// How a [`MailQueue`] works.
#[derive(Debug, Clone)]
pub struct QueueConfig {
    /// Most mails that may be unfinished at a time, waiting, being sent or to be tried again; at least 1.
    pub capacity: usize,
    /// Most mails that are sent at a time, so that a slow server for one does not hold up the rest; at least 1. With 1, first
    /// attempts are made strictly in order.
    pub concurrency: usize,
    /// Most attempts for one mail; at least 1.
    pub max_attempts: u32,
    /// Delay before the second attempt. It doubles with every further one.
    pub first_retry: Duration,
    /// Longest delay between two attempts, a day at most.
    pub longest_retry: Duration,
    /// Time for one attempt, after which it counts as failed.
    pub send_timeout: Duration,
}

impl Default for QueueConfig {
    /// 1024 mails, 4 at a time, 8 attempts over about ten minutes: long enough for greylisting, and within the lifetime of a
    /// link.
    fn default() -> Self {
        Self {
            capacity: 1024,
            concurrency: 4,
            max_attempts: 8,
            first_retry: Duration::from_secs(5),
            longest_retry: Duration::from_secs(300),
            send_timeout: Duration::from_secs(60),
        }
    }
}

impl QueueConfig {
    /// Delay after the failed attempt number `attempts`, counted from 1.
    fn delay_after(&self, attempts: u32) -> Duration {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let doublings = 2_u32.saturating_pow(attempts.saturating_sub(1));
        self.first_retry.saturating_mul(doublings).min(self.longest_retry).min(DAY)
    }
}

/// A bounded queue of mails that are sent in the background.
///
/// It is made without a runtime; a task runs only while there is something to send, started by
/// [`enqueue`](Self::enqueue). Clones share the queue. Dropping the last one ends nothing: what is queued is still sent as
/// long as the runtime runs, so [`flush`](Self::flush) before the runtime ends.
///
/// A mail that fails for now is tried again later, with its `Message-ID` kept, and the others are sent meanwhile. A mail
/// that fails for good, or too often, or does not fit into the queue, is reported to the observer and logged, without its
/// content. The queue is in memory: what is unsent when the process dies is lost, so mails that must not get lost need an
/// outbox in a database.
#[derive(Clone)]
pub struct MailQueue {
    shared: Arc<Shared>,
}

impl MailQueue {
    /// Makes a queue in front of `transport`.
    #[must_use]
    pub fn new(transport: Arc<dyn Mailer>, config: QueueConfig) -> Self {
        Self { shared: Arc::new(Shared::new(transport, config, None)) }
    }

    /// Makes a queue that calls `observer` for every mail that is not sent. For a mail that does not fit in, that is within
    /// [`enqueue`](Self::enqueue), so the observer must be quick.
    #[must_use]
    pub fn with_observer(transport: Arc<dyn Mailer>, config: QueueConfig, observer: FailureObserver) -> Self {
        Self { shared: Arc::new(Shared::new(transport, config, Some(observer))) }
    }

    /// Puts a mail into the queue. Never waits. Outside a runtime the mail stays there until the next call inside one.
    ///
    /// When the queue is full, the mail takes the place of the newest waiting one of the label that has the most there, if
    /// that is more than its own label would have: nobody fills the queue for others.
    ///
    /// # Errors
    ///
    /// [`QueueFull`] if [`capacity`](QueueConfig::capacity) mails are unfinished; the mail is dropped and reported.
    pub fn enqueue(&self, job: MailJob) -> Result<(), QueueFull> {
        let mut state = self.shared.lock();
        let mut displaced = None;
        if state.unfinished.len() >= self.shared.config.capacity.max(1) {
            displaced = state.displace(job.label());
            if displaced.is_none() {
                drop(state);
                self.shared.give_up(Pending::new(0, job));
                return Err(QueueFull);
            }
        }
        let id = state.next_id;
        state.next_id += 1;
        state.unfinished.insert(id);
        state.waiting.insert((Instant::now(), id), Pending::new(id, job));
        drop(state);
        if let Some(displaced) = displaced {
            self.shared.finish(displaced.id);
            self.shared.give_up(displaced);
        }
        worker::ensure_running(&self.shared);
        Ok(())
    }

    /// Waits until every mail enqueued before has been sent or given up; that includes further attempts and the time
    /// between them.
    pub async fn flush(&self) {
        let end = self.shared.lock().next_id;
        worker::ensure_running(&self.shared);
        let mut oldest = self.shared.oldest_unfinished.subscribe();
        // The sender is in `shared`, so this does not end early.
        let _ = oldest.wait_for(|oldest| *oldest >= end).await;
    }

    /// Number of unfinished mails.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.lock().unfinished.len()
    }
}

impl fmt::Debug for MailQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailQueue")
            .field("pending", &self.pending())
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}
