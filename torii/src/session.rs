//! Sessions.

use chrono::{DateTime, TimeDelta, Utc};
use torii_core::{
    JwtSessionProvider, RepositoryProvider, Session, SessionProvider, SessionToken, TenantContext, User, UserId,
    error::{Error, SessionError},
    events::Event,
    repositories::{SessionRepository, UserRepository},
};

use crate::{Torii, ToriiError, core::Core};

impl<R: RepositoryProvider> Core<R> {
    /// The session of a token, which is not over.
    async fn live_session(&self, token: &SessionToken) -> Result<Session, Error> {
        let context = self.tenant()?;
        if let Some(provider) = self.jwt_sessions(context) {
            return provider.get_session(token).await;
        }
        let repositories = self.repositories()?;
        let session = repositories.session().find_by_token(token).await?.ok_or(SessionError::NotFound)?;
        if session.is_expired_at(repositories.clock().now()) {
            return Err(SessionError::Expired.into());
        }
        Ok(session)
    }

    /// Replaces a session in a signed token, if its user is still there: a refresh is when a user who was deleted, or a tenant that
    /// was suspended, can be noticed.
    async fn refresh_signed(
        &self,
        provider: &JwtSessionProvider,
        token: &SessionToken,
        lifetime: TimeDelta,
    ) -> Result<Session, Error> {
        let session = provider.get_session(token).await?;
        let user = self.repositories()?.user().find_by_id(&session.user_id).await?;
        user.ok_or(SessionError::NotFound)?;
        provider.refresh_session(token, lifetime).await
    }

    /// The latest end that a refreshed session may have.
    async fn latest_end(&self, context: &TenantContext, token: &SessionToken) -> Result<Option<DateTime<Utc>>, Error> {
        let Some(max_lifetime) = context.policy().session_max_lifetime else { return Ok(None) };
        let session = self.live_session(token).await?;
        Ok(Some(torii_core::clock::saturating_add(session.created_at, max_lifetime)))
    }
}

/// What tells only that a token signs nobody in.
fn nobody<T>(result: Result<T, Error>) -> Result<Option<T>, ToriiError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Error::Session(_)) => Ok(None),
        Err(error) => Err(ToriiError::storage(error)),
    }
}

impl<R: RepositoryProvider, S> Torii<R, S> {
    /// Begins a session for a user whom the application has identified itself. Where sessions are signed tokens nobody looks whether
    /// there is such a user.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`] if there is no such user; [`ToriiError::Tenant`].
    #[tracing::instrument(name = "session.create_session", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn create_session(
        &self,
        user_id: &UserId,
        user_agent: Option<String>,
        ip_address: Option<String>,
    ) -> Result<Session, ToriiError> {
        self.core.begin_session(user_id, user_agent, ip_address).await.map_err(ToriiError::storage)
    }

    /// The session of a token.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`] with the text `Session not found` if there is none in this tenant or it is over.
    #[tracing::instrument(name = "session.get_session", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn get_session(&self, token: &SessionToken) -> Result<Session, ToriiError> {
        self.core.live_session(token).await.map_err(ToriiError::storage)
    }

    /// The session of a token. `None` for a token that is unknown, over, malformed, revoked, or of another tenant: they cannot
    /// be told apart. Sessions in signed tokens are checked without the database: that the user was deleted, or the tenant
    /// suspended, only [`Torii::authenticate_session`] and [`Torii::refresh_session`] notice.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`] if the database failed; [`ToriiError::Tenant`].
    #[tracing::instrument(name = "session.validate_session", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn validate_session(&self, token: &SessionToken) -> Result<Option<Session>, ToriiError> {
        nobody(self.core.live_session(token).await)
    }

    /// The user and the session of a token, in one statement: what an HTTP request needs. `None` as in
    /// [`Torii::validate_session`], and for a user who was deleted.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`] if the database failed; [`ToriiError::Tenant`].
    #[tracing::instrument(name = "session.authenticate_session", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn authenticate_session(&self, token: &SessionToken) -> Result<Option<(User, Session)>, ToriiError> {
        let context = self.core.tenant()?;
        let repositories = self.core.repositories()?;
        let Some(provider) = self.core.jwt_sessions(context) else {
            return repositories.session().find_with_user(token).await.map_err(ToriiError::storage);
        };
        let Some(session) = nobody(provider.get_session(token).await)? else { return Ok(None) };
        let user = repositories.user().find_by_id(&session.user_id).await.map_err(ToriiError::storage)?;
        Ok(user.map(|user| (user, session)))
    }

    /// Ends a session. An unknown one is `Ok`. Does nothing to sessions in signed tokens, which end by themselves only.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "session.delete_session", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn delete_session(&self, token: &SessionToken) -> Result<(), ToriiError> {
        let context = self.core.tenant()?;
        if let Some(provider) = self.core.jwt_sessions(context) {
            return provider.delete_session(token).await.map_err(ToriiError::storage);
        }
        let owner = self.core.repositories()?.session().revoke(token).await.map_err(ToriiError::storage)?;
        if let Some(user_id) = owner {
            self.core.emit(|| Event::SessionDeleted(user_id, token.clone())).await;
        }
        Ok(())
    }

    /// [`Torii::delete_session`] by the name that people look for.
    ///
    /// # Errors
    /// As [`Torii::delete_session`].
    #[tracing::instrument(name = "session.revoke_session", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn revoke_session(&self, token: &SessionToken) -> Result<(), ToriiError> {
        self.delete_session(token).await
    }

    /// Ends one of the sessions that [`Torii::list_user_sessions`] lists, which is named by its
    /// [`token_hash`](Session::token_hash). Returns whether the user had it: `false` for a session of another user, for one that was
    /// ended before, for anything that is no digest, and where sessions are signed tokens.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "session.revoke_listed_session", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn revoke_listed_session(&self, user_id: &UserId, token_hash: &str) -> Result<bool, ToriiError> {
        if self.core.jwt_sessions(self.core.tenant()?).is_some() {
            return Ok(false);
        }
        let sessions = self.core.repositories()?.session();
        let revoked = sessions.revoke_listed(user_id, token_hash).await.map_err(ToriiError::storage)?;
        if revoked {
            self.core.emit(|| Event::SessionRevoked(user_id.clone())).await;
        }
        Ok(revoked)
    }

    /// Ends all sessions of a user. Does nothing to sessions in signed tokens.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "session.delete_sessions_for_user", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn delete_sessions_for_user(&self, user_id: &UserId) -> Result<(), ToriiError> {
        let context = self.core.tenant()?;
        if let Some(provider) = self.core.jwt_sessions(context) {
            return provider.delete_sessions_for_user(user_id).await.map_err(ToriiError::storage);
        }
        self.core.repositories()?.session().delete_by_user_id(user_id).await.map_err(ToriiError::storage)?;
        self.core.emit(|| Event::SessionsCleared(user_id.clone())).await;
        Ok(())
    }

    /// The sessions of a user that are not over, newest first, without their tokens: "where am I signed in". Empty for sessions
    /// in signed tokens, which nobody keeps a list of.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`], [`ToriiError::Tenant`].
    #[tracing::instrument(name = "session.list_user_sessions", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn list_user_sessions(&self, user_id: &UserId) -> Result<Vec<Session>, ToriiError> {
        let context = self.core.tenant()?;
        if let Some(provider) = self.core.jwt_sessions(context) {
            return provider.list_sessions_for_user(user_id).await.map_err(ToriiError::storage);
        }
        let repositories = self.core.repositories()?;
        let mut sessions = repositories.session().find_by_user_id(user_id).await.map_err(ToriiError::storage)?;
        let now = repositories.clock().now();
        sessions.retain(|session| !session.is_expired_at(now));
        Ok(sessions)
    }

    /// Replaces a session by one under a new token that lasts anew, but never longer in all than
    /// [`Torii::with_session_max_lifetime`] allows. The old token is worthless from then on; where sessions are signed tokens it
    /// works until it ends by itself.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`] with the text `Session not found` if there is none in this tenant or it is over.
    #[tracing::instrument(name = "session.refresh_session", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn refresh_session(&self, token: &SessionToken) -> Result<Session, ToriiError> {
        let context = self.core.tenant()?;
        let lifetime = context.policy().session_lifetime;
        if let Some(provider) = self.core.jwt_sessions(context) {
            return self.core.refresh_signed(&provider, token, lifetime).await.map_err(ToriiError::storage);
        }
        let refreshed = async {
            let latest_end = self.core.latest_end(context, token).await?;
            self.core.repositories()?.session().refresh_until(token, lifetime, latest_end).await
        };
        refreshed.await.map_err(ToriiError::storage)
    }
}
