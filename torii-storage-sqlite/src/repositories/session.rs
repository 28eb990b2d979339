//! Sessions.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::SqliteConnection;
use torii_core::{
    Error, Session, SessionToken, User, UserId,
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::{SessionError, StorageError, StorageErrorKind},
    repositories::SessionRepository,
    session::{IP_ADDRESS_MAX_BYTES, USER_AGENT_MAX_BYTES, cut},
};

use super::{Reading, keys, lockout, only, storable, user::UserRow};
use crate::{
    SqliteRepositoryProvider,
    error::{failed, is},
};

macro_rules! session_columns {
    () => {
        "sessions.token_digest, sessions.user_id, sessions.user_agent, sessions.ip_address, \
         sessions.created_at AS session_created_at, sessions.updated_at AS session_updated_at, \
         sessions.expires_at AS session_expires_at"
    };
}

pub(super) const INSERT: &str = concat!(
    "INSERT INTO sessions (tenant_id, token_digest, user_id, user_agent, ip_address, created_at, updated_at, expires_at) \
     SELECT ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9",
    from_tenant!()
);

pub(super) const FIND_BY_TOKEN: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM sessions",
    join_tenant!("sessions"),
    "WHERE sessions.tenant_id = ?1 AND sessions.token_digest = ?3"
);

/// A session is over after its end, as `Session::is_expired_at` has it.
pub(super) const FIND_WITH_USER: &str = concat!(
    "SELECT ",
    session_columns!(),
    ", ",
    user_columns!(),
    " FROM sessions JOIN users ON users.tenant_id = sessions.tenant_id AND users.id = sessions.user_id",
    join_tenant!("sessions"),
    "WHERE sessions.tenant_id = ?1 AND sessions.token_digest = ?3 AND sessions.expires_at >= ?2"
);

pub(super) const DELETE: &str = "DELETE FROM sessions WHERE tenant_id = ?1 AND token_digest = ?3 RETURNING user_id";

pub(super) const REVOKE_LISTED: &str =
    "DELETE FROM sessions WHERE tenant_id = ?1 AND token_digest = ?3 AND user_id = ?4";

pub(super) const DELETE_BY_USER: &str = "DELETE FROM sessions WHERE tenant_id = ?1 AND user_id = ?3";

pub(super) const FIND_BY_USER: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM sessions",
    join_tenant!("sessions"),
    "WHERE sessions.tenant_id = ?1 AND sessions.user_id = ?3 ORDER BY sessions.created_at DESC, sessions.token_digest"
);

/// Times compare as text. `?6` is the latest end, or `NULL`.
pub(super) const REFRESH: &str = concat!(
    "UPDATE sessions SET token_digest = ?4, updated_at = ?2, \
     expires_at = COALESCE(min(max(expires_at, ?5), ?6), max(expires_at, ?5)) \
     WHERE tenant_id = ?1 AND token_digest = ?3 AND expires_at >= ?2 AND ",
    tenant_in_use!(),
    " RETURNING ",
    session_columns!()
);

#[async_trait]
impl SessionRepository for SqliteRepositoryProvider {
    async fn create(&self, session: Session) -> Result<Session, Error> {
        let mut db = self.writer("create session").await?;
        self.insert_session(&mut db, session, self.now()).await
    }

    async fn create_and_clear_attempts(&self, session: Session, email: &str) -> Result<Session, Error> {
        const OPERATION: &str = "create session";
        let now = self.now();
        let (plain, exact) = keys(email);
        let mut db = self.transaction(OPERATION).await?;
        let session = self.insert_session(&mut db, session, now).await?;
        for clear in [lockout::DELETE, lockout::DELETE_LOG] {
            let clear = self.query(clear, now).bind(plain.as_str()).bind(exact.as_str());
            clear.execute(&mut *db).await.map_err(failed(OPERATION))?;
        }
        db.commit().await?;
        Ok(session)
    }

    async fn find_by_token(&self, token: &SessionToken) -> Result<Option<Session>, Error> {
        let row: Option<SessionRow> = self
            .query_as(FIND_BY_TOKEN, self.now())
            .bind(self.session_digest(token))
            .fetch_optional(self.pool())
            .await
            .map_err(failed("find session by token"))?;
        Ok(row.map(|row| self.session_of(row, Some(token))).transpose()?)
    }

    async fn find_with_user(&self, token: &SessionToken) -> Result<Option<(User, Session)>, Error> {
        let row: Option<SessionWithUserRow> = self
            .query_as(FIND_WITH_USER, self.now())
            .bind(self.session_digest(token))
            .fetch_optional(self.pool())
            .await
            .map_err(failed("find session and user by token"))?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((row.user.try_into()?, self.session_of(row.session, Some(token))?)))
    }

    async fn delete(&self, token: &SessionToken) -> Result<(), Error> {
        self.revoke(token).await.map(drop)
    }

    async fn revoke(&self, token: &SessionToken) -> Result<Option<UserId>, Error> {
        const OPERATION: &str = "delete session";
        let mut db = self.writer(OPERATION).await?;
        let delete = self.query_scalar::<String>(DELETE, self.now()).bind(self.session_digest(token));
        let owners = delete.fetch_all(&mut *db).await.map_err(failed(OPERATION))?;
        Ok(only(owners).map(UserId::from))
    }

    async fn revoke_listed(&self, user_id: &UserId, token_hash: &str) -> Result<bool, Error> {
        const OPERATION: &str = "delete listed session";
        let Ok(digest) = TokenDigest::from_hex(token_hash) else { return Ok(false) };
        let mut db = self.writer(OPERATION).await?;
        let delete = self.query(REVOKE_LISTED, self.now()).bind(digest.as_bytes().to_vec()).bind(user_id.as_str());
        let deleted = delete.execute(&mut *db).await.map_err(failed(OPERATION))?;
        Ok(deleted.rows_affected() > 0)
    }

    async fn delete_by_user_id(&self, user_id: &UserId) -> Result<(), Error> {
        const OPERATION: &str = "delete sessions for user";
        let mut db = self.writer(OPERATION).await?;
        let delete = self.query(DELETE_BY_USER, self.now()).bind(user_id.as_str());
        delete.execute(&mut *db).await.map_err(failed(OPERATION))?;
        Ok(())
    }

    async fn cleanup_expired(&self) -> Result<(), Error> {
        self.sweep_sessions().await.map(drop)
    }

    async fn find_by_user_id(&self, user_id: &UserId) -> Result<Vec<Session>, Error> {
        let rows: Vec<SessionRow> = self
            .query_as(FIND_BY_USER, self.now())
            .bind(user_id.as_str())
            .fetch_all(self.pool())
            .await
            .map_err(failed("find sessions of a user"))?;
        Ok(rows.into_iter().map(|row| self.session_of(row, None)).collect::<Result<_, _>>()?)
    }

    async fn refresh(&self, token: &SessionToken, expires_in: TimeDelta) -> Result<Session, Error> {
        self.refresh_until(token, expires_in, None).await
    }

    async fn refresh_until(
        &self,
        token: &SessionToken,
        expires_in: TimeDelta,
        latest_end: Option<DateTime<Utc>>,
    ) -> Result<Session, Error> {
        const OPERATION: &str = "refresh session";
        let now = self.now();
        let new = SessionToken::new_random();
        let mut db = self.writer(OPERATION).await?;
        let rows: Vec<SessionRow> = self
            .query_as(REFRESH, now)
            .bind(self.session_digest(token))
            .bind(self.session_digest(&new))
            .bind(saturating_add(now, expires_in))
            .bind(latest_end.map(storable))
            .fetch_all(&mut *db)
            .await
            .map_err(failed(OPERATION))?;
        match only(rows) {
            Some(row) => Ok(self.session_of(row, Some(&new))?),
            None => {
                self.check_tenant(&mut db, now).await?;
                Err(SessionError::NotFound.into())
            }
        }
    }
}

impl SqliteRepositoryProvider {
    /// Stores a session in this tenant and returns it as stored.
    pub(super) async fn insert_session(
        &self,
        connection: &mut SqliteConnection,
        session: Session,
        now: DateTime<Utc>,
    ) -> Result<Session, Error> {
        const OPERATION: &str = "create session";
        let digest = match &session.token {
            Some(token) => TokenDigest::new(TokenUse::Session, self.tenant_id(), token.expose_secret()),
            None => TokenDigest::from_hex(&session.token_hash)?,
        };
        let session = Session {
            token_hash: digest.to_hex(),
            tenant_id: self.tenant_id().clone(),
            user_agent: session.user_agent.map(|text| cut(text, USER_AGENT_MAX_BYTES)),
            ip_address: session.ip_address.map(|text| cut(text, IP_ADDRESS_MAX_BYTES)),
            created_at: storable(session.created_at),
            updated_at: storable(session.updated_at),
            expires_at: storable(session.expires_at),
            ..session
        };
        loop {
            let inserted = self
                .query(INSERT, now)
                .bind(digest.as_bytes().to_vec())
                .bind(session.user_id.as_str())
                .bind(session.user_agent.as_deref())
                .bind(session.ip_address.as_deref())
                .bind(session.created_at)
                .bind(session.updated_at)
                .bind(session.expires_at)
                .execute(&mut *connection)
                .await
                .map_err(failed(OPERATION));
            match inserted {
                Ok(done) if done.rows_affected() > 0 => return Ok(session),
                Ok(_) => self.ensure_tenant(&mut *connection, now).await?,
                Err(error) if is(&error, StorageErrorKind::UniqueViolation) => {
                    return Err(SessionError::AlreadyExists.into());
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn session_digest(&self, token: &SessionToken) -> Vec<u8> {
        TokenDigest::new(TokenUse::Session, self.tenant_id(), token.expose_secret()).as_bytes().to_vec()
    }

    fn session_of(&self, row: SessionRow, token: Option<&SessionToken>) -> Result<Session, StorageError> {
        let reading = Reading { table: "sessions", row: &row.user_id };
        let digest: [u8; 32] =
            row.token_digest.as_slice().try_into().map_err(|error| reading.corrupt("token_digest", error))?;
        Ok(Session {
            token: token.cloned(),
            token_hash: TokenDigest::from(digest).to_hex(),
            tenant_id: self.tenant_id().clone(),
            created_at: reading.time("created_at", &row.session_created_at)?,
            updated_at: reading.time("updated_at", &row.session_updated_at)?,
            expires_at: reading.time("expires_at", &row.session_expires_at)?,
            user_id: UserId::from(row.user_id),
            user_agent: row.user_agent,
            ip_address: row.ip_address,
        })
    }
}

#[derive(sqlx::FromRow)]
struct SessionRow {
    token_digest: Vec<u8>,
    user_id: String,
    user_agent: Option<String>,
    ip_address: Option<String>,
    session_created_at: String,
    session_updated_at: String,
    session_expires_at: String,
}

#[derive(sqlx::FromRow)]
struct SessionWithUserRow {
    #[sqlx(flatten)]
    session: SessionRow,
    #[sqlx(flatten)]
    user: UserRow,
}
