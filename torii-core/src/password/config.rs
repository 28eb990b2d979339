//! How strong, how many at once, how long to wait.

use std::{num::NonZero, thread, time::Duration};

use argon2::Params;

use super::{error::HashingConfigError, stored};

/// The Argon2id choices of the OWASP Password Storage Cheat Sheet, memory in KiB and iterations, which it
/// calls equally strong. <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>
const OWASP_MINIMUM: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

/// More threads than this are a mistake: each has its own memory.
const MAX_THREADS: usize = 1024;

/// Bytes of output, as in every hash this project ever stored.
pub(super) const TAG_LENGTH: usize = 32;

/// Settings of a [`PasswordHasher`](super::PasswordHasher). They are checked when the hasher is made.
///
/// ```
/// use std::time::Duration;
/// use torii_core::password::{HashingConfig, PasswordHasher};
///
/// let config = HashingConfig::default().threads(2).max_wait(Duration::from_secs(2));
/// let hasher = PasswordHasher::new(config)?;
/// # Ok::<(), torii_core::password::HashingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashingConfig {
    memory_kib: u32,
    iterations: u32,
    parallelism: u32,
    threads: usize,
    queue_capacity: usize,
    max_wait: Duration,
    weak_parameters_allowed: bool,
}

impl Default for HashingConfig {
    /// Argon2id with 19 MiB, 2 iterations and 1 lane (OWASP); one thread for each core but one; 2048 waiting
    /// requests; at most 30 seconds of waiting.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            memory_kib: 19_456,
            iterations: 2,
            parallelism: 1,
            threads: cores.saturating_sub(1).clamp(1, MAX_THREADS),
            queue_capacity: 2048,
            max_wait: Duration::from_secs(30),
            weak_parameters_allowed: false,
        }
    }
}

impl HashingConfig {
    /// The weakest parameters Argon2 knows (8 KiB, 1 iteration), so that tests do not wait for hashes.
    ///
    /// Also allows every other setting below the OWASP minimum. A leaked database of such hashes is as good as
    /// one of passwords in clear: never use this outside tests.
    #[must_use]
    pub fn insecure_fast_for_tests() -> Self {
        Self { memory_kib: Params::MIN_M_COST, iterations: 1, weak_parameters_allowed: true, ..Self::default() }
    }

    /// Memory of one computation, in KiB. Each hashing thread keeps that much. Default 19456 (19 MiB).
    #[must_use]
    pub fn memory_kib(mut self, memory_kib: u32) -> Self {
        self.memory_kib = memory_kib;
        self
    }

    /// Passes over the memory. Default 2.
    #[must_use]
    pub fn iterations(mut self, iterations: u32) -> Self {
        self.iterations = iterations;
        self
    }

    /// Lanes of the memory. Default 1. The lanes of one computation are filled one after the other; it is
    /// [`threads`](Self::threads) that decides how many cores are used.
    #[must_use]
    pub fn parallelism(mut self, parallelism: u32) -> Self {
        self.parallelism = parallelism;
        self
    }

    /// Hashing threads, 1 to 1024. Default: one for each core but one, and at least one.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// How many requests may wait, all tenants together; at least 1. Default 2048.
    #[must_use]
    pub fn queue_capacity(mut self, queue_capacity: usize) -> Self {
        self.queue_capacity = queue_capacity;
        self
    }

    /// How long a request may wait for a hashing thread; longer than zero. Default 30 seconds. The computation
    /// itself is not counted.
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    pub(super) fn thread_limit(&self) -> usize {
        self.threads
    }

    pub(super) fn capacity(&self) -> usize {
        self.queue_capacity
    }

    pub(super) fn longest_wait(&self) -> Duration {
        self.max_wait
    }

    /// The Argon2 parameters, if everything is in order.
    pub(super) fn validate(&self) -> Result<Params, HashingConfigError> {
        let params = Params::new(self.memory_kib, self.iterations, self.parallelism, Some(TAG_LENGTH))
            .map_err(HashingConfigError::Parameters)?;
        let strong = OWASP_MINIMUM
            .iter()
            .any(|&(memory_kib, iterations)| self.memory_kib >= memory_kib && self.iterations >= iterations);
        if !strong && !self.weak_parameters_allowed {
            return Err(HashingConfigError::BelowMinimum);
        }
        if !stored::is_affordable(&params) {
            return Err(HashingConfigError::AboveMaximum);
        }
        if !(1..=MAX_THREADS).contains(&self.threads) {
            return Err(HashingConfigError::Threads);
        }
        if self.queue_capacity == 0 {
            return Err(HashingConfigError::QueueCapacity);
        }
        if self.max_wait.is_zero() {
            return Err(HashingConfigError::MaxWait);
        }
        Ok(params)
    }
}
