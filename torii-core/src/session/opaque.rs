//! Sessions that are kept in the database.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::{
    clock::{Clock, SystemClock},
    error::{Error, SessionError},
    repositories::SessionRepository,
    session::{NewSession, Session, SessionProvider, SessionToken},
    tenant::TenantId,
    user::UserId,
};

/// Keeps sessions in the database, under a digest of their token.
#[derive(Debug)]
pub struct OpaqueSessionProvider<S> {
    sessions: Arc<S>,
    clock: Arc<dyn Clock>,
}

impl<S: SessionRepository> OpaqueSessionProvider<S> {
    /// Keeps sessions in `sessions`, in the tenant that it is bound to.
    pub fn new(sessions: Arc<S>) -> Self {
        Self { sessions, clock: Arc::new(SystemClock) }
    }

    /// The same with the time from `clock`.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }
}

#[async_trait]
impl<S: SessionRepository> SessionProvider for OpaqueSessionProvider<S> {
    async fn create_session(
        &self,
        user_id: &UserId,
        user_agent: Option<String>,
        ip_address: Option<String>,
        expires_in: TimeDelta,
    ) -> Result<Session, Error> {
        let new = NewSession { user_agent, ip_address, lifetime: expires_in };
        // The repository knows its tenant and binds the session to it.
        self.sessions.create(new.begin(TenantId::default_tenant(), user_id.clone(), self.clock.now())).await
    }

    async fn get_session(&self, token: &SessionToken) -> Result<Session, Error> {
        let session = self.sessions.find_by_token(token).await?.ok_or(SessionError::NotFound)?;
        if session.is_expired_at(self.clock.now()) {
            return Err(SessionError::Expired.into());
        }
        Ok(session)
    }

    async fn delete_session(&self, token: &SessionToken) -> Result<(), Error> {
        self.sessions.delete(token).await
    }

    async fn cleanup_expired_sessions(&self) -> Result<(), Error> {
        self.sessions.cleanup_expired().await
    }

    async fn delete_sessions_for_user(&self, user_id: &UserId) -> Result<(), Error> {
        self.sessions.delete_by_user_id(user_id).await
    }

    async fn list_sessions_for_user(&self, user_id: &UserId) -> Result<Vec<Session>, Error> {
        self.sessions.find_by_user_id(user_id).await
    }

    async fn refresh_session(&self, token: &SessionToken, expires_in: TimeDelta) -> Result<Session, Error> {
        self.sessions.refresh(token, expires_in).await
    }
}
