//! A pool, a tenant and a clock: what every repository trait is implemented on.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::PgPool;
use torii_core::{
    Clock, Error, RepositoryProvider, SystemClock, TenantError, TenantId, TenantStatus,
    repositories::{
        BruteForceProtectionRepository, BruteForceRepositoryProvider, CleanupReport, CleanupRetention, CleanupScope,
        KnownTenants, OAuthRepository, OAuthRepositoryProvider, PasskeyRepository, PasskeyRepositoryProvider,
        PasswordRepository, PasswordRepositoryProvider, SessionRepository, SessionRepositoryProvider, TokenRepository,
        TokenRepositoryProvider, UserRepository, UserRepositoryProvider,
    },
};

use crate::{
    access::{Call, nothing},
    error::tenant_is_gone,
};

/// Registers the tenant if it is unknown. Either way its status comes back.
const ENSURE_TENANT: &str = "INSERT INTO tenants (id, created_at, updated_at) VALUES ($1, $2, $2) \
     ON CONFLICT (id) DO UPDATE SET status = tenants.status RETURNING tenants.status";

const TENANT_STATUS: &str = "SELECT tenants.status FROM tenants WHERE tenants.id = $1";

/// Storage in a PostgreSQL database, bound to one tenant. Cloning it, and binding it to another tenant, is cheap.
///
/// It implements every repository trait itself; [`user`](Self::user), [`session`](Self::session) and so on return it.
#[derive(Clone, Debug)]
pub struct PostgresRepositoryProvider {
    pool: PgPool,
    tenant: TenantId,
    clock: Arc<dyn Clock>,
    registered_tenants_only: bool,
    known_tenants: Arc<KnownTenants>,
}

impl PostgresRepositoryProvider {
    /// Storage on a pool that the application made, bound to the default tenant. See
    /// [`PostgresStorage`](crate::PostgresStorage) for what the pool should be like.
    pub fn new(pool: PgPool) -> Self {
        Self {
            pool,
            tenant: TenantId::default_tenant(),
            clock: Arc::new(SystemClock),
            registered_tenants_only: false,
            known_tenants: Arc::default(),
        }
    }

    /// The same with the time from `clock`.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Whether a write into a tenant that is not registered is refused, instead of registering it.
    #[must_use]
    pub fn registered_tenants_only(self, registered_tenants_only: bool) -> Self {
        Self { registered_tenants_only, ..self }
    }

    /// The same storage bound to `tenant`. No I/O.
    #[must_use]
    pub fn for_tenant(&self, tenant: TenantId) -> Self {
        Self { tenant, ..self.clone() }
    }

    /// The pool.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The tenant it is bound to.
    pub fn tenant_id(&self) -> &TenantId {
        &self.tenant
    }

    /// Brings the schema up to date. Running it again does nothing.
    ///
    /// # Errors
    /// [`StorageError::MigrationFailed`](torii_core::error::StorageError::MigrationFailed).
    pub async fn migrate(&self) -> Result<(), Error> {
        torii_migration::postgres::migrate(&self.pool, self.clock.as_ref()).await?;
        Ok(())
    }

    /// A call that begins now. `operation` is an infinitive, for errors.
    pub(crate) fn call(&self, operation: &'static str) -> Call<'_> {
        Call::new(&self.pool, &self.tenant, operation, self.clock.now())
    }

    pub(crate) fn known_tenants(&self) -> &KnownTenants {
        &self.known_tenants
    }

    /// Before a write that can be the first one into the tenant.
    pub(crate) async fn meet_tenant(&self, call: Call<'_>) -> Result<(), Error> {
        if self.registered_tenants_only || self.known_tenants.contains(&self.tenant) {
            return Ok(());
        }
        self.ensure_tenant(call).await
    }

    /// Does a creating write until it has written something. When it answers `None`, or is refused because the tenant was purged
    /// meanwhile, the tenant is registered first, or is the reason to give up.
    pub(crate) async fn creating<T, F>(&self, call: Call<'_>, mut write: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<Option<T>, Error>>,
    {
        loop {
            match write().await {
                Ok(Some(written)) => return Ok(written),
                Ok(None) => {}
                Err(error) if tenant_is_gone(&error) => {}
                Err(error) => return Err(error),
            }
            self.ensure_tenant(call).await?;
        }
    }

    /// After a creating write that changed nothing: registers the tenant if that was the reason. `Ok` means that the tenant is
    /// in use and the write worth repeating.
    pub(crate) async fn ensure_tenant(&self, call: Call<'_>) -> Result<(), Error> {
        let statement = self.either(ENSURE_TENANT, TENANT_STATUS);
        let status: Option<(String,)> = call.write(statement, nothing).await?;
        self.judge(status.map(|(status,)| status).as_deref())
    }

    /// After a write into existing rows that changed none: whether the tenant is the reason.
    pub(crate) async fn check_tenant(&self, call: Call<'_>) -> Result<(), Error> {
        let status: Option<(String,)> = call.read(TENANT_STATUS, nothing).await?;
        self.judge_unchanged(status.map(|(status,)| status).as_deref())
    }

    /// One of two statements: the first if tenants register themselves, the second if only registered ones are accepted.
    pub(crate) fn either(&self, registering: &'static str, reading: &'static str) -> &'static str {
        if self.registered_tenants_only { reading } else { registering }
    }

    /// Refuses a tenant that is not in use, for a write into existing rows. An unknown one holds no rows, and is not registered
    /// for that.
    pub(crate) fn judge_unchanged(&self, status: Option<&str>) -> Result<(), Error> {
        match status {
            None if !self.registered_tenants_only => Ok(()),
            status => self.judge(status),
        }
    }

    /// Refuses a tenant that is not in use.
    pub(crate) fn judge(&self, status: Option<&str>) -> Result<(), Error> {
        let id = self.tenant.clone();
        match status {
            Some(status) if status == TenantStatus::Active.as_str() => {
                self.known_tenants.add(&id);
                Ok(())
            }
            Some(_) => Err(TenantError::Suspended { id }.into()),
            None => Err(TenantError::NotRegistered { id }.into()),
        }
    }
}

#[async_trait]
impl RepositoryProvider for PostgresRepositoryProvider {
    fn tenant_id(&self) -> &TenantId {
        &self.tenant
    }

    fn for_tenant(&self, tenant: TenantId) -> Self {
        self.for_tenant(tenant)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    async fn migrate(&self) -> Result<(), Error> {
        self.migrate().await
    }

    async fn health_check(&self) -> Result<(), Error> {
        self.call("check the database").ping().await
    }

    async fn cleanup(&self, scope: CleanupScope, retention: CleanupRetention) -> Result<CleanupReport, Error> {
        self.sweep(scope, retention).await
    }
}

/// The provider is each of its repositories: the trait's accessor, and the same as an inherent method, for callers that have
/// not imported the trait.
macro_rules! repositories {
    ($($provider:ident $associated:ident $repository:ident $accessor:ident $noun:literal;)*) => {
        impl PostgresRepositoryProvider {
            $(
                #[doc = concat!("The repository of ", $noun, ".")]
                pub fn $accessor(&self) -> &impl $repository {
                    self
                }
            )*
        }

        $(
            impl $provider for PostgresRepositoryProvider {
                type $associated = Self;

                fn $accessor(&self) -> &Self {
                    self
                }
            }
        )*
    };
}

repositories! {
    UserRepositoryProvider UserRepo UserRepository user "users";
    SessionRepositoryProvider SessionRepo SessionRepository session "sessions";
    PasswordRepositoryProvider PasswordRepo PasswordRepository password "password hashes";
    OAuthRepositoryProvider OAuthRepo OAuthRepository oauth "OAuth accounts";
    PasskeyRepositoryProvider PasskeyRepo PasskeyRepository passkey "passkeys";
    TokenRepositoryProvider TokenRepo TokenRepository token "mail tokens";
    BruteForceRepositoryProvider BruteForceRepo BruteForceProtectionRepository brute_force "wrong passwords";
}
