//! The routes, one file per flow, and the table that lists them.

use axum::{
    extract::FromRequestParts,
    handler::Handler,
    http::{Method, request::Parts},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use axum_extra::extract::cookie::CookieJar;
use torii::{RepositoryProvider, Session, TenantId, TenantScope, User};

use crate::{
    ConnectionInfo,
    credentials::Presented,
    error::{AuthError, Result},
    extract::SessionCookies,
    gate::{EnteredTenant, Gate},
    router::RouterState,
    settings::AuthSettings,
};

mod email_verification;
mod health;
mod logout;
#[cfg(feature = "magic-link")]
mod magic_link;
#[cfg(feature = "oauth")]
mod oauth;
#[cfg(feature = "passkey")]
mod passkey;
#[cfg(feature = "password")]
mod password;
#[cfg(feature = "password")]
mod password_reset;
#[cfg(feature = "password")]
mod registration;
mod session;

/// What the router answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path, relative to where the router is nested.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Anybody, and it is about no tenant.
    Operator,
    /// Anybody in the tenant.
    Anybody,
    /// Whoever has a token that was mailed, or a ceremony that was begun.
    TokenHolder,
    /// Signed-in users of the tenant.
    User,
}

impl Access {
    pub(crate) fn has_tenant(self) -> bool {
        self != Self::Operator
    }
}

/// A row of the table.
pub(crate) struct Route<R> {
    pub(crate) endpoint: Endpoint,
    pub(crate) handler: MethodRouter<RouterState<R>>,
    /// Whether the number of requests from one address is limited, if the application asks for limits.
    pub(crate) limited: bool,
}

impl<R: RepositoryProvider> Route<R> {
    fn new<H, T>(method: Method, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, RouterState<R>>,
        T: 'static,
    {
        let filter = match method {
            Method::POST => MethodFilter::POST,
            Method::DELETE => MethodFilter::DELETE,
            Method::PATCH => MethodFilter::PATCH,
            _ => MethodFilter::GET,
        };
        Self { endpoint: Endpoint { method, path, access }, handler: on(filter, handler), limited: false }
    }

    /// It signs in, sends mail or tries a token.
    fn limited(mut self) -> Self {
        self.limited = true;
        self
    }
}

/// Every route that there is.
pub(crate) fn table<R: RepositoryProvider>(settings: &AuthSettings) -> Vec<Route<R>> {
    let mut table = Vec::new();
    table.extend(health::routes());
    table.extend(session::routes());
    table.extend(logout::routes());
    table.extend(email_verification::routes());
    #[cfg(feature = "password")]
    {
        table.extend(registration::routes());
        table.extend(password::routes());
        table.extend(password_reset::routes());
    }
    #[cfg(feature = "magic-link")]
    table.extend(magic_link::routes());
    #[cfg(feature = "oauth")]
    table.extend(oauth::routes());
    #[cfg(feature = "passkey")]
    table.extend(passkey::routes(settings));
    #[cfg(not(feature = "passkey"))]
    let _ = settings;
    table
}

/// A request in its tenant.
pub(crate) struct Visit<R> {
    pub(crate) tenant: TenantId,
    pub(crate) scope: TenantScope<R>,
    pub(crate) settings: AuthSettings,
    pub(crate) client: ConnectionInfo,
    presented: Presented,
    cookies: SessionCookies,
}

impl<R: RepositoryProvider> FromRequestParts<RouterState<R>> for Visit<R> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &RouterState<R>) -> std::result::Result<Self, Response> {
        let missing = || AuthError::InternalError("the route is outside of its router".to_owned()).into_response();
        let extensions = &parts.extensions;
        let EnteredTenant { tenant, .. } = extensions.get().cloned().ok_or_else(missing)?;
        let cookies = SessionCookies::of(parts).ok_or_else(missing)?;
        let client = ConnectionInfo::of(parts, Some(&state.settings)).map_err(IntoResponse::into_response)?;
        Ok(Self {
            scope: state.torii.with_tenant(&tenant),
            tenant,
            settings: state.settings.clone(),
            client,
            presented: Gate::<R>::presented(parts),
            cookies,
        })
    }
}

impl<R: RepositoryProvider> Visit<R> {
    /// The cookie that signs the browser in.
    pub(crate) fn sign_in_cookie(&self, session: &Session) -> CookieJar {
        self.cookies.sign_in(session)
    }

    /// The cookies that make the browser forget.
    pub(crate) fn sign_out_cookies(&self) -> CookieJar {
        self.cookies.sign_out()
    }

    /// A session as clients see it: never with the digest that the database has of it.
    pub(crate) fn shown(&self, session: Session) -> Session {
        let session = Session { token_hash: String::new(), ..session };
        if self.settings.get().tokens_in_bodies { session } else { session.without_token() }
    }
}

/// The signed-in user; the request is refused if there is none.
pub(crate) struct SignedIn {
    pub(crate) user: User,
    pub(crate) session: Session,
}

impl<R: RepositoryProvider> FromRequestParts<RouterState<R>> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &RouterState<R>) -> std::result::Result<Self, Response> {
        let visit = Visit::from_request_parts(parts, state).await?;
        let identify = async {
            let token = visit.presented.token().ok_or(AuthError::Unauthorized)?;
            let gate = Gate::new(&*state.torii, &state.settings);
            gate.check(parts, &visit.scope, token).await?.ok_or(AuthError::Unauthorized)
        };
        let found: Result<_> = identify.await;
        let (user, session) = (*found.map_err(IntoResponse::into_response)?).clone();
        Ok(Self { user, session })
    }
}
