//! Locked addresses.

use std::sync::Arc;

use torii_core::{
    LockoutStatus, RepositoryProvider, UnlockReason, events::Event, services::BruteForceProtectionService,
};

use crate::{Torii, ToriiError, core::Core};

impl<R: RepositoryProvider> Core<R> {
    fn lockouts(&self) -> Result<BruteForceProtectionService<R>, ToriiError> {
        let config = self.tenant()?.policy().brute_force_protection.clone();
        Ok(BruteForceProtectionService::new(Arc::clone(self.repositories()?), config))
    }
}

impl<R: RepositoryProvider, S> Torii<R, S> {
    /// Whether an address is locked, and what counts against it; the same whether anybody owns it or not.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "lockout.get_lockout_status", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn get_lockout_status(&self, email: &str) -> Result<LockoutStatus, ToriiError> {
        self.core.lockouts()?.get_lockout_status(email).await.map_err(ToriiError::storage)
    }

    /// Lifts the lock of an address and forgets what counts against it. Returns whether it was locked. For administrators.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "lockout.unlock_account", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn unlock_account(&self, email: &str) -> Result<bool, ToriiError> {
        let was_locked = self.core.lockouts()?.unlock_account(email).await.map_err(ToriiError::storage)?;
        if was_locked {
            let timestamp = self.core.repositories()?.clock().now();
            let (email, reason) = (email.to_owned(), UnlockReason::AdminAction);
            self.core.emit(|| Event::AccountUnlocked { email, reason, timestamp }).await;
        }
        Ok(was_locked)
    }
}
