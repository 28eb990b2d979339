//! Users, and the short names of what is done with them most.

use std::sync::Arc;

use torii_core::{
    Page, PageRequest, RepositoryProvider, SecureToken, User, UserId,
    events::Event,
    services::{EmailVerificationService, UserService, email_verification::VERIFICATION_TOKEN_LIFETIME},
};

use crate::{Torii, ToriiError, core::Core};

impl<R: RepositoryProvider> Core<R> {
    pub(crate) fn users(&self) -> Result<UserService<R>, ToriiError> {
        Ok(UserService::new(Arc::clone(self.repositories()?)))
    }

    fn email_verification(&self) -> Result<EmailVerificationService<R>, ToriiError> {
        Ok(EmailVerificationService::new(Arc::clone(self.repositories()?)))
    }
}

impl<R: RepositoryProvider, S> Torii<R, S> {
    /// The user with this id.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "user.get_user", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn get_user(&self, user_id: &UserId) -> Result<Option<User>, ToriiError> {
        self.core.users()?.get_user(user_id).await.map_err(ToriiError::storage)
    }

    /// The user with this address, however it is typed.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "user.get_user_by_email", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn get_user_by_email(&self, email: &str) -> Result<Option<User>, ToriiError> {
        self.core.users()?.get_user_by_email(email).await.map_err(ToriiError::storage)
    }

    /// All users, by id. Read page by page; for many users see [`Torii::users_page`].
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "user.list_users", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn list_users(&self) -> Result<Vec<User>, ToriiError> {
        self.core.users()?.list().await.map_err(ToriiError::storage)
    }

    /// A page of users, by id.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "user.users_page", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn users_page(&self, request: PageRequest) -> Result<Page<User>, ToriiError> {
        self.core.users()?.page(&request).await.map_err(ToriiError::storage)
    }

    /// How many users there are.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "user.count_users", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn count_users(&self) -> Result<u64, ToriiError> {
        self.core.users()?.count().await.map_err(ToriiError::storage)
    }

    /// Writes address, name and verification of a user, as `user` has them: read the user first. A new address is not verified,
    /// whatever `user` says, and mail tokens sent to the old one end.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] for a bad or taken address, [`ToriiError::StorageError`] if there is no such user.
    #[tracing::instrument(name = "user.update_user", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn update_user(&self, user: &User) -> Result<User, ToriiError> {
        let user = self.core.users()?.update_user(user).await?;
        self.core.emit(|| Event::UserUpdated(user.clone())).await;
        Ok(user)
    }

    /// Deletes a user with everything that is the user's. An unknown one is `Ok`.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "user.delete_user", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn delete_user(&self, user_id: &UserId) -> Result<(), ToriiError> {
        self.core.users()?.delete_user(user_id).await.map_err(ToriiError::storage)?;
        self.core.emit(|| Event::UserDeleted(user_id.clone())).await;
        Ok(())
    }

    /// Marks the address of a user as proven now. An unknown user is `Ok`.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "user.set_user_email_verified", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn set_user_email_verified(&self, user_id: &UserId) -> Result<(), ToriiError> {
        self.core.users()?.verify_email(user_id).await.map_err(ToriiError::storage)
    }

    /// Issues a token of 24 hours that proves the user's address, and mails a link with it if there is a mailer. The link is
    /// `verification_url_base` with the token as the query parameter `token`.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] if there is no such user, `verification_url_base` is not a URL, or too many mails were asked for;
    /// [`ToriiError::StorageError`].
    #[tracing::instrument(name = "user.send_verification_email", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn send_verification_email(
        &self,
        user_id: &UserId,
        verification_url_base: &str,
    ) -> Result<SecureToken, ToriiError> {
        #[cfg(feature = "mailer")]
        self.core.check_mail(user_id.as_str(), "email_verification", verification_url_base)?;
        #[cfg(not(feature = "mailer"))]
        let _ = verification_url_base;
        let issued = self.core.email_verification()?.issue(user_id, VERIFICATION_TOKEN_LIFETIME).await?;
        #[cfg(feature = "mailer")]
        self.core.send(
            torii_core::services::mailer::Letter::EmailVerification {
                link: crate::mail::link_for(verification_url_base, &issued.token)?,
                expires_in: VERIFICATION_TOKEN_LIFETIME,
            },
            &issued.email,
            issued.name.as_deref(),
        );
        Ok(issued.token)
    }

    /// Consumes a verification token and marks the address of its user as proven.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] for a token that is unknown, used or over.
    #[tracing::instrument(name = "user.verify_email_token", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn verify_email_token(&self, token: &str) -> Result<User, ToriiError> {
        let user = self.core.email_verification()?.verify_email(token).await.map_err(ToriiError::auth)?;
        self.core.emit(|| Event::UserUpdated(user.clone())).await;
        Ok(user)
    }

    /// Whether [`Torii::verify_email_token`] would accept a token. Does not consume it.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "user.check_email_verification_token", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn check_email_verification_token(&self, token: &str) -> Result<bool, ToriiError> {
        self.core.email_verification()?.check_token(token).await.map_err(ToriiError::storage)
    }
}
