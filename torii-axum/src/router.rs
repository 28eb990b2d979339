//! The router.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
};
use thiserror::Error;
use torii::{RepositoryProvider, Torii};

use crate::{
    config::{CookieConfig, CookieSameSite, LinkConfig},
    csrf,
    error::Result,
    gate::Gate,
    routes::{self, Endpoint, Route},
    settings::{AuthSettings, Links},
};

/// The routes of this crate, to be nested under a path such as `/auth`.
pub fn routes<R: RepositoryProvider + 'static>(torii: Arc<Torii<R>>) -> AuthRouterBuilder<R> {
    AuthRouterBuilder { torii, settings: AuthSettings::default() }
}

/// The routes of this crate, set up with a cookie and links. Where there are no links, the routes that mail one answer 500.
pub fn create_router<R: RepositoryProvider + 'static>(
    torii: Arc<Torii<R>>,
    cookie_config: CookieConfig,
    link_config: Option<LinkConfig>,
) -> Router {
    let builder = routes(torii).with_cookie_config(cookie_config);
    match link_config {
        Some(links) => builder.with_link_config(links).assemble(),
        None => builder.assemble(),
    }
}

/// Sets up the routes; made by [`routes`].
pub struct AuthRouterBuilder<R> {
    torii: Arc<Torii<R>>,
    settings: AuthSettings,
}

impl<R> std::fmt::Debug for AuthRouterBuilder<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthRouterBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Settings contradict each other, or one is missing.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// Mails with links are sent, and nothing says where they lead.
    #[error("a LinkConfig is needed: mails with links are sent, and where they lead must not come from requests")]
    MissingLinks,
    /// Tenants are resolved from requests, and one address serves the links of all.
    #[error("with_tenant_links is needed: links have to lead to the tenant that they are for")]
    MissingTenantLinks,
    /// Tenants are to be resolved from requests, from nothing.
    #[error("the tenant resolver has no source")]
    NoTenantSource,
    /// Browsers drop a cookie that is `SameSite=None` without `Secure`.
    #[error("SameSite=None needs Secure")]
    InsecureSameSiteNone,
    /// Browsers drop a cookie whose name begins with `__Host-` or `__Secure-` and that has not what the name promises.
    #[error("the cookie's name begins with __Host- or __Secure-, and it is not set accordingly")]
    CookiePrefix,
    /// The name or the path of the cookie has characters that no cookie may have.
    #[error("the cookie's name or path is not allowed in a cookie")]
    CookieSyntax,
}

/// What handlers work with.
pub(crate) struct RouterState<R> {
    pub(crate) torii: Arc<Torii<R>>,
    pub(crate) settings: AuthSettings,
}

impl<R> Clone for RouterState<R> {
    fn clone(&self) -> Self {
        Self { torii: Arc::clone(&self.torii), settings: self.settings.clone() }
    }
}

impl<R: RepositoryProvider> AuthRouterBuilder<R> {
    /// Takes settings that middleware is given too, in place of all that was set here before.
    #[must_use]
    pub fn with_settings(mut self, settings: AuthSettings) -> Self {
        self.settings = settings;
        self
    }

    /// [`AuthSettings::with_cookie`].
    #[must_use]
    pub fn with_cookie_config(mut self, cookie: CookieConfig) -> Self {
        self.settings = self.settings.with_cookie(cookie);
        self
    }

    /// [`AuthSettings::with_links`].
    #[must_use]
    pub fn with_link_config(mut self, links: LinkConfig) -> Self {
        self.settings = self.settings.with_links(links);
        self
    }

    /// What the router answers to.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        routes::table::<R>(&self.settings).into_iter().map(|route| route.endpoint).collect()
    }

    /// The router.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn try_build(self) -> std::result::Result<Router, ConfigError> {
        check(&self.settings)?;
        Ok(self.assemble())
    }

    /// The router. For applications that would rather not start than handle an error; others use [`AuthRouterBuilder::try_build`].
    ///
    /// # Panics
    /// If settings contradict each other or one is missing, such as the `LinkConfig` of routes that send mail.
    #[expect(
        clippy::panic,
        reason = "wrong settings are found when the application starts, and applications rely on it"
    )]
    pub fn build(self) -> Router {
        match self.try_build() {
            Ok(router) => router,
            Err(error) => panic!("{error}"),
        }
    }

    fn assemble(self) -> Router {
        let state = RouterState { torii: self.torii, settings: self.settings };
        let mut tenanted = Router::new();
        let mut tenantless = Router::new();
        for Route { endpoint, handler, limited } in routes::table::<R>(&state.settings) {
            #[cfg(feature = "rate-limit")]
            let handler = match &state.settings.get().rate_limit {
                Some(limiter) if limited => {
                    handler.layer(from_fn_with_state(limiter.clone(), crate::rate_limit::limit))
                }
                _ => handler,
            };
            #[cfg(not(feature = "rate-limit"))]
            let _ = limited;
            if endpoint.access.has_tenant() {
                tenanted = tenanted.route(endpoint.path, handler);
            } else {
                tenantless = tenantless.route(endpoint.path, handler);
            }
        }
        tenanted
            // The last one is the first to see a request.
            .layer(from_fn_with_state(state.clone(), refuse_cross_site::<R>))
            .layer(from_fn_with_state(state.clone(), enter::<R>))
            .merge(tenantless)
            .layer(DefaultBodyLimit::max(state.settings.get().body_limit))
            .layer(from_fn(no_store))
            .with_state(state)
    }
}

impl<R: RepositoryProvider> From<AuthRouterBuilder<R>> for Router {
    fn from(builder: AuthRouterBuilder<R>) -> Self {
        builder.build()
    }
}

fn check(settings: &AuthSettings) -> std::result::Result<(), ConfigError> {
    let settings = settings.get();
    let sends_links = cfg!(any(feature = "password", feature = "magic-link"));
    match (&settings.tenants, &settings.links) {
        (Some(tenants), _) if !tenants.has_source() => return Err(ConfigError::NoTenantSource),
        (_, Links::Nowhere) if sends_links => return Err(ConfigError::MissingLinks),
        (Some(_), Links::One(_)) => return Err(ConfigError::MissingTenantLinks),
        _ => {}
    }
    let Some(cookie) = &settings.cookie else { return Ok(()) };
    if cookie.same_site == CookieSameSite::None && !cookie.secure {
        return Err(ConfigError::InsecureSameSiteNone);
    }
    let promised_host = cookie.name.starts_with("__Host-");
    if (promised_host && cookie.path != "/") || (cookie.name.starts_with("__") && !cookie.secure) {
        return Err(ConfigError::CookiePrefix);
    }
    // What needs no escaping anywhere in a name; a path has neither control characters nor semicolons (RFC 6265, section 4.1.1).
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let name = !cookie.name.is_empty() && cookie.name.bytes().all(token);
    let path = cookie.path.starts_with('/') && cookie.path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';');
    if name && path { Ok(()) } else { Err(ConfigError::CookieSyntax) }
}

/// Finds the tenant before any handler runs.
async fn enter<R: RepositoryProvider>(
    State(state): State<RouterState<R>>,
    request: Request,
    next: Next,
) -> Result<Response> {
    let (mut parts, body) = request.into_parts();
    Gate::new(&state.torii, &state.settings).enter(&mut parts).await?;
    Ok(next.run(Request::from_parts(parts, body)).await)
}

async fn refuse_cross_site<R: RepositoryProvider>(
    State(state): State<RouterState<R>>,
    request: Request,
    next: Next,
) -> Result<Response> {
    let (parts, body) = request.into_parts();
    csrf::check(&parts, &state.settings)?;
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// Answers say who somebody is, or hold a token: no cache keeps one (RFC 9111, section 5.2.2.5).
async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
