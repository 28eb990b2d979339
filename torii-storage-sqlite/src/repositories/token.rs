//! Mail tokens.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use sqlx::SqliteConnection;
use torii_core::{
    Error, SecureToken, Session, TokenPurpose, User, UserId,
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::{StorageError, StorageErrorKind},
    repositories::{IssuedToken, TokenRepository, token::SessionFor},
    token::NewToken,
};

use super::{Reading, keys, oauth, only, passkey, session, storable, user::UserRow};
use crate::{
    SqliteRepositoryProvider,
    access::WriteTransaction,
    error::{failed, is},
};

const INSERT: &str = concat!(
    "INSERT INTO secure_tokens (tenant_id, token_digest, user_id, purpose, expires_at, created_at, updated_at) \
     SELECT ?1, ?3, ?6, ?4, ?5, ?2, ?2",
    from_tenant!()
);

/// Issues for whoever `$owner` finds. In a tenant that is not in use the purpose is `NULL`, which the table refuses: so a
/// suspended tenant is told from an unknown owner without a statement that only one of them costs.
macro_rules! issue {
    ($owner:expr) => {
        concat!(
            "INSERT INTO secure_tokens (tenant_id, token_digest, user_id, purpose, expires_at, created_at, updated_at) \
             SELECT ?1, ?3, users.id, CASE WHEN tenants.status = 'active' THEN ?4 END, ?5, ?2, ?2 \
             FROM (SELECT 1) LEFT JOIN tenants ON tenants.id = ?1 LEFT JOIN users ON users.tenant_id = ?1 AND users.id = ",
            $owner,
            " WHERE users.id IS NOT NULL OR tenants.status IS NOT 'active' RETURNING user_id, \
             (SELECT users.email FROM users WHERE users.tenant_id = secure_tokens.tenant_id \
              AND users.id = secure_tokens.user_id), \
             (SELECT users.name FROM users WHERE users.tenant_id = secure_tokens.tenant_id \
              AND users.id = secure_tokens.user_id)"
        )
    };
}

pub(super) const ISSUE_FOR_USER: &str = issue!("?6");

pub(super) const ISSUE_FOR_EMAIL: &str =
    issue!(concat!("(SELECT users.id FROM users WHERE users.tenant_id = ?1 AND", with_email!("?6", "?7"), ")"));

/// The tokens of this purpose that the owner of a new one could still use.
pub(super) const DELETE_OLDER: &str = "DELETE FROM secure_tokens WHERE tenant_id = ?1 AND user_id = ?4 AND purpose = ?5 \
     AND token_digest <> ?3 AND used_at IS NULL";

/// The token with a digest, if it works.
macro_rules! is_live {
    () => {
        concat!(
            "tenant_id = ?1 AND token_digest = ?3 AND purpose = ?4 AND used_at IS NULL AND expires_at > ?2 AND ",
            tenant_in_use!()
        )
    };
}

pub(super) const CONSUME: &str = concat!(
    "UPDATE secure_tokens SET used_at = ?2, updated_at = ?2 WHERE ",
    is_live!(),
    " RETURNING token_digest, user_id, purpose, used_at, expires_at, created_at, updated_at"
);

/// Consumes a magic link, and says whether its owner's address was proven before.
pub(super) const CONSUME_MAGIC_LINK: &str = concat!(
    "UPDATE secure_tokens SET used_at = ?2, updated_at = ?2 WHERE ",
    is_live!(),
    " RETURNING user_id, (SELECT users.email_verified_at IS NOT NULL FROM users \
     WHERE users.tenant_id = secure_tokens.tenant_id AND users.id = secure_tokens.user_id)"
);

pub(super) const CHECK: &str = concat!("SELECT EXISTS (SELECT 1 FROM secure_tokens WHERE ", is_live!(), ")");

/// The right-hand sides read the row as it was.
pub(super) const VERIFY_OWNER: &str = concat!(
    "UPDATE users SET password_hash = CASE WHEN email_verified_at IS NULL THEN NULL ELSE password_hash END, \
     updated_at = CASE WHEN email_verified_at IS NULL THEN ?2 ELSE updated_at END, \
     email_verified_at = COALESCE(email_verified_at, ?2) WHERE tenant_id = ?1 AND id = ?3 RETURNING ",
    user_columns!()
);

pub(super) const MARK_OWNER_VERIFIED: &str = concat!(
    "UPDATE users SET email_verified_at = ?2, updated_at = ?2 WHERE tenant_id = ?1 AND id = ?3 RETURNING ",
    user_columns!()
);

#[async_trait]
impl TokenRepository for SqliteRepositoryProvider {
    async fn create_token(
        &self,
        user_id: &UserId,
        purpose: TokenPurpose,
        expires_in: TimeDelta,
    ) -> Result<SecureToken, Error> {
        const OPERATION: &str = "create secure token";
        let now = self.now();
        let token = NewToken::random(purpose, saturating_add(now, expires_in));
        let digest = self.mail_digest(purpose, token.token.expose_secret());
        let mut db = self.transaction(OPERATION).await?;
        loop {
            let insert = self
                .query(INSERT, now)
                .bind(digest.as_bytes().to_vec())
                .bind(purpose.as_str())
                .bind(token.expires_at)
                .bind(user_id.as_str());
            if insert.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected() > 0 {
                break;
            }
            self.ensure_tenant(&mut db, now).await?;
        }
        self.delete_older(&mut db, OPERATION, &digest, user_id.as_str(), purpose, now).await?;
        db.commit().await?;
        Ok(self.issued_token(user_id.clone(), &token, &digest, now))
    }

    async fn issue_for_email(&self, email: &str, token: &NewToken) -> Result<Option<IssuedToken>, Error> {
        let (plain, exact) = keys(email);
        self.issue(ISSUE_FOR_EMAIL, token, &[&plain, &exact]).await
    }

    async fn issue_for_user(&self, user_id: &UserId, token: &NewToken) -> Result<Option<IssuedToken>, Error> {
        self.issue(ISSUE_FOR_USER, token, &[user_id.as_str()]).await
    }

    async fn verify_token(&self, token: &str, purpose: TokenPurpose) -> Result<Option<SecureToken>, Error> {
        const OPERATION: &str = "verify secure token";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        let rows: Vec<TokenRow> = self
            .query_as(CONSUME, now)
            .bind(self.mail_digest(purpose, token).as_bytes().to_vec())
            .bind(purpose.as_str())
            .fetch_all(&mut *db)
            .await
            .map_err(failed(OPERATION))?;
        match only(rows) {
            Some(row) => Ok(Some(self.token_of(row)?)),
            None => self.check_tenant(&mut db, now).await.map(|_| None),
        }
    }

    async fn check_token(&self, token: &str, purpose: TokenPurpose) -> Result<bool, Error> {
        self.query_scalar(CHECK, self.now())
            .bind(self.mail_digest(purpose, token).as_bytes().to_vec())
            .bind(purpose.as_str())
            .fetch_one(self.pool())
            .await
            .map_err(failed("check secure token"))
    }

    async fn cleanup_expired_tokens(&self) -> Result<(), Error> {
        self.sweep_tokens().await.map(drop)
    }

    async fn redeem_magic_link(
        &self,
        token: &TokenDigest,
        session: SessionFor<'_>,
    ) -> Result<Option<(User, Option<Session>)>, Error> {
        const OPERATION: &str = "redeem magic link";
        let now = self.now();
        let mut db = self.transaction(OPERATION).await?;
        let consumed: Vec<(String, bool)> = self
            .query_as(CONSUME_MAGIC_LINK, now)
            .bind(token.as_bytes().to_vec())
            .bind(TokenPurpose::MagicLink.as_str())
            .fetch_all(&mut *db)
            .await
            .map_err(failed(OPERATION))?;
        let Some((owner, was_verified)) = only(consumed) else {
            return self.nothing_redeemed(db, now).await;
        };
        let user = self.update_owner(&mut db, OPERATION, VERIFY_OWNER, &owner, now).await?;
        if !was_verified {
            let end_sessions = self.query(session::DELETE_BY_USER, now).bind(owner.as_str());
            end_sessions.execute(&mut *db).await.map_err(failed(OPERATION))?;
            self.drop_unproven(&mut db, OPERATION, &owner, now).await?;
        }
        let session = match session(&user.id) {
            Some(session) => Some(self.insert_session(&mut db, session, now).await?),
            None => None,
        };
        db.commit().await?;
        Ok(Some((user, session)))
    }

    async fn redeem_email_verification(&self, token: &TokenDigest) -> Result<Option<User>, Error> {
        const OPERATION: &str = "redeem email verification";
        let now = self.now();
        let mut db = self.transaction(OPERATION).await?;
        let consumed: Vec<TokenRow> = self
            .query_as(CONSUME, now)
            .bind(token.as_bytes().to_vec())
            .bind(TokenPurpose::EmailVerification.as_str())
            .fetch_all(&mut *db)
            .await
            .map_err(failed(OPERATION))?;
        let Some(consumed) = only(consumed) else {
            return self.nothing_redeemed(db, now).await;
        };
        let user = self.update_owner(&mut db, OPERATION, MARK_OWNER_VERIFIED, &consumed.user_id, now).await?;
        db.commit().await?;
        Ok(Some(user))
    }
}

impl SqliteRepositoryProvider {
    /// Whoever took the address before its owner proved it may have left ways back in: passkeys and accounts at providers go.
    /// Password and sessions are the caller's to end.
    pub(super) async fn drop_unproven(
        &self,
        db: &mut SqliteConnection,
        operation: &'static str,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        for delete in [passkey::DELETE_BY_USER, oauth::DELETE_BY_USER] {
            let delete = self.query(delete, now).bind(owner.to_owned());
            delete.execute(&mut *db).await.map_err(failed(operation))?;
        }
        Ok(())
    }

    async fn issue(
        &self,
        statement: &'static str,
        token: &NewToken,
        owner: &[&str],
    ) -> Result<Option<IssuedToken>, Error> {
        const OPERATION: &str = "issue secure token";
        let now = self.now();
        let token = NewToken { expires_at: storable(token.expires_at), ..token.clone() };
        let digest = self.mail_digest(token.purpose, token.token.expose_secret());
        let mut db = self.transaction(OPERATION).await?;
        let mut insert = self
            .query_as::<(String, String, Option<String>)>(statement, now)
            .bind(digest.as_bytes().to_vec())
            .bind(token.purpose.as_str())
            .bind(token.expires_at);
        for value in owner {
            insert = insert.bind((*value).to_owned());
        }
        let issued = match insert.fetch_all(&mut *db).await.map_err(failed(OPERATION)) {
            Ok(rows) => only(rows),
            Err(error) if is(&error, StorageErrorKind::ConstraintViolation) => {
                // The tenant is not in use; see `issue!`. An unknown one is no error: it has no users.
                if self.check_tenant(&mut db, now).await? {
                    return Err(error);
                }
                None
            }
            Err(error) => return Err(error),
        };
        // For an unknown owner too, so that both take the same time.
        let user_id = issued.as_ref().map_or("", |(user_id, ..)| user_id);
        self.delete_older(&mut db, OPERATION, &digest, user_id, token.purpose, now).await?;
        db.commit().await?;
        Ok(issued.map(|(user_id, email, name)| IssuedToken {
            token: self.issued_token(UserId::from(user_id), &token, &digest, now),
            email,
            name,
        }))
    }

    async fn delete_older(
        &self,
        connection: &mut SqliteConnection,
        operation: &'static str,
        digest: &TokenDigest,
        user_id: &str,
        purpose: TokenPurpose,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let delete = self
            .query(DELETE_OLDER, now)
            .bind(digest.as_bytes().to_vec())
            .bind(user_id.to_owned())
            .bind(purpose.as_str());
        delete.execute(connection).await.map_err(failed(operation))?;
        Ok(())
    }

    /// Runs `statement` on the owner of a token that was just consumed.
    async fn update_owner(
        &self,
        connection: &mut SqliteConnection,
        operation: &'static str,
        statement: &'static str,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<User, Error> {
        let update = self.query_as::<UserRow>(statement, now).bind(owner.to_owned());
        let row = only(update.fetch_all(connection).await.map_err(failed(operation))?);
        Ok(row.ok_or(StorageError::NotFound)?.try_into()?)
    }

    async fn nothing_redeemed<T>(&self, mut db: WriteTransaction, now: DateTime<Utc>) -> Result<Option<T>, Error> {
        self.check_tenant(&mut db, now).await?;
        db.rollback().await?;
        Ok(None)
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
            reading.optional_time("used_at", row.used_at.as_deref())?,
            reading.time("expires_at", &row.expires_at)?,
            reading.time("created_at", &row.created_at)?,
            reading.time("updated_at", &row.updated_at)?,
        );
        Ok(token.in_tenant(self.tenant_id().clone()))
    }
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    token_digest: Vec<u8>,
    user_id: String,
    purpose: String,
    used_at: Option<String>,
    expires_at: String,
    created_at: String,
    updated_at: String,
}
