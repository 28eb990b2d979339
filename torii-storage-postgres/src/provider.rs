//! A pool, a tenant and a clock: what every repository trait is implemented on.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::PgPool;
use torii_core::{
    Clock, Error, RepositoryProvider, SystemClock, TenantError, TenantId, TenantStatus,
    metrics::{ObservableStorage, PoolStatus, StorageObserver},
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
    rls::RowSecurity,
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
    observer: Option<Arc<dyn StorageObserver>>,
    row_security: RowSecurity,
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
            observer: None,
            row_security: RowSecurity::default(),
        }
    }

    /// The same of a pool whose connections were found to be subject to policies, or not.
    pub(crate) fn connected(pool: PgPool, row_security: RowSecurity) -> Self {
        Self { row_security, ..Self::new(pool) }
    }

    /// The same with the time from `clock`.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The same, which tells `observer` how long callers wait for a connection, and how long statements and transactions take.
    /// Migrations, and what an application does on [`PostgresRepositoryProvider::pool`], are not told.
    #[must_use]
    pub fn with_observer(self, observer: Arc<dyn StorageObserver>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Whether a write into a tenant that is not registered is refused, instead of registering it.
    #[must_use]
    pub fn registered_tenants_only(self, registered_tenants_only: bool) -> Self {
        Self { registered_tenants_only, ..self }
    }

    /// Whether row-level security keeps tenants apart too, behind the predicates of the statements; not if not called.
    ///
    /// Transactions are then bound to their tenant, and the database shows and accepts no row of another one, whatever a
    /// statement says. [`migrate`](Self::migrate) puts the tables behind policies. The role that serves calls must be one that
    /// policies concern: neither a superuser nor one with `BYPASSRLS`. Once per provider, before the first call is served, the
    /// database is asked whether all of that holds; [`check`](Self::check) asks at a moment of the application's choice.
    #[must_use]
    pub fn row_level_security(self, on: bool) -> Self {
        Self { row_security: self.row_security.switched(on), ..self }
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

    /// The pool's connections at present: how many there are, are idle, are in use, and can be. No I/O.
    pub fn pool_status(&self) -> PoolStatus {
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        PoolStatus::new(self.pool.size(), idle, self.pool.options().get_max_connections())
    }

    /// The tenant it is bound to.
    pub fn tenant_id(&self) -> &TenantId {
        &self.tenant
    }

    /// Brings the schema up to date, and puts it behind policies if [`row_level_security`](Self::row_level_security) is on.
    /// Running it again does nothing. It can be a job of its own, under a role that serves no calls: the owner of the tables.
    ///
    /// # Errors
    /// [`StorageError::MigrationFailed`](torii_core::error::StorageError::MigrationFailed), or
    /// [`StorageError::Failed`](torii_core::error::StorageError::Failed) with a [`RowLevelSecurityError`](crate::RowLevelSecurityError) if policies are there
    /// and the option is off.
    pub async fn migrate(&self) -> Result<(), Error> {
        torii_migration::postgres::migrate(&self.pool, self.clock.as_ref()).await?;
        if self.row_security.is_on() {
            torii_migration::postgres::enable_row_level_security(&self.pool).await?;
        }
        self.row_security.check_tables(&self.pool).await
    }

    /// Takes the policies of [`row_level_security`](Self::row_level_security) away. To be called as the owner of the tables,
    /// while no application that has the option on is running.
    ///
    /// # Errors
    /// [`StorageError::MigrationFailed`](torii_core::error::StorageError::MigrationFailed).
    pub async fn disable_row_level_security(&self) -> Result<(), Error> {
        torii_migration::postgres::disable_row_level_security(&self.pool).await?;
        self.row_security.forget();
        Ok(())
    }

    /// Whether the database and the role fit what [`row_level_security`](Self::row_level_security) says: for an application that
    /// wants to know before it serves the first call.
    ///
    /// # Errors
    /// [`StorageError::Failed`](torii_core::error::StorageError::Failed) with a [`RowLevelSecurityError`](crate::RowLevelSecurityError) that says what to do,
    /// or with the driver's error.
    pub async fn check(&self) -> Result<(), Error> {
        self.row_security.check(&self.pool).await
    }

    /// Whether the role fits, be the tables as they may: for whoever is about to migrate with the role that then serves calls.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub async fn check_role(&self) -> Result<(), Error> {
        self.row_security.check_role(&self.pool).await
    }

    /// A call that begins now. `operation` is an infinitive, for errors and for whoever measures.
    pub(crate) fn call(&self, operation: &'static str) -> Call<'_> {
        Call::new(&self.pool, &self.tenant, operation, self.clock.now(), &self.row_security)
            .observed_by(self.observer.as_deref())
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

impl ObservableStorage for PostgresRepositoryProvider {
    fn with_observer(self, observer: Arc<dyn StorageObserver>) -> Self {
        self.with_observer(observer)
    }

    fn pool_status(&self) -> PoolStatus {
        self.pool_status()
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
