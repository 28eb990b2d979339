//! OAuth accounts and states in storage.

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::{
    error::{Error, StorageError},
    oauth::{OAuthAccount, OAuthIdentity, OAuthResolution},
    user::{NewUser, User, UserId},
};

/// OAuth accounts of the provider's tenant, and the states of authorization requests under way.
#[async_trait]
pub trait OAuthRepository: Send + Sync + 'static {
    /// Links an identity to a user.
    ///
    /// # Errors
    /// [`AuthError::AccountAlreadyLinked`](crate::error::AuthError::AccountAlreadyLinked) if it is linked to anybody,
    /// [`StorageError::Failed`] with
    /// [`StorageErrorKind::ForeignKeyViolation`](crate::error::StorageErrorKind::ForeignKeyViolation) if the tenant has no such
    /// user.
    async fn create_account(&self, provider: &str, subject: &str, user_id: &UserId) -> Result<OAuthAccount, Error>;

    /// Whose identity it is.
    async fn find_user_by_provider(&self, provider: &str, subject: &str) -> Result<Option<User>, Error>;

    /// The account of an identity.
    async fn find_account_by_provider(&self, provider: &str, subject: &str) -> Result<Option<OAuthAccount>, Error>;

    /// Links an identity to a user.
    ///
    /// # Errors
    /// [`AuthError::AccountAlreadyLinked`](crate::error::AuthError::AccountAlreadyLinked) if it is linked to anybody,
    /// [`StorageError::Failed`] with
    /// [`StorageErrorKind::ForeignKeyViolation`](crate::error::StorageErrorKind::ForeignKeyViolation) if the tenant has no such
    /// user.
    async fn link_account(&self, user_id: &UserId, provider: &str, subject: &str) -> Result<(), Error>;

    /// Decides whose `identity` is, links or creates as needed, in one transaction; concurrent callers get the same user.
    ///
    /// Known: its user. Else, if the address belongs to nobody, `new_user` is created with it. Else it is linked only if the
    /// user has proven the address and the provider does not say that the address is unproven
    /// (`email_verified != Some(false)`; `None` is left for callers that vouch for the provider).
    async fn resolve_identity(&self, identity: &OAuthIdentity, new_user: NewUser) -> Result<OAuthResolution, Error>;

    /// Keeps the PKCE verifier (RFC 7636) of an authorization request for `expires_in`. The same state again replaces it.
    async fn store_pkce_verifier(
        &self,
        csrf_state: &str,
        pkce_verifier: &str,
        expires_in: TimeDelta,
    ) -> Result<(), Error>;

    /// The verifier of a state, if it is not over. Does not consume it.
    async fn get_pkce_verifier(&self, csrf_state: &str) -> Result<Option<String>, Error>;

    /// The verifier of a state, if it is not over, consumed: of concurrent callers one gets it.
    async fn take_pkce_verifier(&self, csrf_state: &str) -> Result<Option<String>, Error>;

    /// Forgets the verifier of a state.
    async fn delete_pkce_verifier(&self, csrf_state: &str) -> Result<(), Error>;

    /// The accounts of a user, newest first.
    async fn find_accounts_by_user_id(&self, user_id: &UserId) -> Result<Vec<OAuthAccount>, Error> {
        let _ = user_id;
        Err(StorageError::Unsupported("listing OAuth accounts").into())
    }

    /// Removes the accounts that a user has at a provider, without looking whether another way to sign in is left.
    async fn unlink_account(&self, user_id: &UserId, provider: &str) -> Result<(), Error> {
        let _ = (user_id, provider);
        Err(StorageError::Unsupported("unlinking OAuth accounts").into())
    }

    /// Removes the accounts that a user has at a provider if another way to sign in is left: an account elsewhere, a password
    /// (when `passwords` count), or a passkey (when `passkeys` count). Check and removal are one transaction.
    async fn unlink_account_unless_last(
        &self,
        user_id: &UserId,
        provider: &str,
        passwords: bool,
        passkeys: bool,
    ) -> Result<Unlinked, Error>;
}

/// What became of unlinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlinked {
    /// The accounts at the provider are gone, if there were any.
    Done,
    /// No other way to sign in is left; nothing was removed.
    LastMethod,
}

/// Gives access to OAuth accounts.
pub trait OAuthRepositoryProvider: Send + Sync + 'static {
    /// The repository.
    type OAuthRepo: OAuthRepository;

    /// The repository.
    fn oauth(&self) -> &Self::OAuthRepo;
}
