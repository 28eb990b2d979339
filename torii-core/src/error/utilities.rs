//! Helpers for authors of storage providers who have only a text to report.

use std::fmt::Display;

use super::{Error, StorageError, ValidationError};

/// Turns any displayable failure into [`StorageError::Database`].
pub trait DatabaseResultExt<T> {
    /// Keeps the text of the failure.
    ///
    /// # Errors
    /// [`StorageError::Database`] if `self` is a failure.
    fn map_db_err(self) -> Result<T, Error>;

    /// Keeps the text of the failure behind `context` and a colon.
    ///
    /// # Errors
    /// [`StorageError::Database`] if `self` is a failure.
    fn map_db_err_with_context(self, context: &str) -> Result<T, Error>;
}

impl<T, E: Display> DatabaseResultExt<T> for Result<T, E> {
    fn map_db_err(self) -> Result<T, Error> {
        self.map_err(|error| StorageError::Database(error.to_string()).into())
    }

    fn map_db_err_with_context(self, context: &str) -> Result<T, Error> {
        self.map_err(|error| StorageError::Database(format!("{context}: {error}")).into())
    }
}

/// Asks for a field that must be there.
pub trait RequiredFieldExt<T> {
    /// The value.
    ///
    /// # Errors
    /// [`ValidationError::MissingField`] with the text `"{name} is required"`.
    fn require_field(self, name: &str) -> Result<T, ValidationError>;
}

impl<T> RequiredFieldExt<T> for Option<T> {
    fn require_field(self, name: &str) -> Result<T, ValidationError> {
        self.ok_or_else(|| ValidationError::MissingField(format!("{name} is required")))
    }
}

/// [`DatabaseResultExt::map_db_err`] as a macro.
#[macro_export]
macro_rules! map_storage_err {
    ($result:expr) => {
        $crate::error::utilities::DatabaseResultExt::map_db_err($result)
    };
}

/// [`DatabaseResultExt::map_db_err_with_context`] as a macro.
#[macro_export]
macro_rules! map_storage_err_with_context {
    ($result:expr, $context:expr) => {
        $crate::error::utilities::DatabaseResultExt::map_db_err_with_context($result, $context)
    };
}
