//! How an application is set up, for routes and middleware alike.

use std::{fmt, sync::Arc};

use torii::TenantId;

use crate::{
    config::{CookieConfig, LinkConfig},
    error::AuthError,
    tenant::TenantResolver,
};

/// How an application is set up, for the routes ([`AuthRouterBuilder::with_settings`](crate::AuthRouterBuilder::with_settings)) and for the
/// middleware ([`HasTorii::auth_settings`](crate::HasTorii::auth_settings)) alike. Make it once and give both the same: clones are
/// cheap, and know that they are the same.
///
/// The default is what applications with one kind of user need: the default tenant, the cookie `session_id`, no links.
#[derive(Clone, Debug, Default)]
pub struct AuthSettings(Arc<Settings>);

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) cookie: Option<CookieConfig>,
    pub(crate) links: Links,
    pub(crate) tenants: Option<TenantResolver>,
    pub(crate) trusted_origins: Vec<String>,
    pub(crate) trusted_proxies: usize,
    pub(crate) body_limit: usize,
    pub(crate) registration: RegistrationMode,
    pub(crate) tokens_in_bodies: bool,
    #[cfg(feature = "passkey")]
    pub(crate) relying_party: Option<RelyingParties>,
    #[cfg(feature = "rate-limit")]
    pub(crate) rate_limit: Option<crate::rate_limit::Limiter>,
}

/// Who asks for passkeys, by tenant.
#[cfg(feature = "passkey")]
pub(crate) type RelyingParties = Arc<dyn Fn(&TenantId) -> Option<torii::RelyingParty> + Send + Sync>;

/// Where links lead.
#[derive(Clone)]
pub(crate) enum Links {
    Nowhere,
    One(LinkConfig),
    ByTenant(LinksOf),
}

type LinksOf = Arc<dyn Fn(&TenantId) -> Option<LinkConfig> + Send + Sync>;

/// When somebody who registers is signed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationMode {
    /// At once, if the address is new or the password is that of its owner. The answer is the same otherwise, but sets no cookie: who
    /// registers can tell that the address is taken.
    #[default]
    SignsIn,
    /// Once the address is proven: registering sends a mail with a link, and nobody gets a session by password before it was followed.
    /// The answers for new and taken addresses are identical.
    VerifiesFirst,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cookie: None,
            links: Links::Nowhere,
            tenants: None,
            trusted_origins: Vec::new(),
            trusted_proxies: 0,
            body_limit: AuthSettings::BODY_LIMIT,
            registration: RegistrationMode::SignsIn,
            tokens_in_bodies: true,
            #[cfg(feature = "passkey")]
            relying_party: None,
            #[cfg(feature = "rate-limit")]
            rate_limit: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("cookie", &self.cookie).field("tenants", &self.tenants).finish_non_exhaustive()
    }
}

impl AuthSettings {
    /// The largest body that the routes read if nothing else is set, in bytes: room for what authenticators send.
    pub const BODY_LIMIT: usize = 64 * 1024;

    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how the session cookie is set and read.
    #[must_use]
    pub fn with_cookie(self, cookie: CookieConfig) -> Self {
        self.change(|settings| settings.cookie = Some(cookie))
    }

    /// Sets where links in mails lead.
    #[must_use]
    pub fn with_links(self, links: LinkConfig) -> Self {
        self.change(|settings| settings.links = Links::One(links))
    }

    /// Sets where links in mails lead, tenant by tenant; `None` for a tenant that sends none.
    #[must_use]
    pub fn with_tenant_links(self, links: impl Fn(&TenantId) -> Option<LinkConfig> + Send + Sync + 'static) -> Self {
        self.change(|settings| settings.links = Links::ByTenant(Arc::new(links)))
    }

    /// Resolves the tenant of every request. Without it everything runs in the default tenant.
    #[must_use]
    pub fn with_tenants(self, tenants: TenantResolver) -> Self {
        self.change(|settings| settings.tenants = Some(tenants))
    }

    /// Accepts requests that change something from pages of these origins, such as `https://app.example`, too.
    #[must_use]
    pub fn with_trusted_origins(self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let origins = origins.into_iter().map(|origin| origin.into().trim_end_matches('/').to_ascii_lowercase());
        let origins = origins.collect();
        self.change(|settings| settings.trusted_origins = origins)
    }

    /// Says how many proxies of its own a request passes that each append the address they were called from to `X-Forwarded-For`. 0, the
    /// default, ignores that header, which clients can write too.
    #[must_use]
    pub fn with_trusted_proxies(self, proxies: usize) -> Self {
        self.change(|settings| settings.trusted_proxies = proxies)
    }

    /// Sets the largest body that the routes read, in bytes.
    #[must_use]
    pub fn with_body_limit(self, bytes: usize) -> Self {
        self.change(|settings| settings.body_limit = bytes)
    }

    /// Sets when somebody who registers is signed in.
    #[must_use]
    pub fn with_registration(self, mode: RegistrationMode) -> Self {
        self.change(|settings| settings.registration = mode)
    }

    /// Leaves session tokens out of bodies, so that scripts on the page never see one. Clients without cookies need them there, and get
    /// them unless this is called.
    #[must_use]
    pub fn without_tokens_in_bodies(self) -> Self {
        self.change(|settings| settings.tokens_in_bodies = false)
    }

    /// Offers passkey ceremonies, for this relying party in every tenant.
    #[cfg(feature = "passkey")]
    #[must_use]
    pub fn with_relying_party(self, relying_party: torii::RelyingParty) -> Self {
        self.with_tenant_relying_parties(move |_| Some(relying_party.clone()))
    }

    /// Offers passkey ceremonies, tenant by tenant; `None` for a tenant without. Tenants on hosts of their own should each be a relying
    /// party of their own, so that browsers keep their passkeys apart.
    #[cfg(feature = "passkey")]
    #[must_use]
    pub fn with_tenant_relying_parties(
        self,
        relying_party: impl Fn(&TenantId) -> Option<torii::RelyingParty> + Send + Sync + 'static,
    ) -> Self {
        self.change(|settings| settings.relying_party = Some(Arc::new(relying_party)))
    }

    /// Limits how often one address of one tenant may use the routes that sign in or send mail. Needs to know the address: see
    /// [`ConnectionInfo`](crate::ConnectionInfo). Where it does not, those routes answer 500.
    #[cfg(feature = "rate-limit")]
    #[must_use]
    pub fn with_rate_limit(self, limit: crate::RateLimit) -> Self {
        self.change(|settings| settings.rate_limit = Some(crate::rate_limit::Limiter::new(limit)))
    }

    fn change(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) fn get(&self) -> &Settings {
        &self.0
    }

    pub(crate) fn trusts_origin(&self, origin: &str) -> bool {
        self.0.trusted_origins.iter().any(|trusted| trusted.eq_ignore_ascii_case(origin))
    }

    /// Where links of a tenant's mails lead.
    pub(crate) fn links(&self, tenant: &TenantId) -> Result<LinkConfig, AuthError> {
        let links = match &self.0.links {
            Links::Nowhere => None,
            Links::One(links) => Some(links.clone()),
            Links::ByTenant(links) => links(tenant),
        };
        links.ok_or_else(|| AuthError::InternalError(format!("no LinkConfig says where links of tenant {tenant} lead")))
    }

    #[cfg(feature = "passkey")]
    pub(crate) fn relying_party(&self, tenant: &TenantId) -> Result<torii::RelyingParty, AuthError> {
        let relying_party = self.0.relying_party.as_ref().and_then(|relying_party| relying_party(tenant));
        relying_party.ok_or_else(|| AuthError::FeatureNotEnabled("passkeys".to_owned()))
    }
}
