//! Fields, and what is wrong with them in words.

use askama::Template;
use axum::http::StatusCode;
use torii::ToriiError;
use torii_core::{
    Error as CoreError,
    error::{AuthError, SessionError, ValidationError},
    validation::{validate_email, validate_password},
};

/// A field of a form.
#[derive(Template)]
#[template(path = "field.html")]
pub struct Field {
    pub name: &'static str,
    pub label: &'static str,
    pub kind: &'static str,
    pub autocomplete: &'static str,
    pub hint: Option<&'static str>,
    pub value: String,
    pub problem: Option<String>,
    pub autofocus: bool,
}

impl Field {
    /// An e-mail address, as it was typed. It is what password managers file a password under.
    pub fn email(value: &str, problem: Option<String>) -> Self {
        Self {
            name: "email",
            label: "E-mail address",
            kind: "email",
            autocomplete: "username",
            hint: None,
            value: value.to_owned(),
            problem,
            autofocus: false,
        }
    }

    /// A password to sign in with. What was typed is never sent back.
    pub fn password(problem: Option<String>) -> Self {
        Self {
            name: "password",
            label: "Password",
            kind: "password",
            autocomplete: "current-password",
            hint: None,
            value: String::new(),
            problem,
            autofocus: false,
        }
    }

    /// A password to be chosen.
    pub fn new_password(problem: Option<String>) -> Self {
        let hint = Some("At least 8 characters. A few random words are good, and easy to remember.");
        Self { autocomplete: "new-password", hint, ..Self::password(problem) }
    }
}

/// What is wrong with an address.
pub fn email_problem(email: &str) -> Option<String> {
    validate_email(email).err().map(|error| match error {
        ValidationError::MissingField(_) => "Enter your e-mail address.".to_owned(),
        _ => "This is no e-mail address. One looks like name@example.com.".to_owned(),
    })
}

/// What is wrong with a new password.
pub fn password_problem(password: &str) -> Option<String> {
    validate_password(password).err().map(|error| match error {
        ValidationError::MissingField(_) => "Choose a password.".to_owned(),
        ValidationError::InvalidPassword(rule) => format!("{rule}."),
        _ => "Choose another password.".to_owned(),
    })
}

/// Something the visitor can mend, told on the form itself.
pub struct Refusal {
    pub status: StatusCode,
    pub words: String,
}

impl Refusal {
    /// The refusal in an error; the error itself if it is none of the visitor's making.
    ///
    /// # Errors
    /// The error that was given.
    pub fn of(error: ToriiError) -> Result<Self, ToriiError> {
        let (status, words) = match auth_error(&error) {
            Some(CoreError::Auth(AuthError::InvalidCredentials)) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "Address and password do not belong together. Check both, or choose a new password below.".to_owned(),
            ),
            Some(CoreError::Auth(AuthError::AccountLocked { retry_after_seconds, .. })) => {
                let minutes = retry_after_seconds.unwrap_or(60).saturating_add(59) / 60;
                let words = format!(
                    "Too many wrong passwords for this address. Try again in {minutes} minutes, or choose a new password below."
                );
                (StatusCode::TOO_MANY_REQUESTS, words)
            }
            Some(CoreError::Auth(AuthError::Busy { retry_after_seconds })) => {
                let words =
                    format!("Many people are signing in right now. Try again in {retry_after_seconds} seconds.");
                (StatusCode::SERVICE_UNAVAILABLE, words)
            }
            _ => return Err(error),
        };
        Ok(Self { status, words })
    }
}

/// Whether too many mails were asked for, for one address.
pub fn is_mail_limit(error: &ToriiError) -> bool {
    matches!(auth_error(error), Some(CoreError::Auth(AuthError::TooManyMails { .. })))
}

/// Whether a mailed link works no more: it is unknown, was used, or is over.
pub fn is_dead_link(error: &ToriiError) -> bool {
    matches!(
        auth_error(error),
        Some(CoreError::Auth(AuthError::InvalidCredentials) | CoreError::Session(SessionError::InvalidToken(_)))
    )
}

/// The typed error behind a refusal.
fn auth_error(error: &ToriiError) -> Option<&CoreError> {
    match error {
        ToriiError::AuthError(detail) => detail.error(),
        _ => None,
    }
}
