//! Password hashes.

use async_trait::async_trait;
use secrecy::SecretString;
use sqlx::FromRow;
use torii_core::{
    Error, TokenPurpose, User, UserId, crypto::TokenDigest, error::StorageError, lockout::Credentials,
    repositories::PasswordRepository,
};

use super::{keys, user::UserRow};
use crate::PostgresRepositoryProvider;

const SET_HASH: &str = concat!(
    "UPDATE users SET password_hash = $4, updated_at = $2 WHERE tenant_id = $1 AND id = $3 AND ",
    tenant_in_use!()
);

const GET_HASH: &str = concat!(
    "SELECT NULLIF(users.password_hash, '') FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = $1 AND users.id = $3"
);

const REMOVE_HASH: &str = "UPDATE users SET password_hash = NULL, updated_at = $2 WHERE tenant_id = $1 AND id = $3";

/// The columns of a `CredentialsRow`. Here `locked_at` is only what is stored: what the counter of attempts says is decided
/// by whoever reserves an attempt.
macro_rules! credentials_columns {
    () => {
        concat!(stored_user_columns!(), ", NULLIF(users.password_hash, '') AS password_hash")
    };
}

const FIND_BY_EMAIL: &str = concat!(
    "SELECT ",
    credentials_columns!(),
    " FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = $1 AND",
    with_email!("$3", "$4")
);

const FIND_BY_ID: &str = concat!(
    "SELECT ",
    credentials_columns!(),
    " FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = $1 AND users.id = $3"
);

/// The same password under newer parameters: not a change that `updated_at` speaks of.
const UPGRADE: &str = concat!(
    "UPDATE users SET password_hash = $5 WHERE tenant_id = $1 AND id = $3 AND password_hash = $4 AND ",
    tenant_in_use!()
);

/// `$6` is the purpose of reset tokens, `$7` whether what counts against the address is cleared.
const CHANGE: &str = concat!(
    "WITH changed AS (UPDATE users SET password_hash = $5, updated_at = $2 \
     WHERE tenant_id = $1 AND id = $3 AND password_hash = $4 AND ",
    tenant_in_use!(),
    " RETURNING id, email_key), \
     ended AS (DELETE FROM sessions USING changed WHERE sessions.tenant_id = $1 AND sessions.user_id = changed.id), \
     voided AS (DELETE FROM secure_tokens USING changed WHERE secure_tokens.tenant_id = $1 \
     AND secure_tokens.user_id = changed.id AND secure_tokens.purpose = $6), \
     unlocked AS (DELETE FROM lockouts USING changed WHERE $7 AND lockouts.tenant_id = $1 \
     AND lockouts.email_key = changed.email_key), \
     log AS (DELETE FROM failed_login_attempts USING changed WHERE $7 AND failed_login_attempts.tenant_id = $1 \
     AND failed_login_attempts.email = changed.email_key) \
     SELECT id FROM changed"
);

/// `$5` is the new hash. What counts against the address is cleared, so `locked_at` is what is stored.
const COMPLETE_RESET: &str = concat!(
    "WITH ",
    consume_token!("owner"),
    ", \
     voided AS (DELETE FROM secure_tokens USING owner WHERE secure_tokens.tenant_id = $1 \
     AND secure_tokens.user_id = owner.id AND secure_tokens.purpose = $4 AND secure_tokens.token_digest <> $3), \
     changed AS (UPDATE users SET password_hash = $5, locked_at = NULL, updated_at = $2 FROM owner \
     WHERE users.tenant_id = $1 AND users.id = owner.id RETURNING users.email_key, ",
    stored_user_columns!(),
    "), \
     ended AS (DELETE FROM sessions USING owner WHERE sessions.tenant_id = $1 AND sessions.user_id = owner.id), ",
    drop_unproven!("owner", "owner.unproven"),
    ", \
     unlocked AS (DELETE FROM lockouts USING changed WHERE lockouts.tenant_id = $1 \
     AND lockouts.email_key = changed.email_key), \
     log AS (DELETE FROM failed_login_attempts USING changed WHERE failed_login_attempts.tenant_id = $1 \
     AND failed_login_attempts.email = changed.email_key) \
     SELECT ",
    columns_of_user!("changed"),
    " FROM changed"
);

#[async_trait]
impl PasswordRepository for PostgresRepositoryProvider {
    async fn set_password_hash(&self, user_id: &UserId, hash: &str) -> Result<(), Error> {
        let call = self.call("set password hash");
        match call.execute(SET_HASH, |update| update.bind(user_id.as_str()).bind(hash)).await? {
            0 => self.check_tenant(call).await,
            _ => Ok(()),
        }
    }

    async fn get_password_hash(&self, user_id: &UserId) -> Result<Option<String>, Error> {
        let call = self.call("get password hash");
        let row: Option<(Option<String>,)> = call.read(GET_HASH, |find| find.bind(user_id.as_str())).await?;
        Ok(row.and_then(|(hash,)| hash))
    }

    async fn remove_password_hash(&self, user_id: &UserId) -> Result<(), Error> {
        let call = self.call("remove password hash");
        call.execute(REMOVE_HASH, |update| update.bind(user_id.as_str())).await.map(drop)
    }

    async fn find_credentials(&self, email: &str) -> Result<Option<Credentials>, Error> {
        let (plain, exact) = keys(email);
        let call = self.call("find credentials by email");
        let row: Option<CredentialsRow> =
            call.read(FIND_BY_EMAIL, |find| find.bind(plain.as_str()).bind(exact.as_str())).await?;
        let found = row.map(Credentials::try_from).transpose()?;
        Ok(found)
    }

    async fn find_credentials_by_id(&self, id: &UserId) -> Result<Option<Credentials>, Error> {
        let call = self.call("find credentials by id");
        let row: Option<CredentialsRow> = call.read(FIND_BY_ID, |find| find.bind(id.as_str())).await?;
        Ok(row.map(Credentials::try_from).transpose()?)
    }

    async fn upgrade_hash(&self, user_id: &UserId, old_hash: &str, new_hash: &str) -> Result<(), Error> {
        let call = self.call("upgrade password hash");
        let upgrade = call.execute(UPGRADE, |update| update.bind(user_id.as_str()).bind(old_hash).bind(new_hash));
        match upgrade.await? {
            0 => self.check_tenant(call).await,
            _ => Ok(()),
        }
    }

    async fn change_password(
        &self,
        user_id: &UserId,
        old_hash: &str,
        new_hash: &str,
        clear_attempts: bool,
    ) -> Result<bool, Error> {
        let call = self.call("change password");
        let changed: Option<(String,)> = call
            .write(CHANGE, |change| {
                change
                    .bind(user_id.as_str())
                    .bind(old_hash)
                    .bind(new_hash)
                    .bind(TokenPurpose::PasswordReset.as_str())
                    .bind(clear_attempts)
            })
            .await?;
        match changed {
            Some(_) => Ok(true),
            None => self.check_tenant(call).await.map(|()| false),
        }
    }

    async fn complete_reset(&self, token: &TokenDigest, new_hash: &str) -> Result<Option<User>, Error> {
        let call = self.call("complete password reset");
        let row: Option<UserRow> = call
            .write(COMPLETE_RESET, |reset| {
                reset.bind(&token.as_bytes()[..]).bind(TokenPurpose::PasswordReset.as_str()).bind(new_hash)
            })
            .await?;
        match row {
            Some(row) => Ok(Some(row.try_into()?)),
            None => self.check_tenant(call).await.map(|()| None),
        }
    }
}

#[derive(FromRow)]
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
