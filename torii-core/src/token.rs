//! Tokens that are sent by mail and work once.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::{
    crypto::{TokenDigest, TokenUse, constant_time_compare},
    error::StorageError,
    tenant::TenantId,
    user::UserId,
};

#[cfg(test)]
mod tests;

/// What a [`SecureToken`] is for. A token of one purpose is nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TokenPurpose {
    /// Signs the owner of the address in.
    MagicLink,
    /// Lets the owner of the address choose a new password.
    PasswordReset,
    /// Proves that the address is the user's.
    EmailVerification,
}

impl TokenPurpose {
    /// The form stored in the database.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::MagicLink => "magic_link",
            Self::PasswordReset => "password_reset",
            Self::EmailVerification => "email_verification",
        }
    }
}

impl FromStr for TokenPurpose {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "magic_link" => Ok(Self::MagicLink),
            "password_reset" => Ok(Self::PasswordReset),
            "email_verification" => Ok(Self::EmailVerification),
            other => Err(StorageError::Database(format!("Invalid token purpose: {other}")).into()),
        }
    }
}

/// A token that is sent by mail and works once, until it expires.
///
/// The text of the token is known only where it was issued; the database holds a digest.
#[derive(Clone)]
pub struct SecureToken {
    /// Whose it is.
    pub user_id: UserId,
    /// The tenant it works in.
    pub tenant_id: TenantId,
    token: Option<SecretString>,
    /// The stored digest, as 64 hexadecimal digits.
    pub token_hash: String,
    /// What it is for.
    pub purpose: TokenPurpose,
    /// When it was used.
    pub used_at: Option<DateTime<Utc>>,
    /// When it stops working.
    pub expires_at: DateTime<Utc>,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl SecureToken {
    /// A token whose text is known, of the default tenant.
    #[expect(clippy::too_many_arguments, reason = "existing applications call it so")]
    pub fn new(
        user_id: UserId,
        token: String,
        token_hash: String,
        purpose: TokenPurpose,
        used_at: Option<DateTime<Utc>>,
        expires_at: DateTime<Utc>,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    ) -> Self {
        let token = Some(SecretString::from(token));
        Self { token, ..Self::from_storage(user_id, token_hash, purpose, used_at, expires_at, created_at, updated_at) }
    }

    /// A token as the database knows it, of the default tenant.
    pub fn from_storage(
        user_id: UserId,
        token_hash: String,
        purpose: TokenPurpose,
        used_at: Option<DateTime<Utc>>,
        expires_at: DateTime<Utc>,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    ) -> Self {
        Self {
            user_id,
            tenant_id: TenantId::default_tenant(),
            token: None,
            token_hash,
            purpose,
            used_at,
            expires_at,
            created_at,
            updated_at,
        }
    }

    /// The same token in `tenant_id`.
    #[must_use]
    pub fn in_tenant(self, tenant_id: TenantId) -> Self {
        Self { tenant_id, ..self }
    }

    /// The same token with its text.
    #[must_use]
    pub fn with_token(self, token: SecretString) -> Self {
        Self { token: Some(token), ..self }
    }

    /// The text of the token, where it was just issued.
    pub fn token(&self) -> Option<&str> {
        self.token.as_ref().map(ExposeSecret::expose_secret)
    }

    /// Whether it was used.
    pub fn used(&self) -> bool {
        self.used_at.is_some()
    }

    /// Whether `token` is the text of this token, compared in constant time.
    pub fn verify(&self, token: &str) -> bool {
        let digest = TokenDigest::new(TokenUse::Mail(self.purpose), &self.tenant_id, token);
        constant_time_compare(digest.to_hex().as_bytes(), self.token_hash.as_bytes())
    }
}

impl fmt::Debug for SecureToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecureToken")
            .field("user_id", &self.user_id)
            .field("tenant_id", &self.tenant_id)
            .field("token", &"[REDACTED]")
            .field("token_hash", &"[REDACTED]")
            .field("purpose", &self.purpose)
            .field("used_at", &self.used_at)
            .field("expires_at", &self.expires_at)
            .field("created_at", &self.created_at)
            .field("updated_at", &self.updated_at)
            .finish()
    }
}

impl PartialEq for SecureToken {
    /// Times other than `used_at` are compared to the second.
    fn eq(&self, other: &Self) -> bool {
        self.user_id == other.user_id
            && self.tenant_id == other.tenant_id
            && constant_time_compare(self.token_hash.as_bytes(), other.token_hash.as_bytes())
            && self.purpose == other.purpose
            && self.used_at == other.used_at
            && self.expires_at.timestamp() == other.expires_at.timestamp()
            && self.created_at.timestamp() == other.created_at.timestamp()
            && self.updated_at.timestamp() == other.updated_at.timestamp()
    }
}

/// A token to be stored: [`NewToken::random`] makes one.
#[derive(Clone)]
pub struct NewToken {
    /// Its text.
    pub token: SecretString,
    /// What it is for.
    pub purpose: TokenPurpose,
    /// When it stops working.
    pub expires_at: DateTime<Utc>,
}

impl NewToken {
    /// A token with a random text of 43 characters, 256 bits.
    pub fn random(purpose: TokenPurpose, expires_at: DateTime<Utc>) -> Self {
        Self { token: crate::random::token().into(), purpose, expires_at }
    }
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken")
            .field("purpose", &self.purpose)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
