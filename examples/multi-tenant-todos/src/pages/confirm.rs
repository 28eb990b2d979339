//! Proving an address by the link that was mailed.

use axum::{Form, extract::Query, http::StatusCode};

use super::LinkToken;
use crate::{
    error::PageResult, forms::is_dead_link, notice::Notice, pages::mailed, storage::Storage, view::FormPage,
    visit::Visit,
};

/// Following a link changes nothing: programs that look for malware follow links too.
pub(crate) async fn button<R: Storage>(visit: Visit<R>, Query(LinkToken { token }): Query<LinkToken>) -> PageResult {
    let page = FormPage {
        frame: visit.frame("Confirm your address"),
        heading: "Confirm your address",
        intro: "Press the button if you signed up here yourself. If you did not, close this page: nobody can use the account.",
        action: visit.path("/confirm"),
        hidden: vec![("token", token)],
        fields: Vec::new(),
        problem: None,
        submit: "Confirm my address",
        links: Vec::new(),
    };
    visit.render(StatusCode::OK, &page)
}

/// Signs nobody in: who opens a mail need not be who chose the password.
pub(crate) async fn submit<R: Storage>(visit: Visit<R>, Form(LinkToken { token }): Form<LinkToken>) -> PageResult {
    match visit.scope.verify_email_token(&token).await {
        Ok(_) => Ok(visit.go_and_say("/sign-in", Notice::AddressConfirmed)),
        Err(error) if is_dead_link(&error) => mailed::dead_link(&visit, ("/sign-in", "Sign in")),
        Err(error) => Err(error.into()),
    }
}
