//! What a law finds when it begins: a fresh database, a tenant to work in, and a noisy neighbour.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use torii::{Session, TenantId, TenantScope, Torii, User};
use torii_core::{
    events::EventBus,
    password::{HashingConfig, PasswordHasher},
};
use torii_mailer::{Email, MailerConfig, MemoryTransport};

use crate::{
    ManualClock,
    backend::{Backend, BoxError, Database, OpenOptions, Provider, RawDatabase},
    statements::StatementBudget,
};

mod events;
mod neighbour;

pub use self::events::EventLog;

/// The address that laws work with. The neighbour has it too.
pub const EMAIL: &str = "john@example.com";
/// Another address. The neighbour has it too, and locked it.
pub const OTHER_EMAIL: &str = "jane@example.com";
/// An address that nobody has, the neighbour neither.
pub const UNKNOWN_EMAIL: &str = "nobody@example.com";
/// The password of [`World::register`].
pub const PASSWORD: &str = "correct horse battery staple";
/// A password that is nobody's.
pub const WRONG_PASSWORD: &str = "incorrect horse battery staple";
/// The password of the neighbour's users.
pub const NEIGHBOUR_PASSWORD: &str = "a neighbour's own password";
/// The name of the neighbour's users.
pub const NAME: &str = "John Doe";
/// The metadata of the neighbour's [`EMAIL`], as JSON.
pub const METADATA: &str = r#"{"plan":"pro"}"#;
/// The provider of the neighbour's OAuth account.
pub const OAUTH_PROVIDER: &str = "github";
/// The subject of the neighbour's OAuth account, which belongs to [`EMAIL`].
pub const OAUTH_SUBJECT: &str = "subject-1";
/// The state of the neighbour's authorization request.
pub const OAUTH_STATE: &str = "state-1";
/// The PKCE verifier of the neighbour's authorization request.
pub const NEIGHBOUR_PKCE_VERIFIER: &str = "the neighbour's verifier";
/// The id of the neighbour's passkey, which belongs to [`EMAIL`].
pub const CREDENTIAL_ID: &[u8] = b"credential-1";
/// The id of the neighbour's passkey challenge.
pub const CHALLENGE_ID: &str = "registration:ceremony-1";
/// The neighbour's passkey challenge.
pub const NEIGHBOUR_CHALLENGE: &str = "the neighbour's challenge";
/// The token of a session of the neighbour's [`EMAIL`].
pub const SESSION_TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// The magic link of the neighbour's [`EMAIL`].
pub const MAGIC_LINK: &str = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";
/// The reset token of the neighbour's [`EMAIL`].
pub const RESET_TOKEN: &str = "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC";
/// The verification token of the neighbour's [`EMAIL`].
pub const VERIFICATION_TOKEN: &str = "DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD";

/// The tenant that the laws run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeUnderTest {
    /// The tenant of those who never name one.
    DefaultTenant,
    /// Any other.
    NamedTenant,
}

impl ScopeUnderTest {
    /// The tenant.
    pub fn tenant(self) -> TenantId {
        match self {
            Self::DefaultTenant => TenantId::default_tenant(),
            Self::NamedTenant => TenantId::from_static("acme-corp"),
        }
    }
}

/// The tenant next door, in the same database.
pub const NEIGHBOUR: TenantId = TenantId::from_static("neighbour");

/// What a law finds when it begins.
pub struct World<P: Provider> {
    /// The library, with the power over all tenants.
    pub torii: Torii<P>,
    /// The tenant under test. It is empty, and not registered unless it is the default one.
    pub here: TenantScope<P>,
    /// Storage bound to the tenant under test.
    pub provider: P,
    /// The tenant next door. It has two users, [`EMAIL`] and [`OTHER_EMAIL`], and everything that the constants of this module
    /// name. When the law ends it must be as it was.
    pub neighbour: TenantScope<P>,
    /// The time.
    pub clock: ManualClock,
    /// The mails that were sent, after [`Torii::flush_mail`]. See [`World::mails`].
    pub outbox: MemoryTransport,
    /// What hashes the passwords, fast; it counts what it does.
    pub hasher: PasswordHasher,
    /// What happened, in every tenant.
    pub events: EventLog,
    /// How many statements an operation may run.
    pub budget: StatementBudget,
    bus: EventBus,
    raw: Arc<dyn RawDatabase>,
    fingerprint: Mutex<Vec<String>>,
}

impl<P: Provider> World<P> {
    /// Opens a database of `B` and moves the neighbour in.
    pub async fn open<B: Backend<Provider = P>>(scope: ScopeUnderTest, options: OpenOptions) -> Self {
        let clock = ManualClock::default();
        let database = B::open(Arc::new(clock.clone()), options).await;
        let world = Self::new(database, clock, scope, B::BUDGET).await;
        world.move_in_neighbour().await;
        world
    }

    pub(crate) async fn new(
        database: Database<P>,
        clock: ManualClock,
        scope: ScopeUnderTest,
        budget: StatementBudget,
    ) -> Self {
        let Database { provider, raw } = database;
        let hasher = PasswordHasher::new(HashingConfig::insecure_fast_for_tests()).expect("the configuration is valid");
        let (outbox, events, bus) = (MemoryTransport::new(), EventLog::default(), EventBus::new());
        bus.register(Arc::new(events.clone())).await;
        let torii = assemble(provider.clone(), &hasher, &bus, &outbox);
        Self {
            here: torii.with_tenant(scope.tenant()),
            neighbour: torii.with_tenant(NEIGHBOUR),
            provider: provider.for_tenant(scope.tenant()),
            torii,
            clock,
            outbox,
            hasher,
            events,
            budget,
            bus,
            raw,
            fingerprint: Mutex::default(),
        }
    }

    /// The library on the same database, clock, outbox and hasher, changed by `change`.
    pub fn torii_with(&self, change: impl FnOnce(Torii<P>) -> Torii<P>) -> Torii<P> {
        change(assemble(P::clone(self.torii.repositories()), &self.hasher, &self.bus, &self.outbox))
    }

    /// The tenant under test under other settings: [`World::torii_with`].
    pub fn here_with(&self, change: impl FnOnce(Torii<P>) -> Torii<P>) -> TenantScope<P> {
        self.torii_with(change).with_tenant(self.tenant())
    }

    /// The tenant under test.
    pub fn tenant(&self) -> &TenantId {
        self.provider.tenant_id()
    }

    /// Storage bound to the tenant next door.
    pub fn neighbour_provider(&self) -> P {
        self.provider.for_tenant(NEIGHBOUR)
    }

    /// Registers a user with [`PASSWORD`].
    pub async fn register(&self, email: &str) -> User {
        let registered = self.here.password().try_register(email, PASSWORD, None).await.expect("registration works");
        assert!(registered.is_created(), "{email} is new");
        registered.into_user()
    }

    /// Signs a user of [`World::register`] in.
    pub async fn sign_in(&self, email: &str) -> (User, Session) {
        self.here.authenticate(email, PASSWORD, None, None).await.expect("the password is right")
    }

    /// The mails that were sent since this was last asked.
    pub async fn mails(&self) -> Vec<Email> {
        self.here.flush_mail().await;
        self.outbox.take()
    }

    /// Runs one statement as the database's administrator.
    ///
    /// # Errors
    /// The database's error if it refuses the statement.
    pub async fn execute(&self, statement: &'static str) -> Result<u64, BoxError> {
        self.raw.execute(statement).await
    }

    /// Runs a `SELECT COUNT(*)` as the database's administrator.
    pub async fn count(&self, statement: &'static str) -> i64 {
        self.raw.count(statement).await.expect("the count can be read")
    }

    /// Accepts that the law changes the neighbour: what it has now is what it must have at the end.
    pub async fn expect_neighbour_as_it_is_now(&self) {
        let now = self.fingerprint_of_neighbour().await;
        *self.fingerprint.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Checks that the neighbour has what it had.
    ///
    /// # Panics
    /// If it has not.
    pub async fn assert_neighbour_unchanged(&self) {
        let now = self.fingerprint_of_neighbour().await;
        let before = self.fingerprint.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert_eq!(now, before, "the neighbour is as it was");
    }
}

fn assemble<P: Provider>(provider: P, hasher: &PasswordHasher, bus: &EventBus, outbox: &MemoryTransport) -> Torii<P> {
    Torii::new(Arc::new(provider))
        .with_password_hasher(hasher.clone())
        .with_events(bus.clone())
        .with_mail_transport(Arc::new(outbox.clone()), MailerConfig::default())
}

impl<P: Provider> fmt::Debug for World<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("tenant", self.tenant()).finish_non_exhaustive()
    }
}
