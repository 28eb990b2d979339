//! Extractors for the application's own handlers.

use std::{convert::Infallible, fmt, net::SocketAddr, ops::Deref, sync::Arc};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use axum_extra::extract::cookie::CookieJar;
use torii::{Clock, RepositoryProvider, Session, SessionToken, TenantScope, User};

use crate::{
    client::forwarded_for,
    cookie::SessionCookie,
    credentials::bearer,
    error::{AuthError, HeaderRejection, INVALID_USER_AGENT},
    gate::CookieInUse,
    settings::AuthSettings,
};

/// The signed-in user; 401 if there is none. Needs [`auth_middleware`](crate::auth_middleware) or
/// [`require_auth`](crate::require_auth) around the handler.
#[derive(Clone, Debug)]
pub struct AuthUser(
    /// The user.
    pub User,
);

impl Deref for AuthUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AuthUser {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthError> {
        parts.extensions.get::<User>().cloned().map(Self).ok_or(AuthError::Unauthorized)
    }
}

/// The signed-in user, if there is one. Needs [`auth_middleware`](crate::auth_middleware) around the handler.
#[derive(Clone, Debug)]
pub struct OptionalAuthUser(
    /// The user.
    pub Option<User>,
);

impl<S: Send + Sync> FromRequestParts<S> for OptionalAuthUser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<User>().cloned()))
    }
}

/// The tenant of the request: torii, for this tenant only. Needs [`tenant_middleware`](crate::tenant_middleware) or
/// [`auth_middleware`](crate::auth_middleware) around the handler, which refuse a request of no tenant before it gets here; 500 without.
///
/// ```
/// use torii::{RepositoryProvider, ToriiError};
/// use torii_axum::{AuthError, Tenant};
///
/// async fn how_many<R: RepositoryProvider>(Tenant(tenant): Tenant<R>) -> Result<String, AuthError> {
///     Ok(tenant.count_users().await?.to_string())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Tenant<R>(
    /// torii, for this tenant only.
    pub TenantScope<R>,
);

impl<R> Deref for Tenant<R> {
    type Target = TenantScope<R>;

    fn deref(&self) -> &TenantScope<R> {
        &self.0
    }
}

impl<S: Send + Sync, R: RepositoryProvider> FromRequestParts<S> for Tenant<R> {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthError> {
        let scope = parts.extensions.get::<TenantScope<R>>().cloned();
        scope.map(Self).ok_or_else(|| AuthError::InternalError("no middleware resolved the tenant".to_owned()))
    }
}

/// The token in the session cookie, which nobody has checked.
#[derive(Clone, Debug)]
pub struct SessionTokenFromCookie(
    /// The token.
    pub Option<SessionToken>,
);

impl<S: Send + Sync> FromRequestParts<S> for SessionTokenFromCookie {
    type Rejection = HeaderRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, HeaderRejection> {
        Ok(Self(from_cookie(parts)))
    }
}

/// The token in the header `Authorization: Bearer`, which nobody has checked.
#[derive(Clone, Debug)]
pub struct SessionTokenFromBearer(
    /// The token.
    pub Option<SessionToken>,
);

impl<S: Send + Sync> FromRequestParts<S> for SessionTokenFromBearer {
    type Rejection = HeaderRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, HeaderRejection> {
        Ok(Self(bearer(&parts.headers)))
    }
}

/// The token of the request, `Authorization: Bearer` before the cookie, which nobody has checked.
#[derive(Clone, Debug)]
pub struct SessionTokenFromRequest(
    /// The token.
    pub Option<SessionToken>,
);

impl<S: Send + Sync> FromRequestParts<S> for SessionTokenFromRequest {
    type Rejection = HeaderRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, HeaderRejection> {
        Ok(Self(bearer(&parts.headers).or_else(|| from_cookie(parts))))
    }
}

/// By the rules of the middleware around the handler, or as configured where there is none.
fn from_cookie(parts: &Parts) -> Option<SessionToken> {
    match parts.extensions.get::<CookieInUse>() {
        Some(in_use) => in_use.cookie.read(&parts.headers),
        None => {
            let config = parts.extensions.get::<crate::CookieConfig>().cloned().unwrap_or_default();
            SessionCookie::new(config, None).read(&parts.headers)
        }
    }
}

/// Signs the browser of the request in and out by the session cookie, as the routes of this crate do: for handlers of the
/// application that make sessions themselves. Needs [`tenant_middleware`](crate::tenant_middleware) or
/// [`auth_middleware`](crate::auth_middleware) around the handler, which know the tenant and what its cookie is called; 500 without.
///
/// ```
/// use axum::{extract::Form, response::{IntoResponse, Redirect}};
/// use torii::RepositoryProvider;
/// use torii_axum::{AuthError, SessionCookies, Tenant};
///
/// # #[derive(serde::Deserialize)]
/// # struct Credentials { email: String, password: String }
/// async fn sign_in<R: RepositoryProvider>(
///     Tenant(tenant): Tenant<R>,
///     cookies: SessionCookies,
///     Form(form): Form<Credentials>,
/// ) -> Result<impl IntoResponse, AuthError> {
///     let (_, session) = tenant.authenticate(&form.email, &form.password, None, None).await?;
///     Ok((cookies.sign_in(&session), Redirect::to("/")))
/// }
/// ```
#[derive(Clone)]
pub struct SessionCookies {
    cookie: SessionCookie,
    clock: Arc<dyn Clock>,
    headers: HeaderMap,
}

impl SessionCookies {
    pub(crate) fn of(parts: &Parts) -> Option<Self> {
        let CookieInUse { cookie, clock } = parts.extensions.get::<CookieInUse>().cloned()?;
        Some(Self { cookie, clock, headers: parts.headers.clone() })
    }

    /// The cookie that gives a new session to the browser. Empty if the session does not carry its token, as one from a list.
    pub fn sign_in(&self, session: &Session) -> CookieJar {
        self.cookie.set(session, self.clock.now()).into_iter().fold(CookieJar::new(), CookieJar::add)
    }

    /// The cookies that make the browser forget those that it sent. They end no session:
    /// [`revoke_session`](torii::Torii::revoke_session) does.
    pub fn sign_out(&self) -> CookieJar {
        self.cookie.remove(&self.headers).into_iter().fold(CookieJar::new(), CookieJar::add)
    }
}

impl fmt::Debug for SessionCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCookies").field("cookie", &self.cookie).finish_non_exhaustive()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionCookies {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthError> {
        Self::of(parts).ok_or_else(|| AuthError::InternalError("no middleware resolved the tenant".to_owned()))
    }
}

/// Where a request came from.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// The address of the client: of the connection if the server was started with connect info
    /// (`into_make_service_with_connect_info::<SocketAddr>()`), or what the trusted proxies say
    /// ([`AuthSettings::with_trusted_proxies`]).
    pub ip: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

impl ConnectionInfo {
    pub(crate) fn of(parts: &Parts, settings: Option<&AuthSettings>) -> Result<Self, HeaderRejection> {
        let user_agent = match parts.headers.get(header::USER_AGENT) {
            Some(value) => Some(value.to_str().map_err(|_| INVALID_USER_AGENT)?.to_owned()),
            None => None,
        };
        let proxies = settings.map_or(0, |settings| settings.get().trusted_proxies);
        Ok(Self { ip: client_address(parts, &parts.headers, proxies), user_agent })
    }
}

fn client_address(parts: &Parts, headers: &HeaderMap, proxies: usize) -> Option<String> {
    if proxies > 0 {
        return forwarded_for(headers, proxies).map(|address| address.to_string());
    }
    let ConnectInfo(address) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip().to_string())
}

impl<S: Send + Sync> FromRequestParts<S> for ConnectionInfo {
    type Rejection = HeaderRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, HeaderRejection> {
        Self::of(parts, parts.extensions.get::<AuthSettings>())
    }
}
