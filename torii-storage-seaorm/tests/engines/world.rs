//! A database of its own, a clock set by hand, and somebody to sign in.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, Statement};
use tempfile::TempDir;
use torii_core::{
    Clock, Error, NewUser, Registration, Session, TenantId, User, UserId,
    crypto::{TokenDigest, TokenUse},
    error::{StorageError, StorageErrorKind},
    lockout::LockoutLimits,
    repositories::UserRepository,
    session::NewSession,
};
use torii_storage_seaorm::{SeaORMRepositoryProvider, SeaORMStorage};
use torii_testkit::{
    ManualClock,
    servers::{MysqlDatabase, MysqlServer, PostgresDatabase, PostgresServer},
};

pub(crate) const EMAIL: &str = "ann@example.com";

/// One of the databases that SeaORM knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Mysql,
    Postgres,
    Sqlite,
}

/// What is dropped last: it drops the database.
#[allow(dead_code, reason = "held for its end")]
enum Database {
    Mysql(MysqlDatabase),
    Postgres(PostgresDatabase),
    Sqlite(TempDir),
}

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) storage: SeaORMRepositoryProvider,
    url: String,
    _database: Database,
}

impl World {
    /// A fresh database, bound to the default tenant.
    pub(crate) async fn new(engine: Engine) -> Self {
        let (url, database) = match engine {
            Engine::Mysql => {
                let database = MysqlServer::shared().database().await;
                (database.url(), Database::Mysql(database))
            }
            Engine::Postgres => {
                let database = PostgresServer::shared().database().await;
                (database.url(), Database::Postgres(database))
            }
            Engine::Sqlite => {
                let directory = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}?mode=rwc", directory.path().join("torii.db").display());
                (url, Database::Sqlite(directory))
            }
        };
        let storage = SeaORMStorage::connect(&url).await.unwrap();
        let clock = ManualClock::default();
        let storage = storage.into_repository_provider().with_clock(Arc::new(clock.clone()));
        storage.migrate().await.unwrap();
        Self { clock, storage, url, _database: database }
    }

    /// The default tenant, and a named one beside a neighbour with the same user.
    pub(crate) async fn both(engine: Engine) -> [Self; 2] {
        let default = Self::new(engine).await;
        let mut named = Self::new(engine).await;
        named.register(EMAIL).await;
        named.storage = named.storage.for_tenant(TenantId::from_static("acme"));
        [default, named]
    }

    /// The address of the database.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The same storage as another process has it.
    pub(crate) async fn reconnect(&self) -> SeaORMRepositoryProvider {
        let storage = SeaORMStorage::connect(&self.url).await.unwrap().into_repository_provider();
        storage.with_clock(Arc::new(self.clock.clone())).for_tenant(self.storage.tenant_id().clone())
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
        let db = self.storage.connection();
        let statement = Statement::from_string(db.get_database_backend(), statement);
        db.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    /// Runs statements without parameters.
    pub(crate) async fn execute(&self, statements: &'static str) {
        self.storage.connection().execute_unprepared(statements).await.unwrap();
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
