//! Password hashing that never blocks the application.
//!
//! [`PasswordHasher`] computes Argon2id on a few dedicated threads of lower priority. Requests wait in a
//! bounded queue that is fair between tenants, and hear [`HashingError::Busy`] when they would wait too long.
//!
//! Every request, whether it makes a hash, checks one, or checks a password for which there is no usable hash,
//! becomes the same kind of job: password, salt and parameters in, tag out. The threads cannot tell them apart,
//! so a stranger cannot either.

mod config;
mod error;
mod hasher;
mod pool;
mod queue;
mod recipe;
mod stored;
mod worker;

#[cfg(test)]
mod tests;

pub use config::HashingConfig;
pub use error::{HashingConfigError, HashingError};
pub use hasher::{PasswordHasher, Verification};
