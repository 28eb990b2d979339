//! The threads, what waits for them, and how a request gets its turn.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use secrecy::SecretString;
use tokio::{sync::oneshot, time::timeout};

use super::{
    config::HashingConfig,
    error::HashingError,
    queue::{Admission, FairQueue},
    recipe::{Recipe, Tag},
};
use crate::tenant::TenantId;

/// Starts the hashing thread of this number.
pub(super) type StartThread = fn(u64, Arc<Shared>) -> io::Result<JoinHandle<()>>;

/// A request on its way to a thread. Deliberately without `Debug`.
pub(super) struct Job {
    pub(super) password: SecretString,
    pub(super) recipe: Recipe,
    /// Told when the computation begins; closed when the caller has gone.
    pub(super) started: oneshot::Sender<()>,
    pub(super) answer: oneshot::Sender<Result<Tag, HashingError>>,
}

impl Job {
    fn is_wanted(&self) -> bool {
        !self.started.is_closed()
    }
}

/// What the handles and the threads share. Threads hold this and not [`Pool`], so that they do not keep themselves alive.
pub(super) struct Shared {
    config: HashingConfig,
    /// Blocks of memory that a thread keeps between computations.
    pub(super) kept_blocks: usize,
    state: Mutex<State>,
    /// A job arrived, or the last handle went.
    changed: Condvar,
    pub(super) computations: AtomicU64,
}

struct State {
    queue: FairQueue<Job>,
    threads: Vec<JoinHandle<()>>,
    threads_started: u64,
    stopping: bool,
}

impl Shared {
    /// Nothing can panic while the lock is held; if something did, the queue would still be a queue.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job, if one waits.
    pub(super) fn try_next(&self) -> Option<(TenantId, Job)> {
        self.state().next()
    }

    /// The next job, as soon as there is one; `None` when the pool has ended.
    pub(super) fn wait_next(&self) -> Option<(TenantId, Job)> {
        let mut state = self.state();
        loop {
            if state.stopping {
                return None;
            }
            if let Some(next) = state.next() {
                return Some(next);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn busy(&self) -> HashingError {
        HashingError::Busy { retry_after: self.config.longest_wait() }
    }
}

impl State {
    fn next(&mut self) -> Option<(TenantId, Job)> {
        if self.stopping {
            return None;
        }
        self.queue.pop(Job::is_wanted)
    }
}

/// The handles' side of the pool. When the last handle is dropped the threads end.
pub(super) struct Pool {
    shared: Arc<Shared>,
    thread_limit: usize,
    start_thread: StartThread,
}

impl Pool {
    /// A pool without threads yet: they start with the first job.
    pub(super) fn new(
        config: HashingConfig,
        kept_blocks: usize,
        thread_limit: usize,
        start_thread: StartThread,
    ) -> Self {
        let state = State {
            queue: FairQueue::new(config.capacity()),
            threads: Vec::new(),
            threads_started: 0,
            stopping: false,
        };
        let shared = Shared {
            config,
            kept_blocks,
            state: Mutex::new(state),
            changed: Condvar::new(),
            computations: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared), thread_limit, start_thread }
    }

    pub(super) fn config(&self) -> &HashingConfig {
        &self.shared.config
    }

    pub(super) fn computations(&self) -> u64 {
        self.shared.computations.load(Ordering::Relaxed)
    }

    pub(super) fn queue_len(&self) -> usize {
        self.shared.state().queue.items().filter(|job| job.is_wanted()).count()
    }

    /// Waits for a turn, then for the tag. Dropping the future gives the place in the queue up.
    pub(super) async fn compute(
        &self,
        tenant: &TenantId,
        password: SecretString,
        recipe: Recipe,
    ) -> Result<Tag, HashingError> {
        let (started, has_started) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        self.submit(tenant, Job { password, recipe, started, answer })?;
        // The sender also goes when the job is displaced or its thread dies; the answer then says which.
        if timeout(self.config().longest_wait(), has_started).await.is_err() {
            return Err(self.shared.busy());
        }
        answered.await.unwrap_or(Err(HashingError::Stopped))
    }

    fn submit(&self, tenant: &TenantId, job: Job) -> Result<(), HashingError> {
        let mut state = self.shared.state();
        self.ensure_threads(&mut state)?;
        if state.queue.is_full() {
            state.queue.sweep(Job::is_wanted);
        }
        let admission = state.queue.push(tenant, job);
        drop(state);
        match admission {
            Admission::Queued => {}
            Admission::Displaced(other) => {
                // Its caller may have gone in this moment, and then nobody needs to know.
                let _ = other.answer.send(Err(self.shared.busy()));
            }
            Admission::Refused(_) => return Err(self.shared.busy()),
        }
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Starts the threads that are missing: all of them at the first job, later those that died.
    fn ensure_threads(&self, state: &mut State) -> Result<(), HashingError> {
        state.threads.retain(|thread| !thread.is_finished());
        while state.threads.len() < self.thread_limit {
            match (self.start_thread)(state.threads_started, Arc::clone(&self.shared)) {
                Ok(thread) => {
                    state.threads.push(thread);
                    state.threads_started += 1;
                }
                Err(error) if state.threads.is_empty() => return Err(HashingError::Thread(error)),
                Err(error) => {
                    tracing::warn!(%error, running = state.threads.len(), "a password hashing thread could not be started");
                    break;
                }
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Panics in another thread while it holds the lock.
    #[cfg(test)]
    pub(super) fn poison(&self) {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::spawn(move || {
            let _state = shared.state();
            panic!("poisoning the lock on purpose");
        });
        assert!(thread.join().is_err());
    }

    #[cfg(test)]
    pub(super) fn take_threads(&self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.shared.state().threads)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state().stopping = true;
        self.shared.changed.notify_all();
    }
}
