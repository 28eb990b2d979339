//! Bodies of requests and responses.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use torii::{Session, User};

/// Declares the body of a request. `Debug` shows fields that are not secret.
macro_rules! request {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)* } secret { $($(#[$secret_doc:meta])* $secret:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: String,)*
            $($(#[$secret_doc])* pub $secret: String,)*
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), &self.$field))*
                    $(.field(stringify!($secret), &"[REDACTED]"))*
                    .finish()
            }
        }
    };
}

request! {
    /// Of `POST /register`.
    RegisterRequest {
        /// The address.
        email,
    }
    secret {
        /// The password.
        password,
    }
}
request! {
    /// Of `POST /login`.
    LoginRequest {
        /// The address.
        email,
    }
    secret {
        /// The password.
        password,
    }
}
request! {
    /// Of `POST /password`.
    ChangePasswordRequest {}
    secret {
        /// The password so far.
        old_password,
        /// The password from now on.
        new_password,
    }
}
request! {
    /// Of `POST /magic-link`.
    MagicLinkRequest {
        /// The address.
        email,
    }
    secret {}
}
request! {
    /// Of `POST /magic-link/verify`.
    VerifyMagicTokenRequest {}
    secret {
        /// The token that was mailed.
        token,
    }
}
request! {
    /// Of `POST /password/reset/request`.
    PasswordResetRequest {
        /// The address.
        email,
    }
    secret {}
}
request! {
    /// Of `POST /password/reset/verify`.
    VerifyResetTokenRequest {}
    secret {
        /// The token that was mailed.
        token,
    }
}
request! {
    /// Of `POST /password/reset/confirm`.
    ResetPasswordRequest {}
    secret {
        /// The token that was mailed.
        token,
        /// The password from now on.
        new_password,
    }
}
request! {
    /// Of `POST /email/verify`.
    VerifyEmailRequest {}
    secret {
        /// The token that was mailed.
        token,
    }
}

/// Who has signed in.
#[derive(Clone, Debug, Serialize)]
pub struct AuthResponse {
    /// The user.
    pub user: User,
    /// The session, with its token: clients without cookies send it as `Authorization: Bearer`.
    pub session: Session,
}

/// A user.
#[derive(Clone, Debug, Serialize)]
pub struct UserResponse {
    /// The user.
    pub user: User,
}

/// A session.
#[derive(Clone, Debug, Serialize)]
pub struct SessionResponse {
    /// The session.
    pub session: Session,
}

/// Where a user is signed in.
#[derive(Clone, Debug, Serialize)]
pub struct SessionsResponse {
    /// The sessions, newest first.
    pub sessions: Vec<SessionInfo>,
}

/// One place where a user is signed in. It has neither the token nor its digest.
#[derive(Clone, Debug, Serialize)]
pub struct SessionInfo {
    /// Names the session, and is no secret: nobody gets in with it.
    pub id: String,
    /// Whether it is the one that asks.
    pub current: bool,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// Where the sign-in came from.
    pub ip_address: Option<String>,
    /// When the user signed in.
    pub created_at: DateTime<Utc>,
    /// When the session last changed.
    pub updated_at: DateTime<Utc>,
    /// When the session ends.
    pub expires_at: DateTime<Utc>,
}

/// A text for people.
#[derive(Clone, Debug, Serialize)]
pub struct MessageResponse {
    /// The text.
    pub message: String,
}

/// A magic link was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct MagicLinkResponse {
    /// A text for people.
    pub message: String,
}

/// A password reset was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct PasswordResetResponse {
    /// A text for people.
    pub message: String,
}

/// Whether a reset token would be accepted.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyResetTokenResponse {
    /// Whether it would.
    pub valid: bool,
}

/// Whether the application works.
#[derive(Clone, Debug, Serialize)]
pub struct HealthResponse {
    /// `healthy`.
    pub status: String,
    /// The version of this crate.
    pub version: String,
}

/// The OAuth accounts of a user.
#[cfg(feature = "oauth")]
#[derive(Clone, Debug, Serialize)]
pub struct OAuthAccountsResponse {
    /// The accounts, newest first.
    pub accounts: Vec<OAuthAccountInfo>,
}

/// One OAuth account of a user.
#[cfg(feature = "oauth")]
#[derive(Clone, Debug, Serialize)]
pub struct OAuthAccountInfo {
    /// The provider's name.
    pub provider: String,
    /// The provider's name for the person.
    pub subject: String,
    /// When it was linked.
    pub created_at: DateTime<Utc>,
}

/// The passkeys of a user.
#[cfg(feature = "passkey")]
#[derive(Clone, Debug, Serialize)]
pub struct PasskeysResponse {
    /// The passkeys, newest first.
    pub passkeys: Vec<PasskeyInfo>,
}

/// One passkey of a user.
#[cfg(feature = "passkey")]
#[derive(Clone, Debug, Serialize)]
pub struct PasskeyInfo {
    /// The credential id in base64url, as browsers write it.
    pub id: String,
    /// A name for people.
    pub name: Option<String>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it last signed somebody in.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A passkey was registered.
#[cfg(feature = "passkey")]
#[derive(Clone, Debug, Serialize)]
pub struct PasskeyResponse {
    /// The passkey.
    pub passkey: PasskeyInfo,
}

/// Another name for a passkey.
#[cfg(feature = "passkey")]
#[derive(Clone, Debug, Deserialize)]
pub struct RenamePasskeyRequest {
    /// The name, of at most 255 bytes without control characters; `null` takes it away.
    pub name: Option<String>,
}

/// A passkey ceremony has begun.
#[cfg(feature = "passkey")]
#[derive(Clone, Serialize)]
pub struct PasskeyCeremonyResponse {
    /// To be sent back with the browser's answer.
    pub ceremony_id: String,
    /// For `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`.
    pub options: serde_json::Value,
}

#[cfg(feature = "passkey")]
impl fmt::Debug for PasskeyCeremonyResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyCeremonyResponse").finish_non_exhaustive()
    }
}

/// The browser's answer in a passkey ceremony.
#[cfg(feature = "passkey")]
#[derive(Clone, Deserialize)]
pub struct FinishPasskeyRequest {
    /// As it came with the options.
    pub ceremony_id: String,
    /// What `PublicKeyCredential.toJSON()` gives.
    pub response: serde_json::Value,
    /// A name for the new passkey; only for registrations.
    #[serde(default)]
    pub name: Option<String>,
}

#[cfg(feature = "passkey")]
impl fmt::Debug for FinishPasskeyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FinishPasskeyRequest").field("name", &self.name).finish_non_exhaustive()
    }
}
