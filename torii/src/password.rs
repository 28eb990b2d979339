//! Sign-in by password.

use std::sync::Arc;

use chrono::Duration;
use torii_core::{
    BruteForceProtectionConfig, Registration, RepositoryProvider, Session, UnlockReason, User, UserId,
    events::Event,
    services::{
        PasswordResetService, PasswordService, SignInContext, SignInFailure, password_reset::RESET_TOKEN_LIFETIME,
    },
};

use crate::{Torii, ToriiError, core::Core};

/// Sign-in by password; made by [`Torii::password`].
pub struct PasswordAuth<'a, R> {
    core: &'a Core<R>,
}

impl<R: RepositoryProvider, S> Torii<R, S> {
    /// Sign-in by password.
    pub fn password(&self) -> PasswordAuth<'_, R> {
        PasswordAuth { core: &self.core }
    }

    /// [`PasswordAuth::register`].
    ///
    /// # Errors
    /// As there.
    #[tracing::instrument(name = "password.register_user", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn register_user(&self, email: &str, password: &str) -> Result<User, ToriiError> {
        self.password().register(email, password).await
    }

    /// [`PasswordAuth::authenticate`].
    ///
    /// # Errors
    /// As there.
    #[tracing::instrument(name = "password.authenticate", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn authenticate(
        &self,
        email: &str,
        password: &str,
        user_agent: Option<String>,
        ip_address: Option<String>,
    ) -> Result<(User, Session), ToriiError> {
        self.password().authenticate(email, password, user_agent, ip_address).await
    }
}

impl<R: RepositoryProvider> PasswordAuth<'_, R> {
    fn service(&self) -> Result<PasswordService<R>, ToriiError> {
        let protection = self.protection()?;
        Ok(PasswordService::new(Arc::clone(self.core.repositories()?))
            .with_hasher(self.core.shared().hasher.clone())
            .with_brute_force_protection(protection))
    }

    fn protection(&self) -> Result<BruteForceProtectionConfig, ToriiError> {
        Ok(self.core.tenant()?.policy().brute_force_protection.clone())
    }

    fn reset(&self) -> Result<PasswordResetService<R>, ToriiError> {
        Ok(PasswordResetService::new(Arc::clone(self.core.repositories()?))
            .with_hasher(self.core.shared().hasher.clone()))
    }

    /// Registers a user. If the address belongs to somebody already, that user is returned and nothing changes: **the caller has
    /// proven nothing and must not be signed in.** [`PasswordAuth::try_register`] tells the two apart.
    ///
    /// A new user is welcomed by mail, if there is a mailer.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] for a bad address or password, or when too many sign-ins wait.
    #[tracing::instrument(name = "password.register", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn register(&self, email: &str, password: &str) -> Result<User, ToriiError> {
        self.register_with_name(email, password, None).await
    }

    /// [`PasswordAuth::register`] with a name for people.
    ///
    /// # Errors
    /// As there.
    #[tracing::instrument(name = "password.register_with_name", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn register_with_name(
        &self,
        email: &str,
        password: &str,
        name: Option<&str>,
    ) -> Result<User, ToriiError> {
        self.try_register(email, password, name).await.map(Registration::into_user)
    }

    /// Registers a user and says whether the user is new. The work is the same either way.
    ///
    /// # Errors
    /// As [`PasswordAuth::register`].
    #[tracing::instrument(name = "password.try_register", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn try_register(
        &self,
        email: &str,
        password: &str,
        name: Option<&str>,
    ) -> Result<Registration, ToriiError> {
        let registration =
            self.service()?.register(email, password, name.map(str::to_owned)).await.map_err(ToriiError::auth)?;
        if let Registration::Created(user) = &registration {
            self.core.emit(|| Event::UserCreated(user.clone())).await;
            #[cfg(feature = "mailer")]
            self.core.send(torii_core::services::mailer::Letter::Welcome, &user.email, user.name.as_deref());
        }
        Ok(registration)
    }

    /// Signs a user in and begins a session, under a new token every time.
    ///
    /// An unknown address, a user without a password and a wrong password get the same answer after the same work, and count the
    /// same: the last one borne locks the address. `user_agent` and `ip_address` are kept with the session.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] for wrong credentials, a locked address, or when too many sign-ins wait;
    /// [`ToriiError::StorageError`] if the database failed.
    #[tracing::instrument(name = "password.authenticate", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn authenticate(
        &self,
        email: &str,
        password: &str,
        user_agent: Option<String>,
        ip_address: Option<String>,
    ) -> Result<(User, Session), ToriiError> {
        let context = self.core.tenant()?;
        let sign_in = SignInContext {
            ip_address: ip_address.clone(),
            session: self.core.stored_session(context, user_agent.clone(), ip_address.clone()),
        };
        match self.service()?.sign_in(email, password, sign_in).await {
            Ok((user, stored)) => self.core.finish_sign_in(user, stored, user_agent, ip_address).await,
            Err(failure) => {
                self.report_failure(ip_address, &failure).await;
                Err(failure.error.into())
            }
        }
    }

    /// Tells whoever listens that somebody was refused. A lock is told once, by the attempt that set it.
    async fn report_failure(&self, ip_address: Option<String>, failure: &SignInFailure) {
        let (Ok(repositories), Some(email)) = (self.core.repositories(), failure.email.clone()) else { return };
        let (failed_attempts, timestamp) = (failure.failed_attempts, repositories.clock().now());
        let event = match failure.locked_until {
            Some(locked_until) => Event::AccountLocked { email, failed_attempts, locked_until, ip_address, timestamp },
            None => Event::LoginFailed { email, failed_attempts, ip_address, timestamp },
        };
        self.core.emit(|| event).await;
    }

    /// Replaces a password. All sessions of the user end, the caller's too, and so do reset tokens sent before. A wrong old
    /// password counts as one at sign-in does.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] for an unknown user, a wrong old password, a bad new one, or a locked address;
    /// [`ToriiError::StorageError`] if the database failed.
    #[tracing::instrument(name = "password.change_password", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn change_password(
        &self,
        user_id: &UserId,
        old_password: &str,
        new_password: &str,
    ) -> Result<(), ToriiError> {
        match self.service()?.change_password(user_id, old_password, new_password).await {
            Ok(user) => {
                self.password_changed(&user).await;
                Ok(())
            }
            Err(failure) => {
                self.report_failure(None, &failure).await;
                Err(failure.error.into())
            }
        }
    }

    /// Gives a user a password, whatever it was before: for administrators, or for a user who signed in some other way. Sessions
    /// stay. An unknown user is `Ok`.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] for a bad password.
    #[tracing::instrument(name = "password.set_password", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn set_password(&self, user_id: &UserId, password: &str) -> Result<(), ToriiError> {
        Ok(self.service()?.set_password(user_id, password).await?)
    }

    /// Takes a user's password away. Sessions stay.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "password.remove_password", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn remove_password(&self, user_id: &UserId) -> Result<(), ToriiError> {
        Ok(self.service()?.remove_password(user_id).await?)
    }

    /// Whether a user has a password.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "password.has_password", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn has_password(&self, user_id: &UserId) -> Result<bool, ToriiError> {
        Ok(self.service()?.has_password(user_id).await?)
    }

    /// Mails the owner of an address a link for choosing a new password, good for 15 minutes; earlier links end. `Ok` whether
    /// anybody owns the address or not, after the same work, and whether or not too many mails were asked for. The link is
    /// `reset_url_base` with the query parameter `token`.
    ///
    /// Without a mailer nothing is sent; see [`PasswordAuth::issue_reset_token`].
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] if `reset_url_base` is not a URL or the database failed.
    #[tracing::instrument(name = "password.reset_password_initiate", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn reset_password_initiate(&self, email: &str, reset_url_base: &str) -> Result<(), ToriiError> {
        self.reset_password_initiate_with_expiration(email, reset_url_base, RESET_TOKEN_LIFETIME).await
    }

    /// [`PasswordAuth::reset_password_initiate`] with another lifetime of the link.
    ///
    /// # Errors
    /// As there.
    #[tracing::instrument(name = "password.reset_password_initiate_with_expiration", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn reset_password_initiate_with_expiration(
        &self,
        email: &str,
        reset_url_base: &str,
        expires_in: Duration,
    ) -> Result<(), ToriiError> {
        #[cfg(feature = "mailer")]
        match self.core.check_mail(email, "password_reset", reset_url_base) {
            // Whoever asks learns nothing from it, and asking again in a while is all there is to do.
            Err(ToriiError::AuthError(detail)) if is_mail_limit(&detail) => return Ok(()),
            checked => checked?,
        }
        #[cfg(not(feature = "mailer"))]
        let _ = reset_url_base;
        let issued = self.reset()?.issue(email, expires_in).await.map_err(ToriiError::auth)?;
        #[cfg(feature = "mailer")]
        if let Some(issued) = issued {
            let link = crate::mail::link_for(reset_url_base, &issued.token)?;
            let letter = torii_core::services::mailer::Letter::PasswordReset { link, expires_in };
            self.core.send(letter, &issued.email, issued.name.as_deref());
        }
        #[cfg(not(feature = "mailer"))]
        drop(issued);
        Ok(())
    }

    /// Issues a reset token of 15 minutes for an application that sends its mail itself. `None` if nobody owns the address:
    /// answer the caller the same.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] if the database failed.
    #[tracing::instrument(name = "password.issue_reset_token", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn issue_reset_token(&self, email: &str) -> Result<Option<torii_core::SecureToken>, ToriiError> {
        let issued = self.reset()?.issue(email, RESET_TOKEN_LIFETIME).await.map_err(ToriiError::auth)?;
        Ok(issued.map(|issued| issued.token))
    }

    /// Whether a reset token would be accepted. Does not consume it.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] if the database failed.
    #[tracing::instrument(name = "password.reset_password_verify_token", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn reset_password_verify_token(&self, token: &str) -> Result<bool, ToriiError> {
        self.reset()?.verify_reset_token(token).await.map_err(ToriiError::auth)
    }

    /// Consumes a reset token and sets a new password, all or nothing. All sessions and all other reset tokens of the user end,
    /// and a lock is lifted. If the address was never proven, passkeys and OAuth accounts are removed too: somebody else may have
    /// left them before the address's owner came. A bad password does not consume the token. Begins no session.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] for a token that is unknown, used or over, or for a bad password.
    #[tracing::instrument(name = "password.reset_password_complete", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn reset_password_complete(&self, token: &str, new_password: &str) -> Result<User, ToriiError> {
        let user = self.reset()?.reset_password(token, new_password).await.map_err(ToriiError::auth)?;
        let timestamp = self.core.repositories()?.clock().now();
        let (email, reason) = (user.email.clone(), UnlockReason::PasswordReset);
        self.core.emit(|| Event::AccountUnlocked { email, reason, timestamp }).await;
        self.password_changed(&user).await;
        Ok(user)
    }

    async fn password_changed(&self, user: &User) {
        if self.core.keeps_sessions() {
            self.core.emit(|| Event::SessionsCleared(user.id.clone())).await;
        }
        #[cfg(feature = "mailer")]
        self.core.send(torii_core::services::mailer::Letter::PasswordChanged, &user.email, user.name.as_deref());
    }
}

#[cfg(feature = "mailer")]
fn is_mail_limit(detail: &crate::ErrorDetail) -> bool {
    matches!(detail.error(), Some(torii_core::Error::Auth(torii_core::error::AuthError::TooManyMails { .. })))
}
