//! A pool, a tenant and a clock: what every repository trait is implemented on.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{
    FromRow, Sqlite, SqliteConnection, SqlitePool,
    query::{Query, QueryAs, QueryScalar},
    sqlite::{SqliteArguments, SqliteRow},
};
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
    access::{Access, WriteTransaction, Writer},
    error::failed,
};

/// Registers the tenant if it is unknown. Either way its status comes back.
const ENSURE_TENANT: &str = "INSERT INTO tenants (id, created_at, updated_at) VALUES (?1, ?2, ?2) \
     ON CONFLICT (id) DO UPDATE SET status = status RETURNING status";

const TENANT_STATUS: &str = "SELECT tenants.status FROM tenants WHERE tenants.id = ?1";

/// Storage in a SQLite database, bound to one tenant. Cloning it, and binding it to another tenant, is cheap.
///
/// It implements every repository trait itself; [`user`](Self::user), [`session`](Self::session) and so on return it.
#[derive(Clone, Debug)]
pub struct SqliteRepositoryProvider {
    access: Access,
    tenant: TenantId,
    clock: Arc<dyn Clock>,
    registered_tenants_only: bool,
    known_tenants: Arc<KnownTenants>,
}

impl SqliteRepositoryProvider {
    /// Storage on a pool that the application made, bound to the default tenant. See
    /// [`SqliteStorage`](crate::SqliteStorage) for what the pool has to be like.
    ///
    /// Make one per database and clone it: clones let each other write in turn, separate ones meet at SQLite's own lock.
    pub fn new(pool: SqlitePool) -> Self {
        Self {
            access: Access::new(pool),
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
    pub fn pool(&self) -> &SqlitePool {
        self.access.pool()
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
        torii_migration::sqlite::migrate(self.pool(), self.clock.as_ref()).await?;
        self.access.keep_memory_alive().await
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A connection to write one statement at a time with.
    pub(crate) async fn writer(&self, operation: &'static str) -> Result<Writer, Error> {
        self.access.writer(operation).await
    }

    /// A transaction that may write from its beginning.
    pub(crate) async fn transaction(&self, operation: &'static str) -> Result<WriteTransaction, Error> {
        self.access.transaction(operation).await
    }

    /// A statement whose `?1` is the tenant and whose `?2` is `now`.
    pub(crate) fn query(&self, statement: &'static str, now: DateTime<Utc>) -> Query<'static, Sqlite, SqliteArguments> {
        sqlx::query(statement).bind(self.tenant.as_str().to_owned()).bind(now)
    }

    /// [`SqliteRepositoryProvider::query`] for rows.
    pub(crate) fn query_as<T>(
        &self,
        statement: &'static str,
        now: DateTime<Utc>,
    ) -> QueryAs<'static, Sqlite, T, SqliteArguments>
    where
        T: for<'r> FromRow<'r, SqliteRow>,
    {
        sqlx::query_as(statement).bind(self.tenant.as_str().to_owned()).bind(now)
    }

    /// [`SqliteRepositoryProvider::query`] for rows of one column.
    pub(crate) fn query_scalar<T>(
        &self,
        statement: &'static str,
        now: DateTime<Utc>,
    ) -> QueryScalar<'static, Sqlite, T, SqliteArguments>
    where
        (T,): for<'r> FromRow<'r, SqliteRow>,
    {
        sqlx::query_scalar(statement).bind(self.tenant.as_str().to_owned()).bind(now)
    }

    /// Before a write that can be the first one into the tenant.
    pub(crate) async fn meet_tenant(&self, connection: &mut SqliteConnection, now: DateTime<Utc>) -> Result<(), Error> {
        if self.registered_tenants_only || self.known_tenants.contains(&self.tenant) {
            return Ok(());
        }
        self.ensure_tenant(connection, now).await
    }

    pub(crate) fn known_tenants(&self) -> &KnownTenants {
        &self.known_tenants
    }

    /// After a creating write that changed nothing: registers the tenant if that was the reason. `Ok` means that the tenant is
    /// in use and the write worth repeating.
    pub(crate) async fn ensure_tenant(
        &self,
        connection: &mut SqliteConnection,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let statement = self.either(ENSURE_TENANT, TENANT_STATUS);
        let rows: Vec<String> =
            self.query_scalar(statement, now).fetch_all(connection).await.map_err(failed("register the tenant"))?;
        self.judge(rows.into_iter().next().as_deref())
    }

    /// After a write into existing rows that changed none: whether the tenant is the reason. An unknown one holds no rows, and
    /// is not registered for that. Says whether it is registered.
    pub(crate) async fn check_tenant(
        &self,
        connection: &mut SqliteConnection,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let status: Option<String> = self
            .query_scalar(TENANT_STATUS, now)
            .fetch_optional(connection)
            .await
            .map_err(failed("read the tenant's status"))?;
        if status.is_some() || self.registered_tenants_only {
            self.judge(status.as_deref())?;
        }
        Ok(status.is_some())
    }

    /// One of two statements: the first if tenants register themselves, the second if only registered ones are accepted.
    pub(crate) fn either(&self, registering: &'static str, reading: &'static str) -> &'static str {
        if self.registered_tenants_only { reading } else { registering }
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
impl RepositoryProvider for SqliteRepositoryProvider {
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
        sqlx::query("SELECT 1").execute(self.pool()).await.map_err(failed("check the database"))?;
        Ok(())
    }

    async fn cleanup(&self, scope: CleanupScope, retention: CleanupRetention) -> Result<CleanupReport, Error> {
        self.sweep(scope, retention).await
    }
}

/// The provider is each of its repositories: the trait's accessor, and the same as an inherent method, for callers that have
/// not imported the trait.
macro_rules! repositories {
    ($($provider:ident $associated:ident $repository:ident $accessor:ident $noun:literal;)*) => {
        impl SqliteRepositoryProvider {
            $(
                #[doc = concat!("The repository of ", $noun, ".")]
                pub fn $accessor(&self) -> &impl $repository {
                    self
                }
            )*
        }

        $(
            impl $provider for SqliteRepositoryProvider {
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
