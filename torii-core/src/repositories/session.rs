//! Sessions in storage.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    error::{Error, StorageError},
    session::{Session, SessionToken},
    user::{User, UserId},
};

/// Sessions of the provider's tenant.
#[async_trait]
pub trait SessionRepository: Send + Sync + 'static {
    /// Stores a session in the provider's tenant and returns it as it is valid there: if it carries its token, the digest is
    /// computed anew for the tenant.
    ///
    /// # Errors
    /// [`StorageError::Failed`] with
    /// [`StorageErrorKind::ForeignKeyViolation`](crate::error::StorageErrorKind::ForeignKeyViolation) if the tenant has no such
    /// user.
    async fn create(&self, session: Session) -> Result<Session, Error>;

    /// Stores a session as [`SessionRepository::create`] does and, in the same transaction, clears what counts against `email`.
    async fn create_and_clear_attempts(&self, session: Session, email: &str) -> Result<Session, Error>;

    /// The session of a token, over or not, with the token.
    async fn find_by_token(&self, token: &SessionToken) -> Result<Option<Session>, Error>;

    /// The user and the session of a token, if the session is not over, in one statement.
    async fn find_with_user(&self, token: &SessionToken) -> Result<Option<(User, Session)>, Error>;

    /// Ends a session.
    async fn delete(&self, token: &SessionToken) -> Result<(), Error>;

    /// Ends a session and says whose it was.
    async fn revoke(&self, token: &SessionToken) -> Result<Option<UserId>, Error> {
        self.delete(token).await.map(|()| None)
    }

    /// Ends the session of a user that has this digest, as [`SessionRepository::find_by_user_id`] tells it. Returns whether there
    /// was one: `false` for a session of another user, too.
    async fn revoke_listed(&self, user_id: &UserId, token_hash: &str) -> Result<bool, Error> {
        let _ = (user_id, token_hash);
        Err(StorageError::Unsupported("revoking listed sessions").into())
    }

    /// Ends all sessions of a user.
    async fn delete_by_user_id(&self, user_id: &UserId) -> Result<(), Error>;

    /// Removes the tenant's sessions that are over.
    async fn cleanup_expired(&self) -> Result<(), Error>;

    /// The sessions of a user, over or not, newest first, without their tokens.
    async fn find_by_user_id(&self, user_id: &UserId) -> Result<Vec<Session>, Error> {
        let _ = user_id;
        Err(StorageError::Unsupported("listing sessions").into())
    }

    /// Moves a session that is not over to a new token and to an end `expires_in` from now, or its old end if that is later.
    /// The old token is worthless from then on.
    ///
    /// # Errors
    /// [`SessionError::NotFound`](crate::error::SessionError::NotFound) if there is no such session, or it is over.
    async fn refresh(&self, token: &SessionToken, expires_in: TimeDelta) -> Result<Session, Error> {
        let _ = (token, expires_in);
        Err(StorageError::Unsupported("refreshing sessions").into())
    }

    /// As [`SessionRepository::refresh`], with a new end that is never after `latest_end`: that caps the old end too.
    async fn refresh_until(
        &self,
        token: &SessionToken,
        expires_in: TimeDelta,
        latest_end: Option<DateTime<Utc>>,
    ) -> Result<Session, Error>;
}

/// Gives access to sessions.
pub trait SessionRepositoryProvider: Send + Sync + 'static {
    /// The repository.
    type SessionRepo: SessionRepository;

    /// The repository.
    fn session(&self) -> &Self::SessionRepo;
}
