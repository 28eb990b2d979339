//! What storage must do: the port that every backend implements.
//!
//! A *provider* is a connection pool, one tenant and a clock. It implements every trait of this module itself and
//! [`RepositoryProvider`] on top. To write a backend:
//!
//! 1. Create the tables. Every one has `tenant_id NOT NULL`, unique keys begin with it, and foreign keys carry it, so that the
//!    database refuses a row that joins two tenants.
//! 2. Implement the repository traits on `YourProvider { pool, tenant, clock }`, one trait per file.
//! 3. Run the laws of `torii-testkit` on it. They are the long form of the rules below.
//!
//! # Rules that every method keeps
//!
//! - **One tenant.** A provider is bound to exactly one [`TenantId`] when it is made; every statement names it. No method takes
//!   a tenant, and nothing of another tenant is ever read, changed or counted.
//! - **A tenant registers itself** with the first write into it, unless the provider was told to accept registered tenants
//!   only; then that write is [`TenantError::NotRegistered`](crate::TenantError::NotRegistered). A write into a suspended tenant
//!   is [`TenantError::Suspended`](crate::TenantError::Suspended); reads find nothing there. Both are decided inside the same
//!   statement. What only deletes works in suspended tenants too.
//! - **Not found is data**: `None`, `false`, an empty list, or a deletion that does nothing. Services decide what absence
//!   means. The one exception is a method that returns the changed row, which answers
//!   [`StorageError::NotFound`].
//! - **Atomic.** A method is one statement, or one transaction that it opens and closes itself. What works once is consumed by
//!   one conditional statement whose row count decides.
//! - **Digests, not tokens.** The text of a token never reaches the database; see [`TokenDigest`](crate::crypto::TokenDigest).
//! - **Time comes from the clock** of the provider; statements never ask the database for it.
//! - **Errors are kinds.** Driver errors become [`StorageError::Failed`] with the driver's
//!   error as source. A stored value that cannot be read is [`StorageError::Corrupt`].

use std::{fmt, sync::Arc};

use async_trait::async_trait;

pub mod brute_force;
mod known_tenants;
pub mod oauth;
pub mod passkey;
pub mod password;
pub mod session;
pub mod tenant;
pub mod token;
pub mod user;

pub use self::{
    brute_force::{BruteForceProtectionRepository, BruteForceRepositoryProvider},
    known_tenants::KnownTenants,
    oauth::{OAuthRepository, OAuthRepositoryProvider, Unlinked},
    passkey::{PasskeyRepository, PasskeyRepositoryProvider},
    password::{PasswordRepository, PasswordRepositoryProvider},
    session::{SessionRepository, SessionRepositoryProvider},
    tenant::{TenantRegistration, TenantRepository},
    token::{IssuedToken, TokenRepository, TokenRepositoryProvider},
    user::{UserRepository, UserRepositoryProvider},
};
pub use crate::passkey::PasskeyCredential;
use crate::{
    clock::{Clock, SystemClock},
    error::{Error, StorageError},
    tenant::TenantId,
};

/// Everything that storage must do, bound to one tenant.
#[async_trait]
pub trait RepositoryProvider:
    UserRepositoryProvider
    + SessionRepositoryProvider
    + PasswordRepositoryProvider
    + OAuthRepositoryProvider
    + PasskeyRepositoryProvider
    + TokenRepositoryProvider
    + BruteForceRepositoryProvider
    + Send
    + Sync
    + 'static
{
    /// The tenant that it is bound to.
    fn tenant_id(&self) -> &TenantId;

    /// The same storage bound to `tenant`. Cheap: no I/O, no connection.
    #[must_use]
    fn for_tenant(&self, tenant: TenantId) -> Self
    where
        Self: Sized;

    /// The clock that it and every service on top of it reads.
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    /// Brings the schema up to date. Running it again does nothing.
    async fn migrate(&self) -> Result<(), Error>;

    /// Asks the database a trivial question.
    async fn health_check(&self) -> Result<(), Error>;

    /// Removes what is over: expired sessions, tokens, states and challenges, ended lockouts and old entries of the log of wrong
    /// passwords. Works in batches small enough that writers in between wait for none of them long.
    async fn cleanup(&self, scope: CleanupScope, retention: CleanupRetention) -> Result<CleanupReport, Error> {
        let _ = (scope, retention);
        Err(StorageError::Unsupported("cleaning up").into())
    }
}

/// Which tenants a clean-up covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CleanupScope {
    /// The tenant that the provider is bound to.
    ThisTenant,
    /// Every tenant.
    AllTenants,
}

/// What a clean-up leaves although nothing needs it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupRetention {
    /// How far back the log of wrong passwords reaches.
    pub failed_attempts: chrono::TimeDelta,
    /// How long an attempt counts against an address; a lockout row older than that, and not locked, is over.
    pub lockout_period: chrono::TimeDelta,
}

/// How many rows a clean-up removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CleanupReport {
    /// Expired sessions.
    pub sessions: u64,
    /// Expired mail tokens, used or not.
    pub secure_tokens: u64,
    /// Expired OAuth states with their PKCE verifiers.
    pub oauth_states: u64,
    /// Expired passkey challenges.
    pub passkey_challenges: u64,
    /// Entries of the log of wrong passwords older than the retention period.
    pub failed_login_attempts: u64,
    /// Counters of attempts that count no more.
    pub lockouts: u64,
}

impl CleanupReport {
    /// Rows of all kinds.
    pub fn total(&self) -> u64 {
        self.sessions
            + self.secure_tokens
            + self.oauth_states
            + self.passkey_challenges
            + self.failed_login_attempts
            + self.lockouts
    }
}

impl fmt::Display for CleanupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sessions, {} mail tokens, {} OAuth states, {} passkey challenges, {} log entries, {} lockouts",
            self.sessions,
            self.secure_tokens,
            self.oauth_states,
            self.passkey_challenges,
            self.failed_login_attempts,
            self.lockouts
        )
    }
}
