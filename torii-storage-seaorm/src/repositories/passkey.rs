//! Passkeys, and the challenges of ceremonies under way.

use async_trait::async_trait;
use chrono::TimeDelta;
use sea_orm::{
    ColumnTrait, FromQueryResult, IntoSimpleExpr, Order,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use torii_core::{
    Error, User, UserId,
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::StorageError,
    repositories::{PasskeyCredential, PasskeyRepository},
};

use super::{Reading, user::UserRow};
use crate::{
    SeaORMRepositoryProvider,
    dialect::StoredTime,
    entities::{passkey_challenges, passkeys, users},
    sql::{columns, delete, insert, owner_columns, select, stored, tenant_in_use, update},
};

#[async_trait]
impl PasskeyRepository for SeaORMRepositoryProvider {
    async fn add_credential(
        &self,
        user_id: &UserId,
        credential_id: Vec<u8>,
        public_key: Vec<u8>,
        name: Option<String>,
    ) -> Result<PasskeyCredential, Error> {
        use passkeys::Column::{CreatedAt, CredentialId, Name, PublicKey, SignCount, UpdatedAt, UserId};
        let call = self.call("add passkey credential");
        let credential = [
            (CredentialId, credential_id.clone().into()),
            (UserId, user_id.as_str().into()),
            (PublicKey, public_key.clone().into()),
            (Name, name.clone().into()),
            (SignCount, 0_i64.into()),
            (CreatedAt, call.now().into()),
            (UpdatedAt, call.now().into()),
        ];
        let add = insert::<passkeys::Entity, 7>(&call, credential, None);
        self.creating(call, || async { Ok((call.execute(&add).await? > 0).then_some(())) }).await?;
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
        use passkeys::Column::{CreatedAt, CredentialId, UserId};
        let call = self.call("get passkey credentials of a user");
        let theirs = select::<passkeys::Entity>(&call)
            .exprs(credential_columns())
            .and_where(UserId.eq(user_id.as_str()))
            .order_by((passkeys::Entity, CreatedAt), Order::Desc)
            .order_by((passkeys::Entity, CredentialId), Order::Asc)
            .take();
        let rows: Vec<CredentialRow> = call.read_all(&theirs).await?;
        Ok(rows.into_iter().map(|row| self.credential_of(row)).collect::<Result<_, _>>()?)
    }

    async fn get_credential(&self, credential_id: &[u8]) -> Result<Option<PasskeyCredential>, Error> {
        let call = self.call("get passkey credential");
        let find = select::<passkeys::Entity>(&call)
            .exprs(credential_columns())
            .and_where(passkeys::Column::CredentialId.eq(credential_id))
            .take();
        let row: Option<CredentialRow> = call.read(&find).await?;
        Ok(row.map(|row| self.credential_of(row)).transpose()?)
    }

    async fn update_last_used(&self, credential_id: &[u8]) -> Result<(), Error> {
        use passkeys::Column::{CredentialId, LastUsedAt, UpdatedAt};
        let call = self.call("update passkey credential");
        let used = update::<passkeys::Entity>(&call)
            .values([(LastUsedAt, call.now().into()), (UpdatedAt, call.now().into())])
            .and_where(CredentialId.eq(credential_id))
            .take();
        match call.execute(&used).await? {
            0 => self.check_tenant(call).await,
            _ => Ok(()),
        }
    }

    async fn record_use(&self, credential_id: &[u8], sign_count: Option<u32>) -> Result<Option<User>, Error> {
        use passkeys::Column::{CredentialId, LastUsedAt, SignCount, TenantId, UpdatedAt, UserId};
        let call = self.call("record use of a passkey");
        let this = CredentialId.eq(credential_id);
        let mut used = update::<passkeys::Entity>(&call);
        used.values([(LastUsedAt, call.now().into()), (UpdatedAt, call.now().into())]).and_where(this.clone());
        if let Some(sign_count) = sign_count.map(i64::from) {
            let grew = SignCount.lt(sign_count);
            used.value(SignCount, sign_count).and_where(match sign_count {
                0 => grew.or(SignCount.eq(0_i64)),
                _ => grew,
            });
        }
        let owner = users::Column::TenantId
            .into_simple_expr()
            .equals((passkeys::Entity, TenantId))
            .and(users::Column::Id.into_simple_expr().equals((passkeys::Entity, UserId)));
        let credential = stored::<passkeys::Entity>(&call).and_where(this).take();
        let row: Option<UserRow> = call.write_and_read(used, &owner_columns(&call, &owner), credential).await?;
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
        use passkeys::Column::{CredentialId, Name, UpdatedAt, UserId};
        let call = self.call("rename passkey credential");
        let rename = update::<passkeys::Entity>(&call)
            .values([(Name, name.into()), (UpdatedAt, call.now().into())])
            .and_where(CredentialId.eq(credential_id))
            .and_where(UserId.eq(user_id.as_str()))
            .take();
        match call.execute(&rename).await? {
            0 => self.check_tenant(call).await.map(|()| false),
            _ => Ok(true),
        }
    }

    async fn delete_credential(&self, credential_id: &[u8]) -> Result<(), Error> {
        let call = self.call("delete passkey credential");
        let mut this = delete::<passkeys::Entity>(&call);
        call.execute(this.and_where(passkeys::Column::CredentialId.eq(credential_id))).await.map(drop)
    }

    async fn delete_all_for_user(&self, user_id: &UserId) -> Result<(), Error> {
        let call = self.call("delete passkey credentials of a user");
        let mut theirs = delete::<passkeys::Entity>(&call);
        call.execute(theirs.and_where(passkeys::Column::UserId.eq(user_id.as_str()))).await.map(drop)
    }

    async fn set_challenge(&self, challenge_id: &str, challenge: &str, expires_in: TimeDelta) -> Result<(), Error> {
        use passkey_challenges::Column::{Challenge, ChallengeId, CreatedAt, ExpiresAt, TenantId};
        let call = self.call("store passkey challenge");
        let row = [
            (ChallengeId, self.challenge_digest(challenge_id).into()),
            (Challenge, challenge.into()),
            (CreatedAt, call.now().into()),
            (ExpiresAt, saturating_add(call.now(), expires_in).into()),
        ];
        let mut replaced = OnConflict::columns([TenantId, ChallengeId]);
        replaced.update_columns([Challenge, CreatedAt, ExpiresAt]);
        let store = insert::<passkey_challenges::Entity, 4>(&call, row, None).on_conflict(replaced).take();
        self.meet_tenant(call).await?;
        self.creating(call, || async { Ok((call.execute(&store).await? > 0).then_some(())) }).await
    }

    async fn get_challenge(&self, challenge_id: &str) -> Result<Option<String>, Error> {
        use passkey_challenges::Column::{Challenge, ChallengeId, ExpiresAt};
        let call = self.call("get passkey challenge");
        let find = select::<passkey_challenges::Entity>(&call)
            .exprs(columns([Challenge]))
            .and_where(ChallengeId.eq(self.challenge_digest(challenge_id)))
            .and_where(ExpiresAt.gt(call.now()))
            .take();
        let row: Option<ChallengeRow> = call.read(&find).await?;
        Ok(row.map(|row| row.challenge))
    }

    async fn take_challenge(&self, challenge_id: &str) -> Result<Option<String>, Error> {
        use passkey_challenges::Column::{Challenge, ChallengeId, ExpiresAt};
        let call = self.call("take passkey challenge");
        let works = ChallengeId.eq(self.challenge_digest(challenge_id)).and(ExpiresAt.gt(call.now()));
        let mut doomed = stored::<passkey_challenges::Entity>(&call);
        doomed.and_where(works.clone());
        call.dialect().lock(&mut doomed, passkey_challenges::Entity);
        let take = delete::<passkey_challenges::Entity>(&call).and_where(works).and_where(tenant_in_use(&call)).take();
        let row: Option<ChallengeRow> = call.delete_and_read(take, &columns([Challenge]), doomed).await?;
        match row {
            Some(row) => Ok(Some(row.challenge)),
            None => self.check_tenant(call).await.map(|()| None),
        }
    }
}

impl SeaORMRepositoryProvider {
    fn challenge_digest(&self, challenge_id: &str) -> Vec<u8> {
        TokenDigest::new(TokenUse::PasskeyChallenge, self.tenant_id(), challenge_id).as_bytes().to_vec()
    }

    fn credential_of(&self, row: CredentialRow) -> Result<PasskeyCredential, StorageError> {
        let reading = Reading { table: "passkeys", row: &row.user_id };
        Ok(PasskeyCredential {
            tenant_id: self.tenant_id().clone(),
            sign_count: u32::try_from(row.sign_count).map_err(|error| reading.corrupt("sign_count", error))?,
            created_at: reading.time("created_at", row.created_at)?,
            last_used_at: reading.optional_time("last_used_at", row.last_used_at)?,
            user_id: UserId::from(row.user_id),
            credential_id: row.credential_id,
            public_key: row.public_key,
            name: row.name,
        })
    }
}

fn credential_columns() -> Vec<Expr> {
    use passkeys::Column::{CreatedAt, CredentialId, LastUsedAt, Name, PublicKey, SignCount, UserId};
    columns([CredentialId, UserId, PublicKey, Name, SignCount, CreatedAt, LastUsedAt])
}

#[derive(FromQueryResult)]
struct CredentialRow {
    credential_id: Vec<u8>,
    user_id: String,
    public_key: Vec<u8>,
    name: Option<String>,
    sign_count: i64,
    created_at: StoredTime,
    last_used_at: Option<StoredTime>,
}

#[derive(FromQueryResult)]
struct ChallengeRow {
    challenge: String,
}
