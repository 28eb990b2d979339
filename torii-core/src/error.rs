//! Errors are types until the very edge.
//!
//! Every enum here is `#[non_exhaustive]`, is matched rather than parsed, and keeps its cause in `source()`. `Display` does
//! not repeat the cause: print the chain.

use std::fmt;

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::{tenant::TenantError, user::MetadataError};

pub mod utilities;

/// Whatever can go wrong in torii.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Who the caller is could not be established.
    #[error("Authentication error: {0}")]
    Auth(#[from] AuthError),
    /// The database did not do what was asked.
    #[error("Storage error: {0}")]
    Storage(#[from] StorageError),
    /// Input breaks a rule.
    #[error("Validation error: {0}")]
    Validation(#[from] ValidationError),
    /// An event handler failed.
    #[error("Event error: {0}")]
    Event(#[from] EventError),
    /// A session is unknown, over, or its token is not one.
    #[error("Session error: {0}")]
    Session(#[from] SessionError),
    /// Hashing, signing or verifying failed.
    #[error("Cryptographic error: {0}")]
    Crypto(#[from] CryptoError),
    /// The tenant of the call is invalid, suspended or not registered.
    #[error("Tenant error: {0}")]
    Tenant(#[from] TenantError),
}

/// Who the caller is could not be established.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// Unknown user, wrong password, user without a password, or a token that is not valid: the caller is not told which.
    #[error("Invalid credentials")]
    InvalidCredentials,
    /// No such user.
    #[error("User not found")]
    UserNotFound,
    /// The e-mail address belongs to another user of the tenant.
    #[error("User already exists")]
    UserAlreadyExists,
    /// The user has not proven the e-mail address yet.
    #[error("Email not verified")]
    EmailNotVerified,
    /// The way to sign in is not available.
    #[error("Unsupported authentication method: {0}")]
    UnsupportedMethod(String),
    /// The OAuth identity is linked to a user already.
    #[error("Account already linked")]
    AccountAlreadyLinked,
    /// The OAuth identity carries the address of an existing user, and nothing proves that both are the same person. The
    /// application signs the user in some other way and then links the account.
    #[error("An account with this email exists; sign in to it and link the identity there")]
    AccountLinkRequired,
    /// The passkey credential is unknown, or belongs to nobody.
    #[error("Invalid passkey credential")]
    InvalidPasskey,
    /// A password could not be hashed.
    #[error("Password hash error: {0}")]
    PasswordHashError(String),
    /// Too many wrong passwords for this address.
    #[error("Account is temporarily locked")]
    AccountLocked {
        /// When the lock ends.
        locked_until: Option<DateTime<Utc>>,
        /// Whole seconds until then.
        retry_after_seconds: Option<i64>,
    },
    /// Without it the user could not sign in any more.
    #[error("Cannot remove last authentication method")]
    CannotRemoveLastAuthMethod,
    /// Too many mails were asked for, for this address.
    #[error("Too many mails for this address, retry after {retry_after_seconds} seconds")]
    TooManyMails {
        /// Whole seconds after which the next may be asked for.
        retry_after_seconds: u64,
    },
    /// More sign-ins are waiting than the machine can check in time.
    #[error("Too many sign-ins at once, retry after {retry_after_seconds} seconds")]
    Busy {
        /// Whole seconds after which a retry may succeed.
        retry_after_seconds: u64,
    },
}

/// The database did not do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A failure described by a text alone; what storage providers outside this project make.
    #[error("Database error: {0}")]
    Database(String),
    /// The schema could not be brought up to date.
    #[error("Migration error: {0}")]
    Migration(String),
    /// The schema could not be brought up to date, for this reason.
    #[error("Migration error: Failed to run migrations")]
    MigrationFailed {
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database, or a mail server, could not be reached.
    #[error("Connection error: {0}")]
    Connection(String),
    /// The row that was to be changed does not exist.
    #[error("Record not found")]
    NotFound,
    /// A rule of the schema refused the row.
    #[error("Constraint violation: {0}")]
    Constraint(String),
    /// A statement failed.
    #[error("Database error: Failed to {operation}: {kind}")]
    Failed {
        /// What was being done, as an infinitive: `"create user"`.
        operation: &'static str,
        /// What kind of failure it was.
        kind: StorageErrorKind,
        /// The driver's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A stored value cannot be what torii wrote.
    #[error("Database error: {table}.{column} of row {row} holds an invalid value")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What identifies the row; never a secret.
        row: String,
        /// Why the value cannot be read.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// This storage provider does not offer the operation.
    #[error("Database error: this storage provider does not support {0}")]
    Unsupported(&'static str),
}

/// What kind of failure a database reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StorageErrorKind {
    /// The server or file cannot be reached, or no connection was free in time.
    Unavailable,
    /// Another writer held the database for too long. A retry may succeed.
    Locked,
    /// The database, its file or its directory is read-only.
    ReadOnly,
    /// No space is left.
    Full,
    /// A unique key exists already.
    UniqueViolation,
    /// A row refers to one that does not exist (in this tenant).
    ForeignKeyViolation,
    /// Another rule of the schema was broken.
    ConstraintViolation,
    /// The database file is damaged, or is not a database.
    Corrupt,
    /// A table or column is missing: migrations have not run.
    SchemaMissing,
    /// Anything else.
    Other,
}

impl fmt::Display for StorageErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "the database cannot be reached",
            Self::Locked => "the database is locked by another writer",
            Self::ReadOnly => "the database is read-only",
            Self::Full => "the disk is full",
            Self::UniqueViolation => "the key exists already",
            Self::ForeignKeyViolation => "the row it refers to does not exist",
            Self::ConstraintViolation => "a rule of the schema refused it",
            Self::Corrupt => "the file is damaged or is not a database",
            Self::SchemaMissing => "the schema is missing, run the migrations",
            Self::Other => "the database reported an error",
        })
    }
}

/// Input breaks a rule. The texts are stable.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValidationError {
    /// Not an e-mail address.
    #[error("Invalid email format: {0}")]
    InvalidEmail(String),
    /// The password breaks a rule.
    #[error("Invalid password: {0}")]
    InvalidPassword(String),
    /// The password is too easy to guess.
    #[error("Weak password")]
    WeakPassword,
    /// The name breaks a rule.
    #[error("Invalid name: {0}")]
    InvalidName(String),
    /// Not a user id.
    #[error("Invalid user ID: {0}")]
    InvalidUserId(String),
    /// Not a provider name, or not a subject.
    #[error("Invalid provider: {0}")]
    InvalidProvider(String),
    /// Some other field breaks a rule.
    #[error("Invalid field: {0}")]
    InvalidField(String),
    /// A required field is absent.
    #[error("Missing required field: {0}")]
    MissingField(String),
    /// Not metadata of a user.
    #[error("Invalid metadata: {0}")]
    InvalidMetadata(MetadataError),
}

/// An event could not be delivered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventError {
    /// The bus failed.
    #[error("Event bus error: {0}")]
    BusError(String),
    /// A handler failed.
    #[error("Event handler error: {0}")]
    HandlerError(String),
}

/// A session is unknown, over, or its token is not one.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionError {
    /// No such session in this tenant.
    #[error("Session not found")]
    NotFound,
    /// The session is over.
    #[error("Session expired")]
    Expired,
    /// A session with this token exists.
    #[error("Session already exists")]
    AlreadyExists,
    /// The token is malformed, or its signature or claims do not hold.
    #[error("Invalid token: {0}")]
    InvalidToken(String),
}

/// Hashing, signing or verifying failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// A JWT could not be signed.
    #[error("JWT signing failed: {0}")]
    JwtSigning(String),
    /// A JWT could not be verified.
    #[error("JWT verification failed: {0}")]
    JwtVerification(String),
    /// A password could not be hashed.
    #[error("Password hashing failed: {0}")]
    PasswordHash(String),
    /// A passkey operation failed.
    #[error("Passkey operation failed: {0}")]
    Passkey(String),
    /// A passkey ceremony failed.
    #[cfg(feature = "passkey")]
    #[error("Passkey operation failed: {0}")]
    PasskeyCeremony(#[from] crate::passkey::ceremony::PasskeyError),
    /// A password could not be hashed or compared.
    #[error("Password hashing failed")]
    Hashing(#[source] crate::password::HashingError),
}

impl From<crate::password::HashingError> for Error {
    fn from(error: crate::password::HashingError) -> Self {
        match error {
            crate::password::HashingError::Busy { retry_after } => {
                AuthError::Busy { retry_after_seconds: retry_after.as_secs().max(1) }.into()
            }
            error => CryptoError::Hashing(error).into(),
        }
    }
}

impl Error {
    /// Whether the credentials were refused: invalid, unknown, taken, or locked out.
    pub fn is_auth_error(&self) -> bool {
        matches!(
            self,
            Self::Auth(
                AuthError::InvalidCredentials
                    | AuthError::UserNotFound
                    | AuthError::UserAlreadyExists
                    | AuthError::AccountLocked { .. }
            )
        )
    }

    /// Whether the address is locked out.
    pub fn is_account_locked(&self) -> bool {
        matches!(self, Self::Auth(AuthError::AccountLocked { .. }))
    }

    /// Whether input breaks a rule.
    pub fn is_validation_error(&self) -> bool {
        matches!(self, Self::Validation(_))
    }

    /// Whether the database failed.
    pub fn is_storage_error(&self) -> bool {
        matches!(self, Self::Storage(_))
    }

    /// Whether a session is unknown, over or malformed.
    pub fn is_session_error(&self) -> bool {
        matches!(self, Self::Session(_))
    }

    /// Whether hashing, signing or verifying failed.
    pub fn is_crypto_error(&self) -> bool {
        matches!(self, Self::Crypto(_))
    }

    /// Whether the tenant was refused.
    pub fn is_tenant_error(&self) -> bool {
        matches!(self, Self::Tenant(_))
    }
}
