//! How sessions are kept.

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::{
    error::{Error, StorageError},
    session::{Session, SessionToken},
    user::UserId,
};

/// Keeps sessions: in the database, in signed tokens, or in some way of the application's own.
#[async_trait]
pub trait SessionProvider: Send + Sync {
    /// Begins a session of `expires_in` for a user, under a new token.
    async fn create_session(
        &self,
        user_id: &UserId,
        user_agent: Option<String>,
        ip_address: Option<String>,
        expires_in: TimeDelta,
    ) -> Result<Session, Error>;

    /// The session of a token.
    ///
    /// # Errors
    /// [`SessionError::NotFound`](crate::error::SessionError::NotFound) or
    /// [`SessionError::Expired`](crate::error::SessionError::Expired) if there is none.
    async fn get_session(&self, token: &SessionToken) -> Result<Session, Error>;

    /// Ends a session. An unknown one is ended already.
    async fn delete_session(&self, token: &SessionToken) -> Result<(), Error>;

    /// Removes what is left of sessions that are over.
    async fn cleanup_expired_sessions(&self) -> Result<(), Error>;

    /// Ends all sessions of a user.
    async fn delete_sessions_for_user(&self, user_id: &UserId) -> Result<(), Error>;

    /// The sessions of a user, newest first, without the text of their tokens.
    async fn list_sessions_for_user(&self, user_id: &UserId) -> Result<Vec<Session>, Error> {
        let _ = user_id;
        Err(StorageError::Unsupported("listing sessions").into())
    }

    /// Replaces a session that is not over by one under a new token that ends `expires_in` from now, or when the old one would
    /// have, whichever is later.
    async fn refresh_session(&self, token: &SessionToken, expires_in: TimeDelta) -> Result<Session, Error> {
        let _ = (token, expires_in);
        Err(StorageError::Unsupported("refreshing sessions").into())
    }
}

#[async_trait]
impl SessionProvider for Box<dyn SessionProvider> {
    async fn create_session(
        &self,
        user_id: &UserId,
        user_agent: Option<String>,
        ip_address: Option<String>,
        expires_in: TimeDelta,
    ) -> Result<Session, Error> {
        (**self).create_session(user_id, user_agent, ip_address, expires_in).await
    }

    async fn get_session(&self, token: &SessionToken) -> Result<Session, Error> {
        (**self).get_session(token).await
    }

    async fn delete_session(&self, token: &SessionToken) -> Result<(), Error> {
        (**self).delete_session(token).await
    }

    async fn cleanup_expired_sessions(&self) -> Result<(), Error> {
        (**self).cleanup_expired_sessions().await
    }

    async fn delete_sessions_for_user(&self, user_id: &UserId) -> Result<(), Error> {
        (**self).delete_sessions_for_user(user_id).await
    }

    async fn list_sessions_for_user(&self, user_id: &UserId) -> Result<Vec<Session>, Error> {
        (**self).list_sessions_for_user(user_id).await
    }

    async fn refresh_session(&self, token: &SessionToken, expires_in: TimeDelta) -> Result<Session, Error> {
        (**self).refresh_session(token, expires_in).await
    }
}
