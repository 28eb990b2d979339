//! What torii does with its storage.
//!
//! A service works on a provider, and thereby in exactly one tenant. It decides what absence means, so that what a caller may
//! learn is decided in one place per flow.

pub mod brute_force;
pub mod email_verification;
pub mod magic_link;
pub mod mailer;
pub mod oauth;
pub mod passkey;
pub mod password;
pub mod password_reset;
pub mod session;
pub mod user;

#[cfg(feature = "mailer")]
pub use self::mailer::{MailerService, ToriiMailerService};
pub use self::{
    brute_force::BruteForceProtectionService,
    email_verification::EmailVerificationService,
    magic_link::MagicLinkService,
    oauth::OAuthService,
    passkey::PasskeyService,
    password::{PasswordService, SignInContext, SignInFailure},
    password_reset::PasswordResetService,
    session::SessionService,
    user::UserService,
};
