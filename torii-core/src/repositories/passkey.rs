//! Passkeys and their challenges in storage.

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::{
    error::{Error, StorageError},
    passkey::PasskeyCredential,
    user::{User, UserId},
};

/// Passkeys of the provider's tenant, and the challenges of ceremonies under way.
#[async_trait]
pub trait PasskeyRepository: Send + Sync + 'static {
    /// Registers a credential for a user, with a signature counter of 0.
    ///
    /// # Errors
    /// [`StorageError::Failed`] with
    /// [`StorageErrorKind::UniqueViolation`](crate::error::StorageErrorKind::UniqueViolation) if the tenant knows the credential
    /// already.
    async fn add_credential(
        &self,
        user_id: &UserId,
        credential_id: Vec<u8>,
        public_key: Vec<u8>,
        name: Option<String>,
    ) -> Result<PasskeyCredential, Error>;

    /// The credentials of a user, newest first.
    async fn get_credentials_for_user(&self, user_id: &UserId) -> Result<Vec<PasskeyCredential>, Error>;

    /// The credential with this id.
    async fn get_credential(&self, credential_id: &[u8]) -> Result<Option<PasskeyCredential>, Error>;

    /// Notes that a credential signed somebody in now.
    async fn update_last_used(&self, credential_id: &[u8]) -> Result<(), Error>;

    /// Notes that a credential signed its owner in now with the counter `sign_count` (`None`: unchanged), and returns the
    /// owner, in one statement. `None`, and nothing written, if the tenant has no such credential, or if a counter did not grow:
    /// it must exceed the stored one unless both are 0 (WebAuthn Level 3, section 6.1.1).
    async fn record_use(&self, credential_id: &[u8], sign_count: Option<u32>) -> Result<Option<User>, Error>;

    /// Gives a credential of a user another name, or none. Returns whether the user has the credential: `false` for one of
    /// another user, too.
    async fn rename_credential(
        &self,
        user_id: &UserId,
        credential_id: &[u8],
        name: Option<String>,
    ) -> Result<bool, Error> {
        let _ = (user_id, credential_id, name);
        Err(StorageError::Unsupported("renaming passkeys").into())
    }

    /// Removes a credential.
    async fn delete_credential(&self, credential_id: &[u8]) -> Result<(), Error>;

    /// Removes all credentials of a user.
    async fn delete_all_for_user(&self, user_id: &UserId) -> Result<(), Error>;

    /// Keeps a challenge for `expires_in`. The same id again replaces it.
    async fn set_challenge(&self, challenge_id: &str, challenge: &str, expires_in: TimeDelta) -> Result<(), Error>;

    /// The challenge of an id, if it is not over. Does not consume it.
    async fn get_challenge(&self, challenge_id: &str) -> Result<Option<String>, Error>;

    /// The challenge of an id, if it is not over, consumed: of concurrent callers one gets it.
    async fn take_challenge(&self, challenge_id: &str) -> Result<Option<String>, Error>;
}

/// Gives access to passkeys.
pub trait PasskeyRepositoryProvider: Send + Sync + 'static {
    /// The repository.
    type PasskeyRepo: PasskeyRepository;

    /// The repository.
    fn passkey(&self) -> &Self::PasskeyRepo;
}
