//! A database of its own, a clock set by hand, and somebody to sign in.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use torii_core::{
    Clock, Error, NewUser, Registration, Session, TenantId, User, UserId,
    crypto::{TokenDigest, TokenUse},
    error::{StorageError, StorageErrorKind},
    lockout::LockoutLimits,
    repositories::UserRepository,
    session::NewSession,
};
use torii_storage_postgres::{PostgresRepositoryProvider, PostgresStorage};
use torii_testkit::{
    ManualClock,
    servers::{PostgresDatabase, PostgresServer},
};

pub(crate) const EMAIL: &str = "ann@example.com";

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) storage: PostgresRepositoryProvider,
    // Dropped last: it drops the database.
    pub(crate) database: PostgresDatabase,
}

impl World {
    /// A fresh database, bound to the default tenant.
    pub(crate) async fn new() -> Self {
        let database = PostgresServer::shared().database().await;
        let storage = PostgresStorage::connect(&database.url()).await.unwrap();
        let clock = ManualClock::default();
        let storage = storage.into_repository_provider().with_clock(Arc::new(clock.clone()));
        Self { clock, storage, database }
    }

    /// The default tenant, and a named one beside a neighbour with the same user.
    pub(crate) async fn both() -> [Self; 2] {
        let default = Self::new().await;
        let mut named = Self::new().await;
        named.register(EMAIL).await;
        named.storage = named.storage.for_tenant(TenantId::from_static("acme"));
        [default, named]
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

    /// Runs statements without parameters.
    pub(crate) async fn execute(&self, statements: &'static str) {
        sqlx::raw_sql(statements).execute(self.storage.pool()).await.unwrap();
    }
}

pub(crate) const LIMITS: LockoutLimits =
    LockoutLimits { max_failed_attempts: 5, lockout_period: TimeDelta::minutes(15) };

pub(crate) fn kind(error: &Error) -> Option<StorageErrorKind> {
    match error {
        Error::Storage(StorageError::Failed { kind, .. }) => Some(*kind),
        _ => None,
    }
}
