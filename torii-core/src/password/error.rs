//! What can go wrong while a password is hashed.

use std::time::Duration;

use thiserror::Error;

/// Why a password was neither hashed nor checked.
///
/// None of these says anything about the password or about whether a user exists.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HashingError {
    /// Too many requests are waiting, or this one waited longer than
    /// [`HashingConfig::max_wait`](super::HashingConfig::max_wait) allows. Nothing was computed.
    #[error("password hashing is busy")]
    Busy {
        /// When to try again: by then everything that is waiting now has been served or given up.
        retry_after: Duration,
    },
    /// The configuration was refused.
    #[error("invalid password hashing configuration")]
    InvalidConfig(#[from] HashingConfigError),
    /// Argon2 itself failed: in practice, out of memory.
    #[error("the Argon2 computation failed")]
    Hash(#[source] argon2::Error),
    /// No hashing thread is running and none could be started.
    #[error("no password hashing thread could be started")]
    Thread(#[source] std::io::Error),
    /// The hashing thread ended before it answered.
    #[error("the password hashing thread ended before it answered")]
    Stopped,
}

/// What is wrong with a [`HashingConfig`](super::HashingConfig).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HashingConfigError {
    /// The parameters are weaker than every Argon2id choice of the
    /// [OWASP Password Storage Cheat Sheet](https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
    #[error("the Argon2 parameters are below the OWASP minimum")]
    BelowMinimum,
    /// The parameters ask for more memory or time than a stored hash may: what they make could not be verified.
    #[error("the Argon2 parameters ask for too much memory or time")]
    AboveMaximum,
    /// Argon2 does not know such parameters (RFC 9106 section 3.1).
    #[error("invalid Argon2 parameters")]
    Parameters(#[source] argon2::Error),
    /// Fewer than 1 or more than 1024 threads.
    #[error("the number of hashing threads must be between 1 and 1024")]
    Threads,
    /// A queue that holds nothing.
    #[error("the hashing queue must hold at least one request")]
    QueueCapacity,
    /// A request may not wait at all.
    #[error("the longest wait for a hashing thread must be longer than zero")]
    MaxWait,
}
