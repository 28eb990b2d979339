//! Errors at the edge: the text that applications have always matched on, and the typed error behind it.

use std::{fmt, ops::Deref};

use thiserror::Error;
use torii_core::{
    TenantError,
    error::{AuthError, Error as CoreError, SessionError},
};

#[cfg(test)]
mod tests;

/// What a call on [`Torii`](crate::Torii) can fail with.
///
/// Match on [`ErrorDetail::error`] for the cause. The texts are stable too, for applications that look into them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ToriiError {
    /// The caller's credentials, token or input were refused.
    #[error("Auth error: {0}")]
    AuthError(#[source] ErrorDetail),
    /// The database failed, or a session does not exist.
    #[error("Storage error: {0}")]
    StorageError(#[source] ErrorDetail),
    /// The tenant of the call is invalid, suspended or not registered.
    #[error("Tenant error: {0}")]
    Tenant(#[from] TenantError),
}

/// Reads as text, and carries the typed error that the text came from.
///
/// ```
/// use torii::ToriiError;
/// use torii_core::error::{AuthError, Error};
///
/// fn retry_after(error: &ToriiError) -> Option<i64> {
///     match error {
///         ToriiError::AuthError(detail) => match detail.error() {
///             Some(Error::Auth(AuthError::AccountLocked { retry_after_seconds, .. })) => *retry_after_seconds,
///             _ => None,
///         },
///         _ => None,
///     }
/// }
/// # assert_eq!(retry_after(&ToriiError::AuthError("Invalid magic token".into())), None);
/// ```
pub struct ErrorDetail {
    text: String,
    error: Option<Box<CoreError>>,
}

impl ErrorDetail {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The error that the text came from, if it came from one.
    pub fn error(&self) -> Option<&CoreError> {
        self.error.as_deref()
    }
}

impl Deref for ErrorDetail {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl AsRef<str> for ErrorDetail {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl PartialEq<str> for ErrorDetail {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl PartialEq<&str> for ErrorDetail {
    fn eq(&self, other: &&str) -> bool {
        self.text == *other
    }
}

impl fmt::Display for ErrorDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ErrorDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => write!(f, "{:?} ({error:?})", self.text),
            None => write!(f, "{:?}", self.text),
        }
    }
}

impl std::error::Error for ErrorDetail {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.as_deref().map(|error| error as _)
    }
}

impl From<String> for ErrorDetail {
    fn from(text: String) -> Self {
        Self { text, error: None }
    }
}

impl From<&str> for ErrorDetail {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<CoreError> for ErrorDetail {
    fn from(error: CoreError) -> Self {
        Self { text: text_of(&error), error: Some(Box::new(error)) }
    }
}

/// The text of an error. Most read as the error itself does; the others are what applications match on.
fn text_of(error: &CoreError) -> String {
    match error {
        CoreError::Auth(AuthError::AccountLocked { retry_after_seconds, .. }) => {
            format!("Account is temporarily locked. Retry after {} seconds", retry_after_seconds.unwrap_or(0))
        }
        CoreError::Auth(
            error @ (AuthError::UserNotFound | AuthError::CannotRemoveLastAuthMethod | AuthError::InvalidPasskey),
        ) => error.to_string(),
        CoreError::Session(SessionError::NotFound | SessionError::Expired) => SessionError::NotFound.to_string(),
        error => error.to_string(),
    }
}

impl ToriiError {
    /// Refused, whatever the cause.
    pub(crate) fn auth(error: CoreError) -> Self {
        match error {
            CoreError::Tenant(error) => Self::Tenant(error),
            error => Self::AuthError(error.into()),
        }
    }

    /// Failed, whatever the cause.
    pub(crate) fn storage(error: CoreError) -> Self {
        match error {
            CoreError::Tenant(error) => Self::Tenant(error),
            error => Self::StorageError(error.into()),
        }
    }

    /// Refused with a text of its own.
    #[cfg(any(feature = "magic-link", feature = "passkey"))]
    pub(crate) fn refused(text: &str, error: impl Into<CoreError>) -> Self {
        Self::AuthError(ErrorDetail { text: text.to_owned(), error: Some(Box::new(error.into())) })
    }
}

impl From<CoreError> for ToriiError {
    /// Storage failures are [`ToriiError::StorageError`], refusals of a tenant [`ToriiError::Tenant`], all else
    /// [`ToriiError::AuthError`].
    fn from(error: CoreError) -> Self {
        match error {
            error @ (CoreError::Storage(_) | CoreError::Session(SessionError::NotFound | SessionError::Expired)) => {
                Self::storage(error)
            }
            error => Self::auth(error),
        }
    }
}
