//! Wrong passwords.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    clock::saturating_add,
    error::Error,
    lockout::{BruteForceProtectionConfig, Lockout, LockoutLimits, LockoutStatus},
    repositories::{BruteForceProtectionRepository, RepositoryProvider},
    tenant::TenantId,
};

/// Counts wrong passwords of one tenant and locks addresses.
#[derive(Debug)]
pub struct BruteForceProtectionService<R> {
    repositories: Arc<R>,
    config: BruteForceProtectionConfig,
}

/// What counts against an address at `now`.
fn lockout_status(
    tenant_id: &TenantId,
    email: &str,
    lockout: Option<&Lockout>,
    limits: LockoutLimits,
    now: DateTime<Utc>,
) -> LockoutStatus {
    let locked_until = lockout.and_then(|lockout| lockout.locked_until).filter(|until| *until > now);
    let failed_attempts = match lockout {
        Some(lockout) if locked_until.is_some() => lockout.failures.min(limits.max_failed_attempts),
        // A window that has passed, or a lock that has ended, counts no more.
        Some(lockout) if lockout.locked_until.is_none() && now - lockout.window_started_at < limits.lockout_period => {
            lockout.failures
        }
        _ => 0,
    };
    LockoutStatus {
        email: email.to_owned(),
        tenant_id: tenant_id.clone(),
        failed_attempts,
        is_locked: locked_until.is_some(),
        locked_until,
        as_of: now,
    }
}

impl<R: RepositoryProvider> BruteForceProtectionService<R> {
    /// Works in the tenant of `repositories`.
    pub fn new(repositories: Arc<R>, config: BruteForceProtectionConfig) -> Self {
        Self { repositories, config }
    }

    /// The limits.
    pub fn config(&self) -> &BruteForceProtectionConfig {
        &self.config
    }

    /// Whether wrong passwords are counted at all.
    pub fn is_enabled(&self) -> bool {
        self.config.enabled
    }

    /// What counts against an address at present, whether anybody owns it or not.
    ///
    /// # Errors
    /// A storage error.
    pub async fn get_lockout_status(&self, email: &str) -> Result<LockoutStatus, Error> {
        let Some(limits) = self.config.limits() else { return Ok(self.nothing(email)) };
        let lockout = self.repositories.brute_force().find_lockout(email).await?;
        Ok(self.status(email, lockout.as_ref(), limits))
    }

    /// Whether an address is locked.
    ///
    /// # Errors
    /// A storage error.
    pub async fn is_locked(&self, email: &str) -> Result<bool, Error> {
        self.get_lockout_status(email).await.map(|status| status.is_locked)
    }

    /// Counts a wrong password that was checked elsewhere.
    ///
    /// # Errors
    /// A storage error.
    pub async fn record_failed_attempt(&self, email: &str, ip_address: Option<&str>) -> Result<LockoutStatus, Error> {
        let Some(limits) = self.config.limits() else { return Ok(self.nothing(email)) };
        let lockout = self.repositories.brute_force().count_failure(email, limits).await?;
        self.repositories.brute_force().record_failed_attempt(email, ip_address).await?;
        Ok(self.status(email, Some(&lockout), limits))
    }

    /// Forgets what counts against an address.
    ///
    /// # Errors
    /// A storage error.
    pub async fn reset_attempts(&self, email: &str) -> Result<(), Error> {
        self.repositories.brute_force().clear_attempts(email).await?;
        self.repositories.brute_force().set_locked_at(email, None).await
    }

    /// Lifts the lock of an address. Returns whether it was locked.
    ///
    /// # Errors
    /// A storage error.
    pub async fn unlock_account(&self, email: &str) -> Result<bool, Error> {
        let was_locked =
            self.is_locked(email).await? || self.repositories.brute_force().get_locked_at(email).await?.is_some();
        self.reset_attempts(email).await?;
        Ok(was_locked)
    }

    /// Removes old entries of the tenant's log of wrong passwords, now and every hour, until `stop` says `true` or its sender
    /// is gone. Needs a Tokio runtime.
    pub fn start_cleanup_task(&self, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
        let repositories = Arc::clone(&self.repositories);
        let retention = self.config.retention_period;
        tokio::spawn(async move {
            let mut hourly = tokio::time::interval(Duration::from_secs(60 * 60));
            // A sender that is gone stops the task too.
            let stopped = async move { stop.wait_for(|stop| *stop).await.map_or((), drop) };
            tokio::pin!(stopped);
            loop {
                tokio::select! {
                    _ = hourly.tick() => {}
                    () = &mut stopped => return,
                }
                let before = saturating_add(repositories.clock().now(), -retention.max(TimeDelta::zero()));
                if let Err(error) = repositories.brute_force().cleanup_old_attempts(before).await {
                    tracing::warn!(tenant_id = %repositories.tenant_id(), %error, "old failed attempts stay");
                }
            }
        })
    }

    fn status(&self, email: &str, lockout: Option<&Lockout>, limits: LockoutLimits) -> LockoutStatus {
        let now = self.repositories.clock().now();
        lockout_status(self.repositories.tenant_id(), email, lockout, limits, now)
    }

    fn nothing(&self, email: &str) -> LockoutStatus {
        LockoutStatus {
            email: email.to_owned(),
            tenant_id: self.repositories.tenant_id().clone(),
            failed_attempts: 0,
            is_locked: false,
            locked_until: None,
            as_of: self.repositories.clock().now(),
        }
    }
}
