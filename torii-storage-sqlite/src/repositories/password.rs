//! Password hashes.

use async_trait::async_trait;
use secrecy::SecretString;
use torii_core::{
    Error, TokenPurpose, User, UserId, crypto::TokenDigest, error::StorageError, lockout::Credentials,
    repositories::PasswordRepository,
};

use super::{keys, only, session, user::UserRow};
use crate::{SqliteRepositoryProvider, error::failed};

const SET_HASH: &str = concat!(
    "UPDATE users SET password_hash = ?4, updated_at = ?2 WHERE tenant_id = ?1 AND id = ?3 AND ",
    tenant_in_use!()
);

const GET_HASH: &str = concat!(
    "SELECT NULLIF(users.password_hash, '') FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = ?1 AND users.id = ?3"
);

const REMOVE_HASH: &str = "UPDATE users SET password_hash = NULL, updated_at = ?2 WHERE tenant_id = ?1 AND id = ?3";

/// The columns of a `CredentialsRow`. Here `locked_at` is only what is stored: what the counter of attempts says is decided
/// by whoever reserves an attempt.
macro_rules! credentials_columns {
    () => {
        concat!(stored_user_columns!(), ", NULLIF(users.password_hash, '') AS password_hash")
    };
}

pub(super) const FIND_BY_EMAIL: &str = concat!(
    "SELECT ",
    credentials_columns!(),
    " FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = ?1 AND",
    with_email!("?3", "?4")
);

pub(super) const FIND_BY_ID: &str = concat!(
    "SELECT ",
    credentials_columns!(),
    " FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = ?1 AND users.id = ?3"
);

/// The same password under newer parameters: not a change that `updated_at` speaks of.
const UPGRADE: &str = concat!(
    "UPDATE users SET password_hash = ?5 WHERE tenant_id = ?1 AND id = ?3 AND password_hash = ?4 AND ",
    tenant_in_use!()
);

pub(super) const CHANGE: &str = concat!(
    "UPDATE users SET password_hash = ?5, updated_at = ?2 WHERE tenant_id = ?1 AND id = ?3 AND password_hash = ?4 AND ",
    tenant_in_use!()
);

pub(super) const DELETE_RESET_TOKENS: &str =
    "DELETE FROM secure_tokens WHERE tenant_id = ?1 AND user_id = ?3 AND purpose = ?4";

/// Consumes a reset token and with it whatever other reset tokens its owner has.
pub(super) const CONSUME_RESET_TOKENS: &str = concat!(
    "UPDATE secure_tokens SET used_at = ?2, updated_at = ?2 WHERE tenant_id = ?1 AND purpose = ?4 AND used_at IS NULL \
     AND user_id = (SELECT live.user_id FROM secure_tokens AS live WHERE live.tenant_id = ?1 AND live.token_digest = ?3 \
     AND live.purpose = ?4 AND live.used_at IS NULL AND live.expires_at > ?2) AND ",
    tenant_in_use!(),
    " RETURNING user_id"
);

/// What counts against the address is about to be cleared, so `locked_at` is what is stored.
pub(super) const RESET_HASH: &str = concat!(
    "UPDATE users SET password_hash = ?4, locked_at = NULL, updated_at = ?2 WHERE tenant_id = ?1 AND id = ?3 RETURNING ",
    stored_user_columns!()
);

/// The key under which attempts on a user count.
macro_rules! key_of_user {
    () => {
        "(SELECT users.email_key FROM users WHERE users.tenant_id = ?1 AND users.id = ?3)"
    };
}

pub(super) const DELETE_LOCKOUT_OF_USER: &str =
    concat!("DELETE FROM lockouts WHERE tenant_id = ?1 AND email_key = ", key_of_user!());

pub(super) const DELETE_LOG_OF_USER: &str =
    concat!("DELETE FROM failed_login_attempts WHERE tenant_id = ?1 AND email = ", key_of_user!());

#[async_trait]
impl PasswordRepository for SqliteRepositoryProvider {
    async fn set_password_hash(&self, user_id: &UserId, hash: &str) -> Result<(), Error> {
        const OPERATION: &str = "set password hash";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        let update = self.query(SET_HASH, now).bind(user_id.as_str()).bind(hash);
        if update.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected() == 0 {
            self.check_tenant(&mut db, now).await?;
        }
        Ok(())
    }

    async fn get_password_hash(&self, user_id: &UserId) -> Result<Option<String>, Error> {
        let hash: Option<Option<String>> = self
            .query_scalar(GET_HASH, self.now())
            .bind(user_id.as_str())
            .fetch_optional(self.pool())
            .await
            .map_err(failed("get password hash"))?;
        Ok(hash.flatten())
    }

    async fn remove_password_hash(&self, user_id: &UserId) -> Result<(), Error> {
        const OPERATION: &str = "remove password hash";
        let mut db = self.writer(OPERATION).await?;
        let update = self.query(REMOVE_HASH, self.now()).bind(user_id.as_str());
        update.execute(&mut *db).await.map_err(failed(OPERATION))?;
        Ok(())
    }

    async fn find_credentials(&self, email: &str) -> Result<Option<Credentials>, Error> {
        let (plain, exact) = keys(email);
        let row: Option<CredentialsRow> = self
            .query_as(FIND_BY_EMAIL, self.now())
            .bind(plain)
            .bind(exact)
            .fetch_optional(self.pool())
            .await
            .map_err(failed("find credentials by email"))?;
        let found = row.map(Credentials::try_from).transpose()?;
        Ok(found)
    }

    async fn find_credentials_by_id(&self, id: &UserId) -> Result<Option<Credentials>, Error> {
        let row: Option<CredentialsRow> = self
            .query_as(FIND_BY_ID, self.now())
            .bind(id.as_str())
            .fetch_optional(self.pool())
            .await
            .map_err(failed("find credentials by id"))?;
        Ok(row.map(Credentials::try_from).transpose()?)
    }

    async fn upgrade_hash(&self, user_id: &UserId, old_hash: &str, new_hash: &str) -> Result<(), Error> {
        const OPERATION: &str = "upgrade password hash";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        let update = self.query(UPGRADE, now).bind(user_id.as_str()).bind(old_hash).bind(new_hash);
        if update.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected() == 0 {
            self.check_tenant(&mut db, now).await?;
        }
        Ok(())
    }

    async fn change_password(
        &self,
        user_id: &UserId,
        old_hash: &str,
        new_hash: &str,
        clear_attempts: bool,
    ) -> Result<bool, Error> {
        const OPERATION: &str = "change password";
        let now = self.now();
        let mut db = self.transaction(OPERATION).await?;
        let change = self.query(CHANGE, now).bind(user_id.as_str()).bind(old_hash).bind(new_hash);
        if change.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected() == 0 {
            self.check_tenant(&mut db, now).await?;
            db.rollback().await?;
            return Ok(false);
        }
        let end_sessions = self.query(session::DELETE_BY_USER, now).bind(user_id.as_str());
        end_sessions.execute(&mut *db).await.map_err(failed(OPERATION))?;
        let void_tokens =
            self.query(DELETE_RESET_TOKENS, now).bind(user_id.as_str()).bind(TokenPurpose::PasswordReset.as_str());
        void_tokens.execute(&mut *db).await.map_err(failed(OPERATION))?;
        for clear in [DELETE_LOCKOUT_OF_USER, DELETE_LOG_OF_USER].into_iter().filter(|_| clear_attempts) {
            let clear = self.query(clear, now).bind(user_id.as_str());
            clear.execute(&mut *db).await.map_err(failed(OPERATION))?;
        }
        db.commit().await?;
        Ok(true)
    }

    async fn complete_reset(&self, token: &TokenDigest, new_hash: &str) -> Result<Option<User>, Error> {
        const OPERATION: &str = "complete password reset";
        let now = self.now();
        let mut db = self.transaction(OPERATION).await?;
        let owners: Vec<String> = self
            .query_scalar(CONSUME_RESET_TOKENS, now)
            .bind(token.as_bytes().to_vec())
            .bind(TokenPurpose::PasswordReset.as_str())
            .fetch_all(&mut *db)
            .await
            .map_err(failed(OPERATION))?;
        let Some(owner) = only(owners) else {
            self.check_tenant(&mut db, now).await?;
            db.rollback().await?;
            return Ok(None);
        };
        let reset = self.query_as::<UserRow>(RESET_HASH, now).bind(owner.as_str()).bind(new_hash);
        let row = only(reset.fetch_all(&mut *db).await.map_err(failed(OPERATION))?).ok_or(StorageError::NotFound)?;
        for delete in [session::DELETE_BY_USER, DELETE_LOCKOUT_OF_USER, DELETE_LOG_OF_USER] {
            let delete = self.query(delete, now).bind(owner.as_str());
            delete.execute(&mut *db).await.map_err(failed(OPERATION))?;
        }
        let user = User::try_from(row)?;
        if !user.is_email_verified() {
            self.drop_unproven(&mut db, OPERATION, &owner, now).await?;
        }
        db.commit().await?;
        Ok(Some(user))
    }
}

#[derive(sqlx::FromRow)]
struct CredentialsRow {
    #[sqlx(flatten)]
    user: UserRow,
    password_hash: Option<String>,
}

impl TryFrom<CredentialsRow> for Credentials {
    type Error = StorageError;

    fn try_from(row: CredentialsRow) -> Result<Self, StorageError> {
        Ok(Self { user: row.user.try_into()?, password_hash: row.password_hash.map(SecretString::from) })
    }
}
