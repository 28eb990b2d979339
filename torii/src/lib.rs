//! Authentication for Rust applications, tenant by tenant.

#[cfg(feature = "sqlite")]
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
    JwtVerificationKey, LockoutStatus, OAuthAccount, Page, PageRequest, Registration, RepositoryProvider, Session,
    SessionToken, SystemClock, Tenant, TenantContext, TenantError, TenantId, TenantPolicy, TenantStatus, User, UserId,
    oauth::OAuthIdentity,
    repositories::{CleanupReport, PasskeyCredential},
    storage::{SecureToken, TokenPurpose},
};
#[cfg(feature = "mailer")]
pub use torii_mailer::{MailerConfig, TemplateContext};

#[cfg(feature = "sqlite")]
pub use self::backends::sqlite;
#[cfg(feature = "magic-link")]
pub use self::magic_link::MagicLinkAuth;
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
