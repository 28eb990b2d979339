//! How many wrong passwords are borne, and what follows.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    clock::{Clock, SystemClock},
    error::AuthError,
    tenant::TenantId,
    user::User,
};

/// How many wrong passwords are borne, and what follows.
#[derive(Clone, Debug)]
pub struct BruteForceProtectionConfig {
    /// Whether wrong passwords are counted at all.
    pub enabled: bool,
    /// The wrong password with this number locks the address. At least 1.
    pub max_failed_attempts: u32,
    /// How long a lock lasts, and how long a wrong password counts.
    pub lockout_period: TimeDelta,
    /// How long wrong passwords are kept in the log.
    pub retention_period: TimeDelta,
}

impl Default for BruteForceProtectionConfig {
    /// Five wrong passwords lock an address for 15 minutes; the log reaches back 7 days.
    fn default() -> Self {
        Self {
            enabled: true,
            max_failed_attempts: 5,
            lockout_period: TimeDelta::minutes(15),
            retention_period: TimeDelta::days(7),
        }
    }
}

impl BruteForceProtectionConfig {
    /// Wrong passwords are not counted.
    pub fn disabled() -> Self {
        Self { enabled: false, ..Self::default() }
    }
}

/// A wrong password, as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedLoginAttempt {
    /// Its number in the log.
    pub id: i64,
    /// The tenant it was tried in.
    #[serde(default)]
    pub tenant_id: TenantId,
    /// The key of the address it was tried for.
    pub email: String,
    /// Where it came from, if known.
    pub ip_address: Option<String>,
    /// When.
    pub attempted_at: DateTime<Utc>,
}

/// Whether an address is locked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockoutStatus {
    /// The address, as asked for.
    pub email: String,
    /// The tenant.
    #[serde(default)]
    pub tenant_id: TenantId,
    /// How many wrong passwords count against it at present.
    pub failed_attempts: u32,
    /// Whether it is locked.
    pub is_locked: bool,
    /// When the lock ends.
    pub locked_until: Option<DateTime<Utc>>,
    /// When this was read; what [`LockoutStatus::retry_after_seconds`] counts from.
    #[serde(skip, default = "now")]
    pub as_of: DateTime<Utc>,
}

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

impl LockoutStatus {
    /// Whole seconds until the lock ends, never negative; `None` when not locked.
    pub fn retry_after_seconds(&self) -> Option<i64> {
        let until = self.locked_until.filter(|_| self.is_locked)?;
        Some(seconds_until(self.as_of, until))
    }
}

/// Whole seconds from `now` to `until`, rounded up, never negative: who waits that long finds the lock gone.
fn seconds_until(now: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
    let left = (until - now).max(TimeDelta::zero());
    left.num_seconds() + i64::from(left.subsec_nanos() > 0)
}

impl AuthError {
    /// The refusal of a sign-in at `now` for an address that is locked until then.
    pub fn locked(now: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        Self::AccountLocked { locked_until: Some(until), retry_after_seconds: Some(seconds_until(now, until)) }
    }
}

/// Wrong passwords in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptStats {
    /// How many.
    pub count: u32,
    /// When the latest was.
    pub latest_at: Option<DateTime<Utc>>,
}

/// What counts against an address at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// Attempts reserved since the window began.
    pub failures: u32,
    /// When the window began.
    pub window_started_at: DateTime<Utc>,
    /// When the lock ends, or ended.
    pub locked_until: Option<DateTime<Utc>>,
}

/// The limits an attempt is reserved under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutLimits {
    /// The attempt with this number sets the lock. At least 1.
    pub max_failed_attempts: u32,
    /// How long a lock lasts, and how long an attempt counts.
    pub lockout_period: TimeDelta,
}

impl BruteForceProtectionConfig {
    /// The limits to reserve attempts under; `None` when attempts are not counted.
    pub fn limits(&self) -> Option<LockoutLimits> {
        self.enabled.then(|| LockoutLimits {
            max_failed_attempts: self.max_failed_attempts.clamp(1, u32::MAX - 1),
            lockout_period: self.lockout_period.max(TimeDelta::zero()),
        })
    }
}

/// A user and what proves a password right.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The stored hash (PHC string); `None` if the user has no password.
    pub password_hash: Option<SecretString>,
}

/// An attempt to sign in by password, counted before the password is looked at.
#[derive(Clone, Debug)]
pub struct ReservedAttempt {
    /// The number of this attempt in its window. The password may be looked at only if it is at most
    /// [`LockoutLimits::max_failed_attempts`].
    pub number: u32,
    /// When the lock ends, if the address is locked after this attempt.
    pub locked_until: Option<DateTime<Utc>>,
    /// Who owns the address, if anybody does.
    pub credentials: Option<Credentials>,
    /// Its entry in the log of wrong passwords, where storage wrote that along.
    pub logged: Option<i64>,
}
