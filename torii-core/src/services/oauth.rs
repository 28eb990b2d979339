//! Sign-in through OAuth and OpenID Connect providers.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::{
    error::{AuthError, Error, StorageError, StorageErrorKind},
    oauth::{OAuthAccount, OAuthIdentity, OAuthResolution},
    repositories::{OAuthRepository, RepositoryProvider, Unlinked},
    user::{NewUser, User, UserId},
    validation::validate_oauth_identity,
};

/// Finds, creates and links users by their identities at providers. The application talks to the provider; what it hands in here
/// it has verified.
#[derive(Debug)]
pub struct OAuthService<R> {
    repositories: Arc<R>,
}

impl<R: RepositoryProvider> OAuthService<R> {
    /// Works in the tenant of `repositories`.
    pub fn new(repositories: Arc<R>) -> Self {
        Self { repositories }
    }

    /// [`OAuthService::resolve`] for a provider that does not say whether the address is proven.
    ///
    /// # Errors
    /// As [`OAuthService::resolve`].
    pub async fn get_or_create_user(
        &self,
        provider: &str,
        subject: &str,
        email: &str,
        name: Option<String>,
    ) -> Result<User, Error> {
        let (provider, subject, email) = (provider.to_owned(), subject.to_owned(), email.to_owned());
        let identity = OAuthIdentity { provider, subject, email, email_verified: None, name };
        self.resolve(&identity).await.map(|(user, _)| user)
    }

    /// Whose identity it is, and whether the user is new. An unknown identity becomes a new user's, or that of the user who has
    /// proven the same address; never that of a user who has not, and never by an address that the provider calls unproven.
    ///
    /// # Errors
    /// [`AuthError::AccountLinkRequired`] if the address belongs to a user to whom the identity may not be linked; a validation
    /// error for a bad identity.
    pub async fn resolve(&self, identity: &OAuthIdentity) -> Result<(User, bool), Error> {
        identity.validate()?;
        if let Some(user) =
            self.repositories.oauth().find_user_by_provider(&identity.provider, &identity.subject).await?
        {
            return Ok((user, false));
        }
        identity.validate_new_user()?;
        let verified_at = (identity.email_verified == Some(true)).then(|| self.repositories.clock().now());
        let new_user = NewUser {
            name: identity.name.clone(),
            email_verified_at: verified_at,
            ..NewUser::new(identity.email.clone())
        };
        match self.repositories.oauth().resolve_identity(identity, new_user).await? {
            OAuthResolution::Known(user) | OAuthResolution::Linked(user) => Ok((user, false)),
            OAuthResolution::Created(user) => Ok((user, true)),
            OAuthResolution::LinkRequired => Err(AuthError::AccountLinkRequired.into()),
        }
    }

    /// Whose identity it is.
    ///
    /// # Errors
    /// A storage error.
    pub async fn find_user(&self, provider: &str, subject: &str) -> Result<Option<User>, Error> {
        self.repositories.oauth().find_user_by_provider(provider, subject).await
    }

    /// Links an identity to a signed-in user.
    ///
    /// # Errors
    /// [`AuthError::AccountAlreadyLinked`] if it is linked to anybody; [`AuthError::UserNotFound`].
    pub async fn link_account(&self, user_id: &UserId, provider: &str, subject: &str) -> Result<(), Error> {
        validate_oauth_identity(provider, subject)?;
        match self.repositories.oauth().link_account(user_id, provider, subject).await {
            Err(Error::Storage(StorageError::Failed { kind: StorageErrorKind::ForeignKeyViolation, .. })) => {
                Err(AuthError::UserNotFound.into())
            }
            linked => linked,
        }
    }

    /// The account of an identity.
    ///
    /// # Errors
    /// A storage error.
    pub async fn get_account(&self, provider: &str, subject: &str) -> Result<Option<OAuthAccount>, Error> {
        self.repositories.oauth().find_account_by_provider(provider, subject).await
    }

    /// The accounts of a user, newest first.
    ///
    /// # Errors
    /// A storage error.
    pub async fn list_accounts_for_user(&self, user_id: &UserId) -> Result<Vec<OAuthAccount>, Error> {
        self.repositories.oauth().find_accounts_by_user_id(user_id).await
    }

    /// Removes the accounts that a user has at a provider, without looking whether another way to sign in is left.
    ///
    /// # Errors
    /// A storage error.
    pub async fn unlink_account(&self, user_id: &UserId, provider: &str) -> Result<(), Error> {
        self.repositories.oauth().unlink_account(user_id, provider).await
    }

    /// Removes the accounts that a user has at a provider, if another way to sign in is left. A password and a passkey are ways
    /// only where the application uses them.
    ///
    /// # Errors
    /// [`AuthError::CannotRemoveLastAuthMethod`].
    pub async fn unlink_account_unless_last(
        &self,
        user_id: &UserId,
        provider: &str,
        passwords: bool,
        passkeys: bool,
    ) -> Result<(), Error> {
        let oauth = self.repositories.oauth();
        match oauth.unlink_account_unless_last(user_id, provider, passwords, passkeys).await? {
            Unlinked::Done => Ok(()),
            Unlinked::LastMethod => Err(AuthError::CannotRemoveLastAuthMethod.into()),
        }
    }

    /// Keeps the PKCE verifier (RFC 7636) of an authorization request for `expires_in`.
    ///
    /// # Errors
    /// A storage error.
    pub async fn store_pkce_verifier(
        &self,
        csrf_state: &str,
        pkce_verifier: &str,
        expires_in: TimeDelta,
    ) -> Result<(), Error> {
        self.repositories.oauth().store_pkce_verifier(csrf_state, pkce_verifier, expires_in).await
    }

    /// The verifier of a state, once; `None` if the state is unknown, over, or was taken before.
    ///
    /// # Errors
    /// A storage error.
    pub async fn get_pkce_verifier(&self, csrf_state: &str) -> Result<Option<String>, Error> {
        self.repositories.oauth().take_pkce_verifier(csrf_state).await
    }
}
