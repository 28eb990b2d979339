//! The library on PostgreSQL, where that is more than what every backend must do.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod builder;
mod plans;
mod row_security;

use torii::ToriiError;
use torii_core::{
    error::{Error, StorageError, StorageErrorKind},
    password::{HashingConfig, PasswordHasher},
};

const PASSWORD: &str = "correct horse battery staple";

fn fast_hasher() -> PasswordHasher {
    PasswordHasher::new(HashingConfig::insecure_fast_for_tests()).unwrap()
}

/// What kind of storage failure an error is, whichever of its two names it goes by.
fn storage_kind(error: &ToriiError) -> Option<StorageErrorKind> {
    let (ToriiError::AuthError(detail) | ToriiError::StorageError(detail)) = error else { return None };
    match detail.error()? {
        Error::Storage(StorageError::Failed { kind, .. }) => Some(*kind),
        _ => None,
    }
}
