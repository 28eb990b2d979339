//! The library's entrance, in two powers.

use std::{fmt, marker::PhantomData, sync::Arc};

use chrono::Duration;
use torii_core::{
    BruteForceProtectionConfig, IntoTenantId, JwtConfig, JwtSessionProvider, RepositoryProvider, TenantContext,
    TenantError,
    events::EventBus,
    password::PasswordHasher,
    repositories::{CleanupReport, CleanupRetention, CleanupScope},
};

use crate::{
    SessionConfig, SessionProviderType, ToriiError,
    core::{Core, Sessions},
};

/// The power over all tenants: enter any tenant, migrate, sweep. What [`Torii::new`] and the builder make.
#[derive(Clone, Copy, Debug)]
pub struct AllTenants(());

/// The power over one tenant: its users, sessions and credentials, and nothing else. What [`Torii::with_tenant`] makes.
#[derive(Clone, Copy, Debug)]
pub struct OneTenant(());

/// A [`Torii`] that can reach one tenant only. Cheap to clone and to hand to code that serves that tenant.
///
/// It cannot reach another tenant, and cannot migrate:
///
/// ```compile_fail
/// # use torii_core::RepositoryProvider;
/// fn escape<R: RepositoryProvider>(scope: torii::TenantScope<R>) {
///     scope.with_tenant("other");
/// }
/// ```
///
/// ```compile_fail
/// # use torii_core::RepositoryProvider;
/// async fn migrate<R: RepositoryProvider>(scope: torii::TenantScope<R>) {
///     let _ = scope.migrate().await;
/// }
/// ```
///
/// ```compile_fail
/// # use torii_core::RepositoryProvider;
/// fn reach_through<R: RepositoryProvider>(scope: torii::TenantScope<R>) {
///     scope.repositories();
/// }
/// ```
///
/// What it can do compiles:
///
/// ```
/// # use torii_core::RepositoryProvider;
/// async fn count<R: RepositoryProvider>(scope: torii::TenantScope<R>) -> Result<u64, torii::ToriiError> {
///     scope.count_users().await
/// }
/// ```
pub type TenantScope<R> = Torii<R, OneTenant>;

/// Registers users, signs them in and keeps their sessions, in the storage `R`.
///
/// `Torii<R>` works in the default tenant and can enter any other by [`Torii::with_tenant`]; what that returns works in one
/// tenant only. Every operation on users, sessions and credentials exists on both and does the same.
pub struct Torii<R, Scope = AllTenants> {
    pub(crate) core: Core<R>,
    scope: PhantomData<fn() -> Scope>,
}

impl<R, S> fmt::Debug for Torii<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Torii").finish_non_exhaustive()
    }
}

impl<R> Clone for Torii<R, OneTenant> {
    fn clone(&self) -> Self {
        Self::from_core(self.core.clone())
    }
}

impl<R, S> Torii<R, S> {
    pub(crate) fn from_core(core: Core<R>) -> Self {
        Self { core, scope: PhantomData }
    }
}

impl<R: RepositoryProvider, S> Torii<R, S> {
    /// The tenant that calls run in, and the policy in force.
    ///
    /// # Errors
    /// [`TenantError::InvalidTenantId`] if [`Torii::with_tenant`] was given something that is no tenant id.
    pub fn tenant(&self) -> Result<&TenantContext, TenantError> {
        self.core.tenant()
    }

    async fn cleanup(&self, scope: CleanupScope) -> Result<CleanupReport, ToriiError> {
        self.core.tenant()?;
        self.core.all_repositories().cleanup(scope, self.retention()).await.map_err(ToriiError::storage)
    }

    pub(crate) fn retention(&self) -> CleanupRetention {
        let protection = match self.core.tenant() {
            Ok(context) => context.policy().brute_force_protection.clone(),
            Err(_) => BruteForceProtectionConfig::default(),
        };
        CleanupRetention { failed_attempts: protection.retention_period, lockout_period: protection.lockout_period }
    }
}

impl<R: RepositoryProvider> Torii<R, OneTenant> {
    /// Removes what is over in this tenant: sessions, tokens, states, challenges, lockouts, old log entries.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "torii.cleanup_expired", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn cleanup_expired(&self) -> Result<CleanupReport, ToriiError> {
        self.cleanup(CleanupScope::ThisTenant).await
    }
}

impl<R: RepositoryProvider> Torii<R, AllTenants> {
    /// Works on `repositories`, in the tenant that they are bound to: the default one. Sessions are kept in the database for 30
    /// days; five wrong passwords lock an address for 15 minutes; no mail is sent.
    pub fn new(repositories: Arc<R>) -> Self {
        Self::from_core(Core::new(repositories))
    }

    /// Enters a tenant. Takes `&str`, `String`, [`TenantId`](torii_core::TenantId) or a reference to one; makes no I/O.
    ///
    /// An id that is none (ids often come from a URL) makes a scope in which every call is refused with
    /// [`TenantError::InvalidTenantId`], before the database hears of it.
    ///
    /// ```
    /// # async fn example<R: torii_core::RepositoryProvider>(torii: torii::Torii<R>) -> Result<(), torii::ToriiError> {
    /// let acme = torii.with_tenant("acme-corp");
    /// let users = acme.count_users().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_tenant(&self, tenant: impl IntoTenantId) -> Torii<R, OneTenant> {
        Torii::from_core(self.core.for_tenant(tenant.into_tenant_id()))
    }

    pub(crate) fn map_repositories(self, change: impl FnOnce(R) -> R) -> Self {
        Self::from_core(self.core.map_repositories(change))
    }

    /// The storage, bound to the default tenant.
    pub fn repositories(&self) -> &Arc<R> {
        self.core.all_repositories()
    }

    /// Brings the schema up to date. Running it again does nothing.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`].
    #[tracing::instrument(name = "torii.migrate", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn migrate(&self) -> Result<(), ToriiError> {
        self.core.all_repositories().migrate().await.map_err(ToriiError::storage)
    }

    /// Asks the database a trivial question.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`].
    #[tracing::instrument(name = "torii.health_check", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn health_check(&self) -> Result<(), ToriiError> {
        self.core.all_repositories().health_check().await.map_err(ToriiError::storage)
    }

    /// Removes what is over in every tenant: sessions, tokens, states, challenges, lockouts, old log entries. In batches small
    /// enough that nobody waits for one long. The builder can run it in the background.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`].
    #[tracing::instrument(name = "torii.cleanup_expired", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn cleanup_expired(&self) -> Result<CleanupReport, ToriiError> {
        self.cleanup(CleanupScope::AllTenants).await
    }

    /// Sets how sessions are kept, and for how long.
    #[must_use]
    pub fn with_session_config(self, config: SessionConfig) -> Self {
        let torii = self.with_session_expiry(config.expires_in);
        match config.provider_type {
            SessionProviderType::Opaque => {
                Self::from_core(torii.core.change_shared(|shared| shared.sessions = Sessions::Database))
            }
            SessionProviderType::Jwt(jwt) => torii.with_jwt_sessions(jwt),
        }
    }

    /// Keeps sessions in signed tokens. How long they last stays as it was set.
    #[must_use]
    pub fn with_jwt_sessions(self, config: JwtConfig) -> Self {
        let provider = JwtSessionProvider::new(config);
        Self::from_core(self.core.change_shared(|shared| shared.sessions = Sessions::Jwt(provider)))
    }

    /// Sets how long a session lasts from its beginning, and from each refresh.
    #[must_use]
    pub fn with_session_expiry(self, lifetime: Duration) -> Self {
        Self::from_core(self.core.change_policy(|policy| policy.session_lifetime = lifetime))
    }

    /// Sets how long a session lasts in all, however often it is refreshed.
    #[must_use]
    pub fn with_session_max_lifetime(self, lifetime: Duration) -> Self {
        Self::from_core(self.core.change_policy(|policy| policy.session_max_lifetime = Some(lifetime)))
    }

    /// Sets how many wrong passwords are borne, and what follows.
    #[must_use]
    pub fn with_brute_force_protection(self, config: BruteForceProtectionConfig) -> Self {
        Self::from_core(self.core.change_policy(|policy| policy.brute_force_protection = config))
    }

    /// Hashes passwords on the threads of `hasher` instead of the process-wide ones.
    #[must_use]
    pub fn with_password_hasher(self, hasher: PasswordHasher) -> Self {
        Self::from_core(self.core.change_shared(|shared| shared.hasher = hasher))
    }

    /// Tells the handlers of `events` what happens, with the tenant it happens in.
    #[must_use]
    pub fn with_events(self, events: EventBus) -> Self {
        #[cfg(feature = "mailer")]
        let clock = self.core.all_repositories().clock();
        Self::from_core(self.core.change_shared(|shared| {
            #[cfg(feature = "mailer")]
            if let Some(mail) = &mut shared.mail {
                *mail = mail.with_events(events.clone(), clock);
            }
            shared.events = events;
        }))
    }
}
