use torii::TenantError;
use torii_core::error::{AuthError as Auth, CryptoError, EventError, SessionError, StorageErrorKind as Kind};

use super::*;

fn failed(kind: Kind) -> CoreError {
    StorageError::Failed { operation: "find user", kind, source: "secret of the driver".into() }.into()
}

fn answer(error: CoreError) -> (u16, String) {
    let answer = AuthError::from(ToriiError::from(error));
    (answer.status().as_u16(), answer.text())
}

#[test]
fn status_follows_the_type() {
    let locked = Auth::AccountLocked { locked_until: None, retry_after_seconds: Some(7) };
    let expected: Vec<(CoreError, u16, &str)> = vec![
        (Auth::InvalidCredentials.into(), 401, "Invalid credentials"),
        (Auth::UserNotFound.into(), 404, "User not found"),
        (Auth::UserAlreadyExists.into(), 409, "User already exists"),
        (Auth::EmailNotVerified.into(), 403, "Email not verified"),
        (Auth::AccountAlreadyLinked.into(), 409, "Account already linked"),
        (Auth::CannotRemoveLastAuthMethod.into(), 409, "Cannot remove last authentication method"),
        (Auth::InvalidPasskey.into(), 401, "Invalid passkey credential"),
        (locked.into(), 429, "Account is temporarily locked"),
        (Auth::TooManyMails { retry_after_seconds: 7 }.into(), 429, "Too many requests"),
        (Auth::Busy { retry_after_seconds: 7 }.into(), 503, "Service unavailable"),
        (Auth::PasswordHashError("inside".into()).into(), 500, "Internal server error"),
        (ValidationError::InvalidEmail("Invalid email format: x".into()).into(), 400, "Invalid email address"),
        (ValidationError::InvalidPassword("too short".into()).into(), 400, "too short"),
        (ValidationError::InvalidField("secret".into()).into(), 400, "Invalid field"),
        (SessionError::NotFound.into(), 404, "Session not found"),
        (SessionError::Expired.into(), 404, "Session not found"),
        (SessionError::InvalidToken("secret".into()).into(), 401, "Invalid credentials"),
        (failed(Kind::Unavailable), 503, "Service unavailable"),
        (failed(Kind::Locked), 503, "Service unavailable"),
        (failed(Kind::ReadOnly), 503, "Service unavailable"),
        (failed(Kind::Full), 503, "Service unavailable"),
        (failed(Kind::UniqueViolation), 409, "It exists already"),
        (failed(Kind::SchemaMissing), 500, "Internal server error"),
        (failed(Kind::Other), 500, "Internal server error"),
        (StorageError::Unsupported("listing").into(), 501, "listing"),
        (CryptoError::JwtSigning("key".into()).into(), 500, "Internal server error"),
        (EventError::BusError("inside".into()).into(), 500, "Internal server error"),
    ];
    for (error, status, text) in expected {
        let context = format!("{error:?}");
        assert_eq!(answer(error), (status, text.to_owned()), "{context}");
    }
}

/// A text that looks like another error changes nothing.
#[test]
fn texts_decide_nothing() {
    for text in ["Invalid credentials", "Account is temporarily locked. Retry after 5 seconds", "Session not found"] {
        assert_eq!(AuthError::from(ToriiError::AuthError(text.into())).text(), "Authentication failed");
        assert_eq!(AuthError::from(ToriiError::StorageError(text.into())).status(), 500);
        let rule = CoreError::from(ValidationError::InvalidPassword(text.into()));
        assert_eq!(answer(rule), (400, text.to_owned()));
    }
}

#[test]
fn all_refusals_of_a_tenant_are_alike() {
    let acme = torii::TenantId::from_static("acme");
    let invalid = torii::TenantId::new("no id").unwrap_err();
    for error in [TenantError::Suspended { id: acme.clone() }, TenantError::NotRegistered { id: acme }, invalid] {
        let answer = AuthError::from(ToriiError::from(error));
        assert_eq!((answer.status().as_u16(), answer.text().as_str()), (404, "Tenant not found"));
    }
}

#[test]
fn displays_are_the_known_ones() {
    let text = || "x".to_owned();
    for (error, display) in [
        (AuthError::AuthenticationFailed(text()), "Authentication failed: x"),
        (AuthError::InvalidCredentials, "Invalid credentials"),
        (AuthError::UserNotFound, "User not found"),
        (AuthError::SessionNotFound, "Session not found"),
        (AuthError::InvalidSession, "Invalid session token"),
        (AuthError::BadRequest(text()), "Invalid request: x"),
        (AuthError::InternalError(text()), "Internal server error: x"),
        (AuthError::Unauthorized, "Unauthorized"),
        (AuthError::FeatureNotEnabled(text()), "Feature not enabled: x"),
        (AuthError::AccountLocked { retry_after_seconds: 1 }, "Account is temporarily locked"),
    ] {
        assert_eq!(error.to_string(), display);
    }
}

#[test]
fn waiting_is_told_where_it_helps() {
    let response = AuthError::AccountLocked { retry_after_seconds: 0 }.into_response();
    assert!(!response.headers().contains_key(header::RETRY_AFTER));
    let response = AuthError::Unavailable { retry_after_seconds: Some(2) }.into_response();
    assert_eq!(response.headers()[header::RETRY_AFTER], "2");
}
