//! The session cookie: what it is called, how it is set and how it is read.

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};
use cookie::{
    Cookie, SameSite,
    time::{Duration, OffsetDateTime},
};
use torii::{Session, SessionToken, TenantId};

use crate::config::{CookieConfig, CookieSameSite, DEFAULT_COOKIE_NAME};

/// The cookie of one tenant.
#[derive(Clone, Debug)]
pub(crate) struct SessionCookie {
    config: CookieConfig,
    name: String,
    /// Whether a cookie of the name that earlier versions always read is accepted too.
    accepts_default_name: bool,
}

impl SessionCookie {
    /// The cookie as it is configured; that of `tenant` alone if tenants are resolved from the request.
    ///
    /// A name per tenant keeps two tenants in one browser apart wherever the tenant comes from: hosts would do it too, but paths of
    /// one host would not, as browsers keep no two cookies of one name apart reliably. `.` is allowed in a cookie's name (RFC 6265,
    /// section 4.1.1) and not in a tenant id. `__Host-` makes the browser refuse a cookie that another host planted (RFC 6265bis,
    /// section 4.1.3.2).
    pub(crate) fn new(config: CookieConfig, tenant: Option<&TenantId>) -> Self {
        let host_prefix =
            if config.secure && config.path == "/" && !config.name.starts_with("__") { "__Host-" } else { "" };
        let name = match tenant {
            Some(tenant) => format!("{host_prefix}{}.{tenant}", config.name),
            None => config.name.clone(),
        };
        let accepts_default_name = tenant.is_none() && !name.starts_with("__");
        Self { config, name, accepts_default_name }
    }

    /// The token that a request carries. Two different ones under one name are nobody's: one of them was planted.
    pub(crate) fn read(&self, headers: &HeaderMap) -> Option<SessionToken> {
        let value = match value_of(&self.name, headers) {
            None if self.accepts_default_name => value_of(DEFAULT_COOKIE_NAME, headers),
            found => found,
        };
        value?.map(|value| SessionToken::new(&value))
    }

    /// Gives a session's token to the browser; `now` is when.
    pub(crate) fn set(&self, session: &Session, now: DateTime<Utc>) -> Option<Cookie<'static>> {
        let token = session.token.as_ref()?;
        let lifetime = self.config.max_age.unwrap_or(session.expires_at - now);
        let mut cookie = self.build(self.name.clone(), token.expose_secret().to_owned());
        cookie.set_max_age(Duration::seconds(lifetime.num_seconds().max(0)));
        Some(cookie)
    }

    /// Has the browser forget every cookie of ours that a request carries. They are removed with the attributes they were set with:
    /// a browser keeps a cookie whose path is another.
    pub(crate) fn remove(&self, headers: &HeaderMap) -> Vec<Cookie<'static>> {
        let default_name = self.accepts_default_name.then_some(DEFAULT_COOKIE_NAME);
        let mut names = vec![self.name.as_str()];
        names.extend(default_name.filter(|name| *name != self.name));
        names.retain(|name| value_of(name, headers).is_some());
        let removal = |name: &str| {
            let mut cookie = self.build(name.to_owned(), String::new());
            cookie.set_max_age(Duration::ZERO);
            cookie.set_expires(OffsetDateTime::UNIX_EPOCH);
            cookie
        };
        names.into_iter().map(removal).collect()
    }

    fn build(&self, name: String, value: String) -> Cookie<'static> {
        let same_site = match self.config.same_site {
            CookieSameSite::Strict => SameSite::Strict,
            CookieSameSite::None if self.config.secure => SameSite::None,
            // Browsers drop a cookie that is `SameSite=None` without `Secure`.
            CookieSameSite::Lax | CookieSameSite::None => SameSite::Lax,
        };
        Cookie::build((name, value))
            .http_only(self.config.http_only)
            .secure(self.config.secure)
            .same_site(same_site)
            .path(self.config.path.clone())
            .build()
    }
}

/// `None` if there is no such cookie, `Some(None)` if there are contradicting ones.
fn value_of(name: &str, headers: &HeaderMap) -> Option<Option<String>> {
    let mut found: Option<String> = None;
    for header in headers.get_all(header::COOKIE) {
        for pair in header.as_bytes().split(|byte| *byte == b';') {
            let pair = String::from_utf8_lossy(pair);
            let Some((key, value)) = pair.split_once('=') else { continue };
            let value = value.trim();
            if key.trim() != name || value.is_empty() {
                continue;
            }
            match &found {
                Some(other) if other != value => return Some(None),
                _ => found = Some(value.to_owned()),
            }
        }
    }
    found.map(Some)
}
