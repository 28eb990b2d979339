//! Sessions.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;
use torii_core::{
    Error, Session, SessionToken, User, UserId,
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::{SessionError, StorageError, StorageErrorKind},
    repositories::SessionRepository,
    session::{IP_ADDRESS_MAX_BYTES, USER_AGENT_MAX_BYTES, cut},
};

use super::{Reading, StoredTime, keys, storable, user::UserRow, without_nul};
use crate::{
    PostgresRepositoryProvider,
    access::{Bound, Call, Twofold},
    error::is,
};

macro_rules! session_columns {
    () => {
        "sessions.token_digest, sessions.user_id, sessions.user_agent, sessions.ip_address, \
         sessions.created_at AS session_created_at, sessions.updated_at AS session_updated_at, \
         sessions.expires_at AS session_expires_at"
    };
}

macro_rules! insert_session {
    () => {
        concat!(
            "INSERT INTO sessions \
             (tenant_id, token_digest, user_id, user_agent, ip_address, created_at, updated_at, expires_at) \
             SELECT $1, $3, $4, $5, $6, $7, $8, $9",
            from_tenant!(),
            "RETURNING token_digest"
        )
    };
}

const INSERT: &str = insert_session!();

/// Clears the counter and the log of the address, unless the tenant is not in use and nothing is stored.
const INSERT_AND_CLEAR: &str = concat!(
    "WITH stored AS (",
    insert_session!(),
    "), cleared AS (DELETE FROM lockouts WHERE tenant_id = $1 AND email_key = ",
    attempts_key!("$10", "$11"),
    " AND EXISTS (SELECT 1 FROM stored)), \
     log AS (DELETE FROM failed_login_attempts WHERE tenant_id = $1 AND email = ",
    attempts_key!("$10", "$11"),
    " AND EXISTS (SELECT 1 FROM stored)) \
     SELECT token_digest FROM stored"
);

/// The functions are in `row_level_security_on.sql` of the migrations. One that has to return something else gets a new number.
pub(crate) const FIND_BY_TOKEN: Twofold = Twofold {
    statement: concat!(
        "SELECT ",
        session_columns!(),
        " FROM sessions",
        join_tenant!("sessions"),
        "WHERE sessions.tenant_id = $1 AND sessions.token_digest = $3"
    ),
    function: "SELECT token_digest, user_id, user_agent, ip_address, session_created_at, session_updated_at, \
         session_expires_at FROM torii_find_session_v1($1, $2, $3)",
};

/// A session is over after its end, as `Session::is_expired_at` has it.
pub(crate) const FIND_WITH_USER: Twofold = Twofold {
    statement: concat!(
        "SELECT ",
        session_columns!(),
        ", ",
        user_columns!(),
        " FROM sessions JOIN users ON users.tenant_id = sessions.tenant_id AND users.id = sessions.user_id",
        join_tenant!("sessions"),
        "WHERE sessions.tenant_id = $1 AND sessions.token_digest = $3 AND sessions.expires_at >= $2"
    ),
    function: concat!(
        "SELECT token_digest, user_id, user_agent, ip_address, session_created_at, session_updated_at, \
         session_expires_at, ",
        columns_of_user!("found"),
        " FROM torii_find_session_and_user_v1($1, $2, $3) AS found"
    ),
};

const DELETE: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND token_digest = $3 RETURNING user_id";

const REVOKE_LISTED: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND token_digest = $3 AND user_id = $4";

const DELETE_BY_USER: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $3";

const FIND_BY_USER: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM sessions",
    join_tenant!("sessions"),
    "WHERE sessions.tenant_id = $1 AND sessions.user_id = $3 ORDER BY sessions.created_at DESC, sessions.token_digest"
);

/// `$6` is the latest end, or `NULL`, which `LEAST` passes over.
const REFRESH: &str = concat!(
    "UPDATE sessions SET token_digest = $4, updated_at = $2, expires_at = LEAST(GREATEST(expires_at, $5), $6) \
     WHERE tenant_id = $1 AND token_digest = $3 AND expires_at >= $2 AND ",
    tenant_in_use!(),
    " RETURNING ",
    session_columns!()
);

#[async_trait]
impl SessionRepository for PostgresRepositoryProvider {
    async fn create(&self, session: Session) -> Result<Session, Error> {
        let (session, digest) = self.session_to_store(session)?;
        let call = self.call("create session");
        self.insert_session(call, INSERT, |insert| bind_new(insert, &session, &digest)).await?;
        Ok(session)
    }

    async fn create_and_clear_attempts(&self, session: Session, email: &str) -> Result<Session, Error> {
        let (session, digest) = self.session_to_store(session)?;
        let (plain, exact) = keys(email);
        let bind = |insert| bind_new(insert, &session, &digest).bind(plain.as_str()).bind(exact.as_str());
        self.insert_session(self.call("create session"), INSERT_AND_CLEAR, bind).await?;
        Ok(session)
    }

    async fn find_by_token(&self, token: &SessionToken) -> Result<Option<Session>, Error> {
        let digest = self.session_digest(token);
        let call = self.call("find session by token");
        let row: Option<SessionRow> =
            call.read_at_once(FIND_BY_TOKEN, |find| find.bind(&digest.as_bytes()[..])).await?;
        Ok(row.map(|row| self.session_of(row, Some(token))).transpose()?)
    }

    async fn find_with_user(&self, token: &SessionToken) -> Result<Option<(User, Session)>, Error> {
        let digest = self.session_digest(token);
        let call = self.call("find session and user by token");
        let row: Option<SessionWithUserRow> =
            call.read_at_once(FIND_WITH_USER, |find| find.bind(&digest.as_bytes()[..])).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((row.user.try_into()?, self.session_of(row.session, Some(token))?)))
    }

    async fn delete(&self, token: &SessionToken) -> Result<(), Error> {
        self.revoke(token).await.map(drop)
    }

    async fn revoke(&self, token: &SessionToken) -> Result<Option<UserId>, Error> {
        let digest = self.session_digest(token);
        let call = self.call("delete session");
        let owner: Option<(String,)> = call.write(DELETE, |delete| delete.bind(&digest.as_bytes()[..])).await?;
        Ok(owner.map(|(owner,)| UserId::from(owner)))
    }

    async fn revoke_listed(&self, user_id: &UserId, token_hash: &str) -> Result<bool, Error> {
        let Ok(digest) = TokenDigest::from_hex(token_hash) else { return Ok(false) };
        let call = self.call("delete listed session");
        let bind = |delete: Bound| delete.bind(&digest.as_bytes()[..]).bind(user_id.as_str());
        Ok(call.execute(REVOKE_LISTED, bind).await? > 0)
    }

    async fn delete_by_user_id(&self, user_id: &UserId) -> Result<(), Error> {
        let call = self.call("delete sessions for user");
        call.execute(DELETE_BY_USER, |delete| delete.bind(user_id.as_str())).await.map(drop)
    }

    async fn cleanup_expired(&self) -> Result<(), Error> {
        self.sweep_sessions().await.map(drop)
    }

    async fn find_by_user_id(&self, user_id: &UserId) -> Result<Vec<Session>, Error> {
        let call = self.call("find sessions of a user");
        let rows: Vec<SessionRow> = call.read_all(FIND_BY_USER, |find| find.bind(user_id.as_str())).await?;
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
        let new = SessionToken::new_random();
        let (old_digest, new_digest) = (self.session_digest(token), self.session_digest(&new));
        let call = self.call("refresh session");
        let row: Option<SessionRow> = call
            .write(REFRESH, |refresh| {
                refresh
                    .bind(&old_digest.as_bytes()[..])
                    .bind(&new_digest.as_bytes()[..])
                    .bind(saturating_add(call.now(), expires_in))
                    .bind(latest_end.map(storable))
            })
            .await?;
        match row {
            Some(row) => Ok(self.session_of(row, Some(&new))?),
            None => {
                self.check_tenant(call).await?;
                Err(SessionError::NotFound.into())
            }
        }
    }
}

impl PostgresRepositoryProvider {
    /// A session as it is valid in this tenant, and the digest that it is found by.
    pub(super) fn session_to_store(&self, session: Session) -> Result<(Session, TokenDigest), Error> {
        let digest = match &session.token {
            Some(token) => self.session_digest(token),
            None => TokenDigest::from_hex(&session.token_hash)?,
        };
        let session = Session {
            token_hash: digest.to_hex(),
            tenant_id: self.tenant_id().clone(),
            user_agent: session.user_agent.map(|text| cut(without_nul(&text), USER_AGENT_MAX_BYTES)),
            ip_address: session.ip_address.as_deref().map(ip_address),
            created_at: storable(session.created_at),
            updated_at: storable(session.updated_at),
            expires_at: storable(session.expires_at),
            ..session
        };
        Ok((session, digest))
    }

    async fn insert_session(
        &self,
        call: Call<'_>,
        statement: &'static str,
        bind: impl Fn(Bound) -> Bound + Send + Sync,
    ) -> Result<(), Error> {
        let stored: Result<(Vec<u8>,), Error> = self.creating(call, || call.write(statement, &bind)).await;
        match stored {
            Ok(_) => Ok(()),
            Err(error) if is(&error, StorageErrorKind::UniqueViolation) => Err(SessionError::AlreadyExists.into()),
            Err(error) => Err(error),
        }
    }

    fn session_digest(&self, token: &SessionToken) -> TokenDigest {
        TokenDigest::new(TokenUse::Session, self.tenant_id(), token.expose_secret())
    }

    fn session_of(&self, row: SessionRow, token: Option<&SessionToken>) -> Result<Session, StorageError> {
        let reading = Reading { table: "sessions", row: &row.user_id };
        let digest: [u8; 32] =
            row.token_digest.as_slice().try_into().map_err(|error| reading.corrupt("token_digest", error))?;
        Ok(Session {
            token: token.cloned(),
            token_hash: TokenDigest::from(digest).to_hex(),
            tenant_id: self.tenant_id().clone(),
            created_at: reading.time("created_at", row.session_created_at)?,
            updated_at: reading.time("updated_at", row.session_updated_at)?,
            expires_at: reading.time("expires_at", row.session_expires_at)?,
            user_id: UserId::from(row.user_id),
            user_agent: row.user_agent,
            ip_address: row.ip_address,
        })
    }
}

/// What [`INSERT`] binds.
fn bind_new(insert: Bound, session: &Session, digest: &TokenDigest) -> Bound {
    insert
        .bind(&digest.as_bytes()[..])
        .bind(session.user_id.as_str())
        .bind(session.user_agent.as_deref())
        .bind(session.ip_address.as_deref())
        .bind(session.created_at)
        .bind(session.updated_at)
        .bind(session.expires_at)
}

/// An IP address as it is stored.
pub(super) fn ip_address(text: &str) -> String {
    cut(without_nul(text), IP_ADDRESS_MAX_BYTES)
}

#[derive(FromRow)]
struct SessionRow {
    token_digest: Vec<u8>,
    user_id: String,
    user_agent: Option<String>,
    ip_address: Option<String>,
    session_created_at: StoredTime,
    session_updated_at: StoredTime,
    session_expires_at: StoredTime,
}

#[derive(FromRow)]
struct SessionWithUserRow {
    #[sqlx(flatten)]
    session: SessionRow,
    #[sqlx(flatten)]
    user: UserRow,
}
