//! Mail tokens.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use sqlx::FromRow;
use torii_core::{
    Error, SecureToken, Session, TokenPurpose, User, UserId,
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::{SessionError, StorageError, StorageErrorKind},
    repositories::{IssuedToken, TokenRepository, token::SessionFor},
    token::NewToken,
};

use super::{Reading, StoredTime, keys, storable, user::UserRow};
use crate::{
    PostgresRepositoryProvider,
    access::{Bound, Call},
    error::is,
};

/// The tokens of this purpose that the owner of a new one has, used or not.
macro_rules! delete_older {
    ($owner:literal) => {
        concat!(
            "DELETE FROM secure_tokens USING ",
            $owner,
            " WHERE secure_tokens.tenant_id = $1 AND secure_tokens.user_id = ",
            $owner,
            ".user_id AND secure_tokens.purpose = $4 AND secure_tokens.token_digest <> $3"
        )
    };
}

const CREATE: &str = concat!(
    "WITH issued AS (\
     INSERT INTO secure_tokens (tenant_id, token_digest, user_id, purpose, expires_at, created_at, updated_at) \
     SELECT $1, $3, $6, $4, $5, $2, $2",
    from_tenant!(),
    "RETURNING user_id), older AS (",
    delete_older!("issued"),
    ") SELECT user_id FROM issued"
);

/// Issues for whoever `$owner` finds, and says what the tenant's status is. The owner's address is held still until the token
/// is there: whoever changes it meanwhile finds the token and deletes it.
macro_rules! issue {
    ($owner:expr) => {
        concat!(
            "WITH owner AS (SELECT users.id AS user_id, users.email, users.name FROM users",
            join_tenant!("users"),
            "WHERE users.tenant_id = $1 AND",
            $owner,
            " FOR KEY SHARE OF users), \
             issued AS (\
             INSERT INTO secure_tokens (tenant_id, token_digest, user_id, purpose, expires_at, created_at, updated_at) \
             SELECT $1, $3, owner.user_id, $4, $5, $2, $2 FROM owner), \
             older AS (",
            delete_older!("owner"),
            ") SELECT tenants.status, owner.user_id, owner.email, owner.name",
            from_status!(),
            "LEFT JOIN owner ON true"
        )
    };
}

const ISSUE_FOR_USER: &str = issue!(" users.id = $6");

const ISSUE_FOR_EMAIL: &str = issue!(with_email!("$6", "$7"));

const CONSUME: &str = concat!(
    "UPDATE secure_tokens SET used_at = $2, updated_at = $2 WHERE ",
    live_token!(),
    " RETURNING token_digest, user_id, purpose, used_at, expires_at, created_at, updated_at"
);

const CHECK: &str = concat!("SELECT EXISTS (SELECT 1 FROM secure_tokens WHERE ", live_token!(), ")");

/// Whose token it is, if it works, and the tenant's status.
const FIND_OWNER: &str = concat!(
    "SELECT tenants.status, secure_tokens.user_id",
    from_status!(),
    "LEFT JOIN secure_tokens ON ",
    live_token!()
);

/// `$5` is the digest of the session, or `NULL`.
const REDEEM_MAGIC_LINK: &str = concat!(
    "WITH ",
    consume_token!("before"),
    ", \
     owner AS (UPDATE users SET \
     password_hash = CASE WHEN before.unproven THEN NULL ELSE users.password_hash END, \
     updated_at = CASE WHEN before.unproven THEN $2 ELSE users.updated_at END, \
     email_verified_at = CASE WHEN before.unproven THEN $2 ELSE users.email_verified_at END \
     FROM before WHERE users.tenant_id = $1 AND users.id = before.id RETURNING ",
    user_columns!(),
    "), \
     ended AS (DELETE FROM sessions USING before \
     WHERE sessions.tenant_id = $1 AND sessions.user_id = before.id AND before.unproven), ",
    drop_unproven!("before", "before.unproven"),
    ", \
     begun AS (\
     INSERT INTO sessions (tenant_id, token_digest, user_id, user_agent, ip_address, created_at, updated_at, expires_at) \
     SELECT $1, $5, before.id, $6, $7, $8, $9, $10 FROM before WHERE $5 IS NOT NULL) \
     SELECT ",
    columns_of_user!("owner"),
    " FROM owner"
);

const REDEEM_EMAIL_VERIFICATION: &str = concat!(
    "WITH ",
    consume_token!("before"),
    ", \
     owner AS (UPDATE users SET email_verified_at = $2, updated_at = $2 FROM before \
     WHERE users.tenant_id = $1 AND users.id = before.id RETURNING ",
    user_columns!(),
    ") SELECT ",
    columns_of_user!("owner"),
    " FROM owner"
);

#[async_trait]
impl TokenRepository for PostgresRepositoryProvider {
    async fn create_token(
        &self,
        user_id: &UserId,
        purpose: TokenPurpose,
        expires_in: TimeDelta,
    ) -> Result<SecureToken, Error> {
        let call = self.call("create secure token");
        let token = NewToken::random(purpose, saturating_add(call.now(), expires_in));
        let digest = self.mail_digest(purpose, token.token.expose_secret());
        let _: (String,) = self
            .creating(call, || call.write(CREATE, |create| bind_new(create, &token, &digest).bind(user_id.as_str())))
            .await?;
        Ok(self.issued_token(user_id.clone(), &token, &digest, call.now()))
    }

    async fn issue_for_email(&self, email: &str, token: &NewToken) -> Result<Option<IssuedToken>, Error> {
        let (plain, exact) = keys(email);
        self.issue(ISSUE_FOR_EMAIL, token, |issue| issue.bind(plain.as_str()).bind(exact.as_str())).await
    }

    async fn issue_for_user(&self, user_id: &UserId, token: &NewToken) -> Result<Option<IssuedToken>, Error> {
        self.issue(ISSUE_FOR_USER, token, |issue| issue.bind(user_id.as_str())).await
    }

    async fn verify_token(&self, token: &str, purpose: TokenPurpose) -> Result<Option<SecureToken>, Error> {
        let digest = self.mail_digest(purpose, token);
        let call = self.call("verify secure token");
        let row: Option<TokenRow> = call.write(CONSUME, |consume| bind_key(consume, &digest, purpose)).await?;
        match row {
            Some(row) => Ok(Some(self.token_of(row)?)),
            None => self.check_tenant(call).await.map(|()| None),
        }
    }

    async fn check_token(&self, token: &str, purpose: TokenPurpose) -> Result<bool, Error> {
        let digest = self.mail_digest(purpose, token);
        let call = self.call("check secure token");
        let live: Option<(bool,)> = call.read(CHECK, |check| bind_key(check, &digest, purpose)).await?;
        Ok(live == Some((true,)))
    }

    async fn cleanup_expired_tokens(&self) -> Result<(), Error> {
        self.sweep_tokens().await.map(drop)
    }

    /// Finds out first whose token it is, because the session needs the owner; whether the token works is decided by the
    /// statement that consumes it.
    async fn redeem_magic_link(
        &self,
        token: &TokenDigest,
        session: SessionFor<'_>,
    ) -> Result<Option<(User, Option<Session>)>, Error> {
        let call = self.call("redeem magic link");
        let purpose = TokenPurpose::MagicLink;
        let found: Option<(Option<String>, Option<String>)> =
            call.read(FIND_OWNER, |find| bind_key(find, token, purpose)).await?;
        let (status, owner) = found.unwrap_or_default();
        let Some(owner) = owner else {
            return self.judge_unchanged(status.as_deref()).map(|()| None);
        };
        let session = session(&UserId::from(owner)).map(|session| self.session_to_store(session)).transpose()?;
        let redeemed: Result<Option<UserRow>, Error> = call
            .write(REDEEM_MAGIC_LINK, |redeem| bind_session(bind_key(redeem, token, purpose), session.as_ref()))
            .await;
        match redeemed {
            Ok(Some(row)) => Ok(Some((row.try_into()?, session.map(|(session, _)| session)))),
            Ok(None) => self.check_tenant(call).await.map(|()| None),
            Err(error) if is(&error, StorageErrorKind::UniqueViolation) => Err(SessionError::AlreadyExists.into()),
            Err(error) => Err(error),
        }
    }

    async fn redeem_email_verification(&self, token: &TokenDigest) -> Result<Option<User>, Error> {
        let call = self.call("redeem email verification");
        let purpose = TokenPurpose::EmailVerification;
        let row: Option<UserRow> =
            call.write(REDEEM_EMAIL_VERIFICATION, |redeem| bind_key(redeem, token, purpose)).await?;
        match row {
            Some(row) => Ok(Some(row.try_into()?)),
            None => self.check_tenant(call).await.map(|()| None),
        }
    }
}

impl PostgresRepositoryProvider {
    async fn issue(
        &self,
        statement: &'static str,
        token: &NewToken,
        bind_owner: impl Fn(Bound) -> Bound + Send + Sync,
    ) -> Result<Option<IssuedToken>, Error> {
        let call = self.call("issue secure token");
        let token = NewToken { expires_at: storable(token.expires_at), ..token.clone() };
        let digest = self.mail_digest(token.purpose, token.token.expose_secret());
        let Some(row) = issue_once(call, statement, |issue| bind_owner(bind_new(issue, &token, &digest))).await? else {
            return Ok(None);
        };
        match (row.user_id, row.email) {
            (Some(user_id), Some(email)) => Ok(Some(IssuedToken {
                token: self.issued_token(UserId::from(user_id), &token, &digest, call.now()),
                email,
                name: row.name,
            })),
            // An unknown tenant is no error: it has no users.
            _ => self.judge_unchanged(row.status.as_deref()).map(|()| None),
        }
    }

    fn mail_digest(&self, purpose: TokenPurpose, token: &str) -> TokenDigest {
        TokenDigest::new(TokenUse::Mail(purpose), self.tenant_id(), token)
    }

    fn issued_token(&self, user_id: UserId, token: &NewToken, digest: &TokenDigest, now: DateTime<Utc>) -> SecureToken {
        SecureToken::from_storage(user_id, digest.to_hex(), token.purpose, None, token.expires_at, now, now)
            .in_tenant(self.tenant_id().clone())
            .with_token(token.token.clone())
    }

    fn token_of(&self, row: TokenRow) -> Result<SecureToken, StorageError> {
        let reading = Reading { table: "secure_tokens", row: &row.user_id };
        let digest: [u8; 32] =
            row.token_digest.as_slice().try_into().map_err(|error| reading.corrupt("token_digest", error))?;
        let token = SecureToken::from_storage(
            UserId::new(&row.user_id),
            TokenDigest::from(digest).to_hex(),
            reading.parse("purpose", &row.purpose)?,
            reading.optional_time("used_at", row.used_at)?,
            reading.time("expires_at", row.expires_at)?,
            reading.time("created_at", row.created_at)?,
            reading.time("updated_at", row.updated_at)?,
        );
        Ok(token.in_tenant(self.tenant_id().clone()))
    }
}

/// `None` if the owner, or the whole tenant, was deleted meanwhile.
async fn issue_once(
    call: Call<'_>,
    statement: &'static str,
    bind: impl Fn(Bound) -> Bound + Send + Sync,
) -> Result<Option<IssuedRow>, Error> {
    match call.write(statement, bind).await {
        Err(error) if is(&error, StorageErrorKind::ForeignKeyViolation) => Ok(None),
        issued => issued,
    }
}

/// Binds the token that a statement is about.
fn bind_key(statement: Bound, digest: &TokenDigest, purpose: TokenPurpose) -> Bound {
    statement.bind(&digest.as_bytes()[..]).bind(purpose.as_str())
}

/// Binds a new token.
fn bind_new(statement: Bound, token: &NewToken, digest: &TokenDigest) -> Bound {
    bind_key(statement, digest, token.purpose).bind(token.expires_at)
}

/// Binds a session, or as many `NULL`s.
fn bind_session(statement: Bound, session: Option<&(Session, TokenDigest)>) -> Bound {
    let (session, digest) = session.map(|(session, digest)| (session, digest)).unzip();
    statement
        .bind(digest.map(|digest| &digest.as_bytes()[..]))
        .bind(session.and_then(|session| session.user_agent.as_deref()))
        .bind(session.and_then(|session| session.ip_address.as_deref()))
        .bind(session.map(|session| session.created_at))
        .bind(session.map(|session| session.updated_at))
        .bind(session.map(|session| session.expires_at))
}

#[derive(FromRow)]
struct IssuedRow {
    status: Option<String>,
    user_id: Option<String>,
    email: Option<String>,
    name: Option<String>,
}

#[derive(FromRow)]
struct TokenRow {
    token_digest: Vec<u8>,
    user_id: String,
    purpose: String,
    used_at: Option<StoredTime>,
    expires_at: StoredTime,
    created_at: StoredTime,
    updated_at: StoredTime,
}
