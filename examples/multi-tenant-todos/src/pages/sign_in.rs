//! Signing in with a password, and signing out.

use axum::{Form, extract::Query, http::StatusCode};
use serde::Deserialize;

use crate::{
    error::PageResult,
    forms::{Field, Refusal, email_problem, is_mail_limit},
    notice::Notice,
    storage::Storage,
    view::FormPage,
    visit::Visit,
};

#[derive(Deserialize)]
pub(crate) struct SignIn {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    next: String,
}

pub(crate) async fn form<R: Storage>(visit: Visit<R>, Query(Next { next }): Query<Next>) -> PageResult {
    if visit.user.is_some() {
        return Ok(visit.go("/"));
    }
    show(&visit, StatusCode::OK, [Field::email("", None), Field::password(None)], None, next)
}

pub(crate) async fn submit<R: Storage>(visit: Visit<R>, Form(form): Form<SignIn>) -> PageResult {
    let SignIn { email, password, next } = form;
    let email = email.trim();
    let wrong_email = email_problem(email);
    let no_password = password.is_empty().then(|| "Enter your password.".to_owned());
    if wrong_email.is_some() || no_password.is_some() {
        let fields = [Field::email(email, wrong_email), Field::password(no_password)];
        return show(&visit, StatusCode::UNPROCESSABLE_ENTITY, fields, None, next);
    }
    let client = visit.client.clone();
    let (user, session) = match visit.scope.authenticate(email, &password, client.user_agent, client.ip).await {
        Ok(entered) => entered,
        Err(error) => {
            let Refusal { status, words } = Refusal::of(error)?;
            return show(&visit, status, [Field::email(email, None), Field::password(None)], Some(words), next);
        }
    };
    if user.is_email_verified() {
        return visit.enter(&session, &visit.wanted(&next)).await;
    }
    // The password is right, so this tells nothing to anybody else.
    if let Some(token) = &session.token {
        visit.scope.revoke_session(token).await?;
    }
    match visit.scope.send_verification_email(&user.id, &visit.url("/confirm")).await {
        Err(error) if !is_mail_limit(&error) => Err(error.into()),
        _ => Ok(visit.go_and_say("/check-mail", Notice::ConfirmFirst)),
    }
}

pub(crate) async fn leave<R: Storage>(visit: Visit<R>) -> PageResult {
    visit.leave().await
}

fn show<R: Storage>(
    visit: &Visit<R>,
    status: StatusCode,
    fields: [Field; 2],
    problem: Option<String>,
    next: String,
) -> PageResult {
    let page = FormPage {
        frame: visit.frame("Sign in"),
        heading: "Sign in",
        intro: "",
        action: visit.path("/sign-in"),
        hidden: vec![("next", next)],
        fields: fields.into(),
        problem,
        submit: "Sign in",
        links: vec![
            (visit.path("/magic-link"), "Sign in without a password"),
            (visit.path("/forgot-password"), "Choose a new password"),
            (visit.path("/sign-up"), "Sign up"),
        ],
    };
    visit.render(status, &page.focused())
}
