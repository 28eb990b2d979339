//! Choosing a new password by a link that is mailed.

use axum::{Form, extract::Query, http::StatusCode};
use serde::Deserialize;

use super::{Address, LinkToken};
use crate::{
    error::PageResult,
    forms::{Field, email_problem, is_dead_link, password_problem},
    notice::Notice,
    pages::mailed::{self, Ask},
    storage::Storage,
    view::FormPage,
    visit::Visit,
};

const ASK: Ask = Ask {
    title: "Choose a new password",
    intro: "We will send you a link to the page where you choose it.",
    action: "/forgot-password",
    instead: "Back to signing in",
};

const AGAIN: (&str, &str) = ("/forgot-password", "Send me a new link");

#[derive(Deserialize)]
pub(crate) struct NewPassword {
    #[serde(default)]
    token: String,
    #[serde(default)]
    password: String,
}

pub(crate) async fn form<R: Storage>(visit: Visit<R>) -> PageResult {
    ASK.show(&visit, StatusCode::OK, Field::email("", None))
}

/// The answer is the same for known and unknown addresses.
pub(crate) async fn submit<R: Storage>(visit: Visit<R>, Form(Address { email }): Form<Address>) -> PageResult {
    let email = email.trim();
    if let Some(problem) = email_problem(email) {
        return ASK.show(&visit, StatusCode::UNPROCESSABLE_ENTITY, Field::email(email, Some(problem)));
    }
    visit.scope.password().reset_password_initiate(email, &visit.url("/reset-password")).await?;
    Ok(mailed::go(&visit))
}

/// The link's page: a look at the token, which uses nothing up, and a form.
pub(crate) async fn choose<R: Storage>(visit: Visit<R>, Query(LinkToken { token }): Query<LinkToken>) -> PageResult {
    if !visit.scope.password().reset_password_verify_token(&token).await? {
        return mailed::dead_link(&visit, AGAIN);
    }
    show_choice(&visit, StatusCode::OK, token, Field::new_password(None))
}

/// Ends all sessions of the user and signs nobody in.
pub(crate) async fn complete<R: Storage>(visit: Visit<R>, Form(form): Form<NewPassword>) -> PageResult {
    let NewPassword { token, password } = form;
    if let Some(problem) = password_problem(&password) {
        let field = Field::new_password(Some(problem));
        return show_choice(&visit, StatusCode::UNPROCESSABLE_ENTITY, token, field);
    }
    match visit.scope.password().reset_password_complete(&token, &password).await {
        Ok(_) => Ok(visit.go_and_say("/sign-in", Notice::PasswordChanged)),
        Err(error) if is_dead_link(&error) => mailed::dead_link(&visit, AGAIN),
        Err(error) => Err(error.into()),
    }
}

fn show_choice<R: Storage>(visit: &Visit<R>, status: StatusCode, token: String, field: Field) -> PageResult {
    let page = FormPage {
        frame: visit.frame("Choose a new password"),
        heading: "Choose a new password",
        intro: "Afterwards you are signed out everywhere, and sign in with the new one.",
        action: visit.path("/reset-password"),
        hidden: vec![("token", token)],
        fields: vec![Field { label: "New password", ..field }],
        problem: None,
        submit: "Save the password",
        links: Vec::new(),
    };
    visit.render(status, &page.focused())
}
