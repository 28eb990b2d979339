//! Signing and checking.

use chrono::{DateTime, Utc};
use jsonwebtoken::{
    Header,
    crypto::aws_lc,
    decode, decode_header, encode,
    errors::{Error as JwtError, ErrorKind},
};

use super::{
    JwtClaims, JwtConfig,
    keys::{self, SigningKey, VerificationKeys},
};
use crate::{
    clock::{Clock, SystemClock},
    error::{Error, SessionError},
    session::SessionToken,
    tenant::TenantId,
};

/// The longest token that is looked at or issued, in bytes. No browser sends a cookie that long, and few servers accept such a
/// header.
pub const MAX_TOKEN_BYTES: usize = 8192;

/// What a token must fulfil beyond its signature.
pub(super) struct Expected<'a> {
    pub(super) issuer: Option<&'a str>,
    pub(super) tenant: &'a TenantId,
    pub(super) now: DateTime<Utc>,
}

/// Signs `claims`.
pub(super) fn sign(claims: &JwtClaims, key: &SigningKey) -> Result<SessionToken, Error> {
    if claims.sub.is_empty() {
        return Err(not_encoded("the subject is empty"));
    }
    choose_cryptography();
    let header = Header { kid: key.id.clone(), ..Header::new(key.algorithm) };
    let token = encode(&header, claims, &key.key).map_err(|error| not_encoded(&error.to_string()))?;
    if token.len() > MAX_TOKEN_BYTES {
        return Err(not_encoded(&format!("the token would be longer than {MAX_TOKEN_BYTES} bytes")));
    }
    Ok(SessionToken::Jwt(token.into()))
}

/// Checks everything there is to check about a token.
///
/// The order is part of the design: nothing that a token says is believed before its signature holds, and that it has expired is
/// told only where it was valid.
pub(super) fn verify(
    token: &SessionToken,
    keys: &VerificationKeys,
    expected: &Expected<'_>,
) -> Result<JwtClaims, Error> {
    if !token.is_jwt() {
        return Err(SessionError::InvalidToken("Not a JWT token".into()).into());
    }
    let text = token.expose_secret();
    if text.len() > MAX_TOKEN_BYTES {
        return Err(invalid(&format!("the token is longer than {MAX_TOKEN_BYTES} bytes")));
    }
    choose_cryptography();

    let header = decode_header(text).map_err(|error| failed(&error))?;
    if header.crit.is_some() {
        // RFC 7515, section 4.1.11: an extension that must be understood, and none is.
        return Err(invalid("unsupported critical header"));
    }
    let key = keys.choose(header.kid.as_deref())?;

    let mut validation = keys::validation(key.algorithm(), expected.issuer);
    // That check would read the system's clock, and grant 60 seconds more.
    validation.validate_exp = false;
    let claims = decode::<JwtClaims>(text, key.decoding_key(), &validation).map_err(|error| failed(&error))?.claims;

    if claims.sub.is_empty() {
        return Err(failed(&ErrorKind::InvalidSubject.into()));
    }
    for (name, seconds) in [("iat", claims.iat), ("exp", claims.exp), ("auth_time", claims.signed_in_at())] {
        if DateTime::from_timestamp(seconds, 0).is_none() {
            return Err(failed(&ErrorKind::InvalidClaimFormat(name.into()).into()));
        }
    }
    if claims.tenant_id() != *expected.tenant {
        return Err(SessionError::NotFound.into());
    }
    // `exp` is the first moment at which the token is refused (RFC 7519, section 4.1.4). An `iat` in the future is let pass: only
    // a holder of the key writes one, and the clocks of two servers differ.
    if claims.exp <= expected.now.timestamp() {
        return Err(SessionError::Expired.into());
    }
    Ok(claims)
}

/// Where another crate of the application switches on a second implementation in `jsonwebtoken`, that crate panics at its first
/// use unless somebody has chosen one. A choice that was made already stays.
fn choose_cryptography() {
    let _ = aws_lc::DEFAULT_PROVIDER.install_default();
}

fn not_encoded(reason: &str) -> Error {
    SessionError::InvalidToken(format!("Failed to encode JWT: {reason}")).into()
}

fn invalid(reason: &str) -> Error {
    SessionError::InvalidToken(format!("JWT validation failed: {reason}")).into()
}

fn failed(error: &JwtError) -> Error {
    match error.kind() {
        // The text would quote what an unknown sender wrote, at any length.
        ErrorKind::Json(json) => invalid(&format!("JSON error at line {} column {}", json.line(), json.column())),
        _ => invalid(&error.to_string()),
    }
}

impl SessionToken {
    /// Signs `claims` with the signing key of `config`. For sessions use [`JwtSessionProvider`](super::JwtSessionProvider), which
    /// parses the key once.
    ///
    /// # Errors
    /// [`ValidationError::InvalidField`](crate::error::ValidationError::InvalidField) for a key that is none,
    /// [`SessionError::InvalidToken`] if the subject is empty, the token would be longer than [`MAX_TOKEN_BYTES`], or signing
    /// fails.
    pub fn new_jwt(claims: &JwtClaims, config: &JwtConfig) -> Result<Self, Error> {
        sign(claims, &config.algorithm.signing_key()?)
    }

    /// The claims of this token, if it is valid now and in the default tenant, by the clock of the operating system.
    ///
    /// # Errors
    /// [`SessionError::InvalidToken`] if it is no JWT, is longer than [`MAX_TOKEN_BYTES`], or its signature, key id, issuer or form
    /// does not hold; [`SessionError::NotFound`] if it belongs to another tenant; [`SessionError::Expired`];
    /// [`ValidationError::InvalidField`](crate::error::ValidationError::InvalidField) for a key that is none.
    pub fn verify_jwt(&self, config: &JwtConfig) -> Result<JwtClaims, Error> {
        self.verify_jwt_in_tenant(config, &TenantId::default_tenant())
    }

    /// [`SessionToken::verify_jwt`] for a token of `tenant`.
    ///
    /// # Errors
    /// Those of [`SessionToken::verify_jwt`].
    pub fn verify_jwt_in_tenant(&self, config: &JwtConfig, tenant: &TenantId) -> Result<JwtClaims, Error> {
        let expected = Expected { issuer: config.issuer.as_deref(), tenant, now: SystemClock.now() };
        verify(self, &config.algorithm.verification_keys(), &expected)
    }

    /// Signs `claims` by RS256 with a private key in PEM.
    ///
    /// # Errors
    /// Those of [`SessionToken::new_jwt`].
    pub fn new_jwt_rs256(claims: &JwtClaims, private_key: &[u8]) -> Result<Self, Error> {
        sign(claims, &SigningKey::rs256(private_key)?)
    }

    /// [`SessionToken::verify_jwt`] by RS256 with a public key in PEM, whoever issued the token.
    ///
    /// # Errors
    /// Those of [`SessionToken::verify_jwt`].
    pub fn verify_jwt_rs256(&self, public_key: &[u8]) -> Result<JwtClaims, Error> {
        self.verify_with_one(keys::rs256(public_key)?)
    }

    /// Signs `claims` by HS256.
    ///
    /// # Errors
    /// Those of [`SessionToken::new_jwt`].
    pub fn new_jwt_hs256(claims: &JwtClaims, secret: &[u8]) -> Result<Self, Error> {
        sign(claims, &SigningKey::hs256(secret)?)
    }

    /// [`SessionToken::verify_jwt`] by HS256, whoever issued the token.
    ///
    /// # Errors
    /// Those of [`SessionToken::verify_jwt`].
    pub fn verify_jwt_hs256(&self, secret: &[u8]) -> Result<JwtClaims, Error> {
        self.verify_with_one(keys::hs256(secret)?)
    }

    /// Signs `claims` by Ed25519 with a private key in PEM.
    ///
    /// # Errors
    /// Those of [`SessionToken::new_jwt`].
    pub fn new_jwt_eddsa(claims: &JwtClaims, private_key: &[u8]) -> Result<Self, Error> {
        sign(claims, &SigningKey::eddsa(private_key)?)
    }

    /// [`SessionToken::verify_jwt`] by Ed25519 with a public key in PEM, whoever issued the token.
    ///
    /// # Errors
    /// Those of [`SessionToken::verify_jwt`].
    pub fn verify_jwt_eddsa(&self, public_key: &[u8]) -> Result<JwtClaims, Error> {
        self.verify_with_one(keys::eddsa(public_key)?)
    }

    fn verify_with_one(&self, key: keys::JwtVerificationKey) -> Result<JwtClaims, Error> {
        let expected = Expected { issuer: None, tenant: &TenantId::default_tenant(), now: SystemClock.now() };
        verify(self, &VerificationKeys::new(Ok(key), None, Default::default()), &expected)
    }
}
