//! Mail tokens in storage.

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::{
    crypto::TokenDigest,
    error::Error,
    session::Session,
    token::{NewToken, SecureToken, TokenPurpose},
    user::{User, UserId},
};

/// Mail tokens of the provider's tenant. A user has at most one live token of a purpose: issuing one voids those before it.
#[async_trait]
pub trait TokenRepository: Send + Sync + 'static {
    /// Issues a token for a user that lives for `expires_in`.
    async fn create_token(
        &self,
        user_id: &UserId,
        purpose: TokenPurpose,
        expires_in: TimeDelta,
    ) -> Result<SecureToken, Error>;

    /// Issues `token` for whoever owns `email`. `None`, after the same statements, if nobody does.
    async fn issue_for_email(&self, email: &str, token: &NewToken) -> Result<Option<IssuedToken>, Error>;

    /// Issues `token` for a user. `None` if there is no such user.
    async fn issue_for_user(&self, user_id: &UserId, token: &NewToken) -> Result<Option<IssuedToken>, Error>;

    /// Consumes a token. `None` if it is unknown, used, expired or for something else. Of concurrent callers one gets it.
    async fn verify_token(&self, token: &str, purpose: TokenPurpose) -> Result<Option<SecureToken>, Error>;

    /// Whether [`TokenRepository::verify_token`] would give it.
    async fn check_token(&self, token: &str, purpose: TokenPurpose) -> Result<bool, Error>;

    /// Removes the tenant's tokens that are over.
    async fn cleanup_expired_tokens(&self) -> Result<(), Error>;

    /// Consumes a magic link and stores `session` for its owner, in one transaction, and returns the owner and the session.
    /// Following the link proves the address: it becomes verified. If it was not verified before, whoever chose the password or
    /// signed in until now may be somebody else: the password, the sessions, the passkeys and the OAuth accounts of the user are
    /// removed.
    ///
    /// `session` is called with the owner's id; `None` stores no session.
    async fn redeem_magic_link(
        &self,
        token: &TokenDigest,
        session: SessionFor<'_>,
    ) -> Result<Option<(User, Option<Session>)>, Error>;

    /// Consumes a verification token and marks the address of its owner as verified, in one transaction. `None`, and nothing
    /// written, if the token is unknown, used, expired or for something else.
    async fn redeem_email_verification(&self, token: &TokenDigest) -> Result<Option<User>, Error>;
}

/// Makes the session of a user that is known only once a token was consumed. `None`: no session is stored.
pub type SessionFor<'a> = &'a (dyn Fn(&UserId) -> Option<Session> + Send + Sync);

/// A token that was issued, and to whom to send it.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuedToken {
    /// The token, with its text.
    pub token: SecureToken,
    /// The owner's address.
    pub email: String,
    /// The owner's name.
    pub name: Option<String>,
}

/// Gives access to mail tokens.
pub trait TokenRepositoryProvider: Send + Sync + 'static {
    /// The repository.
    type TokenRepo: TokenRepository;

    /// The repository.
    fn token(&self) -> &Self::TokenRepo;
}
