//! What a request is refused with. The only place that decides about HTTP status, by type and never by text.

use axum::{
    Json,
    extract::rejection::{BytesRejection, FailedToBufferBody, JsonRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use thiserror::Error;
use torii::ToriiError;
use torii_core::error::{
    AuthError as CoreAuthError, CryptoError, Error as CoreError, SessionError, StorageError, StorageErrorKind,
    ValidationError,
};

#[cfg(test)]
mod tests;

/// What a handler of this crate answers with.
pub type Result<T> = std::result::Result<T, AuthError>;

/// Why a request was refused. As a response: `{"error": text, "code": status}` and, where waiting helps, `retry_after_seconds` with the
/// header `Retry-After`.
///
/// What went wrong inside is logged and not sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The caller could not be identified, for this reason. 401.
    #[error("Authentication failed: {0}")]
    AuthenticationFailed(String),
    /// Unknown address, wrong password, or a token that is unknown, used or over. 401.
    #[error("Invalid credentials")]
    InvalidCredentials,
    /// No such user. 404.
    #[error("User not found")]
    UserNotFound,
    /// No such session in this tenant. 404.
    #[error("Session not found")]
    SessionNotFound,
    /// The session token signs nobody in. 401.
    #[error("Invalid session token")]
    InvalidSession,
    /// The input breaks a rule. 400.
    #[error("Invalid request: {0}")]
    BadRequest(String),
    /// Something failed inside; the text is logged, not sent. 500.
    #[error("Internal server error: {0}")]
    InternalError(String),
    /// Nobody is signed in. 401.
    #[error("Unauthorized")]
    Unauthorized,
    /// The application, or the way sessions are kept, does not offer this. 501.
    #[error("Feature not enabled: {0}")]
    FeatureNotEnabled(String),
    /// Too many wrong passwords for this address. 429.
    #[error("Account is temporarily locked")]
    AccountLocked {
        /// Whole seconds until the lock ends.
        retry_after_seconds: i64,
    },
    /// Too many requests, or too many mails to one address. 429.
    #[error("Too many requests")]
    TooManyRequests {
        /// Whole seconds after which the next may succeed.
        retry_after_seconds: u64,
    },
    /// The address has to be proven first. 403.
    #[error("Email not verified")]
    EmailNotVerified,
    /// Another site caused the request. 403.
    #[error("Cross-site request refused")]
    CrossSite,
    /// It contradicts what is stored. 409.
    #[error("{0}")]
    Conflict(String),
    /// No such thing of the caller's. 404.
    #[error("Not found")]
    NotFound,
    /// The request names no tenant, contradicting ones, or one that may not be used: which of these is not told. 404.
    #[error("Tenant not found")]
    TenantRefused,
    /// The body is no JSON. 400.
    #[error("The body is not valid JSON")]
    MalformedBody,
    /// The body is not announced as JSON. 415.
    #[error("The body must be application/json")]
    UnsupportedMediaType,
    /// The JSON does not have the fields that are needed. 422.
    #[error("A field is missing or has the wrong type")]
    UnexpectedFields,
    /// The body is too large. 413.
    #[error("The body is too large")]
    PayloadTooLarge,
    /// The database cannot be reached, or too many sign-ins wait. 503.
    #[error("Service unavailable")]
    Unavailable {
        /// Whole seconds after which a retry may succeed, if that can be told.
        retry_after_seconds: Option<u64>,
    },
}

/// What the rejection of [`ConnectionInfo`](crate::ConnectionInfo) and of the token extractors is.
pub(crate) type HeaderRejection = (StatusCode, &'static str);

/// The User-Agent header is no text.
pub(crate) const INVALID_USER_AGENT: HeaderRejection = (StatusCode::BAD_REQUEST, "Invalid user agent header");

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<i64>,
}

impl AuthError {
    /// The HTTP status it is answered with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::MalformedBody => StatusCode::BAD_REQUEST,
            Self::AuthenticationFailed(_) | Self::InvalidCredentials | Self::InvalidSession | Self::Unauthorized => {
                StatusCode::UNAUTHORIZED
            }
            Self::EmailNotVerified | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::UserNotFound | Self::SessionNotFound | Self::NotFound | Self::TenantRefused => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UnexpectedFields => StatusCode::UNPROCESSABLE_ENTITY,
            Self::AccountLocked { .. } | Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::InternalError(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::FeatureNotEnabled(_) => StatusCode::NOT_IMPLEMENTED,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::AuthenticationFailed(text) | Self::BadRequest(text) | Self::FeatureNotEnabled(text) => text.clone(),
            Self::InvalidSession => "Invalid session".to_owned(),
            Self::InternalError(_) => "Internal server error".to_owned(),
            other => other.to_string(),
        }
    }

    fn retry_after_seconds(&self) -> Option<i64> {
        match self {
            Self::AccountLocked { retry_after_seconds } => Some(*retry_after_seconds),
            Self::TooManyRequests { retry_after_seconds } => i64::try_from(*retry_after_seconds).ok(),
            Self::Unavailable { retry_after_seconds } => {
                retry_after_seconds.and_then(|seconds| i64::try_from(seconds).ok())
            }
            _ => None,
        }
    }
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        if let Self::InternalError(detail) = &self {
            tracing::error!(detail, "a request failed");
        }
        let status = self.status();
        let retry_after_seconds = self.retry_after_seconds();
        let body = Body { error: &self.text(), code: status.as_u16(), retry_after_seconds };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after_seconds.filter(|seconds| *seconds > 0) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<ToriiError> for AuthError {
    fn from(error: ToriiError) -> Self {
        match &error {
            ToriiError::Tenant(_) => Self::TenantRefused,
            ToriiError::AuthError(detail) => match detail.error() {
                Some(cause) => of_core(cause),
                None => Self::AuthenticationFailed("Authentication failed".to_owned()),
            },
            ToriiError::StorageError(detail) => match detail.error() {
                Some(cause) => of_core(cause),
                None => Self::InternalError(error.to_string()),
            },
            other => Self::InternalError(other.to_string()),
        }
    }
}

fn of_core(error: &CoreError) -> AuthError {
    match error {
        CoreError::Auth(error) => of_auth(error),
        CoreError::Storage(error) => of_storage(error),
        CoreError::Validation(error) => AuthError::BadRequest(rule_of(error)),
        CoreError::Session(SessionError::NotFound | SessionError::Expired) => AuthError::SessionNotFound,
        CoreError::Session(SessionError::InvalidToken(_)) => AuthError::InvalidCredentials,
        CoreError::Crypto(CryptoError::Passkey(_)) => invalid_passkey(),
        #[cfg(feature = "passkey")]
        CoreError::Crypto(CryptoError::PasskeyCeremony(error)) => {
            tracing::debug!(%error, "a passkey was refused");
            invalid_passkey()
        }
        CoreError::Tenant(_) => AuthError::TenantRefused,
        error => AuthError::InternalError(with_causes(error)),
    }
}

fn of_auth(error: &CoreAuthError) -> AuthError {
    match error {
        CoreAuthError::InvalidCredentials => AuthError::InvalidCredentials,
        CoreAuthError::UserNotFound => AuthError::UserNotFound,
        CoreAuthError::EmailNotVerified => AuthError::EmailNotVerified,
        CoreAuthError::UnsupportedMethod(method) => AuthError::FeatureNotEnabled(method.clone()),
        CoreAuthError::UserAlreadyExists
        | CoreAuthError::AccountAlreadyLinked
        | CoreAuthError::AccountLinkRequired
        | CoreAuthError::CannotRemoveLastAuthMethod => AuthError::Conflict(error.to_string()),
        CoreAuthError::InvalidPasskey => invalid_passkey(),
        CoreAuthError::AccountLocked { retry_after_seconds, .. } => {
            AuthError::AccountLocked { retry_after_seconds: retry_after_seconds.unwrap_or(0) }
        }
        CoreAuthError::TooManyMails { retry_after_seconds } => {
            AuthError::TooManyRequests { retry_after_seconds: *retry_after_seconds }
        }
        CoreAuthError::Busy { retry_after_seconds } => {
            AuthError::Unavailable { retry_after_seconds: Some(*retry_after_seconds) }
        }
        error => AuthError::InternalError(error.to_string()),
    }
}

fn of_storage(error: &StorageError) -> AuthError {
    let unavailable = || {
        tracing::error!(detail = with_causes(error), "the database cannot be used");
        AuthError::Unavailable { retry_after_seconds: None }
    };
    match error {
        StorageError::NotFound => AuthError::NotFound,
        StorageError::Unsupported(operation) => AuthError::FeatureNotEnabled((*operation).to_owned()),
        StorageError::Connection(_) => unavailable(),
        StorageError::Failed { kind, .. } => match kind {
            StorageErrorKind::Unavailable
            | StorageErrorKind::Locked
            | StorageErrorKind::ReadOnly
            | StorageErrorKind::Full => unavailable(),
            StorageErrorKind::UniqueViolation => AuthError::Conflict("It exists already".to_owned()),
            _ => AuthError::InternalError(with_causes(error)),
        },
        error => AuthError::InternalError(with_causes(error)),
    }
}

fn invalid_passkey() -> AuthError {
    AuthError::AuthenticationFailed(CoreAuthError::InvalidPasskey.to_string())
}

/// The rule that input breaks, without the input.
fn rule_of(error: &ValidationError) -> String {
    match error {
        ValidationError::InvalidEmail(_) => "Invalid email address".to_owned(),
        ValidationError::InvalidPassword(rule) => rule.clone(),
        ValidationError::WeakPassword => "The password is too easy to guess".to_owned(),
        ValidationError::InvalidName(_) => "Invalid name".to_owned(),
        ValidationError::InvalidProvider(_) => "Invalid provider".to_owned(),
        ValidationError::MissingField(field) => field.clone(),
        _ => "Invalid field".to_owned(),
    }
}

/// An error and its causes, for the log.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl From<JsonRejection> for AuthError {
    /// Says what is wrong with a body, and nothing of what is in it: it may hold a password.
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::MissingJsonContentType(_) => Self::UnsupportedMediaType,
            JsonRejection::JsonDataError(_) => Self::UnexpectedFields,
            JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(
                FailedToBufferBody::LengthLimitError(_),
            )) => Self::PayloadTooLarge,
            _ => Self::MalformedBody,
        }
    }
}
