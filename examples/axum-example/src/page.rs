//! The page, and what its script is told.

use askama::Template;
use axum::{
    http::{HeaderName, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use torii::User;
use torii_axum::{OptionalAuthUser, SessionTokenFromBearer};

#[cfg(test)]
mod tests;

const HEADERS: [(HeaderName, &str); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    // Links in mails have a token in their address, which is told to no other site.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// `data` goes into a block of JSON between script tags. The filter `json` writes `<`, `>`, `&` and `'` as `\u003c` and so on, so that no
/// text of a user's ends the block.
#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    authenticated: bool,
    user: Option<Shown<'a>>,
    auth_source: &'static str,
}

#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    email: &'a str,
    name: Option<&'a str>,
    email_verified: bool,
    created_at: DateTime<Utc>,
}

/// The page, also where links in mails lead: its script takes the token from the address, and sends it when a button is pressed.
pub(crate) async fn page(OptionalAuthUser(user): OptionalAuthUser, bearer: SessionTokenFromBearer) -> Response {
    match render(user.as_ref(), bearer.0.is_some()) {
        Ok(html) => (HEADERS, Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn render(user: Option<&User>, bearer: bool) -> askama::Result<String> {
    let auth_source = match user {
        Some(_) if bearer => "Bearer",
        Some(_) => "cookie",
        None => "None",
    };
    let shown = user.map(|user| Shown {
        id: user.id.as_str(),
        email: &user.email,
        name: user.name.as_deref(),
        email_verified: user.is_email_verified(),
        created_at: user.created_at,
    });
    Page { data: Data { authenticated: user.is_some(), user: shown, auth_source } }.render()
}
