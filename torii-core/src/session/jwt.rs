//! Sessions that are kept in signed tokens: JSON Web Tokens (RFC 7519) signed as JWS (RFC 7515).
//!
//! Nothing is stored, so nothing can be taken back: a token is good until it expires, whatever happens to the user in the
//! meantime. Keep lifetimes short, or use opaque sessions where sign-out must end a session at once.
//!
//! The rules of RFC 8725 that decide what is accepted:
//! - a key is good for one algorithm; a token whose header names another one is refused (section 3.1);
//! - the key is chosen by the header's `kid` from the keys that were configured, never taken from the token (section 3.10);
//! - HMAC keys have at least 32 bytes, RSA keys at least 2048 bits (section 3.5, RFC 7518 sections 3.2 and 3.3);
//! - the issuer is checked when one is configured (section 3.8), and the tenant always.
//!
//! ```
//! use torii_core::{JwtConfig, session::jwt::JwtVerificationKey};
//!
//! # fn main() -> Result<(), torii_core::Error> {
//! // Signs with the key of November; sessions that began under the key of May stay valid.
//! let config = JwtConfig::new_hs256(vec![7; 32])?
//!     .with_issuer("https://login.example.com")
//!     .with_key_id("2026-11")
//!     .with_verification_key("2026-05", JwtVerificationKey::hs256([5; 32])?);
//! # let _ = config;
//! # Ok(())
//! # }
//! ```

mod claims;
mod config;
mod keys;
mod provider;
mod token;

#[cfg(test)]
mod tests;

pub use self::{
    claims::{JwtClaims, JwtMetadata},
    config::{JwtAlgorithm, JwtConfig, JwtKeyRing},
    keys::JwtVerificationKey,
    provider::JwtSessionProvider,
    token::MAX_TOKEN_BYTES,
};
