//! Passkeys, and the challenges of ceremonies under way.

use async_trait::async_trait;
use chrono::TimeDelta;
use sqlx::FromRow;
use torii_core::{
    Error, User, UserId,
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::StorageError,
    repositories::{PasskeyCredential, PasskeyRepository},
};

use super::{Reading, StoredTime, user::UserRow};
use crate::PostgresRepositoryProvider;

const INSERT: &str = concat!(
    "INSERT INTO passkeys (tenant_id, credential_id, user_id, public_key, name, sign_count, created_at, updated_at) \
     SELECT $1, $3, $4, $5, $6, 0, $2, $2",
    from_tenant!(),
    "RETURNING user_id"
);

macro_rules! select_credential {
    () => {
        concat!(
            "SELECT passkeys.credential_id, passkeys.user_id, passkeys.public_key, passkeys.name, passkeys.sign_count, \
             passkeys.created_at, passkeys.last_used_at FROM passkeys",
            join_tenant!("passkeys"),
            "WHERE passkeys.tenant_id = $1 AND "
        )
    };
}

const FIND: &str = concat!(select_credential!(), "passkeys.credential_id = $3");

const FIND_BY_USER: &str =
    concat!(select_credential!(), "passkeys.user_id = $3 ORDER BY passkeys.created_at DESC, passkeys.credential_id");

const UPDATE_LAST_USED: &str = concat!(
    "UPDATE passkeys SET last_used_at = $2, updated_at = $2 WHERE tenant_id = $1 AND credential_id = $3 AND ",
    tenant_in_use!()
);

/// `$4` is the counter, or `NULL`.
const RECORD_USE: &str = concat!(
    "UPDATE passkeys SET sign_count = COALESCE($4, passkeys.sign_count), last_used_at = $2, updated_at = $2 FROM users \
     WHERE passkeys.tenant_id = $1 AND passkeys.credential_id = $3 \
     AND users.tenant_id = $1 AND users.id = passkeys.user_id \
     AND ($4 IS NULL OR $4 > passkeys.sign_count OR ($4 = 0 AND passkeys.sign_count = 0)) AND ",
    tenant_in_use!(),
    " RETURNING ",
    user_columns!()
);

const RENAME: &str = concat!(
    "UPDATE passkeys SET name = $5, updated_at = $2 WHERE tenant_id = $1 AND credential_id = $3 AND user_id = $4 AND ",
    tenant_in_use!()
);

const DELETE: &str = "DELETE FROM passkeys WHERE tenant_id = $1 AND credential_id = $3";

const DELETE_BY_USER: &str = "DELETE FROM passkeys WHERE tenant_id = $1 AND user_id = $3";

const STORE_CHALLENGE: &str = concat!(
    "INSERT INTO passkey_challenges (tenant_id, challenge_id, challenge, created_at, expires_at) SELECT $1, $3, $4, $2, $5",
    from_tenant!(),
    "ON CONFLICT (tenant_id, challenge_id) DO UPDATE SET challenge = excluded.challenge, \
     created_at = excluded.created_at, expires_at = excluded.expires_at RETURNING challenge_id"
);

const FIND_CHALLENGE: &str = concat!(
    "SELECT passkey_challenges.challenge FROM passkey_challenges",
    join_tenant!("passkey_challenges"),
    "WHERE passkey_challenges.tenant_id = $1 AND passkey_challenges.challenge_id = $3 \
     AND passkey_challenges.expires_at > $2"
);

const TAKE_CHALLENGE: &str = concat!(
    "DELETE FROM passkey_challenges WHERE tenant_id = $1 AND challenge_id = $3 AND expires_at > $2 AND ",
    tenant_in_use!(),
    " RETURNING challenge"
);

#[async_trait]
impl PasskeyRepository for PostgresRepositoryProvider {
    async fn add_credential(
        &self,
        user_id: &UserId,
        credential_id: Vec<u8>,
        public_key: Vec<u8>,
        name: Option<String>,
    ) -> Result<PasskeyCredential, Error> {
        let call = self.call("add passkey credential");
        let _: (String,) = self
            .creating(call, || {
                call.write(INSERT, |insert| {
                    insert
                        .bind(credential_id.as_slice())
                        .bind(user_id.as_str())
                        .bind(public_key.as_slice())
                        .bind(name.as_deref())
                })
            })
            .await?;
        Ok(PasskeyCredential {
            user_id: user_id.clone(),
            tenant_id: self.tenant_id().clone(),
            credential_id,
            public_key,
            name,
            sign_count: 0,
            created_at: call.now(),
            last_used_at: None,
        })
    }

    async fn get_credentials_for_user(&self, user_id: &UserId) -> Result<Vec<PasskeyCredential>, Error> {
        let call = self.call("get passkey credentials of a user");
        let rows: Vec<CredentialRow> = call.read_all(FIND_BY_USER, |find| find.bind(user_id.as_str())).await?;
        Ok(rows.into_iter().map(|row| self.credential_of(row)).collect::<Result<_, _>>()?)
    }

    async fn get_credential(&self, credential_id: &[u8]) -> Result<Option<PasskeyCredential>, Error> {
        let call = self.call("get passkey credential");
        let row: Option<CredentialRow> = call.read(FIND, |find| find.bind(credential_id)).await?;
        Ok(row.map(|row| self.credential_of(row)).transpose()?)
    }

    async fn update_last_used(&self, credential_id: &[u8]) -> Result<(), Error> {
        let call = self.call("update passkey credential");
        match call.execute(UPDATE_LAST_USED, |update| update.bind(credential_id)).await? {
            0 => self.check_tenant(call).await,
            _ => Ok(()),
        }
    }

    async fn record_use(&self, credential_id: &[u8], sign_count: Option<u32>) -> Result<Option<User>, Error> {
        let call = self.call("record use of a passkey");
        let row: Option<UserRow> =
            call.write(RECORD_USE, |update| update.bind(credential_id).bind(sign_count.map(i64::from))).await?;
        match row {
            Some(owner) => Ok(Some(owner.try_into()?)),
            None => self.check_tenant(call).await.map(|()| None),
        }
    }

    async fn rename_credential(
        &self,
        user_id: &UserId,
        credential_id: &[u8],
        name: Option<String>,
    ) -> Result<bool, Error> {
        let call = self.call("rename passkey credential");
        let renamed = call
            .execute(RENAME, |rename| rename.bind(credential_id).bind(user_id.as_str()).bind(name.as_deref()))
            .await?;
        if renamed == 0 {
            self.check_tenant(call).await?;
        }
        Ok(renamed > 0)
    }

    async fn delete_credential(&self, credential_id: &[u8]) -> Result<(), Error> {
        let call = self.call("delete passkey credential");
        call.execute(DELETE, |delete| delete.bind(credential_id)).await.map(drop)
    }

    async fn delete_all_for_user(&self, user_id: &UserId) -> Result<(), Error> {
        let call = self.call("delete passkey credentials of a user");
        call.execute(DELETE_BY_USER, |delete| delete.bind(user_id.as_str())).await.map(drop)
    }

    async fn set_challenge(&self, challenge_id: &str, challenge: &str, expires_in: TimeDelta) -> Result<(), Error> {
        let digest = self.challenge_digest(challenge_id);
        let call = self.call("store passkey challenge");
        self.meet_tenant(call).await?;
        let _: (Vec<u8>,) = self
            .creating(call, || {
                call.write(STORE_CHALLENGE, |store| {
                    store.bind(&digest.as_bytes()[..]).bind(challenge).bind(saturating_add(call.now(), expires_in))
                })
            })
            .await?;
        Ok(())
    }

    async fn get_challenge(&self, challenge_id: &str) -> Result<Option<String>, Error> {
        let digest = self.challenge_digest(challenge_id);
        let call = self.call("get passkey challenge");
        let row: Option<(String,)> = call.read(FIND_CHALLENGE, |find| find.bind(&digest.as_bytes()[..])).await?;
        Ok(row.map(|(challenge,)| challenge))
    }

    async fn take_challenge(&self, challenge_id: &str) -> Result<Option<String>, Error> {
        let digest = self.challenge_digest(challenge_id);
        let call = self.call("take passkey challenge");
        let row: Option<(String,)> = call.write(TAKE_CHALLENGE, |take| take.bind(&digest.as_bytes()[..])).await?;
        match row {
            Some((challenge,)) => Ok(Some(challenge)),
            None => self.check_tenant(call).await.map(|()| None),
        }
    }
}

impl PostgresRepositoryProvider {
    fn challenge_digest(&self, challenge_id: &str) -> TokenDigest {
        TokenDigest::new(TokenUse::PasskeyChallenge, self.tenant_id(), challenge_id)
    }

    fn credential_of(&self, row: CredentialRow) -> Result<PasskeyCredential, StorageError> {
        let reading = Reading { table: "passkeys", row: &row.user_id };
        Ok(PasskeyCredential {
            tenant_id: self.tenant_id().clone(),
            sign_count: reading.number("sign_count", row.sign_count)?,
            created_at: reading.time("created_at", row.created_at)?,
            last_used_at: reading.optional_time("last_used_at", row.last_used_at)?,
            user_id: UserId::from(row.user_id),
            credential_id: row.credential_id,
            public_key: row.public_key,
            name: row.name,
        })
    }
}

#[derive(FromRow)]
struct CredentialRow {
    credential_id: Vec<u8>,
    user_id: String,
    public_key: Vec<u8>,
    name: Option<String>,
    sign_count: i64,
    created_at: StoredTime,
    last_used_at: Option<StoredTime>,
}
