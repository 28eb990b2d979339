//! Password reset by mail.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::{
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::{AuthError, Error},
    password::PasswordHasher,
    repositories::{IssuedToken, PasswordRepository, RepositoryProvider, TokenRepository, UserRepository},
    token::{NewToken, TokenPurpose},
    user::User,
    validation::validate_password,
};

/// How long a reset token works unless told otherwise.
pub const RESET_TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// Lets the owner of an address choose a new password (OWASP Forgot Password Cheat Sheet).
#[derive(Debug)]
pub struct PasswordResetService<R> {
    repositories: Arc<R>,
    hasher: PasswordHasher,
}

impl<R: RepositoryProvider> PasswordResetService<R> {
    /// Works in the tenant of `repositories`, with the process-wide hashing threads.
    pub fn new(repositories: Arc<R>) -> Self {
        Self { repositories, hasher: PasswordHasher::shared() }
    }

    /// The same with other hashing threads.
    #[must_use]
    pub fn with_hasher(self, hasher: PasswordHasher) -> Self {
        Self { hasher, ..self }
    }

    /// Issues a token of 15 minutes for the owner of an address and returns both; the token's text is to be sent by mail.
    /// `None` if nobody owns the address: do not tell the caller.
    ///
    /// # Errors
    /// A storage error.
    pub async fn request_password_reset(&self, email: &str) -> Result<Option<(User, String)>, Error> {
        self.request_password_reset_with_expiration(email, RESET_TOKEN_LIFETIME).await
    }

    /// [`PasswordResetService::request_password_reset`] with another lifetime.
    ///
    /// # Errors
    /// A storage error.
    pub async fn request_password_reset_with_expiration(
        &self,
        email: &str,
        expires_in: TimeDelta,
    ) -> Result<Option<(User, String)>, Error> {
        let Some(issued) = self.issue(email, expires_in).await? else { return Ok(None) };
        let user = self.repositories.user().find_by_id(&issued.token.user_id).await?;
        Ok(user.zip(issued.token.token().map(str::to_owned)))
    }

    /// Issues a token for the owner of an address, by the same statements whether there is one or not.
    ///
    /// # Errors
    /// A storage error.
    pub async fn issue(&self, email: &str, expires_in: TimeDelta) -> Result<Option<IssuedToken>, Error> {
        let expires_at = saturating_add(self.repositories.clock().now(), expires_in);
        let token = NewToken::random(TokenPurpose::PasswordReset, expires_at);
        self.repositories.token().issue_for_email(email, &token).await
    }

    /// Whether a token would be accepted. Does not consume it.
    ///
    /// # Errors
    /// A storage error.
    pub async fn verify_reset_token(&self, token: &str) -> Result<bool, Error> {
        self.repositories.token().check_token(token, TokenPurpose::PasswordReset).await
    }

    /// Consumes a token and sets a new password, all or nothing: every session and every other reset token of the user ends, and
    /// what counts against the address is forgotten. A weak password does not consume the token.
    ///
    /// # Errors
    /// A validation error for the password, [`AuthError::InvalidCredentials`] for the token, [`AuthError::Busy`].
    pub async fn reset_password(&self, token: &str, new_password: &str) -> Result<User, Error> {
        validate_password(new_password)?;
        // Hashed before the token is looked at, so that the time tells nothing about the token.
        let tenant = self.repositories.tenant_id();
        let hash = self.hasher.hash(tenant, new_password).await?;
        let digest = TokenDigest::new(TokenUse::Mail(TokenPurpose::PasswordReset), tenant, token);
        let user = self.repositories.password().complete_reset(&digest, &hash).await?;
        user.ok_or_else(|| AuthError::InvalidCredentials.into())
    }

    /// Removes the tenant's tokens that are over.
    ///
    /// # Errors
    /// A storage error.
    pub async fn cleanup_expired_tokens(&self) -> Result<(), Error> {
        self.repositories.token().cleanup_expired_tokens().await
    }
}
