//! Sessions.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, FromQueryResult, IntoSimpleExpr, Order, QueryResult,
    sea_query::{CaseStatement, Expr, ExprTrait, InsertStatement},
};
use torii_core::{
    Error, Session, SessionToken, User, UserId,
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::{SessionError, StorageError, StorageErrorKind},
    repositories::SessionRepository,
    session::{IP_ADDRESS_MAX_BYTES, USER_AGENT_MAX_BYTES, cut},
};

use super::{Reading, keys, storable, user::UserRow, without_nul};
use crate::{
    SeaORMRepositoryProvider,
    access::{Again, Call},
    dialect::{Dialect, StoredTime},
    entities::{sessions, users},
    error::{RowResult, is},
    sql::{
        along, attempts_key, clear_attempts, columns, delete, insert, select, stored, tenant_in_use, update,
        user_columns,
    },
};

#[async_trait]
impl SessionRepository for SeaORMRepositoryProvider {
    async fn create(&self, session: Session) -> Result<Session, Error> {
        let (session, digest) = self.session_to_store(session)?;
        let call = self.call("create session");
        let insert = insert_session(&call, &session, &digest);
        let stored = self.creating(call, || async { Ok((call.execute(&insert).await? > 0).then_some(())) }).await;
        stored.map_err(session_exists).map(|()| session)
    }

    async fn create_and_clear_attempts(&self, session: Session, email: &str) -> Result<Session, Error> {
        let (session, digest) = self.session_to_store(session)?;
        let call = self.call("create session");
        let mut insert = insert_session(&call, &session, &digest);
        let clear = clear_attempts(&call, &attempts_key(&call, &keys(email)));
        if call.dialect().writes_in_with() {
            // As the insert, which says by its count whether they did anything.
            let clear = clear.map(|mut deletion| deletion.and_where(tenant_in_use(&call)).take());
            insert.with_cte(along(clear));
            let stored = self.creating(call, || async { Ok((call.execute(&insert).await? > 0).then_some(())) }).await;
            return stored.map_err(session_exists).map(|()| session);
        }
        let stored = self.creating(call, || {
            call.repeat(Again::Harmless, || async {
                let db = call.begin().await?;
                if db.execute(&insert).await? == 0 {
                    db.rollback().await?;
                    return Ok(None);
                }
                db.delete_all(clear.to_vec()).await?;
                db.commit().await.map(Some)
            })
        });
        stored.await.map_err(session_exists).map(|()| session)
    }

    async fn find_by_token(&self, token: &SessionToken) -> Result<Option<Session>, Error> {
        let call = self.call("find session by token");
        let find = select::<sessions::Entity>(&call)
            .exprs(session_columns(call.dialect()))
            .and_where(sessions::Column::TokenDigest.eq(self.session_digest(token).as_bytes().to_vec()))
            .take();
        let row: Option<SessionRow> = call.read(&find).await?;
        Ok(row.map(|row| self.session_of(row, Some(token))).transpose()?)
    }

    async fn find_with_user(&self, token: &SessionToken) -> Result<Option<(User, Session)>, Error> {
        use sessions::Column::{ExpiresAt, TenantId, TokenDigest, UserId};
        let call = self.call("find session and user by token");
        let owner = users::Column::TenantId
            .into_simple_expr()
            .equals((sessions::Entity, TenantId))
            .and(users::Column::Id.into_simple_expr().equals((sessions::Entity, UserId)));
        let find = select::<sessions::Entity>(&call)
            .exprs(session_columns(call.dialect()))
            .exprs(user_columns(&call))
            .inner_join(users::Entity, owner)
            .and_where(TokenDigest.eq(self.session_digest(token).as_bytes().to_vec()))
            // A session is over after its end, as `Session::is_expired_at` has it.
            .and_where(ExpiresAt.gte(call.now()))
            .take();
        let row: Option<SessionWithUserRow> = call.read(&find).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((row.user.try_into()?, self.session_of(row.session, Some(token))?)))
    }

    async fn delete(&self, token: &SessionToken) -> Result<(), Error> {
        self.revoke(token).await.map(drop)
    }

    async fn revoke(&self, token: &SessionToken) -> Result<Option<UserId>, Error> {
        let call = self.call("delete session");
        let this = sessions::Column::TokenDigest.eq(self.session_digest(token).as_bytes().to_vec());
        let mut doomed = stored::<sessions::Entity>(&call);
        doomed.and_where(this.clone());
        call.dialect().lock(&mut doomed, sessions::Entity);
        let delete = delete::<sessions::Entity>(&call).and_where(this).take();
        let owner: Option<OwnerRow> =
            call.delete_and_read(delete, &columns([sessions::Column::UserId]), doomed).await?;
        Ok(owner.map(|owner| UserId::from(owner.user_id)))
    }

    async fn revoke_listed(&self, user_id: &UserId, token_hash: &str) -> Result<bool, Error> {
        let Ok(digest) = TokenDigest::from_hex(token_hash) else { return Ok(false) };
        let call = self.call("delete listed session");
        let this = delete::<sessions::Entity>(&call)
            .and_where(sessions::Column::TokenDigest.eq(digest.as_bytes().to_vec()))
            .and_where(sessions::Column::UserId.eq(user_id.as_str()))
            .take();
        Ok(call.execute(&this).await? > 0)
    }

    async fn delete_by_user_id(&self, user_id: &UserId) -> Result<(), Error> {
        let call = self.call("delete sessions for user");
        let mut theirs = delete::<sessions::Entity>(&call);
        call.execute(theirs.and_where(sessions::Column::UserId.eq(user_id.as_str()))).await.map(drop)
    }

    async fn cleanup_expired(&self) -> Result<(), Error> {
        self.sweep_sessions().await.map(drop)
    }

    async fn find_by_user_id(&self, user_id: &UserId) -> Result<Vec<Session>, Error> {
        use sessions::Column::{CreatedAt, TokenDigest, UserId};
        let call = self.call("find sessions of a user");
        let theirs = select::<sessions::Entity>(&call)
            .exprs(session_columns(call.dialect()))
            .and_where(UserId.eq(user_id.as_str()))
            .order_by((sessions::Entity, CreatedAt), Order::Desc)
            .order_by((sessions::Entity, TokenDigest), Order::Asc)
            .take();
        let rows: Vec<SessionRow> = call.read_all(&theirs).await?;
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
        use sessions::Column::{ExpiresAt, TokenDigest, UpdatedAt};
        let new = SessionToken::new_random();
        let new_digest = self.session_digest(&new).as_bytes().to_vec();
        let call = self.call("refresh session");
        let refresh = update::<sessions::Entity>(&call)
            .values([
                (TokenDigest, new_digest.clone().into()),
                (UpdatedAt, call.now().into()),
                (ExpiresAt, later_end(&call, saturating_add(call.now(), expires_in), latest_end.map(storable))),
            ])
            .and_where(TokenDigest.eq(self.session_digest(token).as_bytes().to_vec()))
            .and_where(ExpiresAt.gte(call.now()))
            .take();
        let refreshed = stored::<sessions::Entity>(&call).and_where(TokenDigest.eq(new_digest)).take();
        match call.write_and_read(refresh, &session_columns(call.dialect()), refreshed).await? {
            Some(row) => Ok(self.session_of(row, Some(&new))?),
            None => {
                self.check_tenant(call).await?;
                Err(SessionError::NotFound.into())
            }
        }
    }
}

impl SeaORMRepositoryProvider {
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

/// Inserts a session. One with the same digest is an error, which [`session_exists`] knows.
pub(super) fn insert_session(call: &Call<'_>, session: &Session, digest: &TokenDigest) -> InsertStatement {
    use sessions::Column::{CreatedAt, ExpiresAt, IpAddress, TokenDigest, UpdatedAt, UserAgent, UserId};
    insert::<sessions::Entity, 7>(
        call,
        [
            (TokenDigest, digest.as_bytes().to_vec().into()),
            (UserId, session.user_id.as_str().into()),
            (UserAgent, session.user_agent.clone().into()),
            (IpAddress, session.ip_address.clone().into()),
            (CreatedAt, session.created_at.into()),
            (UpdatedAt, session.updated_at.into()),
            (ExpiresAt, session.expires_at.into()),
        ],
        None,
    )
}

pub(super) fn session_exists(error: Error) -> Error {
    if is(&error, StorageErrorKind::UniqueViolation) { SessionError::AlreadyExists.into() } else { error }
}

/// The stored end or `end`, whichever is later, but no later than `latest`.
fn later_end(call: &Call<'_>, end: DateTime<Utc>, latest: Option<DateTime<Utc>>) -> Expr {
    let stored = || sessions::Column::ExpiresAt.into_simple_expr();
    let end = latest.map_or(end, |latest| Ord::min(end, latest));
    let mut case = CaseStatement::new();
    if let Some(latest) = latest {
        case = case.case(stored().gt(latest), call.dialect().value(latest));
    }
    case.case(stored().lt(end), call.dialect().value(end)).finally(stored()).into()
}

/// An IP address as it is stored.
pub(super) fn ip_address(text: &str) -> String {
    cut(without_nul(text), IP_ADDRESS_MAX_BYTES)
}

fn session_columns(dialect: Dialect) -> Vec<Expr> {
    use sessions::Column::{CreatedAt, ExpiresAt, IpAddress, TokenDigest, UpdatedAt, UserAgent, UserId};
    let mut all = columns([TokenDigest, UserId, UserAgent, IpAddress]);
    all.push(dialect.named(CreatedAt.into_simple_expr(), "session_created_at"));
    all.push(dialect.named(UpdatedAt.into_simple_expr(), "session_updated_at"));
    all.push(dialect.named(ExpiresAt.into_simple_expr(), "session_expires_at"));
    all
}

#[derive(FromQueryResult)]
struct SessionRow {
    token_digest: Vec<u8>,
    user_id: String,
    user_agent: Option<String>,
    ip_address: Option<String>,
    session_created_at: StoredTime,
    session_updated_at: StoredTime,
    session_expires_at: StoredTime,
}

struct SessionWithUserRow {
    session: SessionRow,
    user: UserRow,
}

impl FromQueryResult for SessionWithUserRow {
    fn from_query_result(row: &QueryResult, prefix: &str) -> RowResult<Self> {
        Ok(Self {
            session: SessionRow::from_query_result(row, prefix)?,
            user: UserRow::from_query_result(row, prefix)?,
        })
    }
}

#[derive(FromQueryResult)]
struct OwnerRow {
    user_id: String,
}
