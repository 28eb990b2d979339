//! The domain of torii: tenants, users, credentials, sessions, and the port that storage implements.
//!
//! Applications use the crate `torii`. This one is for authors of storage backends (start at [`repositories`]) and for those
//! who want a service without the facade. It knows no database, no web framework and no mail server.

pub mod clock;
pub mod crypto;
pub mod email;
pub mod error;
pub mod events;
pub mod id;
pub mod lockout;
pub mod metrics;
pub mod oauth;
pub mod page;
pub mod passkey;
pub mod password;
pub mod policy;
pub mod random;
pub mod repositories;
pub mod services;
pub mod session;
pub mod storage;
pub mod tenant;
pub mod token;
pub mod user;
pub mod validation;

#[cfg(feature = "mailer")]
pub use self::services::{MailerService, ToriiMailerService};
pub use self::{
    clock::{Clock, SystemClock},
    email::EmailKey,
    error::Error,
    events::UnlockReason,
    lockout::{AttemptStats, BruteForceProtectionConfig, FailedLoginAttempt, LockoutStatus},
    page::{Page, PageRequest},
    policy::TenantPolicy,
    repositories::RepositoryProvider,
    services::{
        BruteForceProtectionService, EmailVerificationService, MagicLinkService, OAuthService, PasskeyService,
        PasswordResetService, PasswordService, SessionService, UserService,
    },
    session::{
        JwtAlgorithm, JwtClaims, JwtConfig, JwtKeyRing, JwtMetadata, JwtSessionProvider, JwtVerificationKey,
        OpaqueSessionProvider, Session, SessionProvider, SessionToken,
    },
    tenant::{IntoTenantId, Tenant, TenantContext, TenantError, TenantId, TenantStatus},
    token::{SecureToken, TokenPurpose},
    user::{MetadataPatch, NewUser, OAuthAccount, Registration, User, UserId, UserManager, UserMetadata},
};
