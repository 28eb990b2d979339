use std::{fmt, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    JwtClaims, JwtConfig, JwtMetadata,
    keys::{SigningKey, VerificationKeys},
    token::{Expected, sign, verify},
};
use crate::{
    clock::{Clock, SystemClock, saturating_add},
    error::{Error, ValidationError},
    id::generate_prefixed_id,
    session::{IP_ADDRESS_MAX_BYTES, Session, SessionProvider, SessionToken, USER_AGENT_MAX_BYTES, cut},
    tenant::TenantId,
    user::UserId,
};

/// Keeps sessions in signed tokens, and nothing in the database.
///
/// A token is good until it expires. Signing out, changing a password and deleting a user end no JWT session: `delete_session` and
/// `delete_sessions_for_user` do nothing, and sessions cannot be listed.
///
/// A provider serves one tenant, and refuses a token of another one as it refuses an unknown session. Versions before 0.6 do not
/// know of tenants and accept every token of the key: let no named tenant sign in while one of those still runs.
#[derive(Clone)]
pub struct JwtSessionProvider {
    // Parsed once, shared by the providers of all tenants.
    keys: Arc<Keys>,
    tenant: TenantId,
    clock: Arc<dyn Clock>,
    max_lifetime: Option<TimeDelta>,
}

struct Keys {
    signing: Result<SigningKey, ValidationError>,
    verification: VerificationKeys,
    issuer: Option<String>,
    include_metadata: bool,
}

impl JwtSessionProvider {
    /// Keeps sessions of the default tenant in tokens signed as `config` says. A key that is none is reported by the first call
    /// that needs it.
    pub fn new(config: JwtConfig) -> Self {
        let keys = Keys {
            signing: config.algorithm.signing_key(),
            verification: config.algorithm.verification_keys(),
            issuer: config.issuer,
            include_metadata: config.include_metadata,
        };
        Self {
            keys: Arc::new(keys),
            tenant: TenantId::default_tenant(),
            clock: Arc::new(SystemClock),
            max_lifetime: None,
        }
    }

    /// The same for another tenant, with the same keys.
    #[must_use]
    pub fn for_tenant(&self, tenant: TenantId) -> Self {
        Self { tenant, ..self.clone() }
    }

    /// The same with the time from `clock`.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The same with an end, `max_lifetime` after the sign-in, that no refresh goes beyond. `None`, as at first: no such end.
    #[must_use]
    pub fn with_max_lifetime(self, max_lifetime: Option<TimeDelta>) -> Self {
        Self { max_lifetime, ..self }
    }

    /// The tenant whose sessions these are.
    pub fn tenant_id(&self) -> &TenantId {
        &self.tenant
    }

    fn verify(&self, token: &SessionToken, now: DateTime<Utc>) -> Result<JwtClaims, Error> {
        let expected = Expected { issuer: self.keys.issuer.as_deref(), tenant: &self.tenant, now };
        verify(token, &self.keys.verification, &expected)
    }

    /// The end of a session, in seconds since 1970, that was begun at `signed_in_at` and is to last `expires_in` from now.
    fn end(&self, signed_in_at: DateTime<Utc>, now: DateTime<Utc>, expires_in: TimeDelta) -> i64 {
        let wanted = saturating_add(now, expires_in);
        let end = self.max_lifetime.map_or(wanted, |lifetime| wanted.min(saturating_add(signed_in_at, lifetime)));
        end.timestamp()
    }

    /// Signs `claims`, in this tenant and under a new name.
    fn issue(&self, claims: JwtClaims) -> Result<Session, Error> {
        let claims = JwtClaims {
            iss: self.keys.issuer.clone(),
            tenant: Some(self.tenant.clone()),
            jti: Some(generate_prefixed_id("jwt")),
            ..claims
        };
        let key = self.keys.signing.as_ref().map_err(Clone::clone)?;
        let token = sign(&claims, key)?;
        Ok(session(token, &claims))
    }
}

/// The session that a valid token carries.
fn session(token: SessionToken, claims: &JwtClaims) -> Session {
    let issued_at = DateTime::from_timestamp(claims.iat, 0).unwrap_or_default();
    claims.session(token, issued_at, issued_at)
}

impl fmt::Debug for JwtSessionProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtSessionProvider")
            .field("tenant", &self.tenant)
            .field("issuer", &self.keys.issuer)
            .field("include_metadata", &self.keys.include_metadata)
            .field("max_lifetime", &self.max_lifetime)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionProvider for JwtSessionProvider {
    /// Signs a token. Times are cut to whole seconds.
    async fn create_session(
        &self,
        user_id: &UserId,
        user_agent: Option<String>,
        ip_address: Option<String>,
        expires_in: TimeDelta,
    ) -> Result<Session, Error> {
        let now = self.clock.now();
        let metadata = JwtMetadata {
            user_agent: user_agent.map(|text| cut(text, USER_AGENT_MAX_BYTES)),
            ip_address: ip_address.map(|text| cut(text, IP_ADDRESS_MAX_BYTES)),
        };
        let claims = JwtClaims {
            metadata: self.keys.include_metadata.then(|| metadata.clone()),
            ..JwtClaims::new(user_id.as_str(), now.timestamp(), self.end(now, now, expires_in))
        };
        let session = self.issue(claims)?;
        Ok(Session { user_agent: metadata.user_agent, ip_address: metadata.ip_address, ..session })
    }

    /// Checks a token and reads the session from it. A token of another tenant is
    /// [`SessionError::NotFound`](crate::error::SessionError::NotFound), one that does not hold
    /// [`SessionError::InvalidToken`](crate::error::SessionError::InvalidToken).
    async fn get_session(&self, token: &SessionToken) -> Result<Session, Error> {
        let claims = self.verify(token, self.clock.now())?;
        Ok(session(token.clone(), &claims))
    }

    /// Does nothing: the token stays valid until it expires.
    async fn delete_session(&self, _token: &SessionToken) -> Result<(), Error> {
        Ok(())
    }

    /// Does nothing: nothing is kept.
    async fn cleanup_expired_sessions(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Does nothing but log a warning: the tokens stay valid until they expire.
    async fn delete_sessions_for_user(&self, _user_id: &UserId) -> Result<(), Error> {
        tracing::warn!(tenant = %self.tenant, "JWT sessions cannot be revoked; they end when they expire");
        Ok(())
    }

    /// Always empty, with a warning in the log: nobody knows which tokens there are.
    async fn list_sessions_for_user(&self, _user_id: &UserId) -> Result<Vec<Session>, Error> {
        tracing::warn!(tenant = %self.tenant, "JWT sessions cannot be listed");
        Ok(Vec::new())
    }

    /// Signs a new token for the same sign-in. The old one stays valid until it expires.
    async fn refresh_session(&self, token: &SessionToken, expires_in: TimeDelta) -> Result<Session, Error> {
        let now = self.clock.now();
        let old = self.verify(token, now)?;
        let signed_in_at = DateTime::from_timestamp(old.signed_in_at(), 0).unwrap_or(now);
        self.issue(JwtClaims {
            iat: now.timestamp(),
            exp: old.exp.max(self.end(signed_in_at, now, expires_in)),
            auth_time: Some(old.signed_in_at()),
            ..old
        })
    }
}
