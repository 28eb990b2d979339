//! One handler for each way of asking who is there.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use torii::{RepositoryProvider as _, User};
use torii_axum::{AuthUser, OptionalAuthUser, SessionTokenFromBearer, SessionTokenFromRequest};

use crate::AppState;

/// What of a user is shown.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    email: &'a str,
    email_verified: bool,
    created_at: DateTime<Utc>,
}

impl<'a> From<&'a User> for Shown<'a> {
    fn from(user: &'a User) -> Self {
        let (id, email_verified) = (user.id.as_str(), user.is_email_verified());
        Self { id, email: &user.email, email_verified, created_at: user.created_at }
    }
}

pub(crate) async fn public(State(state): State<AppState>) -> Json<Value> {
    Json(json!({ "message": "For everybody", "timestamp": now(&state) }))
}

/// Without a user [`AuthUser`] answers 401, and this is not run.
pub(crate) async fn protected(State(state): State<AppState>, AuthUser(user): AuthUser) -> Json<Value> {
    Json(json!({ "message": "For users", "user": Shown::from(&user), "timestamp": now(&state) }))
}

pub(crate) async fn optional(State(state): State<AppState>, OptionalAuthUser(user): OptionalAuthUser) -> Json<Value> {
    Json(json!({
        "message": "For everybody, and users are known",
        "authenticated": user.is_some(),
        "user": user.as_ref().map(Shown::from),
        "timestamp": now(&state),
    }))
}

/// What was sent, which nobody has checked: a token here says nothing about who is asking.
pub(crate) async fn bearer_only(SessionTokenFromBearer(token): SessionTokenFromBearer) -> Json<Value> {
    let token = token.as_ref().map(|token| token.expose_secret());
    Json(json!({ "message": "The bearer token, unchecked", "token": token, "token_received": token.is_some() }))
}

/// As [`bearer_only`], from the cookie too.
pub(crate) async fn token_info(SessionTokenFromRequest(token): SessionTokenFromRequest) -> Json<Value> {
    let token = token.as_ref().map(|token| token.expose_secret());
    let note = "The bearer token, or the cookie's. Shown to try things out: in an application of your own, leave it in the cookie.";
    Json(json!({ "message": "The token, unchecked", "token": token, "token_received": token.is_some(), "note": note }))
}

fn now(state: &AppState) -> DateTime<Utc> {
    state.torii.repositories().clock().now()
}
