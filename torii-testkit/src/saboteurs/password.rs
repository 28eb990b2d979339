//! What can be wrong with passwords.

use torii_core::{
    Error, User, UserId,
    crypto::TokenDigest,
    lockout::{LockoutLimits, ReservedAttempt},
    repositories::{BruteForceProtectionRepository, PasswordRepository, SessionRepository},
};

use super::Saboteur;
use crate::Provider;

pub(super) async fn take_nothing_for_a_hash<P: Provider>(
    s: &Saboteur<P>,
    user_id: &UserId,
) -> Result<Option<String>, Error> {
    let hash = s.inner.password().get_password_hash(user_id).await?;
    Ok(Some(hash.unwrap_or_default()))
}

pub(super) async fn upgrade_nothing<P: Provider>(_: &Saboteur<P>) -> Result<(), Error> {
    Ok(())
}

pub(super) async fn upgrade_anything<P: Provider>(
    s: &Saboteur<P>,
    user_id: &UserId,
    new_hash: &str,
) -> Result<(), Error> {
    s.inner.password().set_password_hash(user_id, new_hash).await
}

pub(super) async fn change_and_keep_sessions<P: Provider>(
    s: &Saboteur<P>,
    user_id: &UserId,
    new_hash: &str,
) -> Result<bool, Error> {
    s.inner.password().set_password_hash(user_id, new_hash).await?;
    Ok(true)
}

pub(super) async fn change_and_keep_reset_tokens<P: Provider>(
    s: &Saboteur<P>,
    user_id: &UserId,
    new_hash: &str,
) -> Result<bool, Error> {
    s.inner.session().delete_by_user_id(user_id).await?;
    change_and_keep_sessions(s, user_id, new_hash).await
}

pub(super) async fn change_whatever_it_was<P: Provider>(
    s: &Saboteur<P>,
    user_id: &UserId,
    new_hash: &str,
) -> Result<bool, Error> {
    let old_hash = s.inner.password().get_password_hash(user_id).await?.unwrap_or_default();
    s.inner.password().change_password(user_id, &old_hash, new_hash, true).await
}

/// Looks at the counter, and counts afterwards.
pub(super) async fn look_then_reserve<P: Provider>(
    s: &Saboteur<P>,
    user_id: &UserId,
    limits: LockoutLimits,
) -> Result<Option<ReservedAttempt>, Error> {
    let Some(credentials) = s.inner.password().find_credentials_by_id(user_id).await? else { return Ok(None) };
    let lockout = s.inner.brute_force().find_lockout(&credentials.user.email).await?;
    s.inner.brute_force().reserve_attempt_for_user(user_id, limits).await?;
    let number = lockout.map_or(1, |lockout| (lockout.failures + 1).min(limits.max_failed_attempts));
    Ok(Some(ReservedAttempt { number, locked_until: None, credentials: Some(credentials), logged: None }))
}

pub(super) async fn reset_and_stay_locked<P: Provider>(
    s: &Saboteur<P>,
    token: &TokenDigest,
    new_hash: &str,
) -> Result<Option<User>, Error> {
    let user = s.inner.password().complete_reset(token, new_hash).await?;
    if let Some(user) = &user {
        let limits = LockoutLimits { max_failed_attempts: 1, lockout_period: super::lockout::PERIOD };
        s.inner.brute_force().count_failure(&user.email, limits).await?;
    }
    Ok(user)
}
