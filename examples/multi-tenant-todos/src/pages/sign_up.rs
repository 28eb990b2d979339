//! Signing up with a password.

use axum::{Form, http::StatusCode};
use serde::Deserialize;
use torii::Registration;

use crate::{
    error::PageResult,
    forms::{Field, Refusal, email_problem, is_mail_limit, password_problem},
    pages::mailed,
    storage::Storage,
    view::FormPage,
    visit::Visit,
};

#[derive(Deserialize)]
pub(crate) struct SignUp {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

pub(crate) async fn form<R: Storage>(visit: Visit<R>) -> PageResult {
    if visit.user.is_some() {
        return Ok(visit.go("/"));
    }
    show(&visit, StatusCode::OK, [Field::email("", None), Field::new_password(None)], None)
}

/// Whether the address was taken is told to its owner only, by mail. Nobody is signed in before the address is proven: else somebody
/// could take the address of somebody else, and wait.
pub(crate) async fn submit<R: Storage>(visit: Visit<R>, Form(SignUp { email, password }): Form<SignUp>) -> PageResult {
    let email = email.trim();
    let (wrong_email, wrong_password) = (email_problem(email), password_problem(&password));
    if wrong_email.is_some() || wrong_password.is_some() {
        let fields = [Field::email(email, wrong_email), Field::new_password(wrong_password)];
        return show(&visit, StatusCode::UNPROCESSABLE_ENTITY, fields, None);
    }
    let registration = match visit.scope.password().try_register(email, &password, None).await {
        Ok(registration) => registration,
        Err(error) => {
            let Refusal { status, words } = Refusal::of(error)?;
            return show(&visit, status, [Field::email(email, None), Field::new_password(None)], Some(words));
        }
    };
    let sent = match registration {
        Registration::Created(user) => visit.scope.send_verification_email(&user.id, &visit.url("/confirm")).await,
        // Not another verification mail: the password of the account may be somebody else's who took the address first. A magic link
        // removes a password that its owner has never proven.
        Registration::Existing(user) => {
            visit.scope.magic_link().send_link(&user.email, &visit.url("/magic-link/open")).await
        }
    };
    match sent {
        Err(error) if !is_mail_limit(&error) => Err(error.into()),
        _ => Ok(mailed::go(&visit)),
    }
}

fn show<R: Storage>(visit: &Visit<R>, status: StatusCode, fields: [Field; 2], problem: Option<String>) -> PageResult {
    let page = FormPage {
        frame: visit.frame("Sign up"),
        heading: "Sign up",
        intro: "We will send you a mail to confirm your address.",
        action: visit.path("/sign-up"),
        hidden: Vec::new(),
        fields: fields.into(),
        problem,
        submit: "Sign up",
        links: vec![(visit.path("/sign-in"), "I have an account already")],
    };
    visit.render(status, &page.focused())
}
