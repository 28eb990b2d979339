use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    clock::{Clock, SystemClock},
    crypto::{TokenDigest, TokenUse},
    session::{IP_ADDRESS_MAX_BYTES, Session, SessionToken, USER_AGENT_MAX_BYTES, cut},
    tenant::TenantId,
    user::UserId,
};

/// What a signed token says. Times are whole seconds since 1970 in UTC (RFC 7519, section 2, NumericDate).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtClaims {
    /// The id of the user.
    pub sub: String,
    /// When the token was issued.
    pub iat: i64,
    /// When the token ends: from this second on it is refused.
    pub exp: i64,
    /// Who issued the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Where the user signed in from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<JwtMetadata>,
    /// The tenant the session is valid in. `None` is the default tenant, which is never written, so that services that know of
    /// no tenants can read its tokens.
    #[serde(default, skip_serializing_if = "is_default_tenant")]
    pub tenant: Option<TenantId>,
    /// When the user signed in, in a token that was issued by a refresh; `None` where that is `iat` (OpenID Connect Core 1.0,
    /// section 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// A random name that makes every token another one. It is not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
}

impl JwtClaims {
    /// Claims of the default tenant about the user `subject`, with nothing but what is required.
    pub fn new(subject: impl Into<String>, issued_at: i64, expires_at: i64) -> Self {
        Self {
            sub: subject.into(),
            iat: issued_at,
            exp: expires_at,
            iss: None,
            metadata: None,
            tenant: None,
            auth_time: None,
            jti: None,
        }
    }

    /// The tenant the session is valid in.
    pub fn tenant_id(&self) -> TenantId {
        self.tenant.clone().unwrap_or_default()
    }

    /// When the user signed in: `auth_time`, or `iat` where there is none.
    pub(super) fn signed_in_at(&self) -> i64 {
        self.auth_time.unwrap_or(self.iat)
    }

    /// The session of `token`, which carries these claims. A time that no calendar holds becomes `fallback`.
    pub(super) fn session(&self, token: SessionToken, updated_at: DateTime<Utc>, fallback: DateTime<Utc>) -> Session {
        let tenant_id = self.tenant_id();
        let time = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or(fallback);
        let JwtMetadata { user_agent, ip_address } = self.metadata.clone().unwrap_or_default();
        Session {
            token_hash: TokenDigest::new(TokenUse::Session, &tenant_id, token.expose_secret()).to_hex(),
            token: Some(token),
            user_id: UserId::new(&self.sub),
            tenant_id,
            user_agent: user_agent.map(|text| cut(text, USER_AGENT_MAX_BYTES)),
            ip_address: ip_address.map(|text| cut(text, IP_ADDRESS_MAX_BYTES)),
            created_at: time(self.signed_in_at()),
            updated_at,
            expires_at: time(self.exp),
        }
    }
}

fn is_default_tenant(tenant: &Option<TenantId>) -> bool {
    tenant.as_ref().is_none_or(TenantId::is_default)
}

/// Where a user signed in from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtMetadata {
    /// The browser or program, as it named itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The IP address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
}

impl Session {
    /// The claims of this session. Parts of a second are cut off.
    pub fn to_jwt_claims(&self, issuer: Option<String>, include_metadata: bool) -> JwtClaims {
        let metadata = include_metadata
            .then(|| JwtMetadata { user_agent: self.user_agent.clone(), ip_address: self.ip_address.clone() });
        JwtClaims {
            iss: issuer,
            metadata,
            tenant: (!self.tenant_id.is_default()).then(|| self.tenant_id.clone()),
            ..JwtClaims::new(self.user_id.as_str(), self.created_at.timestamp(), self.expires_at.timestamp())
        }
    }

    /// The session that `claims` describe, which were read from `token`. Nothing is checked. `updated_at` is now, and so is a
    /// time that no calendar holds.
    pub fn from_jwt_claims(token: SessionToken, claims: &JwtClaims) -> Self {
        let now = SystemClock.now();
        claims.session(token, now, now)
    }
}
