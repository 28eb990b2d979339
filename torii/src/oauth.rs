//! Sign-in through OAuth and OpenID Connect providers.

use std::sync::Arc;

use chrono::Duration;
use torii_core::{
    OAuthAccount, RepositoryProvider, Session, User, UserId, events::Event, oauth::OAuthIdentity,
    services::OAuthService,
};

use crate::{Torii, ToriiError, core::Core};

/// Sign-in through OAuth and OpenID Connect providers; made by [`Torii::oauth`].
///
/// The application speaks the protocol with the provider and hands in the identity that it has verified.
pub struct OAuthAuth<'a, R> {
    core: &'a Core<R>,
}

impl<R: RepositoryProvider, S> Torii<R, S> {
    /// Sign-in through OAuth and OpenID Connect providers.
    pub fn oauth(&self) -> OAuthAuth<'_, R> {
        OAuthAuth { core: &self.core }
    }
}

impl<R: RepositoryProvider> OAuthAuth<'_, R> {
    fn service(&self) -> Result<OAuthService<R>, ToriiError> {
        Ok(OAuthService::new(Arc::clone(self.core.repositories()?)))
    }

    /// Whose identity it is; an unknown one becomes a new user's, or that of the user who has proven the same address.
    ///
    /// Providers that let people claim addresses which are not theirs must not be used with this call: say what the provider
    /// says of the address with [`OAuthAuth::get_or_create_user_with`].
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] if the address belongs to a user who has not proven it
    /// ([`AccountLinkRequired`](torii_core::error::AuthError::AccountLinkRequired)), or for a bad identity.
    #[tracing::instrument(name = "oauth.get_or_create_user", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn get_or_create_user(
        &self,
        provider: &str,
        subject: &str,
        email: &str,
        name: Option<String>,
    ) -> Result<User, ToriiError> {
        let (provider, subject, email) = (provider.to_owned(), subject.to_owned(), email.to_owned());
        self.resolve(&OAuthIdentity { provider, subject, email, email_verified: None, name }).await
    }

    /// Whose identity it is; an unknown one becomes a new user's, or that of the user who has proven the same address. An
    /// address of which the provider does not say that it is proven links nothing. One that it calls proven makes a new user
    /// verified.
    ///
    /// # Errors
    /// As [`OAuthAuth::get_or_create_user`].
    #[tracing::instrument(name = "oauth.get_or_create_user_with", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn get_or_create_user_with(&self, identity: &OAuthIdentity) -> Result<User, ToriiError> {
        // A provider that says nothing of the address has not said that it is the person's own.
        let email_verified = Some(identity.email_verified == Some(true));
        self.resolve(&OAuthIdentity { email_verified, ..identity.clone() }).await
    }

    async fn resolve(&self, identity: &OAuthIdentity) -> Result<User, ToriiError> {
        let (user, created) = self.service()?.resolve(identity).await.map_err(ToriiError::auth)?;
        if created {
            self.core.emit(|| Event::UserCreated(user.clone())).await;
        }
        Ok(user)
    }

    /// Whose identity it is. Creates and links nothing.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] if the database failed.
    #[tracing::instrument(name = "oauth.find_user", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn find_user(&self, provider: &str, subject: &str) -> Result<Option<User>, ToriiError> {
        self.service()?.find_user(provider, subject).await.map_err(ToriiError::auth)
    }

    /// Links an identity to a signed-in user.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] if the identity is linked to anybody, or there is no such user.
    #[tracing::instrument(name = "oauth.link_account", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn link_account(&self, user_id: &UserId, provider: &str, subject: &str) -> Result<(), ToriiError> {
        self.service()?.link_account(user_id, provider, subject).await.map_err(ToriiError::auth)
    }

    /// The account of an identity.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] if the database failed.
    #[tracing::instrument(name = "oauth.get_account", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn get_account(&self, provider: &str, subject: &str) -> Result<Option<OAuthAccount>, ToriiError> {
        self.service()?.get_account(provider, subject).await.map_err(ToriiError::auth)
    }

    /// The accounts of a user, newest first.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] if the database failed.
    #[tracing::instrument(name = "oauth.list_accounts_for_user", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn list_accounts_for_user(&self, user_id: &UserId) -> Result<Vec<OAuthAccount>, ToriiError> {
        self.service()?.list_accounts_for_user(user_id).await.map_err(ToriiError::auth)
    }

    /// Removes the accounts that a user has at a provider, if another way to sign in is left: an account elsewhere, a password
    /// (with the feature `password`), or a passkey (with the feature `passkey`).
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] with the text `Cannot remove last authentication method`.
    #[tracing::instrument(name = "oauth.unlink_account", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn unlink_account(&self, user_id: &UserId, provider: &str) -> Result<(), ToriiError> {
        let (passwords, passkeys) = (cfg!(feature = "password"), cfg!(feature = "passkey"));
        self.service()?
            .unlink_account_unless_last(user_id, provider, passwords, passkeys)
            .await
            .map_err(ToriiError::auth)
    }

    /// Keeps the PKCE verifier (RFC 7636) of an authorization request for `expires_in`, under the request's state.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] if the database failed.
    #[tracing::instrument(name = "oauth.store_pkce_verifier", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn store_pkce_verifier(
        &self,
        csrf_state: &str,
        pkce_verifier: &str,
        expires_in: Duration,
    ) -> Result<(), ToriiError> {
        self.service()?.store_pkce_verifier(csrf_state, pkce_verifier, expires_in).await.map_err(ToriiError::auth)
    }

    /// The verifier of a state, once. `None` if the state is unknown, over, or was taken before: refuse the request.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] if the database failed.
    #[tracing::instrument(name = "oauth.get_pkce_verifier", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn get_pkce_verifier(&self, csrf_state: &str) -> Result<Option<String>, ToriiError> {
        self.service()?.get_pkce_verifier(csrf_state).await.map_err(ToriiError::auth)
    }

    /// [`OAuthAuth::get_or_create_user`], and begins a session.
    ///
    /// # Errors
    /// As there, and [`ToriiError::StorageError`] if the session could not be stored.
    #[tracing::instrument(name = "oauth.authenticate", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn authenticate(
        &self,
        provider: &str,
        subject: &str,
        email: &str,
        name: Option<String>,
        user_agent: Option<String>,
        ip_address: Option<String>,
    ) -> Result<(User, Session), ToriiError> {
        let user = self.get_or_create_user(provider, subject, email, name).await?;
        self.core.finish_sign_in(user, None, user_agent, ip_address).await
    }

    /// [`OAuthAuth::get_or_create_user_with`], and begins a session.
    ///
    /// # Errors
    /// As there, and [`ToriiError::StorageError`] if the session could not be stored.
    #[tracing::instrument(name = "oauth.authenticate_with", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn authenticate_with(
        &self,
        identity: &OAuthIdentity,
        user_agent: Option<String>,
        ip_address: Option<String>,
    ) -> Result<(User, Session), ToriiError> {
        let user = self.get_or_create_user_with(identity).await?;
        self.core.finish_sign_in(user, None, user_agent, ip_address).await
    }
}
