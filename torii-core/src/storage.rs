//! What is stored: the paths that applications know.

pub use crate::{
    lockout::{AttemptStats, BruteForceProtectionConfig, FailedLoginAttempt, LockoutStatus},
    token::{SecureToken, TokenPurpose},
    user::{NewUser, NewUserBuilder},
};
