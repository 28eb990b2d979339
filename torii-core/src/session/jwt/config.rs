use std::{collections::BTreeMap, fmt, fs, path::Path};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};

use super::keys::{self, JwtVerificationKey, SigningKey, VerificationKeys};
use crate::error::{Error, ValidationError};

/// How tokens are signed and checked, with the keys. `Debug` shows no key.
#[derive(Clone)]
#[non_exhaustive]
pub enum JwtAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3); keys of 2048 to 8192 bits.
    RS256 {
        /// PEM, PKCS#8 or PKCS#1.
        private_key: Vec<u8>,
        /// PEM.
        public_key: Vec<u8>,
    },
    /// HMAC with SHA-256 (RFC 7518, section 3.2).
    HS256 {
        /// At least [`JwtConfig::HS256_MIN_KEY_LENGTH`] random bytes. A shorter key is refused when it is used.
        secret_key: Vec<u8>,
    },
    /// Ed25519 (RFC 8037, section 3.1).
    EdDSA {
        /// PEM, PKCS#8.
        private_key: Vec<u8>,
        /// PEM.
        public_key: Vec<u8>,
    },
    /// One of the others to sign with, and more keys to check older tokens with.
    KeyRing(JwtKeyRing),
}

impl JwtAlgorithm {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::RS256 { .. } => Algorithm::RS256,
            Self::HS256 { .. } => Algorithm::HS256,
            Self::EdDSA { .. } => Algorithm::EdDSA,
            Self::KeyRing(ring) => ring.signing.algorithm(),
        }
    }

    /// The key to sign with, parsed.
    pub(super) fn signing_key(&self) -> Result<SigningKey, ValidationError> {
        match self {
            Self::RS256 { private_key, .. } => SigningKey::rs256(private_key),
            Self::HS256 { secret_key } => SigningKey::hs256(secret_key),
            Self::EdDSA { private_key, .. } => SigningKey::eddsa(private_key),
            Self::KeyRing(ring) => Ok(ring.signing.signing_key()?.with_id(ring.key_id.clone())),
        }
    }

    /// The key that checks what [`JwtAlgorithm::signing_key`] signs, parsed.
    fn own_verification_key(&self) -> Result<JwtVerificationKey, ValidationError> {
        match self {
            Self::RS256 { public_key, .. } => keys::rs256(public_key),
            Self::HS256 { secret_key } => keys::hs256(secret_key),
            Self::EdDSA { public_key, .. } => keys::eddsa(public_key),
            Self::KeyRing(ring) => ring.signing.own_verification_key(),
        }
    }

    /// All keys to check tokens with, parsed.
    pub(super) fn verification_keys(&self) -> VerificationKeys {
        let own = self.own_verification_key();
        match self {
            Self::KeyRing(ring) => VerificationKeys::new(own, ring.key_id.clone(), ring.verification.clone()),
            _ => VerificationKeys::new(own, None, BTreeMap::new()),
        }
    }
}

impl fmt::Debug for JwtAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RS256 { .. } => f.write_str("RS256([REDACTED])"),
            Self::HS256 { .. } => f.write_str("HS256([REDACTED])"),
            Self::EdDSA { .. } => f.write_str("EdDSA([REDACTED])"),
            Self::KeyRing(ring) => ring.fmt(f),
        }
    }
}

/// A key to sign with, and any number of keys to check tokens with, found by the header's `kid` (RFC 7515, section 4.1.4).
///
/// A token with a `kid` is checked with the key of that name and no other; a name that is not in the ring is refused. A token
/// without one, from before keys had names, is checked with the signing key. To replace a key that has no name yet, give it one
/// first, and replace it when the last token without a name has expired.
#[derive(Clone)]
pub struct JwtKeyRing {
    // Never a ring itself: the only way in is `From`, which unwraps one.
    signing: Box<JwtAlgorithm>,
    key_id: Option<String>,
    verification: BTreeMap<String, JwtVerificationKey>,
}

impl JwtKeyRing {
    /// Signs with `signing`, and so far checks with nothing else.
    pub fn new(signing: JwtAlgorithm) -> Self {
        signing.into()
    }

    /// Names the signing key: new tokens carry the name as `kid`.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// Accepts tokens that carry `key_id` and are signed with `key`. The name of the signing key always means the signing key.
    #[must_use]
    pub fn with_verification_key(mut self, key_id: impl Into<String>, key: JwtVerificationKey) -> Self {
        self.verification.insert(key_id.into(), key);
        self
    }

    /// The name of the signing key.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }
}

impl From<JwtAlgorithm> for JwtKeyRing {
    fn from(algorithm: JwtAlgorithm) -> Self {
        match algorithm {
            JwtAlgorithm::KeyRing(ring) => ring,
            signing => Self { signing: Box::new(signing), key_id: None, verification: BTreeMap::new() },
        }
    }
}

impl fmt::Debug for JwtKeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("signing", &self.signing)
            .field("key_id", &self.key_id)
            .field("verification", &self.verification)
            .finish()
    }
}

/// How JWT sessions are signed, and what they carry.
#[derive(Clone, Debug)]
pub struct JwtConfig {
    /// The algorithm and its keys.
    pub algorithm: JwtAlgorithm,
    /// Who issues the tokens. When given, a token of another issuer, or of none, is refused.
    pub issuer: Option<String>,
    /// Whether tokens carry the user agent and the IP address of the sign-in.
    pub include_metadata: bool,
}

impl JwtConfig {
    /// The fewest bytes of an HS256 key: as many as the hash has (RFC 7518, section 3.2).
    pub const HS256_MIN_KEY_LENGTH: usize = 32;

    fn new(algorithm: JwtAlgorithm) -> Self {
        Self { algorithm, issuer: None, include_metadata: false }
    }

    /// RS256 with PEM keys. They are parsed when they are first used.
    pub fn new_rs256(private_key: Vec<u8>, public_key: Vec<u8>) -> Self {
        Self::new(JwtAlgorithm::RS256 { private_key, public_key })
    }

    /// HS256 with a random key.
    ///
    /// # Errors
    /// [`ValidationError::InvalidField`] for a key of less than [`JwtConfig::HS256_MIN_KEY_LENGTH`] bytes.
    pub fn new_hs256(secret_key: Vec<u8>) -> Result<Self, Error> {
        keys::check_hs256_length(&secret_key)?;
        Ok(Self::new(JwtAlgorithm::HS256 { secret_key }))
    }

    /// Ed25519 with PEM keys. They are parsed when they are first used.
    pub fn new_eddsa(private_key: Vec<u8>, public_key: Vec<u8>) -> Self {
        Self::new(JwtAlgorithm::EdDSA { private_key, public_key })
    }

    /// RS256 with keys from PEM files. Blocks while it reads them.
    ///
    /// # Errors
    /// [`ValidationError::InvalidField`] if a file cannot be read.
    pub fn from_rs256_pem_files(private_key: impl AsRef<Path>, public_key: impl AsRef<Path>) -> Result<Self, Error> {
        let (private_key, public_key) = read_pair(private_key.as_ref(), public_key.as_ref())?;
        Ok(Self::new_rs256(private_key, public_key))
    }

    /// Ed25519 with keys from PEM files. Blocks while it reads them.
    ///
    /// # Errors
    /// [`ValidationError::InvalidField`] if a file cannot be read.
    pub fn from_eddsa_pem_files(private_key: impl AsRef<Path>, public_key: impl AsRef<Path>) -> Result<Self, Error> {
        let (private_key, public_key) = read_pair(private_key.as_ref(), public_key.as_ref())?;
        Ok(Self::new_eddsa(private_key, public_key))
    }

    /// Names the issuer: written into new tokens, and required of every token.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Whether tokens carry the user agent and the IP address of the sign-in. Anybody who holds a token can read them.
    #[must_use]
    pub fn with_metadata(mut self, include_metadata: bool) -> Self {
        self.include_metadata = include_metadata;
        self
    }

    /// Names the signing key; see [`JwtKeyRing`].
    #[must_use]
    pub fn with_key_id(self, key_id: impl Into<String>) -> Self {
        self.map_ring(|ring| ring.with_key_id(key_id))
    }

    /// Accepts tokens of another key too, one that signed before or will sign next; see [`JwtKeyRing`].
    #[must_use]
    pub fn with_verification_key(self, key_id: impl Into<String>, key: JwtVerificationKey) -> Self {
        self.map_ring(|ring| ring.with_verification_key(key_id, key))
    }

    fn map_ring(self, change: impl FnOnce(JwtKeyRing) -> JwtKeyRing) -> Self {
        Self { algorithm: JwtAlgorithm::KeyRing(change(self.algorithm.into())), ..self }
    }

    /// The algorithm that new tokens are signed with.
    pub fn jwt_algorithm(&self) -> Algorithm {
        self.algorithm.algorithm()
    }

    /// The key that new tokens are signed with.
    ///
    /// # Errors
    /// [`ValidationError::InvalidField`] if it is not a key of its algorithm, or too short.
    pub fn get_encoding_key(&self) -> Result<EncodingKey, Error> {
        Ok(self.algorithm.signing_key()?.into_encoding_key())
    }

    /// The key that checks new tokens.
    ///
    /// # Errors
    /// [`ValidationError::InvalidField`] if it is not a key of its algorithm, or too short.
    pub fn get_decoding_key(&self) -> Result<DecodingKey, Error> {
        Ok(self.algorithm.own_verification_key()?.into_decoding_key())
    }

    /// The checks of the `jsonwebtoken` crate for new tokens, for those who decode tokens with that crate: `exp` with its default
    /// leeway of 60 seconds, and the issuer if one is configured. The tenant is not among them: compare
    /// [`JwtClaims::tenant_id`](super::JwtClaims::tenant_id).
    pub fn get_validation(&self) -> Validation {
        keys::validation(self.jwt_algorithm(), self.issuer.as_deref())
    }
}

fn read_pair(private_key: &Path, public_key: &Path) -> Result<(Vec<u8>, Vec<u8>), ValidationError> {
    let read = |path, which| {
        fs::read(path)
            .map_err(|error| ValidationError::InvalidField(format!("Failed to read {which} key file: {error}")))
    };
    Ok((read(private_key, "private")?, read(public_key, "public")?))
}
