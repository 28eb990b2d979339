//! Cookies and links, as applications configure them.

use chrono::Duration;

/// How the session cookie is set. Fields and the setters of the same names do the same.
///
/// The cookie is host-only: no `Domain` attribute is ever sent, so no other host reads it. Where tenants are resolved from the request
/// ([`AuthSettings::with_tenants`](crate::AuthSettings::with_tenants)) every tenant has a cookie of its own name, see
/// [`TenantResolver`](crate::TenantResolver).
#[derive(Clone, Debug)]
pub struct CookieConfig {
    /// The cookie's name.
    pub name: String,
    /// Whether scripts cannot read it.
    pub http_only: bool,
    /// Whether it travels over HTTPS only.
    pub secure: bool,
    /// Whether it travels with requests that other sites cause.
    pub same_site: CookieSameSite,
    /// Under which path it is sent.
    pub path: String,
    /// How long the browser keeps it; as long as the session lasts if `None`.
    pub max_age: Option<Duration>,
}

/// The name of the session cookie where none is configured, and the one that earlier versions always read.
pub(crate) const DEFAULT_COOKIE_NAME: &str = "session_id";

impl Default for CookieConfig {
    /// `session_id`, for HTTPS, under `/`.
    fn default() -> Self {
        Self::new(DEFAULT_COOKIE_NAME)
    }
}

impl CookieConfig {
    /// The default under another name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            http_only: true,
            secure: true,
            same_site: CookieSameSite::Lax,
            path: "/".to_owned(),
            max_age: None,
        }
    }

    /// The default without `Secure`, for plain HTTP on the developer's own machine.
    pub fn development() -> Self {
        Self::default().secure(false)
    }

    /// Sets how long the browser keeps the cookie.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Sets whether scripts cannot read the cookie.
    #[must_use]
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// Sets whether the cookie travels over HTTPS only.
    #[must_use]
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// Sets whether the cookie travels with requests that other sites cause.
    #[must_use]
    pub fn same_site(mut self, same_site: CookieSameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Sets the path under which the cookie is sent.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }
}

/// Whether the cookie travels with requests that other sites cause (RFC 6265bis, section 5.6.7, which knows these three).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieSameSite {
    /// Never.
    Strict,
    /// When a person follows a link.
    #[default]
    Lax,
    /// Always. Needs `Secure`: browsers drop the cookie otherwise.
    None,
}

/// Where links in mails lead.
///
/// It is configured and never taken from a request: a `Host` header is the sender's to choose, and a mail with a link to the sender's
/// host would hand over the token (OWASP, Forgot Password Cheat Sheet). It need not be where the routes are: point it at the
/// application's own pages.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Scheme and host, such as `https://app.example`.
    pub hostname: String,
    /// What comes between the host and the paths of the links; used as it is.
    pub path_prefix: String,
}

impl LinkConfig {
    /// Links to `hostname`, such as `https://app.example`, under `/auth`.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self { hostname: hostname.into(), path_prefix: "/auth".to_owned() }
    }

    /// Sets what comes between the host and the paths of the links.
    #[must_use]
    pub fn with_path_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.path_prefix = prefix.into();
        self
    }

    /// The link of a magic-link mail.
    pub fn magic_link_url(&self, token: &str) -> String {
        with_token(self.magic_link_base(), token)
    }

    /// The link of a password-reset mail.
    pub fn password_reset_url(&self, token: &str) -> String {
        with_token(self.password_reset_base(), token)
    }

    /// The link of a mail that verifies an address.
    pub fn email_verification_url(&self, token: &str) -> String {
        with_token(self.email_verification_base(), token)
    }

    pub(crate) fn magic_link_base(&self) -> String {
        self.base("/magic-link/verify")
    }

    pub(crate) fn password_reset_base(&self) -> String {
        self.base("/password/reset")
    }

    pub(crate) fn email_verification_base(&self) -> String {
        self.base("/email/verify")
    }

    fn base(&self, path: &str) -> String {
        format!("{}{}{path}", self.hostname.trim_end_matches('/'), self.path_prefix)
    }
}

fn with_token(base: String, token: &str) -> String {
    format!("{base}?token={token}")
}
