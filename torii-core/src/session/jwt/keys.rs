//! Keys, parsed and checked once.

use std::{collections::BTreeMap, fmt};

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Validation,
    crypto::aws_lc,
    errors::{Error as JwtError, ErrorKind},
    jwk::EllipticCurve,
};

use super::JwtConfig;
use crate::error::{Error, SessionError, ValidationError};

/// The fewest bytes of an RSA modulus: 2048 bits (RFC 7518, section 3.3).
const RSA_MIN_MODULUS_BYTES: usize = 256;
/// The most bytes of an RSA modulus: 8192 bits, what the cryptographic library accepts.
const RSA_MAX_MODULUS_BYTES: usize = 1024;
/// The length of an Ed25519 public key (RFC 8032, section 5.1.5).
const ED25519_PUBLIC_KEY_BYTES: usize = 32;

/// A key that tokens are signed with.
pub(super) struct SigningKey {
    pub(super) algorithm: Algorithm,
    pub(super) key: EncodingKey,
    /// Its name in the header.
    pub(super) id: Option<String>,
}

impl SigningKey {
    fn new(algorithm: Algorithm, key: EncodingKey) -> Self {
        Self { algorithm, key, id: None }
    }

    pub(super) fn with_id(self, id: Option<String>) -> Self {
        Self { id, ..self }
    }

    pub(super) fn into_encoding_key(self) -> EncodingKey {
        self.key
    }

    pub(super) fn hs256(secret: &[u8]) -> Result<Self, ValidationError> {
        check_hs256_length(secret)?;
        Ok(Self::new(Algorithm::HS256, EncodingKey::from_secret(secret)))
    }

    pub(super) fn rs256(pem: &[u8]) -> Result<Self, ValidationError> {
        EncodingKey::from_rsa_pem(pem)
            .and_then(|key| {
                let parse = aws_lc::DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_private_key;
                check_modulus(&parse(key.as_bytes())?.0)?;
                Ok(Self::new(Algorithm::RS256, key))
            })
            .map_err(|error| invalid_key("RSA private", &error))
    }

    pub(super) fn eddsa(pem: &[u8]) -> Result<Self, ValidationError> {
        EncodingKey::from_ed_pem(pem)
            .and_then(|key| {
                let parse = aws_lc::DEFAULT_PROVIDER.key_utils.ed_pub_components_from_private_key;
                parse(key.as_bytes(), &EllipticCurve::Ed25519)?;
                Ok(Self::new(Algorithm::EdDSA, key))
            })
            .map_err(|error| invalid_key("Ed25519 private", &error))
    }
}

/// A key that tokens are checked with, good for one algorithm. `Debug` does not show it.
#[derive(Clone)]
pub struct JwtVerificationKey {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerificationKey {
    /// A secret of HS256.
    ///
    /// # Errors
    /// [`ValidationError::InvalidField`] for a key of less than [`JwtConfig::HS256_MIN_KEY_LENGTH`] bytes.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, Error> {
        Ok(hs256(secret.as_ref())?)
    }

    /// A public RSA key of RS256, as PEM.
    ///
    /// # Errors
    /// [`ValidationError::InvalidField`] if it is not one, or shorter than 2048 bits.
    pub fn rs256(public_key_pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        Ok(rs256(public_key_pem.as_ref())?)
    }

    /// A public Ed25519 key, as PEM.
    ///
    /// # Errors
    /// [`ValidationError::InvalidField`] if it is not one.
    pub fn eddsa(public_key_pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        Ok(eddsa(public_key_pem.as_ref())?)
    }

    /// The one algorithm that the key is good for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn decoding_key(&self) -> &DecodingKey {
        &self.key
    }

    pub(super) fn into_decoding_key(self) -> DecodingKey {
        self.key
    }
}

impl fmt::Debug for JwtVerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}([REDACTED])", self.algorithm)
    }
}

pub(super) fn hs256(secret: &[u8]) -> Result<JwtVerificationKey, ValidationError> {
    check_hs256_length(secret)?;
    Ok(JwtVerificationKey { algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret) })
}

pub(super) fn rs256(pem: &[u8]) -> Result<JwtVerificationKey, ValidationError> {
    DecodingKey::from_rsa_pem(pem)
        .and_then(|key| {
            let parse = aws_lc::DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key;
            check_modulus(&parse(key.try_get_as_bytes()?)?.0)?;
            Ok(JwtVerificationKey { algorithm: Algorithm::RS256, key })
        })
        .map_err(|error| invalid_key("RSA public", &error))
}

pub(super) fn eddsa(pem: &[u8]) -> Result<JwtVerificationKey, ValidationError> {
    DecodingKey::from_ed_pem(pem)
        .and_then(|key| {
            if key.try_get_as_bytes()?.len() != ED25519_PUBLIC_KEY_BYTES {
                return Err(ErrorKind::InvalidEddsaKey.into());
            }
            Ok(JwtVerificationKey { algorithm: Algorithm::EdDSA, key })
        })
        .map_err(|error| invalid_key("Ed25519 public", &error))
}

pub(super) fn check_hs256_length(secret: &[u8]) -> Result<(), ValidationError> {
    if secret.len() < JwtConfig::HS256_MIN_KEY_LENGTH {
        return Err(ValidationError::InvalidField(format!(
            "HS256 secret key must be at least {} bytes (256 bits), got {} bytes",
            JwtConfig::HS256_MIN_KEY_LENGTH,
            secret.len()
        )));
    }
    Ok(())
}

/// Says so when the key is configured, rather than with a failure that names nothing at every signature.
fn check_modulus(modulus: &[u8]) -> Result<(), JwtError> {
    if (RSA_MIN_MODULUS_BYTES..=RSA_MAX_MODULUS_BYTES).contains(&modulus.len()) {
        return Ok(());
    }
    let bits = modulus.len() * 8;
    Err(ErrorKind::InvalidRsaKey(format!("it has {bits} bits, 2048 to 8192 are allowed")).into())
}

fn invalid_key(kind: &str, error: &JwtError) -> ValidationError {
    ValidationError::InvalidField(format!("Invalid {kind} key: {error}"))
}

/// The checks that `jsonwebtoken` makes of a token signed with `algorithm`.
pub(super) fn validation(algorithm: Algorithm, issuer: Option<&str>) -> Validation {
    let mut validation = Validation::new(algorithm);
    if let Some(issuer) = issuer {
        validation.set_issuer(&[issuer]);
        // Without this a token that names no issuer passes.
        validation.set_required_spec_claims(&["exp", "iss"]);
    }
    validation
}

/// The keys that tokens are checked with.
pub(super) struct VerificationKeys {
    own: Result<JwtVerificationKey, ValidationError>,
    own_id: Option<String>,
    others: BTreeMap<String, JwtVerificationKey>,
}

impl VerificationKeys {
    pub(super) fn new(
        own: Result<JwtVerificationKey, ValidationError>,
        own_id: Option<String>,
        others: BTreeMap<String, JwtVerificationKey>,
    ) -> Self {
        Self { own, own_id, others }
    }

    /// The one key to check a token with whose header names `key_id`.
    pub(super) fn choose(&self, key_id: Option<&str>) -> Result<&JwtVerificationKey, Error> {
        match key_id {
            Some(id) if self.own_id.as_deref() != Some(id) => self
                .others
                .get(id)
                .ok_or_else(|| SessionError::InvalidToken("JWT validation failed: unknown key id".into()).into()),
            _ => self.own.as_ref().map_err(|error| error.clone().into()),
        }
    }
}
