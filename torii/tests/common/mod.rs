//! A database in a file, a clock set by hand, an outbox and a log of events.

#![allow(dead_code, unused_imports, reason = "each test uses what it needs")]
#![allow(unreachable_pub, reason = "the files of torii-testkit are a library there")]

use std::{path::PathBuf, sync::Arc};

use sqlx::SqlitePool;
use tempfile::TempDir;
use torii::sqlite::{SqliteRepositoryProvider, SqliteStorage};
use torii::{MailerConfig, Session, SessionToken, TenantScope, Torii, ToriiError, User};
use torii_core::{
    error::{Error, StorageError, StorageErrorKind},
    events::EventBus,
    password::{HashingConfig, PasswordHasher},
};
use torii_mailer::MemoryTransport;

pub(crate) use self::{authenticator::SoftAuthenticator, clock::ManualClock, event_log::EventLog};

// torii-testkit depends on this crate, so its files are included instead of the crate.
#[path = "../../../torii-testkit/src/authenticator.rs"]
mod authenticator;
#[path = "../../../torii-testkit/src/clock.rs"]
mod clock;
#[path = "../../../torii-testkit/src/world/events.rs"]
mod event_log;

pub(crate) const EMAIL: &str = "john@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const NEW_PASSWORD: &str = "a password nobody had before";
pub(crate) const WRONG_PASSWORD: &str = "incorrect horse battery staple";
pub(crate) const LINK: &str = "https://app.example/follow";
pub(crate) const ORIGIN: &str = "https://app.example";

pub(crate) type Db = SqliteRepositoryProvider;

pub(crate) struct Fixture {
    pub(crate) torii: Torii<Db>,
    /// The tenant that tests work in.
    pub(crate) acme: TenantScope<Db>,
    pub(crate) clock: ManualClock,
    pub(crate) outbox: MemoryTransport,
    pub(crate) events: EventLog,
    bus: EventBus,
    directory: TempDir,
}

impl Fixture {
    /// A fresh database as applications open it, with its schema up to date.
    pub(crate) async fn open() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("torii.db").display());
        let storage = SqliteStorage::connect(&url).await.expect("the database can be opened");
        storage.migrate().await.expect("the schema can be brought up to date");
        Self::new(storage.into_repository_provider(), directory).await
    }

    async fn new(provider: Db, directory: TempDir) -> Self {
        let (clock, outbox) = (ManualClock::default(), MemoryTransport::new());
        let (events, bus) = (EventLog::default(), EventBus::new());
        bus.register(Arc::new(events.clone())).await;
        let torii = assemble(provider.with_clock(Arc::new(clock.clone())), &bus, &outbox);
        let acme = torii.with_tenant("acme");
        Self { torii, acme, clock, outbox, events, bus, directory }
    }

    /// The library on the same database through another pool.
    pub(crate) fn on(&self, pool: SqlitePool) -> Torii<Db> {
        let provider = SqliteRepositoryProvider::new(pool).with_clock(Arc::new(self.clock.clone()));
        assemble(provider, &self.bus, &self.outbox)
    }

    /// The library on the same database and pool, for other settings.
    pub(crate) fn again(&self) -> Torii<Db> {
        assemble(Db::clone(self.torii.repositories()), &self.bus, &self.outbox)
    }

    pub(crate) fn pool(&self) -> &SqlitePool {
        self.torii.repositories().pool()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("torii.db")
    }

    pub(crate) async fn register(&self, email: &str) -> User {
        self.acme.register_user(email, PASSWORD).await.expect("registration works")
    }

    pub(crate) async fn sign_in(&self, email: &str) -> (User, Session) {
        self.acme.authenticate(email, PASSWORD, None, None).await.expect("the password is right")
    }
}

fn assemble(provider: Db, bus: &EventBus, outbox: &MemoryTransport) -> Torii<Db> {
    Torii::new(Arc::new(provider))
        .with_password_hasher(fast_hasher())
        .with_events(bus.clone())
        .with_mail_transport(Arc::new(outbox.clone()), MailerConfig::default())
}

pub(crate) fn fast_hasher() -> PasswordHasher {
    PasswordHasher::new(HashingConfig::insecure_fast_for_tests()).expect("the configuration is valid")
}

/// The token of a session that was just begun.
pub(crate) fn token_of(session: &Session) -> SessionToken {
    session.token.clone().expect("a new session carries its token")
}

/// What the library says of a failure, whichever of its two names it goes by.
pub(crate) fn core_error(error: &ToriiError) -> Option<&Error> {
    match error {
        ToriiError::AuthError(detail) | ToriiError::StorageError(detail) => detail.error(),
        _ => None,
    }
}

/// What kind of storage failure an error is.
pub(crate) fn storage_kind(error: &ToriiError) -> Option<StorageErrorKind> {
    match core_error(error)? {
        Error::Storage(StorageError::Failed { kind, .. }) => Some(*kind),
        _ => None,
    }
}
