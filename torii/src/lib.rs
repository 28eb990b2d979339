//! Authentication for Rust applications, tenant by tenant: passwords, OAuth, passkeys, magic links, sessions, e-mail verification,
//! password reset, lockout and mail, inside the application's own process and database.
//!
//! ```
//! # #[cfg(all(feature = "password", feature = "sqlite"))]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let torii = torii::ToriiBuilder::new().with_sqlite("sqlite::memory:").await?.apply_migrations(true).build().await?;
//!
//! let acme = torii.with_tenant("acme-corp");
//! acme.register_user("john@example.com", "correct horse battery").await?;
//! let (user, session) = acme.authenticate("john@example.com", "correct horse battery", None, None).await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Torii`] works in the default tenant and enters others by [`Torii::with_tenant`], which returns a [`TenantScope`]: the same calls, in
//! that tenant only. Hand scopes to the code that serves a tenant.
//!
//! # Cargo features
//!
//! | feature | brings |
//! |---|---|
//! | `sqlite` (default) | [`ToriiBuilder::with_sqlite`] and the module `sqlite` |
//! | `postgres` | `ToriiBuilder::with_postgres` and the module `postgres` |
//! | `password` (default) | `Torii::password`, `register_user`, `authenticate` |
//! | `magic-link` | `Torii::magic_link` |
//! | `oauth` | `Torii::oauth` |
//! | `passkey` | `Torii::passkey` |
//! | `mailer` | mail: `with_mailer`, `flush_mail` |
//!
//! Features add calls. None changes what another call does, but for one: `oauth().unlink_account` counts passwords and passkeys as ways to
//! sign in only where the application has their features.
//!
//! # Blocking and runtimes
//!
//! Calls need a Tokio runtime with its timer enabled. Nothing blocks it: passwords are hashed on threads of their own
//! ([`PasswordHasher`](torii_core::password::PasswordHasher)), mail leaves through a background queue.

#[cfg(any(
    feature = "postgres",
    feature = "seaorm-mysql",
    feature = "seaorm-postgres",
    feature = "seaorm-sqlite",
    feature = "sqlite"
))]
mod backends;
mod builder;
mod cleanup;
mod config;
mod core;
mod error;
mod lockout;
#[cfg(feature = "magic-link")]
mod magic_link;
#[cfg(feature = "mailer")]
mod mail;
#[cfg(feature = "mailer")]
mod mail_limit;
mod metadata;
#[cfg(feature = "oauth")]
mod oauth;
#[cfg(feature = "passkey")]
mod passkey;
#[cfg(feature = "password")]
mod password;
mod session;
mod tenant;
mod torii;
mod user;

#[cfg(any(feature = "password", feature = "magic-link"))]
pub use torii_core::PasswordResetService;
pub use torii_core::{
    BruteForceProtectionConfig, Clock, IntoTenantId, JwtAlgorithm, JwtClaims, JwtConfig, JwtKeyRing, JwtMetadata,
    JwtVerificationKey, LockoutStatus, MetadataPatch, OAuthAccount, Page, PageRequest, Registration,
    RepositoryProvider, Session, SessionToken, SystemClock, Tenant, TenantContext, TenantError, TenantId, TenantPolicy,
    TenantStatus, User, UserId, UserMetadata, metrics,
    oauth::OAuthIdentity,
    repositories::{CleanupReport, PasskeyCredential},
    storage::{SecureToken, TokenPurpose},
};
#[cfg(feature = "mailer")]
pub use torii_mailer::{MailerConfig, TemplateContext};

#[cfg(feature = "postgres")]
pub use self::backends::postgres;
#[cfg(any(feature = "seaorm-mysql", feature = "seaorm-postgres", feature = "seaorm-sqlite"))]
pub use self::backends::seaorm;
#[cfg(feature = "sqlite")]
pub use self::backends::sqlite;
#[cfg(feature = "magic-link")]
pub use self::magic_link::MagicLinkAuth;
#[cfg(feature = "mailer")]
pub use self::mail_limit::MailLimit;
#[cfg(feature = "oauth")]
pub use self::oauth::OAuthAuth;
#[cfg(feature = "passkey")]
pub use self::passkey::{PasskeyAuth, PasskeyCeremony};
#[cfg(feature = "password")]
pub use self::password::PasswordAuth;
pub use self::{
    builder::{NoStorage, ToriiBuilder, ToriiBuilderError, WithStorage},
    config::{SessionConfig, SessionProviderType},
    error::{ErrorDetail, ToriiError},
    torii::{AllTenants, OneTenant, TenantScope, Torii},
};
/// Relying parties of passkey ceremonies.
#[cfg(feature = "passkey")]
pub use torii_core::passkey::ceremony::{PasskeyError, RelyingParty};

/// The examples of the repository's README are compiled.
#[cfg(all(doctest, feature = "password", feature = "sqlite"))]
#[doc = include_str!("../../README.md")]
struct Readme;
