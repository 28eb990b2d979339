//! Sessions.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::{
    error::{Error, SessionError},
    session::{Session, SessionProvider, SessionToken},
    user::UserId,
};

/// Begins, finds and ends sessions, wherever a [`SessionProvider`] keeps them.
#[derive(Debug)]
pub struct SessionService<P> {
    provider: Arc<P>,
}

impl<P: SessionProvider> SessionService<P> {
    /// Works on `provider`.
    pub fn new(provider: Arc<P>) -> Self {
        Self { provider }
    }

    /// Begins a session of `expires_in`.
    ///
    /// # Errors
    /// A storage error.
    pub async fn create_session(
        &self,
        user_id: &UserId,
        user_agent: Option<String>,
        ip_address: Option<String>,
        expires_in: TimeDelta,
    ) -> Result<Session, Error> {
        self.provider.create_session(user_id, user_agent, ip_address, expires_in).await
    }

    /// The session of a token; `None` if there is none or it is over.
    ///
    /// # Errors
    /// A storage error, or [`SessionError::InvalidToken`] for a JWT that does not hold.
    pub async fn get_session(&self, token: &SessionToken) -> Result<Option<Session>, Error> {
        match self.provider.get_session(token).await {
            Ok(session) => Ok(Some(session)),
            Err(Error::Session(SessionError::NotFound | SessionError::Expired)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends a session.
    ///
    /// # Errors
    /// A storage error.
    pub async fn delete_session(&self, token: &SessionToken) -> Result<(), Error> {
        self.provider.delete_session(token).await
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// A storage error.
    pub async fn delete_user_sessions(&self, user_id: &UserId) -> Result<(), Error> {
        self.provider.delete_sessions_for_user(user_id).await
    }

    /// Removes what is left of sessions that are over.
    ///
    /// # Errors
    /// A storage error.
    pub async fn cleanup_expired_sessions(&self) -> Result<(), Error> {
        self.provider.cleanup_expired_sessions().await
    }

    /// The sessions of a user, newest first, without their tokens.
    ///
    /// # Errors
    /// A storage error.
    pub async fn list_sessions_for_user(&self, user_id: &UserId) -> Result<Vec<Session>, Error> {
        self.provider.list_sessions_for_user(user_id).await
    }

    /// Replaces a session that is not over by one under a new token.
    ///
    /// # Errors
    /// [`SessionError::NotFound`] if there is no such session, or it is over.
    pub async fn refresh_session(&self, token: &SessionToken, expires_in: TimeDelta) -> Result<Session, Error> {
        self.provider.refresh_session(token, expires_in).await
    }
}
