//! Signing up, in and out, and who is asking.

use axum::{
    Form, Json,
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::Deserialize;
use serde_json::{Value, json};
use torii::{SessionToken, ToriiError, User};
use torii_axum::{AuthError, ConnectionInfo};

use crate::{App, error::Refusal};

const COOKIE: &str = "session_id";

#[derive(Deserialize)]
pub(crate) struct Credentials {
    email: String,
    password: String,
}

/// Nobody is signed in by signing up. A taken address gets the same answer as a new one, and keeps its password.
pub(crate) async fn sign_up(State(app): State<App>, Form(form): Form<Credentials>) -> Response {
    match app.torii.password().register(&form.email, &form.password).await {
        Ok(_) => Json(json!({ "message": "Successfully signed up" })).into_response(),
        Err(error @ ToriiError::AuthError(_)) => {
            let error = json!({ "error": format!("Sign up failed: {error}") });
            (StatusCode::BAD_REQUEST, Json(error)).into_response()
        }
        // What went wrong inside is nobody's business.
        Err(error) => AuthError::from(error).into_response(),
    }
}

/// Wrong credentials are 401, too many of them 429: [`AuthError`] knows.
pub(crate) async fn sign_in(
    State(app): State<App>,
    client: ConnectionInfo,
    jar: CookieJar,
    Form(form): Form<Credentials>,
) -> Result<(CookieJar, Json<Value>), AuthError> {
    let (_, session) =
        app.torii.password().authenticate(&form.email, &form.password, client.user_agent, client.ip).await?;
    // Only a session that has just begun knows its token: the database has a digest of it.
    let token = session.token.map(|token| token.expose_secret().to_owned()).unwrap_or_default();
    // Behind HTTPS also `.secure(true)`.
    let cookie = Cookie::build((COOKIE, token)).path("/").http_only(true).same_site(SameSite::Lax);
    Ok((jar.add(cookie), Json(json!({ "message": "Successfully signed in" }))))
}

/// Ends the session, so that a copy of the cookie is worth nothing either.
pub(crate) async fn sign_out(State(app): State<App>, jar: CookieJar) -> Result<Response, AuthError> {
    if let Some(token) = token(&jar) {
        app.torii.revoke_session(&token).await?;
    }
    Ok((forget(jar), Redirect::to("/")).into_response())
}

pub(crate) async fn whoami(SignedIn(user): SignedIn) -> Json<User> {
    Json(user)
}

/// The signed-in user. Without one, a handler that asks for it sends the visitor to sign in.
pub(crate) struct SignedIn(pub(crate) User);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let Visitor(user) = Visitor::from_request_parts(parts, app).await?;
        user.map(Self).ok_or_else(|| Refusal::SignInFirst(forget(CookieJar::from_headers(&parts.headers))))
    }
}

/// The signed-in user, if there is one. A cookie whose session is unknown, over or ended is nobody's.
pub(crate) struct Visitor(pub(crate) Option<User>);

impl FromRequestParts<App> for Visitor {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, AuthError> {
        let Some(token) = token(&CookieJar::from_headers(&parts.headers)) else { return Ok(Self(None)) };
        let found = app.torii.authenticate_session(&token).await?;
        Ok(Self(found.map(|(user, _)| user)))
    }
}

fn token(jar: &CookieJar) -> Option<SessionToken> {
    jar.get(COOKIE).map(|cookie| SessionToken::new(cookie.value()))
}

fn forget(jar: CookieJar) -> CookieJar {
    jar.remove(Cookie::build(COOKIE).path("/"))
}
