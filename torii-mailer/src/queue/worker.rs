//! The task that sends, and what it shares with the handles of the queue.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use super::{
    QueueConfig, QueueFull,
    job::{FailureCause, FailureObserver, MailFailure, Pending},
};
use crate::{Mailer, MailerError};

pub(super) struct Shared {
    pub(super) config: QueueConfig,
    transport: Arc<dyn Mailer>,
    observer: Option<FailureObserver>,
    state: Mutex<State>,
    /// Something changed that the worker should look at.
    changed: Notify,
    /// Every mail below this id is finished.
    pub(super) oldest_unfinished: watch::Sender<u64>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) next_id: u64,
    /// Waiting, being sent, or to be tried again.
    pub(super) unfinished: BTreeSet<u64>,
    /// By due time, then by age.
    pub(super) waiting: BTreeMap<(Instant, u64), Pending>,
    in_flight: usize,
    worker: Option<JoinHandle<()>>,
}

impl State {
    /// Takes out the newest waiting mail of the label that has the most, unless that is not more than `newcomer` would have.
    pub(super) fn displace(&mut self, newcomer: Option<&str>) -> Option<Pending> {
        let mut waiting: HashMap<Option<&str>, (usize, (Instant, u64))> = HashMap::new();
        for (key, mail) in &self.waiting {
            let (count, newest) = waiting.entry(mail.label()).or_insert((0, *key));
            *count += 1;
            if key.1 > newest.1 {
                *newest = *key;
            }
        }
        let own = waiting.get(&newcomer).map_or(0, |(count, _)| *count);
        let (count, newest) = waiting.into_values().max_by_key(|(count, newest)| (*count, newest.1))?;
        if count <= own + 1 {
            return None;
        }
        self.waiting.remove(&newest)
    }
}

impl Shared {
    pub(super) fn new(transport: Arc<dyn Mailer>, config: QueueConfig, observer: Option<FailureObserver>) -> Self {
        Self {
            config,
            transport,
            observer,
            state: Mutex::default(),
            changed: Notify::new(),
            oldest_unfinished: watch::Sender::new(0),
        }
    }

    /// Held for moments only, and never while an attempt is spawned or dropped: dropping one takes the lock, and a runtime
    /// that is shutting down drops at once what it is given.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells log and observer. The recipient is for the observer alone.
    pub(super) fn report(&self, failure: MailFailure) {
        let MailFailure { kind, attempts, .. } = failure;
        tracing::warn!(kind, attempts, cause = %failure.cause, "mail given up");
        if let Some(observer) = &self.observer {
            // A panic in the application's code must not take the queue with it.
            if catch_unwind(AssertUnwindSafe(|| observer(&failure))).is_err() {
                tracing::warn!("the observer of the mail queue panicked");
            }
        }
    }

    /// Reports a mail for which there is no place.
    pub(super) fn give_up(&self, mail: Pending) {
        self.report(mail.into_failure(FailureCause::QueueFull(QueueFull)));
    }

    pub(super) fn finish(&self, id: u64) {
        let mut state = self.lock();
        state.unfinished.remove(&id);
        let oldest = state.unfinished.first().copied().unwrap_or(state.next_id);
        // Under the lock, so that values arrive in order.
        self.oldest_unfinished.send_replace(oldest);
    }

    /// Takes what is due and may be started, and says when to look again.
    fn take_due(&self) -> (Vec<Pending>, Next) {
        let mut due = Vec::new();
        let mut state = self.lock();
        let now = Instant::now();
        while state.in_flight < self.config.concurrency.max(1) {
            match state.waiting.first_entry() {
                Some(entry) if entry.key().0 <= now => due.push(entry.remove()),
                Some(entry) => return (due, Next::At(entry.key().0)),
                None => break,
            }
            state.in_flight += 1;
        }
        if state.unfinished.is_empty() {
            state.worker = None;
            return (due, Next::End);
        }
        (due, Next::Change)
    }
}

/// When the worker looks again.
enum Next {
    /// At this time, or earlier if something changes.
    At(Instant),
    /// When something changes.
    Change,
    /// Never: there is nothing left, and the next mail starts a new worker.
    End,
}

/// Wakes the worker, starting it if there is none or if its runtime has ended.
pub(super) fn ensure_running(shared: &Arc<Shared>) {
    shared.changed.notify_one();
    let mut state = shared.lock();
    let running = state.worker.as_ref().is_some_and(|worker| !worker.is_finished());
    if running || state.unfinished.is_empty() {
        return;
    }
    if let Ok(runtime) = Handle::try_current() {
        state.worker = Some(runtime.spawn(work(Arc::clone(shared))));
    }
}

async fn work(shared: Arc<Shared>) {
    loop {
        let (due, next) = shared.take_due();
        for pending in due {
            tokio::spawn(send(InFlight { shared: Arc::clone(&shared), pending: Some(pending) }));
        }
        let changed = shared.changed.notified();
        match next {
            Next::At(due) => drop(timeout_at(due, changed).await),
            Next::Change => changed.await,
            Next::End => return,
        }
    }
}

async fn send(mut attempt: InFlight) {
    let Some(pending) = &mut attempt.pending else {
        return;
    };
    let Shared { transport, config, .. } = &*attempt.shared;
    let limit = config.send_timeout;
    let result = timeout(limit, pending.attempt(&**transport)).await;
    attempt.settle(result.unwrap_or(Err(MailerError::Timeout(limit))));
}

/// A mail that is being sent. However the attempt ends, dropping this makes room for the next one.
struct InFlight {
    shared: Arc<Shared>,
    pending: Option<Pending>,
}

impl InFlight {
    fn settle(mut self, result: Result<(), MailerError>) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let Err(error) = result else {
            return self.shared.finish(pending.id);
        };
        let config = &self.shared.config;
        let last = pending.attempts >= config.max_attempts;
        if last || error.is_permanent() || !pending.is_rendered() {
            return self.give_up(pending, FailureCause::Mail(error));
        }
        let (kind, delay) = (pending.job.kind, config.delay_after(pending.attempts));
        tracing::debug!(kind, ?delay, %error, "mail will be tried again");
        let due = (Instant::now() + delay, pending.id);
        self.shared.lock().waiting.insert(due, pending);
    }

    fn give_up(&self, pending: Pending, cause: FailureCause) {
        let id = pending.id;
        self.shared.report(pending.into_failure(cause));
        // Afterwards, so that a flush returns when the observer has been told.
        self.shared.finish(id);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.give_up(pending, FailureCause::Interrupted);
        }
        self.shared.lock().in_flight -= 1;
        self.shared.changed.notify_one();
    }
}
