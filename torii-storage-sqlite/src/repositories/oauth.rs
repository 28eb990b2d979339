//! OAuth accounts, and the states of authorization requests under way.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::SqliteConnection;
use torii_core::{
    Error, NewUser, OAuthAccount, Registration, User, UserId,
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::{AuthError, StorageError, StorageErrorKind},
    oauth::{OAuthIdentity, OAuthResolution},
    repositories::{OAuthRepository, Unlinked},
};

use super::{Reading, only, user::UserRow};
use crate::{
    SqliteRepositoryProvider,
    error::{failed, is},
};

pub(super) const INSERT: &str = concat!(
    "INSERT INTO oauth_accounts (tenant_id, provider, subject, user_id, created_at, updated_at) \
     SELECT ?1, ?3, ?4, ?5, ?2, ?2",
    from_tenant!()
);

pub(super) const FIND_USER: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM oauth_accounts JOIN users ON users.tenant_id = oauth_accounts.tenant_id AND users.id = oauth_accounts.user_id",
    join_tenant!("oauth_accounts"),
    "WHERE oauth_accounts.tenant_id = ?1 AND oauth_accounts.provider = ?3 AND oauth_accounts.subject = ?4"
);

macro_rules! select_account {
    () => {
        concat!(
            "SELECT oauth_accounts.provider, oauth_accounts.subject, oauth_accounts.user_id, oauth_accounts.created_at, \
             oauth_accounts.updated_at FROM oauth_accounts",
            join_tenant!("oauth_accounts"),
            "WHERE oauth_accounts.tenant_id = ?1 AND "
        )
    };
}

pub(super) const FIND_ACCOUNT: &str =
    concat!(select_account!(), "oauth_accounts.provider = ?3 AND oauth_accounts.subject = ?4");

pub(super) const FIND_ACCOUNTS: &str = concat!(
    select_account!(),
    "oauth_accounts.user_id = ?3 ORDER BY oauth_accounts.created_at DESC, oauth_accounts.provider, oauth_accounts.subject"
);

pub(super) const DELETE: &str = "DELETE FROM oauth_accounts WHERE tenant_id = ?1 AND user_id = ?3 AND provider = ?4";

pub(super) const DELETE_BY_USER: &str = "DELETE FROM oauth_accounts WHERE tenant_id = ?1 AND user_id = ?3";

pub(super) const DELETE_UNLESS_LAST: &str = "DELETE FROM oauth_accounts WHERE tenant_id = ?1 AND user_id = ?3 AND provider = ?4 \
     AND (EXISTS (SELECT 1 FROM oauth_accounts AS others WHERE others.tenant_id = ?1 AND others.user_id = ?3 \
         AND others.provider <> ?4) \
     OR (?5 AND EXISTS (SELECT 1 FROM users WHERE users.tenant_id = ?1 AND users.id = ?3 AND users.password_hash <> '')) \
     OR (?6 AND EXISTS (SELECT 1 FROM passkeys WHERE passkeys.tenant_id = ?1 AND passkeys.user_id = ?3)))";

const HAS_ACCOUNT: &str = "SELECT EXISTS (SELECT 1 FROM oauth_accounts \
     WHERE oauth_accounts.tenant_id = ?1 AND oauth_accounts.user_id = ?3 AND oauth_accounts.provider = ?4)";

pub(super) const STORE_STATE: &str = concat!(
    "INSERT INTO oauth_states (tenant_id, state_digest, pkce_verifier, created_at, expires_at) SELECT ?1, ?3, ?4, ?2, ?5",
    from_tenant!(),
    "ON CONFLICT (tenant_id, state_digest) DO UPDATE SET pkce_verifier = excluded.pkce_verifier, \
     created_at = excluded.created_at, expires_at = excluded.expires_at"
);

pub(super) const FIND_STATE: &str = concat!(
    "SELECT oauth_states.pkce_verifier FROM oauth_states",
    join_tenant!("oauth_states"),
    "WHERE oauth_states.tenant_id = ?1 AND oauth_states.state_digest = ?3 AND oauth_states.expires_at > ?2"
);

pub(super) const TAKE_STATE: &str = concat!(
    "DELETE FROM oauth_states WHERE tenant_id = ?1 AND state_digest = ?3 AND expires_at > ?2 AND ",
    tenant_in_use!(),
    " RETURNING pkce_verifier"
);

pub(super) const DELETE_STATE: &str = "DELETE FROM oauth_states WHERE tenant_id = ?1 AND state_digest = ?3";

#[async_trait]
impl OAuthRepository for SqliteRepositoryProvider {
    async fn create_account(&self, provider: &str, subject: &str, user_id: &UserId) -> Result<OAuthAccount, Error> {
        let now = self.now();
        let mut db = self.writer("create OAuth account").await?;
        self.insert_account(&mut db, provider, subject, user_id, now).await?;
        Ok(OAuthAccount {
            user_id: user_id.clone(),
            tenant_id: self.tenant_id().clone(),
            provider: provider.to_owned(),
            subject: subject.to_owned(),
            created_at: now,
            updated_at: now,
        })
    }

    async fn find_user_by_provider(&self, provider: &str, subject: &str) -> Result<Option<User>, Error> {
        let row: Option<UserRow> = self
            .query_as(FIND_USER, self.now())
            .bind(provider)
            .bind(subject)
            .fetch_optional(self.pool())
            .await
            .map_err(failed("find user by OAuth identity"))?;
        Ok(row.map(User::try_from).transpose()?)
    }

    async fn find_account_by_provider(&self, provider: &str, subject: &str) -> Result<Option<OAuthAccount>, Error> {
        let row: Option<AccountRow> = self
            .query_as(FIND_ACCOUNT, self.now())
            .bind(provider)
            .bind(subject)
            .fetch_optional(self.pool())
            .await
            .map_err(failed("find OAuth account"))?;
        Ok(row.map(|row| self.account_of(row)).transpose()?)
    }

    async fn link_account(&self, user_id: &UserId, provider: &str, subject: &str) -> Result<(), Error> {
        let mut db = self.writer("link OAuth account").await?;
        self.insert_account(&mut db, provider, subject, user_id, self.now()).await
    }

    async fn resolve_identity(&self, identity: &OAuthIdentity, new_user: NewUser) -> Result<OAuthResolution, Error> {
        const OPERATION: &str = "resolve OAuth identity";
        let (provider, subject) = (identity.provider.as_str(), identity.subject.as_str());
        if let Some(user) = self.find_user_by_provider(provider, subject).await? {
            return Ok(OAuthResolution::Known(user));
        }
        let now = self.now();
        let mut db = self.transaction(OPERATION).await?;
        // Somebody may have been faster.
        let find = self.query_as::<UserRow>(FIND_USER, now).bind(provider).bind(subject);
        if let Some(row) = find.fetch_optional(&mut *db).await.map_err(failed(OPERATION))? {
            db.rollback().await?;
            return Ok(OAuthResolution::Known(row.try_into()?));
        }
        // What the provider says of the address is said of the identity's.
        let new_user = NewUser { email: identity.email.clone(), ..new_user };
        let resolution = match self.insert_or_find(&mut db, &new_user, None, now).await? {
            Registration::Created(user) => OAuthResolution::Created(user),
            Registration::Existing(user) if user.is_email_verified() && identity.email_verified != Some(false) => {
                OAuthResolution::Linked(user)
            }
            Registration::Existing(_) => OAuthResolution::LinkRequired,
        };
        match &resolution {
            OAuthResolution::Created(user) | OAuthResolution::Linked(user) => {
                self.insert_account(&mut db, provider, subject, &user.id, now).await?;
                db.commit().await?;
            }
            OAuthResolution::Known(_) | OAuthResolution::LinkRequired => db.rollback().await?,
        }
        Ok(resolution)
    }

    async fn store_pkce_verifier(
        &self,
        csrf_state: &str,
        pkce_verifier: &str,
        expires_in: TimeDelta,
    ) -> Result<(), Error> {
        const OPERATION: &str = "store PKCE verifier";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        self.meet_tenant(&mut db, now).await?;
        loop {
            let store = self
                .query(STORE_STATE, now)
                .bind(self.state_digest(csrf_state))
                .bind(pkce_verifier)
                .bind(saturating_add(now, expires_in));
            if store.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected() > 0 {
                return Ok(());
            }
            self.ensure_tenant(&mut db, now).await?;
        }
    }

    async fn get_pkce_verifier(&self, csrf_state: &str) -> Result<Option<String>, Error> {
        self.query_scalar(FIND_STATE, self.now())
            .bind(self.state_digest(csrf_state))
            .fetch_optional(self.pool())
            .await
            .map_err(failed("get PKCE verifier"))
    }

    async fn take_pkce_verifier(&self, csrf_state: &str) -> Result<Option<String>, Error> {
        const OPERATION: &str = "take PKCE verifier";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        let take = self.query_scalar(TAKE_STATE, now).bind(self.state_digest(csrf_state));
        match only(take.fetch_all(&mut *db).await.map_err(failed(OPERATION))?) {
            Some(verifier) => Ok(Some(verifier)),
            None => self.check_tenant(&mut db, now).await.map(|_| None),
        }
    }

    async fn delete_pkce_verifier(&self, csrf_state: &str) -> Result<(), Error> {
        const OPERATION: &str = "delete PKCE verifier";
        let mut db = self.writer(OPERATION).await?;
        let delete = self.query(DELETE_STATE, self.now()).bind(self.state_digest(csrf_state));
        delete.execute(&mut *db).await.map_err(failed(OPERATION))?;
        Ok(())
    }

    async fn find_accounts_by_user_id(&self, user_id: &UserId) -> Result<Vec<OAuthAccount>, Error> {
        let rows: Vec<AccountRow> = self
            .query_as(FIND_ACCOUNTS, self.now())
            .bind(user_id.as_str())
            .fetch_all(self.pool())
            .await
            .map_err(failed("find OAuth accounts of a user"))?;
        Ok(rows.into_iter().map(|row| self.account_of(row)).collect::<Result<_, _>>()?)
    }

    async fn unlink_account(&self, user_id: &UserId, provider: &str) -> Result<(), Error> {
        const OPERATION: &str = "unlink OAuth account";
        let mut db = self.writer(OPERATION).await?;
        let delete = self.query(DELETE, self.now()).bind(user_id.as_str()).bind(provider);
        delete.execute(&mut *db).await.map_err(failed(OPERATION))?;
        Ok(())
    }

    async fn unlink_account_unless_last(
        &self,
        user_id: &UserId,
        provider: &str,
        passwords: bool,
        passkeys: bool,
    ) -> Result<Unlinked, Error> {
        const OPERATION: &str = "unlink OAuth account";
        let now = self.now();
        let mut db = self.transaction(OPERATION).await?;
        let delete =
            self.query(DELETE_UNLESS_LAST, now).bind(user_id.as_str()).bind(provider).bind(passwords).bind(passkeys);
        if delete.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected() > 0 {
            db.commit().await?;
            return Ok(Unlinked::Done);
        }
        let look = self.query_scalar(HAS_ACCOUNT, now).bind(user_id.as_str()).bind(provider);
        let has_account: bool = look.fetch_one(&mut *db).await.map_err(failed(OPERATION))?;
        db.rollback().await?;
        Ok(if has_account { Unlinked::LastMethod } else { Unlinked::Done })
    }
}

impl SqliteRepositoryProvider {
    async fn insert_account(
        &self,
        connection: &mut SqliteConnection,
        provider: &str,
        subject: &str,
        user_id: &UserId,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        loop {
            let inserted = self
                .query(INSERT, now)
                .bind(provider)
                .bind(subject)
                .bind(user_id.as_str())
                .execute(&mut *connection)
                .await
                .map_err(failed("link OAuth account"));
            match inserted {
                Ok(done) if done.rows_affected() > 0 => return Ok(()),
                Ok(_) => self.ensure_tenant(&mut *connection, now).await?,
                Err(error) if is(&error, StorageErrorKind::UniqueViolation) => {
                    return Err(AuthError::AccountAlreadyLinked.into());
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn state_digest(&self, csrf_state: &str) -> Vec<u8> {
        TokenDigest::new(TokenUse::OAuthState, self.tenant_id(), csrf_state).as_bytes().to_vec()
    }

    fn account_of(&self, row: AccountRow) -> Result<OAuthAccount, StorageError> {
        let reading = Reading { table: "oauth_accounts", row: &row.user_id };
        Ok(OAuthAccount {
            tenant_id: self.tenant_id().clone(),
            created_at: reading.time("created_at", &row.created_at)?,
            updated_at: reading.time("updated_at", &row.updated_at)?,
            user_id: UserId::from(row.user_id),
            provider: row.provider,
            subject: row.subject,
        })
    }
}

#[derive(sqlx::FromRow)]
struct AccountRow {
    provider: String,
    subject: String,
    user_id: String,
    created_at: String,
    updated_at: String,
}
