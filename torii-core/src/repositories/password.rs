//! Password hashes in storage.

use crate::{
    crypto::TokenDigest,
    error::Error,
    lockout::Credentials,
    user::{User, UserId},
};
use async_trait::async_trait;

/// Password hashes (PHC strings) of the provider's tenant. An empty stored text is no password.
#[async_trait]
pub trait PasswordRepository: Send + Sync + 'static {
    /// Sets the hash of a user.
    async fn set_password_hash(&self, user_id: &UserId, hash: &str) -> Result<(), Error>;

    /// The hash of a user.
    async fn get_password_hash(&self, user_id: &UserId) -> Result<Option<String>, Error>;

    /// Removes the hash of a user.
    async fn remove_password_hash(&self, user_id: &UserId) -> Result<(), Error>;

    /// The user with this address and the hash, in one statement.
    async fn find_credentials(&self, email: &str) -> Result<Option<Credentials>, Error>;

    /// The user with this id and the hash, in one statement.
    async fn find_credentials_by_id(&self, id: &UserId) -> Result<Option<Credentials>, Error>;

    /// Replaces `old_hash` by `new_hash` (the same password under newer parameters) if it is still the user's.
    async fn upgrade_hash(&self, user_id: &UserId, old_hash: &str, new_hash: &str) -> Result<(), Error>;

    /// Replaces `old_hash` by `new_hash`, ends all sessions of the user and voids the user's reset tokens, in one transaction; if
    /// `clear_attempts`, what counts against the user's address is cleared with it. `false`, and nothing written, if the old hash
    /// is not the user's any more or there is no such user.
    async fn change_password(
        &self,
        user_id: &UserId,
        old_hash: &str,
        new_hash: &str,
        clear_attempts: bool,
    ) -> Result<bool, Error>;

    /// Consumes the reset token with this digest, sets the hash, ends all sessions of the user, voids the user's other reset
    /// tokens and clears what counts against the user's address, in one transaction. If the user has not proven the address,
    /// passkeys and OAuth accounts are removed too: somebody else may have left them. The stored `locked_at` is cleared. `None`, and nothing written, if the token
    /// is unknown, used, expired or for something else.
    async fn complete_reset(&self, token: &TokenDigest, new_hash: &str) -> Result<Option<User>, Error>;
}

/// Gives access to password hashes.
pub trait PasswordRepositoryProvider: Send + Sync + 'static {
    /// The repository.
    type PasswordRepo: PasswordRepository;

    /// The repository.
    fn password(&self) -> &Self::PasswordRepo;
}
