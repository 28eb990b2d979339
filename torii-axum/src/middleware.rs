//! Middleware for the application's own routes.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use axum_extra::extract::cookie::CookieJar;
use torii::{RepositoryProvider, Torii};

use crate::{
    csrf,
    error::{AuthError, Result},
    gate::{Gate, Identified},
    settings::AuthSettings,
};

/// Where middleware finds torii: implemented by the application's state.
pub trait HasTorii<R: RepositoryProvider> {
    /// torii.
    fn torii(&self) -> &Torii<R>;

    /// How the application is set up; the same settings that its routes were given. The default if not implemented.
    fn auth_settings(&self) -> AuthSettings {
        AuthSettings::default()
    }
}

impl<R: RepositoryProvider> HasTorii<R> for Arc<Torii<R>> {
    fn torii(&self) -> &Torii<R> {
        self
    }
}

/// torii and its settings: the state of middleware, for applications that do not implement [`HasTorii`] themselves.
pub struct AuthState<R> {
    torii: Arc<Torii<R>>,
    settings: AuthSettings,
}

impl<R> Clone for AuthState<R> {
    fn clone(&self) -> Self {
        Self { torii: Arc::clone(&self.torii), settings: self.settings.clone() }
    }
}

impl<R> std::fmt::Debug for AuthState<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthState").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<R: RepositoryProvider> HasTorii<R> for AuthState<R> {
    fn torii(&self) -> &Torii<R> {
        &self.torii
    }

    fn auth_settings(&self) -> AuthSettings {
        self.settings.clone()
    }
}

impl<R: RepositoryProvider> AuthState<R> {
    /// Puts both together.
    pub fn new(torii: Arc<Torii<R>>, settings: AuthSettings) -> Self {
        Self { torii, settings }
    }

    /// Puts [`auth_middleware`] and [`refuse_cross_site`] around the routes of `router`: handlers inside may use every extractor.
    pub fn wrap<S: Clone + Send + Sync + 'static>(&self, router: Router<S>) -> Router<S> {
        router
            .layer(from_fn_with_state(self.clone(), auth_middleware::<Self, R>))
            .layer(from_fn_with_state(self.clone(), refuse_cross_site::<Self, R>))
    }
}

/// Finds the tenant and the user of every request, for [`Tenant`](crate::Tenant), [`AuthUser`](crate::AuthUser) and their like.
///
/// Inserts `Option<User>` into the request's extensions, and `User` if somebody is signed in. `Authorization: Bearer` goes before the
/// cookie. A request without a token costs no statement, one with a token one. A token that signs nobody in makes the request
/// anonymous. Answers to signed-in users are `Cache-Control: no-store` unless the handler says otherwise. Refused are only requests of no tenant (404) and, as long as the database cannot be asked, those with a token (503).
///
/// ```
/// use std::sync::Arc;
///
/// use axum::{Router, middleware::from_fn_with_state, routing::get};
/// use torii::{RepositoryProvider, Torii};
/// use torii_axum::{AuthUser, HasTorii, auth_middleware};
///
/// struct AppState<R> {
///     torii: Arc<Torii<R>>,
/// }
/// # impl<R> Clone for AppState<R> { fn clone(&self) -> Self { Self { torii: Arc::clone(&self.torii) } } }
///
/// impl<R: RepositoryProvider> HasTorii<R> for AppState<R> {
///     fn torii(&self) -> &Torii<R> {
///         &self.torii
///     }
/// }
///
/// fn app<R: RepositoryProvider>(state: AppState<R>) -> Router {
///     Router::new()
///         .route("/me", get(|AuthUser(user): AuthUser| async move { user.email }))
///         .layer(from_fn_with_state(state, auth_middleware::<AppState<R>, R>))
/// }
/// ```
pub async fn auth_middleware<S, R>(State(state): State<S>, _: CookieJar, request: Request, next: Next) -> Response
where
    S: HasTorii<R>,
    R: RepositoryProvider,
{
    let settings = state.auth_settings();
    let (mut parts, body) = request.into_parts();
    match Gate::new(state.torii(), &settings).identify(&mut parts).await {
        Ok(Identified::Somebody) => answer_somebody(Request::from_parts(parts, body), next).await,
        Ok(Identified::NoToken | Identified::Nobody) => next.run(Request::from_parts(parts, body)).await,
        Err(error) => error.into_response(),
    }
}

/// As [`auth_middleware`], and lets signed-in users pass only.
///
/// # Errors
/// [`AuthError::Unauthorized`] for a request without a token, [`AuthError::InvalidSession`] for one whose token signs nobody in, and as
/// there.
pub async fn require_auth<S, R>(State(state): State<S>, _: CookieJar, request: Request, next: Next) -> Result<Response>
where
    S: HasTorii<R>,
    R: RepositoryProvider,
{
    let settings = state.auth_settings();
    let (mut parts, body) = request.into_parts();
    match Gate::new(state.torii(), &settings).identify(&mut parts).await? {
        Identified::NoToken => Err(AuthError::Unauthorized),
        Identified::Nobody => Err(AuthError::InvalidSession),
        Identified::Somebody => Ok(answer_somebody(Request::from_parts(parts, body), next).await),
    }
}

/// What is answered to somebody is theirs: no cache keeps it, unless the handler says otherwise.
async fn answer_somebody(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let cache_control = response.headers_mut().entry(header::CACHE_CONTROL);
    cache_control.or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Finds the tenant of every request, for [`Tenant`](crate::Tenant), and asks nobody who they are.
///
/// # Errors
/// [`AuthError::TenantRefused`], [`AuthError::Unavailable`].
pub async fn tenant_middleware<S, R>(State(state): State<S>, request: Request, next: Next) -> Result<Response>
where
    S: HasTorii<R>,
    R: RepositoryProvider,
{
    let settings = state.auth_settings();
    let (mut parts, body) = request.into_parts();
    Gate::new(state.torii(), &settings).enter(&mut parts).await?;
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// Refuses requests that change something and that another site caused, as the routes of this crate do. For the application's own
/// routes: without it a page of another site can have a visitor's browser send them, with the visitor's cookie, wherever `SameSite` does
/// not stop it.
///
/// # Errors
/// [`AuthError::CrossSite`].
pub async fn refuse_cross_site<S, R>(State(state): State<S>, request: Request, next: Next) -> Result<Response>
where
    S: HasTorii<R>,
    R: RepositoryProvider,
{
    let (parts, body) = request.into_parts();
    csrf::check(&parts, &state.auth_settings())?;
    Ok(next.run(Request::from_parts(parts, body)).await)
}
