//! Sign-in by a link sent by mail.

use std::sync::Arc;

use torii_core::{
    RepositoryProvider, SecureToken, Session, User,
    error::SessionError,
    events::Event,
    repositories::IssuedToken,
    services::{MagicLinkService, magic_link::MAGIC_LINK_LIFETIME},
};

use crate::{Torii, ToriiError, core::Core};

/// Sign-in by a link sent by mail; made by [`Torii::magic_link`].
pub struct MagicLinkAuth<'a, R> {
    core: &'a Core<R>,
}

impl<R: RepositoryProvider, S> Torii<R, S> {
    /// Sign-in by a link sent by mail.
    pub fn magic_link(&self) -> MagicLinkAuth<'_, R> {
        MagicLinkAuth { core: &self.core }
    }
}

impl<R: RepositoryProvider> MagicLinkAuth<'_, R> {
    fn service(&self) -> Result<MagicLinkService<R>, ToriiError> {
        Ok(MagicLinkService::new(Arc::clone(self.core.repositories()?)))
    }

    /// Issues a token of 15 minutes for the owner of an address, who is created if there is none; the application sends it.
    /// Earlier links of the owner end.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] for a bad address or if the database failed.
    #[tracing::instrument(name = "magic_link.generate_token", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn generate_token(&self, email: &str) -> Result<SecureToken, ToriiError> {
        Ok(self.issue(email).await?.token)
    }

    /// [`MagicLinkAuth::generate_token`], and mails a link with it to the owner's stored address if there is a mailer. The link is
    /// `magic_link_url_base` with the query parameter `token`.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] for a bad address, if `magic_link_url_base` is not a URL, if too many mails were asked
    /// for, or if the database failed.
    #[tracing::instrument(name = "magic_link.send_link", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn send_link(&self, email: &str, magic_link_url_base: &str) -> Result<SecureToken, ToriiError> {
        #[cfg(feature = "mailer")]
        self.core.check_mail(email, "magic_link", magic_link_url_base)?;
        #[cfg(not(feature = "mailer"))]
        let _ = magic_link_url_base;
        let issued = self.issue(email).await?;
        #[cfg(feature = "mailer")]
        self.core.send(
            torii_core::services::mailer::Letter::MagicLink {
                link: crate::mail::link_for(magic_link_url_base, &issued.token)?,
                expires_in: MAGIC_LINK_LIFETIME,
            },
            // Not to what was typed: another spelling may be another mailbox.
            &issued.email,
            issued.name.as_deref(),
        );
        Ok(issued.token)
    }

    async fn issue(&self, email: &str) -> Result<IssuedToken, ToriiError> {
        let issued = self.service()?.issue(email, MAGIC_LINK_LIFETIME).await;
        let (issued, created) = issued.map_err(ToriiError::auth)?;
        if let Some(user) = created {
            self.core.emit(|| Event::UserCreated(user)).await;
        }
        Ok(issued)
    }

    /// Consumes a link and begins a session for its owner, all or nothing, under a new token.
    ///
    /// Following the link proves the address: it becomes verified. If it was not verified before, whoever chose the account's
    /// password may be somebody else, who took the address before its owner came: the password, earlier sessions, passkeys and
    /// OAuth accounts are removed.
    ///
    /// # Errors
    /// [`ToriiError::AuthError`] with the text `Invalid magic token` for a link that is unknown, used or over.
    #[tracing::instrument(name = "magic_link.authenticate", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn authenticate(
        &self,
        token: &str,
        user_agent: Option<String>,
        ip_address: Option<String>,
    ) -> Result<(User, Session), ToriiError> {
        let context = self.core.tenant()?;
        let session = self.core.stored_session(context, user_agent.clone(), ip_address.clone());
        let redeemed = self.service()?.sign_in(token, session).await.map_err(ToriiError::auth)?;
        let (user, stored) = redeemed.ok_or_else(|| {
            let text = "Invalid magic token";
            ToriiError::refused(text, SessionError::InvalidToken(text.into()))
        })?;
        self.core.finish_sign_in(user, stored, user_agent, ip_address).await
    }
}
