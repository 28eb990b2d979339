//! Passkeys, and the challenges of ceremonies under way.

use async_trait::async_trait;
use chrono::TimeDelta;
use torii_core::{
    Error, User, UserId,
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::StorageError,
    repositories::{PasskeyCredential, PasskeyRepository},
};

use super::{Reading, only, user::user_from_json};
use crate::{SqliteRepositoryProvider, error::failed};

pub(super) const INSERT: &str = concat!(
    "INSERT INTO passkeys (tenant_id, credential_id, user_id, public_key, name, sign_count, created_at, updated_at) \
     SELECT ?1, ?3, ?4, ?5, ?6, 0, ?2, ?2",
    from_tenant!()
);

macro_rules! select_credential {
    () => {
        concat!(
            "SELECT passkeys.credential_id, passkeys.user_id, passkeys.public_key, passkeys.name, passkeys.sign_count, \
             passkeys.created_at, passkeys.last_used_at FROM passkeys",
            join_tenant!("passkeys"),
            "WHERE passkeys.tenant_id = ?1 AND "
        )
    };
}

pub(super) const FIND: &str = concat!(select_credential!(), "passkeys.credential_id = ?3");

pub(super) const FIND_BY_USER: &str =
    concat!(select_credential!(), "passkeys.user_id = ?3 ORDER BY passkeys.created_at DESC, passkeys.credential_id");

const UPDATE_LAST_USED: &str = concat!(
    "UPDATE passkeys SET last_used_at = ?2, updated_at = ?2 WHERE tenant_id = ?1 AND credential_id = ?3 AND ",
    tenant_in_use!()
);

/// `?4` is the counter, or `NULL`.
pub(super) const RECORD_USE: &str = concat!(
    "UPDATE passkeys SET sign_count = COALESCE(?4, sign_count), last_used_at = ?2, updated_at = ?2 \
     WHERE tenant_id = ?1 AND credential_id = ?3 \
     AND (?4 IS NULL OR ?4 > sign_count OR (?4 = 0 AND sign_count = 0)) AND ",
    tenant_in_use!(),
    " RETURNING (SELECT json_object(",
    user_members!(locked_since!()),
    ") FROM users WHERE users.tenant_id = passkeys.tenant_id AND users.id = passkeys.user_id)"
);

pub(super) const RENAME: &str = concat!(
    "UPDATE passkeys SET name = ?5, updated_at = ?2 WHERE tenant_id = ?1 AND credential_id = ?3 AND user_id = ?4 AND ",
    tenant_in_use!()
);

pub(super) const DELETE: &str = "DELETE FROM passkeys WHERE tenant_id = ?1 AND credential_id = ?3";

pub(super) const DELETE_BY_USER: &str = "DELETE FROM passkeys WHERE tenant_id = ?1 AND user_id = ?3";

pub(super) const STORE_CHALLENGE: &str = concat!(
    "INSERT INTO passkey_challenges (tenant_id, challenge_id, challenge, created_at, expires_at) SELECT ?1, ?3, ?4, ?2, ?5",
    from_tenant!(),
    "ON CONFLICT (tenant_id, challenge_id) DO UPDATE SET challenge = excluded.challenge, \
     created_at = excluded.created_at, expires_at = excluded.expires_at"
);

pub(super) const FIND_CHALLENGE: &str = concat!(
    "SELECT passkey_challenges.challenge FROM passkey_challenges",
    join_tenant!("passkey_challenges"),
    "WHERE passkey_challenges.tenant_id = ?1 AND passkey_challenges.challenge_id = ?3 \
     AND passkey_challenges.expires_at > ?2"
);

pub(super) const TAKE_CHALLENGE: &str = concat!(
    "DELETE FROM passkey_challenges WHERE tenant_id = ?1 AND challenge_id = ?3 AND expires_at > ?2 AND ",
    tenant_in_use!(),
    " RETURNING challenge"
);

#[async_trait]
impl PasskeyRepository for SqliteRepositoryProvider {
    async fn add_credential(
        &self,
        user_id: &UserId,
        credential_id: Vec<u8>,
        public_key: Vec<u8>,
        name: Option<String>,
    ) -> Result<PasskeyCredential, Error> {
        const OPERATION: &str = "add passkey credential";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        loop {
            let insert = self
                .query(INSERT, now)
                .bind(credential_id.as_slice())
                .bind(user_id.as_str())
                .bind(public_key.as_slice())
                .bind(name.as_deref());
            if insert.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected() > 0 {
                break;
            }
            self.ensure_tenant(&mut db, now).await?;
        }
        Ok(PasskeyCredential {
            user_id: user_id.clone(),
            tenant_id: self.tenant_id().clone(),
            credential_id,
            public_key,
            name,
            sign_count: 0,
            created_at: now,
            last_used_at: None,
        })
    }

    async fn get_credentials_for_user(&self, user_id: &UserId) -> Result<Vec<PasskeyCredential>, Error> {
        let rows: Vec<CredentialRow> = self
            .query_as(FIND_BY_USER, self.now())
            .bind(user_id.as_str())
            .fetch_all(self.pool())
            .await
            .map_err(failed("get passkey credentials of a user"))?;
        Ok(rows.into_iter().map(|row| self.credential_of(row)).collect::<Result<_, _>>()?)
    }

    async fn get_credential(&self, credential_id: &[u8]) -> Result<Option<PasskeyCredential>, Error> {
        let row: Option<CredentialRow> = self
            .query_as(FIND, self.now())
            .bind(credential_id)
            .fetch_optional(self.pool())
            .await
            .map_err(failed("get passkey credential"))?;
        Ok(row.map(|row| self.credential_of(row)).transpose()?)
    }

    async fn update_last_used(&self, credential_id: &[u8]) -> Result<(), Error> {
        const OPERATION: &str = "update passkey credential";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        let update = self.query(UPDATE_LAST_USED, now).bind(credential_id);
        if update.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected() == 0 {
            self.check_tenant(&mut db, now).await?;
        }
        Ok(())
    }

    async fn record_use(&self, credential_id: &[u8], sign_count: Option<u32>) -> Result<Option<User>, Error> {
        const OPERATION: &str = "record use of a passkey";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        let update = self.query_scalar::<String>(RECORD_USE, now).bind(credential_id).bind(sign_count);
        match only(update.fetch_all(&mut *db).await.map_err(failed(OPERATION))?) {
            Some(owner) => Ok(Some(user_from_json(&owner)?)),
            None => self.check_tenant(&mut db, now).await.map(|_| None),
        }
    }

    async fn rename_credential(
        &self,
        user_id: &UserId,
        credential_id: &[u8],
        name: Option<String>,
    ) -> Result<bool, Error> {
        const OPERATION: &str = "rename passkey credential";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        let rename = self.query(RENAME, now).bind(credential_id).bind(user_id.as_str()).bind(name);
        let renamed = rename.execute(&mut *db).await.map_err(failed(OPERATION))?;
        if renamed.rows_affected() == 0 {
            self.check_tenant(&mut db, now).await?;
        }
        Ok(renamed.rows_affected() > 0)
    }

    async fn delete_credential(&self, credential_id: &[u8]) -> Result<(), Error> {
        const OPERATION: &str = "delete passkey credential";
        let mut db = self.writer(OPERATION).await?;
        let delete = self.query(DELETE, self.now()).bind(credential_id);
        delete.execute(&mut *db).await.map_err(failed(OPERATION))?;
        Ok(())
    }

    async fn delete_all_for_user(&self, user_id: &UserId) -> Result<(), Error> {
        const OPERATION: &str = "delete passkey credentials of a user";
        let mut db = self.writer(OPERATION).await?;
        let delete = self.query(DELETE_BY_USER, self.now()).bind(user_id.as_str());
        delete.execute(&mut *db).await.map_err(failed(OPERATION))?;
        Ok(())
    }

    async fn set_challenge(&self, challenge_id: &str, challenge: &str, expires_in: TimeDelta) -> Result<(), Error> {
        const OPERATION: &str = "store passkey challenge";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        self.meet_tenant(&mut db, now).await?;
        loop {
            let store = self
                .query(STORE_CHALLENGE, now)
                .bind(self.challenge_digest(challenge_id))
                .bind(challenge)
                .bind(saturating_add(now, expires_in));
            if store.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected() > 0 {
                return Ok(());
            }
            self.ensure_tenant(&mut db, now).await?;
        }
    }

    async fn get_challenge(&self, challenge_id: &str) -> Result<Option<String>, Error> {
        self.query_scalar(FIND_CHALLENGE, self.now())
            .bind(self.challenge_digest(challenge_id))
            .fetch_optional(self.pool())
            .await
            .map_err(failed("get passkey challenge"))
    }

    async fn take_challenge(&self, challenge_id: &str) -> Result<Option<String>, Error> {
        const OPERATION: &str = "take passkey challenge";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        let take = self.query_scalar(TAKE_CHALLENGE, now).bind(self.challenge_digest(challenge_id));
        match only(take.fetch_all(&mut *db).await.map_err(failed(OPERATION))?) {
            Some(challenge) => Ok(Some(challenge)),
            None => self.check_tenant(&mut db, now).await.map(|_| None),
        }
    }
}

impl SqliteRepositoryProvider {
    fn challenge_digest(&self, challenge_id: &str) -> Vec<u8> {
        TokenDigest::new(TokenUse::PasskeyChallenge, self.tenant_id(), challenge_id).as_bytes().to_vec()
    }

    fn credential_of(&self, row: CredentialRow) -> Result<PasskeyCredential, StorageError> {
        let reading = Reading { table: "passkeys", row: &row.user_id };
        Ok(PasskeyCredential {
            tenant_id: self.tenant_id().clone(),
            sign_count: reading.number("sign_count", row.sign_count)?,
            created_at: reading.time("created_at", &row.created_at)?,
            last_used_at: reading.optional_time("last_used_at", row.last_used_at.as_deref())?,
            user_id: UserId::from(row.user_id),
            credential_id: row.credential_id,
            public_key: row.public_key,
            name: row.name,
        })
    }
}

#[derive(sqlx::FromRow)]
struct CredentialRow {
    credential_id: Vec<u8>,
    user_id: String,
    public_key: Vec<u8>,
    name: Option<String>,
    sign_count: i64,
    created_at: String,
    last_used_at: Option<String>,
}
