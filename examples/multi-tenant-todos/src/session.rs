//! The session cookie of a tenant, in the form that `torii-axum` reads: see "Two tenants in one browser" at
//! [`TenantResolver`](torii_axum::TenantResolver).

use chrono::{DateTime, Utc};
use cookie::{Cookie, SameSite, time::Duration};
use torii::{Session, TenantId};

/// Makes the cookies of one tenant.
#[derive(Clone, Debug)]
pub struct SessionCookie {
    name: String,
    secure: bool,
}

impl SessionCookie {
    pub fn new(tenant: &TenantId, secure: bool) -> Self {
        // With `__Host-` a browser refuses a cookie of this name that another host planted (RFC 6265bis, section 4.1.3.2).
        let prefix = if secure { "__Host-" } else { "" };
        Self { name: format!("{prefix}session_id.{tenant}"), secure }
    }

    /// Gives a new session to the browser. Nothing if the session has no token to give.
    pub fn set(&self, session: &Session, now: DateTime<Utc>) -> Option<Cookie<'static>> {
        let token = session.token.as_ref()?.expose_secret().to_owned();
        let lifetime = (session.expires_at - now).num_seconds().max(0);
        Some(self.with(token, Duration::seconds(lifetime)))
    }

    /// Has the browser forget the session.
    pub fn remove(&self) -> Cookie<'static> {
        self.with(String::new(), Duration::ZERO)
    }

    fn with(&self, value: String, max_age: Duration) -> Cookie<'static> {
        Cookie::build((self.name.clone(), value))
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .path("/")
            .max_age(max_age)
            .build()
    }
}
