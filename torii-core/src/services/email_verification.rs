//! Proof that an address is the user's.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::{
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::{AuthError, Error, SessionError},
    repositories::{IssuedToken, RepositoryProvider, TokenRepository},
    token::{NewToken, SecureToken, TokenPurpose},
    user::{User, UserId},
};

/// How long a verification token works unless told otherwise.
pub const VERIFICATION_TOKEN_LIFETIME: TimeDelta = TimeDelta::hours(24);

/// Has users prove their addresses by a token sent by mail. A token dies when the user's address changes.
#[derive(Debug)]
pub struct EmailVerificationService<R> {
    repositories: Arc<R>,
}

impl<R: RepositoryProvider> EmailVerificationService<R> {
    /// Works in the tenant of `repositories`.
    pub fn new(repositories: Arc<R>) -> Self {
        Self { repositories }
    }

    /// Issues a token of 24 hours. Older ones of the user end.
    ///
    /// # Errors
    /// [`AuthError::UserNotFound`].
    pub async fn generate_token(&self, user_id: &UserId) -> Result<SecureToken, Error> {
        self.generate_token_with_expiration(user_id, VERIFICATION_TOKEN_LIFETIME).await
    }

    /// [`EmailVerificationService::generate_token`] with another lifetime.
    ///
    /// # Errors
    /// [`AuthError::UserNotFound`].
    pub async fn generate_token_with_expiration(
        &self,
        user_id: &UserId,
        expires_in: TimeDelta,
    ) -> Result<SecureToken, Error> {
        self.issue(user_id, expires_in).await.map(|issued| issued.token)
    }

    /// [`EmailVerificationService::generate_token_with_expiration`] with whom to send it to.
    ///
    /// # Errors
    /// [`AuthError::UserNotFound`].
    pub async fn issue(&self, user_id: &UserId, expires_in: TimeDelta) -> Result<IssuedToken, Error> {
        let expires_at = saturating_add(self.repositories.clock().now(), expires_in);
        let token = NewToken::random(TokenPurpose::EmailVerification, expires_at);
        let issued = self.repositories.token().issue_for_user(user_id, &token).await?;
        issued.ok_or_else(|| AuthError::UserNotFound.into())
    }

    /// Whether a token would be accepted. Does not consume it.
    ///
    /// # Errors
    /// A storage error.
    pub async fn check_token(&self, token: &str) -> Result<bool, Error> {
        self.repositories.token().check_token(token, TokenPurpose::EmailVerification).await
    }

    /// Consumes a token and marks the address as verified, all or nothing.
    ///
    /// # Errors
    /// [`SessionError::InvalidToken`] for a token that is unknown, used, over, or for something else.
    pub async fn verify_email(&self, token: &str) -> Result<User, Error> {
        let token_use = TokenUse::Mail(TokenPurpose::EmailVerification);
        let digest = TokenDigest::new(token_use, self.repositories.tenant_id(), token);
        let user = self.repositories.token().redeem_email_verification(&digest).await?;
        user.ok_or_else(|| SessionError::InvalidToken("Invalid or expired email verification token".into()).into())
    }

    /// Removes the tenant's tokens that are over.
    ///
    /// # Errors
    /// A storage error.
    pub async fn cleanup_expired_tokens(&self) -> Result<(), Error> {
        self.repositories.token().cleanup_expired_tokens().await
    }
}
