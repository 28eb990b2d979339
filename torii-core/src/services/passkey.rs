//! Passkeys.

use std::sync::Arc;

use crate::{
    error::Error,
    passkey::PasskeyCredential,
    repositories::{PasskeyRepository, RepositoryProvider},
    user::{User, UserId},
    validation::validate_stored_name,
};

/// Keeps users' passkeys.
#[derive(Debug)]
pub struct PasskeyService<R> {
    repositories: Arc<R>,
}

impl<R: RepositoryProvider> PasskeyService<R> {
    /// Works in the tenant of `repositories`.
    pub fn new(repositories: Arc<R>) -> Self {
        Self { repositories }
    }

    /// Registers a credential for a user. The caller has verified the attestation.
    ///
    /// # Errors
    /// A storage error if the tenant knows the credential already, or has no such user.
    pub async fn register_credential(
        &self,
        user_id: &UserId,
        credential_id: Vec<u8>,
        public_key: Vec<u8>,
        name: Option<String>,
    ) -> Result<PasskeyCredential, Error> {
        validate_stored_name(name.as_deref())?;
        self.repositories.passkey().add_credential(user_id, credential_id, public_key, name).await
    }

    /// The credentials of a user, newest first.
    ///
    /// # Errors
    /// A storage error.
    pub async fn get_user_credentials(&self, user_id: &UserId) -> Result<Vec<PasskeyCredential>, Error> {
        self.repositories.passkey().get_credentials_for_user(user_id).await
    }

    /// The credential with this id.
    ///
    /// # Errors
    /// A storage error.
    pub async fn get_credential(&self, credential_id: &[u8]) -> Result<Option<PasskeyCredential>, Error> {
        self.repositories.passkey().get_credential(credential_id).await
    }

    /// Whose credential it is; notes that it was used. **Checks no signature**: the caller has verified the assertion.
    ///
    /// # Errors
    /// A storage error.
    pub async fn authenticate_credential(&self, credential_id: &[u8]) -> Result<Option<User>, Error> {
        self.repositories.passkey().record_use(credential_id, None).await
    }

    /// Gives a credential of a user another name, or none. Returns whether the user has the credential.
    ///
    /// # Errors
    /// [`ValidationError::InvalidName`](crate::error::ValidationError::InvalidName) for a name of more than 255 bytes or with
    /// control characters; a storage error.
    pub async fn rename_credential(
        &self,
        user_id: &UserId,
        credential_id: &[u8],
        name: Option<String>,
    ) -> Result<bool, Error> {
        validate_stored_name(name.as_deref())?;
        self.repositories.passkey().rename_credential(user_id, credential_id, name).await
    }

    /// Removes a credential.
    ///
    /// # Errors
    /// A storage error.
    pub async fn delete_credential(&self, credential_id: &[u8]) -> Result<(), Error> {
        self.repositories.passkey().delete_credential(credential_id).await
    }

    /// Removes all credentials of a user.
    ///
    /// # Errors
    /// A storage error.
    pub async fn delete_user_credentials(&self, user_id: &UserId) -> Result<(), Error> {
        self.repositories.passkey().delete_all_for_user(user_id).await
    }
}
