//! The handle that services hold.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use argon2::Params;
use secrecy::SecretString;
use subtle::{Choice, ConstantTimeEq};

use super::{
    config::{HashingConfig, TAG_LENGTH},
    error::HashingError,
    pool::Pool,
    recipe::{Recipe, Tag},
    stored::{self, StoredHash},
    worker,
};
use crate::{random, tenant::TenantId};

/// The longest password that is looked at, in bytes.
const LONGEST_PASSWORD: usize = 4096;

/// Bytes of salt (RFC 9106 section 3.1 recommends 16).
const SALT_LENGTH: usize = 16;

/// What became of a password that was checked.
///
/// These three are all there can be, so callers match without a wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an unread verification lets everybody in"]
pub enum Verification {
    /// The password is not the one that was stored, or none that can be checked was stored.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, and its hash should be replaced by a new one: it was made with lower parameters,
    /// or with another variant or version of Argon2.
    RightButOutdated,
}

impl Verification {
    /// Whether the password is right, however old its hash.
    pub fn is_right(self) -> bool {
        match self {
            Self::Wrong => false,
            Self::Right | Self::RightButOutdated => true,
        }
    }
}

/// Makes and checks password hashes, on threads of its own.
///
/// Cloning is cheap and shares the threads; they start with the first password and end with the last clone.
/// The methods must run inside a tokio runtime that has its timer enabled.
#[derive(Clone)]
pub struct PasswordHasher {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    /// What a password is checked against when there is nothing else. Its recipe is also that of new hashes, but
    /// for the salt.
    dummy: StoredHash,
}

/// The pool of everybody who did not ask for another: hashing is limited by the cores of the machine, and those
/// are shared by the whole process too.
static SHARED: LazyLock<PasswordHasher> = LazyLock::new(|| {
    let config = HashingConfig::default();
    let threads = config.thread_limit();
    // The defaults of the argon2 crate are the OWASP parameters; a test compares them with ours.
    PasswordHasher::from_parts(config, Params::DEFAULT, threads)
});

impl PasswordHasher {
    /// Makes a hasher with threads and a queue of its own. No thread is started yet.
    ///
    /// # Errors
    ///
    /// [`HashingError::InvalidConfig`] says what is wrong with the configuration.
    pub fn new(config: HashingConfig) -> Result<Self, HashingError> {
        let params = config.validate()?;
        let threads = config.thread_limit();
        Ok(Self::from_parts(config, params, threads))
    }

    /// The hasher that the whole process shares, with the default configuration. Its threads never end.
    #[must_use]
    pub fn shared() -> Self {
        SHARED.clone()
    }

    fn from_parts(config: HashingConfig, params: Params, threads: usize) -> Self {
        let pool = Pool::new(config, params.block_count(), threads, worker::start);
        Self::with_pool(pool, params)
    }

    fn with_pool(pool: Pool, params: Params) -> Self {
        let dummy = StoredHash {
            recipe: Recipe::current(params, random_bytes(SALT_LENGTH)),
            tag: Tag::new(random_bytes(TAG_LENGTH)),
        };
        Self { inner: Arc::new(Inner { pool, dummy }) }
    }

    /// Hashes a password for storage, with a fresh salt.
    ///
    /// The answer is a PHC string; with the default parameters it is 97 ASCII characters that begin with
    /// `$argon2id$v=19$m=19456,t=2,p=1$`. The password is taken as it is: whether it is good enough was decided
    /// before. `tenant` only decides whose turn it is.
    ///
    /// # Errors
    ///
    /// [`HashingError::Busy`] when too many others are waiting, and the errors of Argon2 and of the thread.
    pub async fn hash(&self, tenant: &TenantId, password: &str) -> Result<String, HashingError> {
        let recipe = Recipe::current(self.inner.dummy.recipe.params.clone(), random_bytes(SALT_LENGTH));
        let tag = self.inner.pool.compute(tenant, SecretString::from(password), recipe.clone()).await?;
        Ok(stored::encode(&recipe, &tag))
    }

    /// Checks a password against the stored hash, which is computed with its own parameters.
    ///
    /// Pass `None` when there is no such user or the user has no password. That, an empty string, anything that is
    /// not an Argon2 hash, and a hash whose parameters nobody could afford (more than 1 GiB of memory, or more than
    /// 4 GiB times passes of work) are [`Verification::Wrong`] after the work of checking a current hash, in the
    /// same queue: the answer does not come sooner because there was nothing to check. The same holds for a password of
    /// more than 4 KiB, of which nothing is looked at.
    ///
    /// # Errors
    ///
    /// [`HashingError::Busy`] when too many others are waiting, and the errors of Argon2 and of the thread. They
    /// do not depend on whether there was a hash.
    pub async fn verify(
        &self,
        tenant: &TenantId,
        password: &str,
        stored: Option<&str>,
    ) -> Result<Verification, HashingError> {
        let inner = &*self.inner;
        let parsed = stored.and_then(StoredHash::parse);
        // What waits in the queue is bounded in number, and thereby in bytes.
        let fits = password.len() <= LONGEST_PASSWORD;
        let genuine = Choice::from(u8::from(parsed.is_some() && fits));
        let target = parsed.as_ref().unwrap_or(&inner.dummy);
        let candidate = SecretString::from(if fits { password } else { "" });
        let tag = inner.pool.compute(tenant, candidate, target.recipe.clone()).await?;
        if !bool::from(tag.ct_eq(&target.tag) & genuine) {
            Ok(Verification::Wrong)
        } else if target.is_outdated(&inner.dummy.recipe) {
            Ok(Verification::RightButOutdated)
        } else {
            Ok(Verification::Right)
        }
    }

    /// How many requests are waiting for a thread.
    #[must_use]
    pub fn queue_len(&self) -> usize {
        self.inner.pool.queue_len()
    }

    /// How many Argon2 computations this hasher and its clones have done. Tests count with it that an unknown
    /// user costs what a known one does.
    #[must_use]
    pub fn computations(&self) -> u64 {
        self.inner.pool.computations()
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher")
            .field("config", self.inner.pool.config())
            .field("queue_len", &self.queue_len())
            .finish_non_exhaustive()
    }
}

fn random_bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    random::fill(&mut bytes);
    bytes
}

#[cfg(test)]
impl PasswordHasher {
    /// A hasher whose jobs wait until the test runs them.
    pub(super) fn paused(config: HashingConfig) -> Self {
        let params = config.validate().unwrap();
        Self::from_parts(config, params, 0)
    }

    pub(super) fn with_thread_starter(config: HashingConfig, start: super::pool::StartThread) -> Self {
        let params = config.validate().unwrap();
        let threads = config.thread_limit();
        Self::with_pool(Pool::new(config, params.block_count(), threads, start), params)
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    /// Runs the next job of a paused hasher here and says whose it was.
    pub(super) fn run_next(&self) -> Option<TenantId> {
        let shared = self.inner.pool.shared();
        let (tenant, job) = shared.try_next()?;
        worker::perform(job, &mut super::recipe::Memory::default(), shared);
        Some(tenant)
    }
}
