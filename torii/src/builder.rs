//! Builds a [`Torii`].

use std::{future::Future, pin::Pin, sync::Arc, time};

use chrono::Duration;
use thiserror::Error;
use torii_core::{
    BruteForceProtectionConfig, JwtConfig, RepositoryProvider,
    events::EventBus,
    metrics::{ObservableStorage, StorageObserver},
    password::PasswordHasher,
    repositories::TenantRegistration,
};

use crate::Torii;

/// Builds a [`Torii`]: first its storage, then everything else.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # async fn example() -> Result<(), torii::ToriiBuilderError> {
/// let torii = torii::ToriiBuilder::new()
///     .with_sqlite("sqlite::memory:")
///     .await?
///     .apply_migrations(true)
///     .build()
///     .await?;
/// # Ok(())
/// # }
/// ```
pub struct ToriiBuilder<Storage> {
    storage: Storage,
}

/// No storage is chosen yet.
pub struct NoStorage;

/// The storage is chosen.
pub struct WithStorage<R> {
    torii: Torii<R>,
    checks: Option<Checks<R>>,
    apply_migrations: bool,
    cleanup_interval: Option<time::Duration>,
    #[cfg(feature = "mailer")]
    mailer: Option<crate::mail::ChosenMailer>,
    #[cfg(feature = "mailer")]
    mail_limit: Option<crate::MailLimit>,
}

/// What a storage is asked when a [`Torii`] is built on it.
struct Checks<R> {
    /// Before its schema is touched.
    before_migrating: Check<R>,
    before_serving: Check<R>,
}

type Check<R> = for<'r> fn(&'r R) -> Pin<Box<dyn Future<Output = Result<(), torii_core::Error>> + Send + 'r>>;

/// What building can fail with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ToriiBuilderError {
    /// The database cannot be opened.
    #[error("Storage connection failed: {0}")]
    StorageConnection(String),
    /// The schema could not be brought up to date.
    #[error("Migration failed: {0}")]
    Migration(String),
    /// The database or its role does not fit what was said of row-level security.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    RowLevelSecurity(#[from] torii_storage_postgres::RowLevelSecurityError),
    /// Settings contradict each other.
    #[error("Invalid configuration: {0}")]
    InvalidConfiguration(String),
    /// The mailer could not be made.
    #[cfg(feature = "mailer")]
    #[error("Mailer configuration failed: {0}")]
    MailerConfiguration(String),
}

impl ToriiBuilder<NoStorage> {
    /// Begins.
    pub fn new() -> Self {
        Self { storage: NoStorage }
    }

    /// Works on storage that the application made: a provider with a clock or options of its own, or its own backend.
    pub fn with_provider<R: RepositoryProvider>(self, provider: R) -> ToriiBuilder<WithStorage<R>> {
        ToriiBuilder {
            storage: WithStorage {
                torii: Torii::new(Arc::new(provider)),
                checks: None,
                apply_migrations: false,
                cleanup_interval: None,
                #[cfg(feature = "mailer")]
                mailer: None,
                #[cfg(feature = "mailer")]
                mail_limit: None,
            },
        }
    }

    /// Opens an SQLite database: `sqlite://app.db?mode=rwc` makes the file if it is missing, `sqlite://app.db` does not, and
    /// `sqlite::memory:` lives as long as the pool.
    ///
    /// # Errors
    /// [`ToriiBuilderError::StorageConnection`].
    #[cfg(feature = "sqlite")]
    pub async fn with_sqlite(
        self,
        url: &str,
    ) -> Result<ToriiBuilder<WithStorage<torii_storage_sqlite::SqliteRepositoryProvider>>, ToriiBuilderError> {
        let storage = torii_storage_sqlite::SqliteStorage::connect(url)
            .await
            .map_err(|error| ToriiBuilderError::StorageConnection(with_causes(&error)))?;
        Ok(self.with_provider(storage.into_repository_provider()))
    }

    /// Works on a pool that the application opened.
    #[cfg(feature = "sqlite")]
    pub fn with_sqlite_pool(
        self,
        pool: sqlx::SqlitePool,
    ) -> ToriiBuilder<WithStorage<torii_storage_sqlite::SqliteRepositoryProvider>> {
        self.with_provider(torii_storage_sqlite::SqliteRepositoryProvider::new(pool))
    }

    /// Connects to a PostgreSQL database: `postgres://user:password@host/database`.
    ///
    /// # Errors
    /// [`ToriiBuilderError::StorageConnection`].
    #[cfg(feature = "postgres")]
    pub async fn with_postgres(
        self,
        url: &str,
    ) -> Result<ToriiBuilder<WithStorage<torii_storage_postgres::PostgresRepositoryProvider>>, ToriiBuilderError> {
        let storage = torii_storage_postgres::PostgresStorage::connect(url)
            .await
            .map_err(|error| ToriiBuilderError::StorageConnection(with_causes(&error)))?;
        Ok(self.with_provider(storage.into_repository_provider()).checked())
    }

    /// Works on a pool that the application opened.
    #[cfg(feature = "postgres")]
    pub fn with_postgres_pool(
        self,
        pool: sqlx::PgPool,
    ) -> ToriiBuilder<WithStorage<torii_storage_postgres::PostgresRepositoryProvider>> {
        self.with_provider(torii_storage_postgres::PostgresRepositoryProvider::new(pool)).checked()
    }

    /// Connects to a database through SeaORM. The scheme of the URL says what it is: `mysql://user:password@host/database` for
    /// MySQL and MariaDB, `postgres://..` or `sqlite://..`, each with the feature of its name (`seaorm-mysql` and so on).
    ///
    /// # Errors
    /// [`ToriiBuilderError::StorageConnection`].
    #[cfg(any(feature = "seaorm-mysql", feature = "seaorm-postgres", feature = "seaorm-sqlite"))]
    pub async fn with_seaorm(
        self,
        url: &str,
    ) -> Result<ToriiBuilder<WithStorage<torii_storage_seaorm::SeaORMRepositoryProvider>>, ToriiBuilderError> {
        let storage = torii_storage_seaorm::SeaORMStorage::connect(url)
            .await
            .map_err(|error| ToriiBuilderError::StorageConnection(with_causes(&error)))?;
        Ok(self.with_provider(storage.into_repository_provider()))
    }

    /// Works on a SeaORM connection that the application made; see
    /// [`SeaORMStorage::new`](torii_storage_seaorm::SeaORMStorage::new) for what it should be like.
    #[cfg(any(feature = "seaorm-mysql", feature = "seaorm-postgres", feature = "seaorm-sqlite"))]
    pub fn with_seaorm_connection(
        self,
        connection: sea_orm::DatabaseConnection,
    ) -> ToriiBuilder<WithStorage<torii_storage_seaorm::SeaORMRepositoryProvider>> {
        self.with_provider(torii_storage_seaorm::SeaORMRepositoryProvider::new(connection))
    }
}

#[cfg(feature = "postgres")]
impl ToriiBuilder<WithStorage<torii_storage_postgres::PostgresRepositoryProvider>> {
    /// Whether PostgreSQL's row-level security keeps tenants apart too; not if not called.
    ///
    /// Every transaction is then bound to its tenant, and the database shows and accepts no row of another one, whatever a
    /// statement says. [`ToriiBuilder::apply_migrations`] puts the tables behind policies, if the role owns them. Where it does
    /// not, the owner migrates with this option on, and applications start without migrating. The role must not be a superuser
    /// and not have `BYPASSRLS`.
    #[must_use]
    pub fn row_level_security(self, on: bool) -> Self {
        self.change(|torii| torii.map_repositories(|repositories| repositories.row_level_security(on))).checked()
    }

    fn checked(mut self) -> Self {
        self.storage.checks = Some(Checks {
            before_migrating: |provider| Box::pin(provider.check_role()),
            before_serving: |provider| Box::pin(provider.check()),
        });
        self
    }
}

impl Default for ToriiBuilder<NoStorage> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: RepositoryProvider> ToriiBuilder<WithStorage<R>> {
    fn change(mut self, change: impl FnOnce(Torii<R>) -> Torii<R>) -> Self {
        self.storage.torii = change(self.storage.torii);
        self
    }

    /// Sets how long a session lasts; 30 days if not called.
    #[must_use]
    pub fn with_session_expiry(self, lifetime: Duration) -> Self {
        self.change(|torii| torii.with_session_expiry(lifetime))
    }

    /// Sets how long a session lasts in all, however often it is refreshed; without an end if not called.
    #[must_use]
    pub fn with_session_max_lifetime(self, lifetime: Duration) -> Self {
        self.change(|torii| torii.with_session_max_lifetime(lifetime))
    }

    /// Keeps sessions in signed tokens; in the database if not called.
    #[must_use]
    pub fn with_jwt_sessions(self, config: JwtConfig) -> Self {
        self.change(|torii| torii.with_jwt_sessions(config))
    }

    /// Sets how many wrong passwords are borne; 5 in 15 minutes if not called.
    #[must_use]
    pub fn with_brute_force_protection(self, config: BruteForceProtectionConfig) -> Self {
        self.change(|torii| torii.with_brute_force_protection(config))
    }

    /// Hashes passwords on threads of its own; on the process-wide ones if not called.
    #[must_use]
    pub fn with_password_hasher(self, hasher: PasswordHasher) -> Self {
        self.change(|torii| torii.with_password_hasher(hasher))
    }

    /// Tells the handlers of `events` what happens.
    #[must_use]
    pub fn with_events(self, events: EventBus) -> Self {
        self.change(|torii| torii.with_events(events))
    }

    /// Whether [`ToriiBuilder::build`] brings the schema up to date; not if not called.
    #[must_use]
    pub fn apply_migrations(mut self, apply: bool) -> Self {
        self.storage.apply_migrations = apply;
        self
    }

    /// Has [`Torii::cleanup_expired`] run in the background, over all tenants, every `interval` (at most a year), until the [`Torii`]
    /// that is built is dropped; scopes made from it do not keep it running. Not if not called.
    #[must_use]
    pub fn with_cleanup_interval(mut self, interval: time::Duration) -> Self {
        self.storage.cleanup_interval = Some(interval);
        self
    }

    /// Sends mail as `config` says; no mail if not called.
    #[cfg(feature = "mailer")]
    #[must_use]
    pub fn with_mailer(mut self, config: torii_mailer::MailerConfig) -> Self {
        self.storage.mailer = Some(crate::mail::ChosenMailer::Config(config));
        self
    }

    /// Sends mail as the environment says (`MAILER_*`).
    ///
    /// # Errors
    /// [`ToriiBuilderError::MailerConfiguration`] names the variable that is invalid.
    #[cfg(feature = "mailer")]
    pub fn with_mailer_from_env(mut self) -> Result<Self, ToriiBuilderError> {
        self.storage.mailer = Some(crate::mail::ChosenMailer::from_env()?);
        Ok(self)
    }

    /// Sends mail through `transport`, with sender and names from `config`, whose own transport is not used.
    #[cfg(feature = "mailer")]
    #[must_use]
    pub fn with_mail_transport(
        mut self,
        transport: Arc<dyn torii_mailer::Mailer>,
        config: torii_mailer::MailerConfig,
    ) -> Self {
        self.storage.mailer = Some(crate::mail::ChosenMailer::Transport(transport, config));
        self
    }

    /// Sets how many mails of a kind can be asked for, for one address; ten in 15 minutes if not called.
    #[cfg(feature = "mailer")]
    #[must_use]
    pub fn with_mail_limit(mut self, limit: crate::MailLimit) -> Self {
        self.storage.mail_limit = Some(limit);
        self
    }

    /// The library, with its schema up to date if that was asked for.
    ///
    /// # Errors
    /// [`ToriiBuilderError::Migration`], [`ToriiBuilderError::InvalidConfiguration`], the mailer's, or on PostgreSQL
    /// `ToriiBuilderError::RowLevelSecurity`.
    pub async fn build(self) -> Result<Torii<R>, ToriiBuilderError> {
        let torii = self.storage.torii;
        if self.storage.apply_migrations {
            if let Some(checks) = &self.storage.checks {
                let checked = (checks.before_migrating)(torii.repositories()).await;
                checked.map_err(|error| storage_error(&error, ToriiBuilderError::StorageConnection))?;
            }
            let migrated = torii.repositories().migrate().await;
            migrated.map_err(|error| storage_error(&error, ToriiBuilderError::Migration))?;
        }
        if let Some(checks) = &self.storage.checks {
            let checked = (checks.before_serving)(torii.repositories()).await;
            checked.map_err(|error| storage_error(&error, ToriiBuilderError::StorageConnection))?;
        }
        #[cfg(feature = "mailer")]
        let torii = match self.storage.mailer {
            Some(mailer) => torii.with_mailer_service(mailer.make()?),
            None => torii,
        };
        #[cfg(feature = "mailer")]
        let torii = match self.storage.mail_limit {
            Some(limit) => torii.with_mail_limit(limit),
            None => torii,
        };
        if let Some(interval) = self.storage.cleanup_interval {
            if interval.is_zero() || interval > LONGEST_INTERVAL {
                let text = "the cleanup interval must be longer than zero and at most a year";
                return Err(ToriiBuilderError::InvalidConfiguration(text.into()));
            }
            crate::cleanup::run_every(interval, torii.repositories(), torii.retention());
        }
        Ok(torii)
    }
}

impl<R: RepositoryProvider + TenantRegistration> ToriiBuilder<WithStorage<R>> {
    /// Whether a write into a tenant that is not registered ([`Torii::register_tenant`]) is refused with
    /// [`TenantError::NotRegistered`](torii_core::TenantError::NotRegistered), instead of registering the tenant; not if not called.
    #[must_use]
    pub fn registered_tenants_only(self, only: bool) -> Self {
        self.change(|torii| torii.map_repositories(|repositories| repositories.registered_tenants_only(only)))
    }
}

impl<R: RepositoryProvider + ObservableStorage> ToriiBuilder<WithStorage<R>> {
    /// Tells `observer` how long calls wait for a connection, and how long what they ask of the database takes. PostgreSQL's
    /// storage can be measured; `torii.repositories().pool_status()` says how many connections it has at present.
    #[must_use]
    pub fn with_storage_observer(self, observer: Arc<dyn StorageObserver>) -> Self {
        self.change(|torii| torii.map_repositories(|repositories| repositories.with_observer(observer)))
    }
}

/// The longest time between two sweeps.
const LONGEST_INTERVAL: time::Duration = time::Duration::from_secs(366 * 24 * 60 * 60);

/// A storage's error, by what it was doing: `otherwise` gets the text of one that has no variant of its own.
fn storage_error(error: &torii_core::Error, otherwise: fn(String) -> ToriiBuilderError) -> ToriiBuilderError {
    #[cfg(feature = "postgres")]
    if let torii_core::Error::Storage(torii_core::error::StorageError::Failed { source, .. }) = error
        && let Some(error) = source.downcast_ref::<torii_storage_postgres::RowLevelSecurityError>()
    {
        return error.clone().into();
    }
    otherwise(with_causes(error))
}

/// An error and its causes in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
