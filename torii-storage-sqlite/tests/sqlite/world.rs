//! A database in a file, a clock set by hand, and somebody to sign in.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use torii_core::{
    Clock, Error, NewUser, Registration, Session, TenantId, User, UserId,
    crypto::{TokenDigest, TokenUse},
    error::{StorageError, StorageErrorKind},
    lockout::LockoutLimits,
    repositories::UserRepository,
    session::NewSession,
};
use torii_storage_sqlite::{SqliteRepositoryProvider, SqliteStorage};

pub(crate) const EMAIL: &str = "ann@example.com";

#[derive(Debug)]
pub(crate) struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    pub(crate) fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

pub(crate) struct World {
    pub(crate) directory: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) storage: SqliteRepositoryProvider,
}

impl World {
    /// A fresh database, bound to the default tenant.
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::connect(&url(&directory, "mode=rwc")).await.unwrap();
        storage.migrate().await.unwrap();
        let clock = Arc::new(ManualClock(Mutex::new("2025-03-01T12:00:00.123456Z".parse().unwrap())));
        let storage = storage.into_repository_provider().with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
        Self { directory, clock, storage }
    }

    /// The default tenant, and a named one beside a neighbour with the same user.
    pub(crate) async fn both() -> [Self; 2] {
        let default = Self::new().await;
        let mut named = Self::new().await;
        named.register(EMAIL).await;
        named.storage = named.storage.for_tenant(TenantId::from_static("acme"));
        [default, named]
    }

    pub(crate) fn url(&self, parameters: &str) -> String {
        url(&self.directory, parameters)
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) async fn register(&self, email: &str) -> User {
        match self.storage.register(NewUser::new(email.to_owned()), "hash").await.unwrap() {
            Registration::Created(user) => user,
            Registration::Existing(user) => panic!("{email} exists: {user:?}"),
        }
    }

    pub(crate) fn session_for(&self, user_id: &UserId) -> Session {
        let new = NewSession { user_agent: Some("test".into()), ip_address: None, lifetime: TimeDelta::days(30) };
        new.begin(TenantId::default_tenant(), user_id.clone(), self.now())
    }

    pub(crate) fn digest(&self, token_use: TokenUse, token: &str) -> TokenDigest {
        TokenDigest::new(token_use, self.storage.tenant_id(), token)
    }

    /// A number out of the database, whatever the tenant.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(self.storage.pool()).await.unwrap()
    }

    pub(crate) async fn execute(&self, statement: &'static str) {
        sqlx::query(statement).execute(self.storage.pool()).await.unwrap();
    }
}

fn url(directory: &TempDir, parameters: &str) -> String {
    format!("sqlite://{}?{parameters}", directory.path().join("torii.db").display())
}

pub(crate) const LIMITS: LockoutLimits =
    LockoutLimits { max_failed_attempts: 5, lockout_period: TimeDelta::minutes(15) };

pub(crate) fn kind(error: &Error) -> Option<StorageErrorKind> {
    match error {
        Error::Storage(StorageError::Failed { kind, .. }) => Some(*kind),
        _ => None,
    }
}
