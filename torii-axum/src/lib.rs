//! [torii](https://docs.rs/torii) for [axum](https://docs.rs/axum): routes, extractors and middleware for sign-in, tenant by tenant.
//!
//! # One kind of user
//!
//! ```
//! # #[cfg(feature = "password")]
//! # mod example {
//! use std::sync::Arc;
//!
//! use axum::{Router, middleware::from_fn_with_state, routing::get};
//! use torii::{RepositoryProvider, Torii};
//! use torii_axum::{AuthUser, CookieConfig, LinkConfig, auth_middleware};
//!
//! async fn hello(AuthUser(user): AuthUser) -> String {
//!     format!("Hello {}", user.email)
//! }
//!
//! fn app<R: RepositoryProvider>(torii: Arc<Torii<R>>) -> Router {
//!     let auth = torii_axum::routes(Arc::clone(&torii))
//!         .with_cookie_config(CookieConfig::development())
//!         .with_link_config(LinkConfig::new("http://localhost:3000"))
//!         .build();
//!     Router::new()
//!         .route("/hello", get(hello))
//!         .nest("/auth", auth)
//!         .layer(from_fn_with_state(torii, auth_middleware::<Arc<Torii<R>>, R>))
//! }
//! # }
//! ```
//!
//! # Many tenants
//!
//! ```
//! # #[cfg(feature = "password")]
//! # mod example {
//! use std::sync::Arc;
//!
//! use axum::{Router, routing::get};
//! use torii::{RepositoryProvider, Torii};
//! use torii_axum::{AuthError, AuthSettings, AuthState, AuthUser, LinkConfig, Tenant, TenantResolver};
//! use torii_core::repositories::TenantRepository;
//!
//! // A handler is given a scope, which reaches nothing but the tenant of the request.
//! async fn colleagues<R: RepositoryProvider>(
//!     Tenant(tenant): Tenant<R>,
//!     AuthUser(user): AuthUser,
//! ) -> Result<String, AuthError> {
//!     Ok(format!("{} and {} more", user.email, tenant.count_users().await? - 1))
//! }
//!
//! fn app<R: RepositoryProvider + TenantRepository>(torii: Arc<Torii<R>>) -> Router {
//!     let settings = AuthSettings::new()
//!         .with_tenants(TenantResolver::registered_in(&torii).from_subdomain_of("app.example"))
//!         .with_tenant_links(|tenant| Some(LinkConfig::new(format!("https://{tenant}.app.example"))));
//!     let auth = torii_axum::routes(Arc::clone(&torii)).with_settings(settings.clone()).build();
//!     let app = Router::new().route("/colleagues", get(colleagues::<R>)).nest("/auth", auth);
//!     AuthState::new(torii, settings).wrap(app)
//! }
//! # }
//! ```
//!
//! [`TenantResolver`] says where a tenant may come from and how two tenants in one browser are kept apart.
//!
//! # Routes
//!
//! Relative to where the router is nested. Bodies are JSON. [`AuthRouterBuilder::endpoints`] lists them at run time.
//!
//! | route | body | answer | feature |
//! |---|---|---|---|
//! | `GET /health` | | `{"status":"healthy","version"}`; of no tenant | |
//! | `GET /user` | | `{"user"}` | |
//! | `GET /session` | | `{"session"}` | |
//! | `POST`, `DELETE /logout`, `DELETE /session` | | `{"message"}`, and the cookie is removed | |
//! | `GET /sessions` | | `{"sessions":[{"id","current","user_agent","ip_address",..}]}` | |
//! | `DELETE /sessions` | | signs out everywhere else: `{"user","session"}` with a new token | |
//! | `DELETE /sessions/{id}` | | `{"message"}`; the cookie is removed if it was the session that asked | |
//! | `POST /email/verify/request` | | `{"message"}` | |
//! | `POST /email/verify` | `{"token"}` | `{"user"}` | |
//! | `POST /register` | `{"email","password"}` | `{"message"}` and a cookie, see [`RegistrationMode`] | `password` |
//! | `POST /login` | `{"email","password"}` | `{"user","session"}` and a cookie | `password` |
//! | `POST /password` | `{"old_password","new_password"}` | `{"message"}`; all sessions end | `password` |
//! | `POST /password/reset/request` | `{"email"}` | `{"message"}`, whoever asks | `password` |
//! | `POST /password/reset/verify` | `{"token"}` | `{"valid"}` | `password` |
//! | `POST /password/reset/confirm` | `{"token","new_password"}` | `{"user"}` | `password` |
//! | `POST /magic-link` | `{"email"}` | `{"message"}` | `magic-link` |
//! | `POST /magic-link/verify` | `{"token"}` | `{"user","session"}` and a cookie | `magic-link` |
//! | `GET /oauth/accounts` | | `{"accounts":[{"provider","subject","created_at"}]}` | `oauth` |
//! | `DELETE /oauth/accounts/{provider}` | | `{"message"}` | `oauth` |
//! | `GET /passkeys` | | `{"passkeys":[{"id","name","created_at","last_used_at"}]}` | `passkey` |
//! | `PATCH /passkeys/{id}` | `{"name"}` | `{"message"}` | `passkey` |
//! | `DELETE /passkeys/{id}` | | `{"message"}` | `passkey` |
//! | `POST /passkeys/register/start` | | `{"ceremony_id","options"}` | `passkey` |
//! | `POST /passkeys/register/finish` | `{"ceremony_id","response","name"}` | 201 `{"passkey"}` | `passkey` |
//! | `POST /passkeys/authenticate/start` | | `{"ceremony_id","options"}` | `passkey` |
//! | `POST /passkeys/authenticate/finish` | `{"ceremony_id","response"}` | `{"user","session"}` and a cookie | `passkey` |
//!
//! Refusals are `{"error": text, "code": status}`, see [`AuthError`]. Every answer is `Cache-Control: no-store`.
//!
//! # Who is asking
//!
//! `Authorization: Bearer <token>`, or the session cookie. A token of one tenant is nobody's in another, whatever kind it is. Requests that
//! change something and that another site caused are refused ([`refuse_cross_site`] does the same for the application's own routes).
//!
//! # What is left to the application
//!
//! The pages that links in mails lead to: they take `token` from the query and post it to the route. Following a link must not use it up
//! (mail scanners follow links too), so no route here answers `GET` on a token. For a parameter that says where to go after signing in
//! there is [`LocalPath`], which leads nowhere else.

mod client;
mod config;
mod cookie;
mod credentials;
mod csrf;
mod error;
mod extract;
mod gate;
mod host;
mod json;
mod middleware;
#[cfg(feature = "rate-limit")]
mod rate_limit;
mod redirect;
mod router;
mod routes;
mod settings;
mod tenant;
mod types;

#[cfg(feature = "rate-limit")]
pub use self::rate_limit::RateLimit;
pub use self::{
    config::{CookieConfig, CookieSameSite, LinkConfig},
    error::{AuthError, Result},
    extract::{
        AuthUser, ConnectionInfo, OptionalAuthUser, SessionCookies, SessionTokenFromBearer, SessionTokenFromCookie,
        SessionTokenFromRequest, Tenant,
    },
    middleware::{AuthState, HasTorii, auth_middleware, refuse_cross_site, require_auth, tenant_middleware},
    redirect::{LocalPath, NotLocal},
    router::{AuthRouterBuilder, ConfigError, create_router, routes},
    routes::{Access, Endpoint},
    settings::{AuthSettings, RegistrationMode},
    tenant::{TenantDirectory, TenantResolver},
    types::*,
};

/// The examples of the guide are compiled, and those with a database are run.
#[cfg(all(doctest, feature = "password"))]
#[doc = include_str!("../../docs/one-tenant-to-many.md")]
struct Guide;
