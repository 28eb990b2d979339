//! Signing in by a link that is mailed.

use axum::{Form, extract::Query, http::StatusCode};

use super::{Address, LinkToken};
use crate::{
    error::PageResult,
    forms::{Field, email_problem, is_dead_link, is_mail_limit},
    pages::mailed::{self, Ask},
    storage::Storage,
    view::FormPage,
    visit::Visit,
};

const ASK: Ask = Ask {
    title: "Sign in without a password",
    intro: "We will send you a link that signs you in.",
    action: "/magic-link",
    instead: "Sign in with a password",
};

pub(crate) async fn form<R: Storage>(visit: Visit<R>) -> PageResult {
    ASK.show(&visit, StatusCode::OK, Field::email("", None))
}

/// The answer is the same for known and unknown addresses, and for one that was sent too many mails.
pub(crate) async fn submit<R: Storage>(visit: Visit<R>, Form(Address { email }): Form<Address>) -> PageResult {
    let email = email.trim();
    if let Some(problem) = email_problem(email) {
        return ASK.show(&visit, StatusCode::UNPROCESSABLE_ENTITY, Field::email(email, Some(problem)));
    }
    match visit.scope.magic_link().send_link(email, &visit.url("/magic-link/open")).await {
        Err(error) if !is_mail_limit(&error) => Err(error.into()),
        _ => Ok(mailed::go(&visit)),
    }
}

/// Following a link changes nothing: programs that look for malware follow links too.
pub(crate) async fn button<R: Storage>(visit: Visit<R>, Query(LinkToken { token }): Query<LinkToken>) -> PageResult {
    let page = FormPage {
        frame: visit.frame("Sign in"),
        heading: "Welcome back",
        intro: "One more step: the link in your mail works once, with this button.",
        action: visit.path("/magic-link/open"),
        hidden: vec![("token", token)],
        fields: Vec::new(),
        problem: None,
        submit: "Sign in",
        links: Vec::new(),
    };
    visit.render(StatusCode::OK, &page)
}

pub(crate) async fn open<R: Storage>(visit: Visit<R>, Form(LinkToken { token }): Form<LinkToken>) -> PageResult {
    let client = visit.client.clone();
    match visit.scope.magic_link().authenticate(&token, client.user_agent, client.ip).await {
        Ok((_, session)) => visit.enter(&session, &visit.path("/")).await,
        Err(error) if is_dead_link(&error) => mailed::dead_link(&visit, ("/magic-link", "Send me a new link")),
        Err(error) => Err(error.into()),
    }
}
