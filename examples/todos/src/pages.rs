//! Pages, before they are HTML. The templates are in `templates/`.

use askama::Template;
use axum::{
    http::{HeaderName, header},
    response::{Html, IntoResponse, Redirect, Response},
};

use crate::{auth::Visitor, error::Refusal, todos::Todo};

/// No script and no style but the application's own; in nobody's frame; in no cache, because pages show what is somebody's.
const HEADERS: [(HeaderName, &str); 2] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// The todos of a user.
#[derive(Template)]
#[template(path = "todos.html")]
pub(crate) struct TodosPage<'a> {
    pub(crate) email: &'a str,
    pub(crate) todos: &'a [Todo],
}

/// One todo, a part of the page.
#[derive(Template)]
#[template(path = "todo.html")]
pub(crate) struct TodoRow<'a> {
    pub(crate) todo: &'a Todo,
}

/// A form for an address and a password.
#[derive(Template)]
#[template(path = "credentials.html")]
struct CredentialsPage {
    title: &'static str,
    action: &'static str,
    /// Where to go afterwards.
    next: &'static str,
    autocomplete: &'static str,
    /// The other form.
    other: (&'static str, &'static str),
}

pub(crate) async fn sign_up(visitor: Visitor) -> Result<Response, Refusal> {
    let page = CredentialsPage {
        title: "Sign up",
        action: "/auth/sign-up",
        next: "/sign-in",
        autocomplete: "new-password",
        other: ("/sign-in", "Sign in"),
    };
    unless_signed_in(visitor, page)
}

pub(crate) async fn sign_in(visitor: Visitor) -> Result<Response, Refusal> {
    let page = CredentialsPage {
        title: "Sign in",
        action: "/auth/sign-in",
        next: "/",
        autocomplete: "current-password",
        other: ("/sign-up", "Sign up"),
    };
    unless_signed_in(visitor, page)
}

fn unless_signed_in(Visitor(user): Visitor, page: CredentialsPage) -> Result<Response, Refusal> {
    if user.is_some() { Ok(Redirect::to("/").into_response()) } else { html(&page) }
}

/// A page or a part of one, as a response.
pub(crate) fn html(page: &impl Template) -> Result<Response, Refusal> {
    Ok((HEADERS, Html(page.render()?)).into_response())
}
