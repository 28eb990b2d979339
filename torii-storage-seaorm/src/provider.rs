//! A pool, a tenant and a clock: what every repository trait is implemented on.

use std::{mem, sync::Arc};

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, DatabaseConnection, FromQueryResult,
    sea_query::{OnConflict, Query},
};
use torii_core::{
    Clock, Error, SystemClock, TenantError, TenantId, TenantStatus,
    error::StorageErrorKind,
    repositories::{
        BruteForceProtectionRepository, BruteForceRepositoryProvider, CleanupReport, CleanupRetention, CleanupScope,
        KnownTenants, OAuthRepository, OAuthRepositoryProvider, PasskeyRepository, PasskeyRepositoryProvider,
        PasswordRepository, PasswordRepositoryProvider, RepositoryProvider, SessionRepository,
        SessionRepositoryProvider, TokenRepository, TokenRepositoryProvider, UserRepository, UserRepositoryProvider,
    },
};

use crate::{
    access::{Access, Call},
    entities::tenants,
    error::is,
    pool::{self, MemoryKeeper},
    sql,
};

/// Storage in a database that SeaORM is connected to, bound to one tenant. Cloning it, and binding it to another tenant, is cheap.
///
/// It implements every repository trait itself; [`user`](Self::user), [`session`](Self::session) and so on return it.
#[derive(Clone, Debug)]
pub struct SeaORMRepositoryProvider {
    access: Access,
    tenant: TenantId,
    clock: Arc<dyn Clock>,
    registered_tenants_only: bool,
    known_tenants: Arc<KnownTenants>,
    memory: MemoryKeeper,
}

impl SeaORMRepositoryProvider {
    /// Storage on a connection that the application made, bound to the default tenant. See
    /// [`SeaORMStorage::new`](crate::SeaORMStorage::new) for what it should be like.
    ///
    /// Make one per database and clone it: clones let each other write in turn, separate ones meet at SQLite's own lock.
    pub fn new(connection: DatabaseConnection) -> Self {
        Self {
            access: Access::new(connection),
            tenant: TenantId::default_tenant(),
            clock: Arc::new(SystemClock),
            registered_tenants_only: false,
            known_tenants: Arc::default(),
            memory: MemoryKeeper::default(),
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

    /// The connection, which is a pool.
    pub fn connection(&self) -> &DatabaseConnection {
        self.access.db()
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
        pool::migrate(self.connection(), self.clock.as_ref()).await?;
        self.memory.keep(self.connection()).await
    }

    /// A call that begins now. `operation` is an infinitive, for errors.
    pub(crate) fn call(&self, operation: &'static str) -> Call<'_> {
        Call::new(&self.access, &self.tenant, operation, self.clock.now())
    }

    pub(crate) fn known_tenants(&self) -> &KnownTenants {
        &self.known_tenants
    }

    /// Before a write that can be the first one into the tenant.
    pub(crate) async fn meet_tenant(&self, call: Call<'_>) -> Result<(), Error> {
        if self.registered_tenants_only || self.known_tenants.contains(&self.tenant) {
            return Ok(());
        }
        self.register_if_new(call).await?;
        // It may be suspended, which the write that follows sees.
        self.known_tenants.add(&self.tenant);
        Ok(())
    }

    /// Does a creating write until it has written something. When it answers `None`, or is refused because the tenant was purged
    /// meanwhile, the tenant is registered first, or is the reason to give up.
    pub(crate) async fn creating<T, F>(&self, call: Call<'_>, mut write: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<Option<T>, Error>>,
    {
        let mut purges = Purges::default();
        loop {
            match write().await {
                Ok(Some(written)) => return Ok(written),
                Ok(None) => {}
                Err(error) => self.unless_tenant_is_gone(call, error, &mut purges).await?,
            }
            self.ensure_tenant(call).await?;
        }
    }

    /// Returns the error of a creating write, unless a foreign key refused the row because somebody purged the tenant meanwhile.
    /// Whether that was the reason is seen by its absence; but somebody else may have registered it again, so the first refusal
    /// counts as one.
    pub(crate) async fn unless_tenant_is_gone(
        &self,
        call: Call<'_>,
        error: Error,
        purges: &mut Purges,
    ) -> Result<(), Error> {
        if !is(&error, StorageErrorKind::ForeignKeyViolation) {
            return Err(error);
        }
        let is_first = !mem::replace(&mut purges.suspected, true);
        match is_first || tenant_status(call).await?.is_none() {
            true => Ok(()),
            false => Err(error),
        }
    }

    /// After a creating write that changed nothing: registers the tenant if that was the reason. `Ok` means that the tenant is
    /// in use and the write worth repeating.
    pub(crate) async fn ensure_tenant(&self, call: Call<'_>) -> Result<(), Error> {
        if !self.registered_tenants_only {
            self.register_if_new(call).await?;
        }
        self.judge(tenant_status(call).await?.as_deref())
    }

    /// After a write into existing rows that changed none: whether the tenant is the reason. An unknown one holds no rows, and
    /// is not registered for that.
    pub(crate) async fn check_tenant(&self, call: Call<'_>) -> Result<(), Error> {
        match tenant_status(call).await? {
            None if !self.registered_tenants_only => Ok(()),
            status => self.judge(status.as_deref()),
        }
    }

    async fn register_if_new(&self, call: Call<'_>) -> Result<bool, Error> {
        call.insert_if_new(sql::insert_tenant(&call, None), OnConflict::column(tenants::Column::Id)).await
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

/// What a creating write has met so far.
#[derive(Debug, Default)]
pub(crate) struct Purges {
    suspected: bool,
}

async fn tenant_status(call: Call<'_>) -> Result<Option<String>, Error> {
    let find = Query::select()
        .column((tenants::Entity, tenants::Column::Status))
        .from(tenants::Entity)
        .and_where(tenants::Column::Id.eq(call.tenant()))
        .take();
    Ok(call.read::<StatusRow>(&find).await?.map(|row| row.status))
}

#[derive(FromQueryResult)]
struct StatusRow {
    status: String,
}

#[async_trait]
impl RepositoryProvider for SeaORMRepositoryProvider {
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
        impl SeaORMRepositoryProvider {
            $(
                #[doc = concat!("The repository of ", $noun, ".")]
                pub fn $accessor(&self) -> &impl $repository {
                    self
                }
            )*
        }

        $(
            impl $provider for SeaORMRepositoryProvider {
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
