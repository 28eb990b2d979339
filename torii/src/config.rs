//! How sessions are kept, and for how long.

use chrono::Duration;
use torii_core::JwtConfig;

/// How sessions are kept, and for how long.
pub struct SessionConfig {
    /// How long a session lasts.
    pub expires_in: Duration,
    /// Where sessions are kept.
    pub provider_type: SessionProviderType,
}

/// Where sessions are kept.
pub enum SessionProviderType {
    /// In the database, under a digest of a random token. They can be listed and revoked.
    Opaque,
    /// In signed tokens. They are checked without the database and cannot be revoked before they end.
    Jwt(JwtConfig),
}

impl Default for SessionConfig {
    /// In the database, for 30 days.
    fn default() -> Self {
        Self { expires_in: Duration::days(30), provider_type: SessionProviderType::Opaque }
    }
}

impl SessionConfig {
    /// Keeps sessions in signed tokens.
    pub fn with_jwt(self, config: JwtConfig) -> Self {
        Self { provider_type: SessionProviderType::Jwt(config), ..self }
    }

    /// Sets how long a session lasts.
    pub fn expires_in(self, expires_in: Duration) -> Self {
        Self { expires_in, ..self }
    }
}
