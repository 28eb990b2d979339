//! Password hashes.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, FromQueryResult, QueryResult,
    sea_query::{DeleteStatement, Expr, SelectStatement, UpdateStatement},
};
use secrecy::SecretString;
use torii_core::{
    Error, TokenPurpose, User, UserId, crypto::TokenDigest, error::StorageError, lockout::Credentials,
    repositories::PasswordRepository,
};

use super::{
    keys,
    token::{consume, delete_others, delete_sessions, delete_tokens, unproven},
    user::{UserRow, row_of},
};
use crate::{
    SeaORMRepositoryProvider,
    access::{Again, Call},
    entities::users,
    error::RowResult,
    sql::{clear_attempts, columns, select, stored_user_columns, update, update_stored, with_email},
};

#[async_trait]
impl PasswordRepository for SeaORMRepositoryProvider {
    async fn set_password_hash(&self, user_id: &UserId, hash: &str) -> Result<(), Error> {
        use users::Column::{Id, PasswordHash, UpdatedAt};
        let call = self.call("set password hash");
        let set = update::<users::Entity>(&call)
            .values([(PasswordHash, hash.into()), (UpdatedAt, call.now().into())])
            .and_where(Id.eq(user_id.as_str()))
            .take();
        match call.execute(&set).await? {
            0 => self.check_tenant(call).await,
            _ => Ok(()),
        }
    }

    async fn get_password_hash(&self, user_id: &UserId) -> Result<Option<String>, Error> {
        let call = self.call("get password hash");
        let find = select::<users::Entity>(&call)
            .exprs(columns([users::Column::PasswordHash]))
            .and_where(users::Column::Id.eq(user_id.as_str()))
            .take();
        let row: Option<HashRow> = call.read(&find).await?;
        Ok(row.and_then(HashRow::into_hash))
    }

    async fn remove_password_hash(&self, user_id: &UserId) -> Result<(), Error> {
        use users::Column::{Id, PasswordHash, UpdatedAt};
        let call = self.call("remove password hash");
        let remove = update_stored::<users::Entity>(&call)
            .values([(PasswordHash, Expr::null()), (UpdatedAt, call.now().into())])
            .and_where(Id.eq(user_id.as_str()))
            .take();
        call.execute(&remove).await.map(drop)
    }

    async fn find_credentials(&self, email: &str) -> Result<Option<Credentials>, Error> {
        let call = self.call("find credentials by email");
        let row: Option<CredentialsRow> = call.read(&with_email(&mut credentials(&call), &keys(email))).await?;
        Ok(row.map(Credentials::try_from).transpose()?)
    }

    async fn find_credentials_by_id(&self, id: &UserId) -> Result<Option<Credentials>, Error> {
        let call = self.call("find credentials by id");
        let row: Option<CredentialsRow> =
            call.read(credentials(&call).and_where(users::Column::Id.eq(id.as_str()))).await?;
        Ok(row.map(Credentials::try_from).transpose()?)
    }

    /// The same password under newer parameters: not a change that `updated_at` speaks of.
    async fn upgrade_hash(&self, user_id: &UserId, old_hash: &str, new_hash: &str) -> Result<(), Error> {
        let call = self.call("upgrade password hash");
        match call.execute(&replace_hash(&call, user_id, old_hash, new_hash)).await? {
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
        let mut change = replace_hash(&call, user_id, old_hash, new_hash);
        change.value(users::Column::UpdatedAt, call.now());
        let changed = call.repeat(Again::Harmless, || change_once(call, user_id, &change, clear_attempts)).await?;
        if !changed {
            self.check_tenant(call).await?;
        }
        Ok(changed)
    }

    async fn complete_reset(&self, token: &TokenDigest, new_hash: &str) -> Result<Option<User>, Error> {
        let call = self.call("complete password reset");
        match call.repeat(Again::Harmless, || reset_once(call, token, new_hash)).await? {
            None => self.check_tenant(call).await.map(|()| None),
            reset => Ok(reset),
        }
    }
}

async fn change_once(
    call: Call<'_>,
    user_id: &UserId,
    change: &UpdateStatement,
    clear_attempts: bool,
) -> Result<bool, Error> {
    let db = call.begin().await?;
    if db.execute(change).await? == 0 {
        return db.rollback().await.map(|()| false);
    }
    let mut obsolete =
        vec![delete_tokens(&call, user_id.as_str(), TokenPurpose::PasswordReset), delete_sessions(&call, user_id)];
    if clear_attempts {
        obsolete.extend(attempts_on(&call, user_id));
    }
    db.delete_all(obsolete).await?;
    db.commit().await.map(|()| true)
}

/// What counts against the address is cleared, so nobody is locked afterwards.
async fn reset_once(call: Call<'_>, token: &TokenDigest, new_hash: &str) -> Result<Option<User>, Error> {
    use users::Column::{Id, LockedAt, PasswordHash, UpdatedAt};
    let db = call.begin().await?;
    let Some(owner) = consume(&call, &db, token, TokenPurpose::PasswordReset).await? else {
        return db.rollback().await.map(|()| None);
    };
    let reset = update_stored::<users::Entity>(&call)
        .values([(PasswordHash, new_hash.into()), (LockedAt, Expr::null()), (UpdatedAt, call.now().into())])
        .and_where(Id.eq(owner.id.as_str()))
        .take();
    db.execute(&reset).await?;
    let others = delete_others(&call, owner.id.as_str(), TokenPurpose::PasswordReset, token);
    let mut obsolete = vec![others, delete_sessions(&call, &owner.id)];
    obsolete.extend(attempts_on(&call, &owner.id));
    if !owner.is_email_verified() {
        obsolete.extend(unproven(&call, &owner.id));
    }
    db.delete_all(obsolete).await?;
    db.commit().await?;
    Ok(Some(User { locked_at: None, updated_at: call.now(), ..owner }))
}

/// Deletes what counts against the address of a user.
fn attempts_on(call: &Call<'_>, user_id: &UserId) -> [DeleteStatement; 2] {
    let key = row_of(call, user_id).column((users::Entity, users::Column::EmailKey)).take();
    clear_attempts(call, &key.into())
}

/// Replaces a hash that is still the user's.
fn replace_hash(call: &Call<'_>, user_id: &UserId, old_hash: &str, new_hash: &str) -> UpdateStatement {
    use users::Column::{Id, PasswordHash};
    update::<users::Entity>(call)
        .value(PasswordHash, new_hash)
        .and_where(Id.eq(user_id.as_str()))
        .and_where(PasswordHash.eq(old_hash))
        .take()
}

/// A read of `CredentialsRow`s. Here `locked_at` is only what is stored: what the counter of attempts says is decided by whoever
/// reserves an attempt.
fn credentials(call: &Call<'_>) -> SelectStatement {
    select::<users::Entity>(call).exprs(stored_user_columns(call)).exprs(columns([users::Column::PasswordHash])).take()
}

#[derive(FromQueryResult)]
struct HashRow {
    password_hash: Option<String>,
}

impl HashRow {
    /// An empty text is no hash.
    fn into_hash(self) -> Option<String> {
        self.password_hash.filter(|hash| !hash.is_empty())
    }
}

struct CredentialsRow {
    user: UserRow,
    hash: HashRow,
}

impl FromQueryResult for CredentialsRow {
    fn from_query_result(row: &QueryResult, prefix: &str) -> RowResult<Self> {
        Ok(Self { user: UserRow::from_query_result(row, prefix)?, hash: HashRow::from_query_result(row, prefix)? })
    }
}

impl TryFrom<CredentialsRow> for Credentials {
    type Error = StorageError;

    fn try_from(row: CredentialsRow) -> Result<Self, StorageError> {
        Ok(Self { user: row.user.try_into()?, password_hash: row.hash.into_hash().map(SecretString::from) })
    }
}
