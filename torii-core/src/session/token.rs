use std::{
    fmt,
    hash::{Hash, Hasher},
};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    crypto::{constant_time_compare, hash_token, verify_token_hash},
    random,
};

#[cfg(test)]
mod tests;

/// What a signed-in browser or program presents. A secret: neither `Debug` nor `Display` shows it.
#[derive(Clone)]
pub enum SessionToken {
    /// A random text; the session is in the database.
    Opaque(SecretString),
    /// A signed JSON Web Token (RFC 7519); the session is in the token.
    Jwt(SecretString),
}

impl SessionToken {
    /// Takes the text that was presented: with exactly two dots it is a JWT, else it is opaque. Nothing is checked.
    pub fn new(token: &str) -> Self {
        if token.bytes().filter(|byte| *byte == b'.').count() == 2 {
            Self::Jwt(token.into())
        } else {
            Self::Opaque(token.into())
        }
    }

    /// A new opaque token: 32 random bytes as base64url, 43 characters.
    pub fn new_random() -> Self {
        Self::Opaque(random::token().into())
    }

    /// The text, to be handed to the browser.
    pub fn expose_secret(&self) -> &str {
        match self {
            Self::Opaque(secret) | Self::Jwt(secret) => secret.expose_secret(),
        }
    }

    /// The text.
    #[deprecated(since = "0.6.0", note = "use `expose_secret`, which says what it does")]
    pub fn as_str(&self) -> &str {
        self.expose_secret()
    }

    /// The text.
    #[deprecated(since = "0.6.0", note = "use `expose_secret`, which says what it does")]
    pub fn into_inner(self) -> String {
        self.expose_secret().to_owned()
    }

    /// Whether it looks like a JWT.
    pub fn is_jwt(&self) -> bool {
        matches!(self, Self::Jwt(_))
    }

    /// Whether it is not a JWT.
    pub fn is_opaque(&self) -> bool {
        matches!(self, Self::Opaque(_))
    }

    /// The SHA-256 of the text as 64 hexadecimal digits: what the default tenant stores.
    pub fn token_hash(&self) -> String {
        hash_token(self.expose_secret())
    }

    /// Whether `hash` is [`SessionToken::token_hash`] of this token, compared in constant time.
    pub fn verify_hash(&self, hash: &str) -> bool {
        verify_token_hash(self.expose_secret(), hash)
    }
}

impl Default for SessionToken {
    /// [`SessionToken::new_random`].
    fn default() -> Self {
        Self::new_random()
    }
}

impl From<String> for SessionToken {
    fn from(token: String) -> Self {
        Self::new(&token)
    }
}

impl From<&str> for SessionToken {
    fn from(token: &str) -> Self {
        Self::new(token)
    }
}

impl PartialEq for SessionToken {
    /// Same kind and same text, compared in constant time.
    fn eq(&self, other: &Self) -> bool {
        self.is_jwt() == other.is_jwt()
            && constant_time_compare(self.expose_secret().as_bytes(), other.expose_secret().as_bytes())
    }
}

impl Eq for SessionToken {}

impl Hash for SessionToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.is_jwt().hash(state);
        self.expose_secret().hash(state);
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opaque(_) => "SessionToken::Opaque([REDACTED])",
            Self::Jwt(_) => "SessionToken::Jwt([REDACTED])",
        })
    }
}

impl fmt::Display for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl Serialize for SessionToken {
    /// Writes the text in clear: a client that signs in needs it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose_secret())
    }
}

impl<'de> Deserialize<'de> for SessionToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
