//! Wrong passwords in storage.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{
    error::Error,
    lockout::{AttemptStats, FailedLoginAttempt, Lockout, LockoutLimits, ReservedAttempt},
    user::UserId,
};

/// What counts against addresses of the provider's tenant, and the log of wrong passwords. Addresses are kept by their
/// [`EmailKey`](crate::email::EmailKey), whether anybody owns them or not.
#[async_trait]
pub trait BruteForceProtectionRepository: Send + Sync + 'static {
    /// Counts an attempt to sign in, before the password is looked at, and finds who owns the address, in one statement.
    ///
    /// The counter restarts at 1 when its window is older than the period, or its lock has ended. The attempt that reaches
    /// the maximum sets the end of the lock; that end is never moved. While a lock lasts the counter stands at one more than the
    /// maximum, which says that the attempt is refused.
    async fn reserve_attempt(&self, email: &str, limits: LockoutLimits) -> Result<ReservedAttempt, Error>;

    /// [`BruteForceProtectionRepository::reserve_attempt`], for storage that can log the attempt in the same statement: an attempt
    /// whose password may be looked at is logged as a wrong one, and is [`ReservedAttempt::logged`]. Clearing the attempts of the
    /// address, as the right password does, removes the entry.
    ///
    /// Other storage leaves the log to [`BruteForceProtectionRepository::record_failed_attempt`]: this, unless implemented.
    async fn reserve_and_log_attempt(
        &self,
        email: &str,
        limits: LockoutLimits,
        ip_address: Option<&str>,
    ) -> Result<ReservedAttempt, Error> {
        let _ = ip_address;
        self.reserve_attempt(email, limits).await
    }

    /// [`BruteForceProtectionRepository::reserve_attempt`] for the address of a user. `None`, and nothing counted, if there is no
    /// such user.
    async fn reserve_attempt_for_user(
        &self,
        user_id: &UserId,
        limits: LockoutLimits,
    ) -> Result<Option<ReservedAttempt>, Error>;

    /// Takes back an attempt that was reserved but whose password could not be looked at, with the lock that it set, if it set
    /// one.
    async fn release_attempt(&self, email: &str, limits: LockoutLimits) -> Result<(), Error>;

    /// [`BruteForceProtectionRepository::release_attempt`] with the entry of the log, if the attempt was logged.
    async fn release_logged_attempt(
        &self,
        email: &str,
        limits: LockoutLimits,
        logged: Option<i64>,
    ) -> Result<(), Error> {
        let _ = logged;
        self.release_attempt(email, limits).await
    }

    /// Counts a wrong password that was looked at already, by the rules of
    /// [`BruteForceProtectionRepository::reserve_attempt`].
    async fn count_failure(&self, email: &str, limits: LockoutLimits) -> Result<Lockout, Error>;

    /// What counts against an address at present.
    async fn find_lockout(&self, email: &str) -> Result<Option<Lockout>, Error>;

    /// Adds a wrong password to the log.
    async fn record_failed_attempt(&self, email: &str, ip_address: Option<&str>) -> Result<FailedLoginAttempt, Error>;

    /// What the log says of an address since a time.
    async fn get_attempt_stats(&self, email: &str, since: DateTime<Utc>) -> Result<AttemptStats, Error>;

    /// Clears the counter and the log of an address. Returns how many log entries there were.
    async fn clear_attempts(&self, email: &str) -> Result<u64, Error>;

    /// Removes log entries before a time, except of addresses whose user has `locked_at` set. Returns how many.
    async fn cleanup_old_attempts(&self, before: DateTime<Utc>) -> Result<u64, Error>;

    /// Sets or clears `locked_at` of the user with this address, if there is one.
    async fn set_locked_at(&self, email: &str, locked_at: Option<DateTime<Utc>>) -> Result<(), Error>;

    /// The stored `locked_at` of the user with this address.
    async fn get_locked_at(&self, email: &str) -> Result<Option<DateTime<Utc>>, Error>;
}

/// Gives access to wrong passwords.
pub trait BruteForceRepositoryProvider: Send + Sync + 'static {
    /// The repository.
    type BruteForceRepo: BruteForceProtectionRepository;

    /// The repository.
    fn brute_force(&self) -> &Self::BruteForceRepo;
}
