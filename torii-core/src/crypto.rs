//! Digests of tokens: what is stored instead of a secret.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{error::ValidationError, tenant::TenantId, token::TokenPurpose};

/// SHA-256 of `token`, as 64 lower-case hexadecimal digits.
pub fn hash_token(token: &str) -> String {
    hex(&Sha256::digest(token))
}

/// Whether `stored` is [`hash_token`] of `token`, compared in constant time.
pub fn verify_token_hash(token: &str, stored: &str) -> bool {
    constant_time_compare(hash_token(token).as_bytes(), stored.as_bytes())
}

/// Whether both are equal, in time that depends on their lengths only.
pub fn constant_time_compare(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// What a token is for. A token of one use is nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenUse {
    /// A session token.
    Session,
    /// A token sent by mail.
    Mail(TokenPurpose),
    /// The state of an OAuth authorization request (RFC 6749, section 10.12).
    OAuthState,
    /// The name under which a passkey challenge waits.
    PasskeyChallenge,
}

impl TokenUse {
    fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Mail(purpose) => purpose.as_str(),
            Self::OAuthState => "oauth_state",
            Self::PasskeyChallenge => "passkey_challenge",
        }
    }
}

/// What is stored of a token: a SHA-256 over its use, its tenant and its text.
///
/// A statement that forgot to name the tenant finds nothing, because the same token has another digest in every tenant.
/// In the default tenant it is the plain SHA-256 of the token, so that sessions stored by single-tenant versions stay valid.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of `token` for `token_use` in `tenant`.
    pub fn new(token_use: TokenUse, tenant: &TenantId, token: &str) -> Self {
        let mut hash = Sha256::new();
        if !tenant.is_default() {
            // No text begins with this byte, so no token of the default tenant has the digest of another tenant's token.
            hash.update([0xFF]);
            for part in [token_use.as_str(), tenant.as_str()] {
                hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                hash.update(part);
            }
        }
        hash.update(token);
        Self(hash.finalize().into())
    }

    /// The 32 bytes to store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest as 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// The digest that 64 hexadecimal digits stand for.
    ///
    /// # Errors
    /// [`ValidationError::InvalidField`] if `digits` is anything else.
    pub fn from_hex(digits: &str) -> Result<Self, ValidationError> {
        let invalid = || ValidationError::InvalidField("Session token hash must be 64 hexadecimal digits".into());
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let pair = digits.get(2 * index..2 * index + 2).ok_or_else(invalid)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }
}

impl From<[u8; 32]> for TokenDigest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: TenantId = TenantId::from_static("acme");

    #[test]
    fn the_default_tenant_keeps_the_plain_digest() {
        let digest = TokenDigest::new(TokenUse::Session, &TenantId::default_tenant(), "abc");
        assert_eq!(digest.to_hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_hex(), hash_token("abc"));
    }

    #[test]
    fn tenant_and_use_are_bound() {
        let digest = |token_use, tenant: &TenantId, token| TokenDigest::new(token_use, tenant, token);
        let here = digest(TokenUse::Session, &ACME, "abc");
        assert_ne!(here, digest(TokenUse::Session, &TenantId::default_tenant(), "abc"));
        assert_ne!(here, digest(TokenUse::Session, &TenantId::from_static("acmf"), "abc"));
        assert_ne!(here, digest(TokenUse::OAuthState, &ACME, "abc"));
        // Length prefixes keep the parts apart.
        assert_ne!(
            digest(TokenUse::Session, &TenantId::from_static("ab"), "c"),
            digest(TokenUse::Session, &TenantId::from_static("a"), "bc"),
        );
    }

    #[test]
    fn digests_are_read_from_hexadecimal_digits() {
        let digest = TokenDigest::new(TokenUse::Session, &ACME, "abc");
        assert_eq!(TokenDigest::from_hex(&digest.to_hex()).unwrap(), digest);
        for text in ["", "abc", &"g".repeat(64), &"a".repeat(63), &"é".repeat(32)] {
            assert!(TokenDigest::from_hex(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hashes_verify() {
        assert!(verify_token_hash("abc", &hash_token("abc")));
        assert!(!verify_token_hash("abd", &hash_token("abc")));
        assert!(!verify_token_hash("abc", ""));
    }
}
