//! Sessions: who is signed in.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    clock::{Clock, SystemClock, saturating_add},
    crypto::{TokenDigest, TokenUse},
    error::{Error, utilities::RequiredFieldExt},
    tenant::TenantId,
    user::UserId,
};

pub mod jwt;
pub mod opaque;
pub mod provider;
mod token;

#[cfg(test)]
mod tests;

pub use self::{
    jwt::{JwtAlgorithm, JwtClaims, JwtConfig, JwtKeyRing, JwtMetadata, JwtSessionProvider, JwtVerificationKey},
    opaque::OpaqueSessionProvider,
    provider::SessionProvider,
    token::SessionToken,
};

/// The longest user agent that is kept, in bytes.
pub const USER_AGENT_MAX_BYTES: usize = 1024;
/// The longest IP address that is kept, in bytes. An IPv6 address with a zone fits.
pub const IP_ADDRESS_MAX_BYTES: usize = 64;

/// A signed-in user on one device.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    /// The token's text, where the session was just created or where the caller presented it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SessionToken>,
    /// The stored digest, as 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token_hash: String,
    /// Who is signed in.
    pub user_id: UserId,
    /// The tenant the session is valid in.
    #[serde(default)]
    pub tenant_id: TenantId,
    /// The browser or program, as it named itself; at most 1,024 bytes.
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

impl Session {
    /// Builds a session.
    pub fn builder() -> SessionBuilder {
        SessionBuilder::default()
    }

    /// Whether the session is over, by the clock of the operating system.
    pub fn is_expired(&self) -> bool {
        self.is_expired_at(SystemClock.now())
    }

    /// Whether the session is over at `now`.
    pub fn is_expired_at(&self, now: DateTime<Utc>) -> bool {
        now > self.expires_at
    }

    /// The same session without the text of its token.
    #[must_use]
    pub fn without_token(self) -> Self {
        Self { token: None, ..self }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("token", &self.token)
            .field("token_hash", &"[REDACTED]")
            .field("user_id", &self.user_id)
            .field("tenant_id", &self.tenant_id)
            .field("user_agent", &self.user_agent)
            .field("ip_address", &self.ip_address)
            .field("created_at", &self.created_at)
            .field("updated_at", &self.updated_at)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

/// Builds a [`Session`].
#[derive(Clone, Debug, Default)]
pub struct SessionBuilder {
    token: Option<SessionToken>,
    token_hash: Option<TokenHash>,
    user_id: Option<UserId>,
    tenant_id: TenantId,
    user_agent: Option<String>,
    ip_address: Option<String>,
    created_at: Option<DateTime<Utc>>,
    updated_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
}

/// Keeps the digest out of `Debug`.
#[derive(Clone)]
struct TokenHash(String);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl SessionBuilder {
    /// The token; random if neither it nor a digest is given.
    pub fn token(mut self, token: SessionToken) -> Self {
        self.token = Some(token);
        self
    }

    /// The stored digest of a token whose text is not known.
    pub fn token_hash(mut self, token_hash: String) -> Self {
        self.token_hash = Some(TokenHash(token_hash));
        self
    }

    /// Who is signed in. Required.
    pub fn user_id(mut self, user_id: UserId) -> Self {
        self.user_id = Some(user_id);
        self
    }

    /// The tenant; the default tenant if not given.
    pub fn tenant_id(mut self, tenant_id: TenantId) -> Self {
        self.tenant_id = tenant_id;
        self
    }

    /// The browser or program. What is beyond 1,024 bytes is cut off.
    pub fn user_agent(mut self, user_agent: Option<String>) -> Self {
        self.user_agent = user_agent.map(|text| cut(text, USER_AGENT_MAX_BYTES));
        self
    }

    /// Where the sign-in came from. What is beyond 64 bytes is cut off.
    pub fn ip_address(mut self, ip_address: Option<String>) -> Self {
        self.ip_address = ip_address.map(|text| cut(text, IP_ADDRESS_MAX_BYTES));
        self
    }

    /// When the user signed in; now if not given.
    pub fn created_at(mut self, time: DateTime<Utc>) -> Self {
        self.created_at = Some(time);
        self
    }

    /// When the session last changed; now if not given.
    pub fn updated_at(mut self, time: DateTime<Utc>) -> Self {
        self.updated_at = Some(time);
        self
    }

    /// When the session ends; in 30 days if not given.
    pub fn expires_at(mut self, time: DateTime<Utc>) -> Self {
        self.expires_at = Some(time);
        self
    }

    /// The session.
    ///
    /// # Errors
    /// [`ValidationError::MissingField`](crate::error::ValidationError::MissingField) if no user was given.
    pub fn build(self) -> Result<Session, Error> {
        let user_id = self.user_id.require_field("User ID")?;
        let now = SystemClock.now();
        let (token, token_hash) = match (self.token, self.token_hash) {
            (None, Some(hash)) => (None, hash.0),
            (token, _) => {
                let token = token.unwrap_or_default();
                let digest = TokenDigest::new(TokenUse::Session, &self.tenant_id, token.expose_secret());
                (Some(token), digest.to_hex())
            }
        };
        Ok(Session {
            token,
            token_hash,
            user_id,
            tenant_id: self.tenant_id,
            user_agent: self.user_agent,
            ip_address: self.ip_address,
            created_at: self.created_at.unwrap_or(now),
            updated_at: self.updated_at.unwrap_or(now),
            expires_at: self.expires_at.unwrap_or_else(|| saturating_add(now, TimeDelta::days(30))),
        })
    }
}

/// `text`, cut to at most `max` bytes at a character boundary: how user agents and IP addresses are shortened.
pub fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
    }
    text
}

/// A session to be created, before it has a token.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The browser or program, as it named itself.
    pub user_agent: Option<String>,
    /// Where the sign-in comes from.
    pub ip_address: Option<String>,
    /// How long the session lasts.
    pub lifetime: TimeDelta,
}

impl NewSession {
    /// The session of `user_id` in `tenant_id`, begun at `now` under a new random token.
    pub fn begin(self, tenant_id: TenantId, user_id: UserId, now: DateTime<Utc>) -> Session {
        let token = SessionToken::new_random();
        Session {
            token_hash: TokenDigest::new(TokenUse::Session, &tenant_id, token.expose_secret()).to_hex(),
            token: Some(token),
            user_id,
            tenant_id,
            user_agent: self.user_agent.map(|text| cut(text, USER_AGENT_MAX_BYTES)),
            ip_address: self.ip_address.map(|text| cut(text, IP_ADDRESS_MAX_BYTES)),
            created_at: now,
            updated_at: now,
            expires_at: saturating_add(now, self.lifetime),
        }
    }
}
