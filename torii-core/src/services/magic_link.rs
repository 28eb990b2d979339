//! Sign-in by a link sent by mail.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::{
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::{AuthError, Error},
    repositories::{IssuedToken, RepositoryProvider, TokenRepository, UserRepository},
    session::{NewSession, Session},
    token::{NewToken, SecureToken, TokenPurpose},
    user::{NewUser, User},
    validation::validate_email,
};

/// How long a magic link works unless told otherwise.
pub const MAGIC_LINK_LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// Signs the owner of an address in by a link.
#[derive(Debug)]
pub struct MagicLinkService<R> {
    repositories: Arc<R>,
}

impl<R: RepositoryProvider> MagicLinkService<R> {
    /// Works in the tenant of `repositories`.
    pub fn new(repositories: Arc<R>) -> Self {
        Self { repositories }
    }

    /// Issues a token of 15 minutes for the owner of an address, who is created if there is none. Older links of the owner end.
    ///
    /// # Errors
    /// A validation error for a bad address.
    pub async fn generate_token(&self, email: &str) -> Result<SecureToken, Error> {
        self.generate_token_with_expiration(email, MAGIC_LINK_LIFETIME).await
    }

    /// [`MagicLinkService::generate_token`] with another lifetime.
    ///
    /// # Errors
    /// A validation error for a bad address.
    pub async fn generate_token_with_expiration(
        &self,
        email: &str,
        expires_in: TimeDelta,
    ) -> Result<SecureToken, Error> {
        self.issue(email, expires_in).await.map(|(issued, _)| issued.token)
    }

    /// [`MagicLinkService::generate_token_with_expiration`] with whom to send it to, and the owner if they are new.
    ///
    /// # Errors
    /// A validation error for a bad address.
    pub async fn issue(&self, email: &str, expires_in: TimeDelta) -> Result<(IssuedToken, Option<User>), Error> {
        validate_email(email)?;
        let expires_at = saturating_add(self.repositories.clock().now(), expires_in);
        let token = NewToken::random(TokenPurpose::MagicLink, expires_at);
        if let Some(issued) = self.repositories.token().issue_for_email(email, &token).await? {
            return Ok((issued, None));
        }
        let created = match self.repositories.user().create(NewUser::new(email.to_owned())).await {
            Ok(user) => Some(user),
            // Somebody else was faster.
            Err(Error::Auth(AuthError::UserAlreadyExists)) => None,
            Err(error) => return Err(error),
        };
        let issued = match &created {
            Some(user) => self.repositories.token().issue_for_user(&user.id, &token).await?,
            None => self.repositories.token().issue_for_email(email, &token).await?,
        };
        // `None`: deleted in between.
        Ok((issued.ok_or(AuthError::UserNotFound)?, created))
    }

    /// Consumes a link without beginning a session; see [`MagicLinkService::sign_in`].
    ///
    /// # Errors
    /// A storage error.
    pub async fn verify_token(&self, token: &str) -> Result<Option<User>, Error> {
        self.sign_in(token, None).await.map(|redeemed| redeemed.map(|(user, _)| user))
    }

    /// Consumes a link and begins a session for its owner, all or nothing. Following it proves the address. `None` if the link
    /// is unknown, used or over.
    ///
    /// # Errors
    /// A storage error.
    pub async fn sign_in(
        &self,
        token: &str,
        session: Option<NewSession>,
    ) -> Result<Option<(User, Option<Session>)>, Error> {
        let tenant = self.repositories.tenant_id();
        let now = self.repositories.clock().now();
        let digest = TokenDigest::new(TokenUse::Mail(TokenPurpose::MagicLink), tenant, token);
        let begin = |user_id: &crate::UserId| {
            session.clone().map(|session| session.begin(tenant.clone(), user_id.clone(), now))
        };
        self.repositories.token().redeem_magic_link(&digest, &begin).await
    }

    /// Removes the tenant's tokens that are over.
    ///
    /// # Errors
    /// A storage error.
    pub async fn cleanup_expired_tokens(&self) -> Result<(), Error> {
        self.repositories.token().cleanup_expired_tokens().await
    }
}
