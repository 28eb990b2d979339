//! What can be wrong with lockouts.

use chrono::{DateTime, TimeDelta, Utc};
use torii_core::{
    AttemptStats, Error, FailedLoginAttempt,
    lockout::{Lockout, LockoutLimits, ReservedAttempt},
    repositories::{BruteForceProtectionRepository, PasswordRepository},
};

use super::Saboteur;
use crate::Provider;

/// The limits of the laws that saboteurs of lockouts break.
pub(super) const PERIOD: TimeDelta = TimeDelta::minutes(15);
const LIMITS: LockoutLimits = LockoutLimits { max_failed_attempts: 5, lockout_period: PERIOD };

pub(super) async fn look_before_counting<P: Provider>(
    s: &Saboteur<P>,
    email: &str,
    limits: LockoutLimits,
) -> Result<ReservedAttempt, Error> {
    let now = s.inner.clock().now();
    let locked_until = s.inner.brute_force().find_lockout(email).await?.and_then(|lockout| lockout.locked_until);
    let locked_until = locked_until.filter(|until| *until > now);
    let number = if locked_until.is_some() { limits.max_failed_attempts + 1 } else { 1 };
    let credentials = s.inner.password().find_credentials(email).await?;
    Ok(ReservedAttempt { number, locked_until, credentials, logged: None })
}

pub(super) async fn count_with_the_log<P: Provider>(
    s: &Saboteur<P>,
    email: &str,
    ip_address: Option<&str>,
) -> Result<FailedLoginAttempt, Error> {
    s.inner.brute_force().count_failure(email, LIMITS).await?;
    s.inner.brute_force().record_failed_attempt(email, ip_address).await
}

/// The oldest attempt counts no more, so the lock that it led to is lifted.
async fn forget_the_old<P: Provider>(s: &Saboteur<P>, email: &str) -> Result<(), Error> {
    let lockout = s.inner.brute_force().find_lockout(email).await?;
    if lockout.is_some_and(|lockout| lockout.window_started_at + PERIOD <= s.inner.clock().now()) {
        s.inner.brute_force().clear_attempts(email).await?;
    }
    Ok(())
}

pub(super) async fn reserve_in_a_sliding_window<P: Provider>(
    s: &Saboteur<P>,
    email: &str,
    limits: LockoutLimits,
) -> Result<ReservedAttempt, Error> {
    forget_the_old(s, email).await?;
    s.inner.brute_force().reserve_attempt(email, limits).await
}

pub(super) async fn find_in_a_sliding_window<P: Provider>(
    s: &Saboteur<P>,
    email: &str,
) -> Result<Option<Lockout>, Error> {
    forget_the_old(s, email).await?;
    s.inner.brute_force().find_lockout(email).await
}

pub(super) async fn reserve_and_prolong<P: Provider>(
    s: &Saboteur<P>,
    email: &str,
    limits: LockoutLimits,
) -> Result<ReservedAttempt, Error> {
    let attempt = s.inner.brute_force().reserve_attempt(email, limits).await?;
    if attempt.number <= limits.max_failed_attempts {
        return Ok(attempt);
    }
    s.inner.brute_force().clear_attempts(email).await?;
    let locks_at_once = LockoutLimits { max_failed_attempts: 1, ..limits };
    let lockout = s.inner.brute_force().count_failure(email, locks_at_once).await?;
    Ok(ReservedAttempt { locked_until: lockout.locked_until, ..attempt })
}

pub(super) async fn reserve_for_users_only<P: Provider>(
    s: &Saboteur<P>,
    email: &str,
    limits: LockoutLimits,
) -> Result<ReservedAttempt, Error> {
    let attempt = s.inner.brute_force().reserve_attempt(email, limits).await?;
    if attempt.credentials.is_some() {
        return Ok(attempt);
    }
    s.inner.brute_force().clear_attempts(email).await?;
    Ok(ReservedAttempt { number: 1, locked_until: None, credentials: None, logged: None })
}

pub(super) async fn reserve_by_spelling<P: Provider>(
    s: &Saboteur<P>,
    email: &str,
    limits: LockoutLimits,
) -> Result<ReservedAttempt, Error> {
    let spelling = format!("{}@spelling.example", email.escape_unicode());
    let attempt = s.inner.brute_force().reserve_attempt(&spelling, limits).await?;
    let credentials = s.inner.password().find_credentials(email).await?;
    Ok(ReservedAttempt { credentials, ..attempt })
}

pub(super) async fn reserve_and_lock_the_user<P: Provider>(
    s: &Saboteur<P>,
    email: &str,
    limits: LockoutLimits,
) -> Result<ReservedAttempt, Error> {
    let attempt = s.inner.brute_force().reserve_attempt(email, limits).await?;
    if attempt.locked_until.is_some() {
        let began = s.inner.brute_force().find_lockout(email).await?.map(|lockout| lockout.window_started_at);
        s.inner.brute_force().set_locked_at(email, began).await?;
    }
    Ok(attempt)
}

pub(super) async fn reserve_next_door<P: Provider>(
    s: &Saboteur<P>,
    email: &str,
    limits: LockoutLimits,
) -> Result<ReservedAttempt, Error> {
    let attempt = s.astray.brute_force().reserve_attempt(email, limits).await?;
    let credentials = s.inner.password().find_credentials(email).await?;
    Ok(ReservedAttempt { credentials, ..attempt })
}

pub(super) async fn ask_for_the_tenant_first<P: Provider>(
    s: &Saboteur<P>,
    email: &str,
    limits: LockoutLimits,
) -> Result<ReservedAttempt, Error> {
    s.inner.find_tenant().await?;
    s.inner.brute_force().reserve_attempt(email, limits).await
}

pub(super) async fn release_nothing<P: Provider>(_: &Saboteur<P>) -> Result<(), Error> {
    Ok(())
}

pub(super) async fn clear_nothing<P: Provider>(_: &Saboteur<P>) -> Result<u64, Error> {
    Ok(0)
}

pub(super) async fn count_since_ever<P: Provider>(s: &Saboteur<P>, email: &str) -> Result<AttemptStats, Error> {
    s.inner.brute_force().get_attempt_stats(email, DateTime::<Utc>::UNIX_EPOCH).await
}
