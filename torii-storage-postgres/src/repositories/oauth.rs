//! OAuth accounts, and the states of authorization requests under way.

use async_trait::async_trait;
use chrono::TimeDelta;
use sqlx::FromRow;
use torii_core::{
    Error, NewUser, OAuthAccount, User, UserId,
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::{AuthError, StorageError, StorageErrorKind},
    oauth::{OAuthIdentity, OAuthResolution},
    repositories::{OAuthRepository, Unlinked},
};

use super::{
    Reading, StoredTime, keys,
    user::{self, UserRow},
};
use crate::{
    PostgresRepositoryProvider,
    access::{Again, Call},
    error::is,
    lease::Lease,
};

macro_rules! insert_account {
    ($unless_taken:literal) => {
        concat!(
            "INSERT INTO oauth_accounts (tenant_id, provider, subject, user_id, created_at, updated_at) \
             SELECT $1, $3, $4, $5, $2, $2",
            from_tenant!(),
            $unless_taken,
            "RETURNING user_id"
        )
    };
}

const INSERT: &str = insert_account!("");

const INSERT_UNLESS_TAKEN: &str = insert_account!("ON CONFLICT (tenant_id, provider, subject) DO NOTHING ");

const FIND_USER: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM oauth_accounts JOIN users ON users.tenant_id = oauth_accounts.tenant_id AND users.id = oauth_accounts.user_id",
    join_tenant!("oauth_accounts"),
    "WHERE oauth_accounts.tenant_id = $1 AND oauth_accounts.provider = $3 AND oauth_accounts.subject = $4"
);

macro_rules! select_account {
    () => {
        concat!(
            "SELECT oauth_accounts.provider, oauth_accounts.subject, oauth_accounts.user_id, oauth_accounts.created_at, \
             oauth_accounts.updated_at FROM oauth_accounts",
            join_tenant!("oauth_accounts"),
            "WHERE oauth_accounts.tenant_id = $1 AND "
        )
    };
}

const FIND_ACCOUNT: &str = concat!(select_account!(), "oauth_accounts.provider = $3 AND oauth_accounts.subject = $4");

const FIND_ACCOUNTS: &str = concat!(
    select_account!(),
    "oauth_accounts.user_id = $3 ORDER BY oauth_accounts.created_at DESC, oauth_accounts.provider, oauth_accounts.subject"
);

const DELETE: &str = "DELETE FROM oauth_accounts WHERE tenant_id = $1 AND user_id = $3 AND provider = $4";

/// Makes those who unlink accounts of one user wait for each other: two who remove different accounts would each see the
/// other's as what is left.
const LOCK_USER: &str = "SELECT users.id FROM users WHERE users.tenant_id = $1 AND users.id = $3 FOR NO KEY UPDATE";

const DELETE_UNLESS_LAST: &str = "DELETE FROM oauth_accounts WHERE tenant_id = $1 AND user_id = $3 AND provider = $4 \
     AND (EXISTS (SELECT 1 FROM oauth_accounts AS others WHERE others.tenant_id = $1 AND others.user_id = $3 \
         AND others.provider <> $4) \
     OR ($5 AND EXISTS (SELECT 1 FROM users WHERE users.tenant_id = $1 AND users.id = $3 AND users.password_hash <> '')) \
     OR ($6 AND EXISTS (SELECT 1 FROM passkeys WHERE passkeys.tenant_id = $1 AND passkeys.user_id = $3)))";

const HAS_ACCOUNT: &str = "SELECT EXISTS (SELECT 1 FROM oauth_accounts \
     WHERE oauth_accounts.tenant_id = $1 AND oauth_accounts.user_id = $3 AND oauth_accounts.provider = $4)";

const STORE_STATE: &str = concat!(
    "INSERT INTO oauth_states (tenant_id, state_digest, pkce_verifier, created_at, expires_at) SELECT $1, $3, $4, $2, $5",
    from_tenant!(),
    "ON CONFLICT (tenant_id, state_digest) DO UPDATE SET pkce_verifier = excluded.pkce_verifier, \
     created_at = excluded.created_at, expires_at = excluded.expires_at RETURNING state_digest"
);

const FIND_STATE: &str = concat!(
    "SELECT oauth_states.pkce_verifier FROM oauth_states",
    join_tenant!("oauth_states"),
    "WHERE oauth_states.tenant_id = $1 AND oauth_states.state_digest = $3 AND oauth_states.expires_at > $2"
);

const TAKE_STATE: &str = concat!(
    "DELETE FROM oauth_states WHERE tenant_id = $1 AND state_digest = $3 AND expires_at > $2 AND ",
    tenant_in_use!(),
    " RETURNING pkce_verifier"
);

const DELETE_STATE: &str = "DELETE FROM oauth_states WHERE tenant_id = $1 AND state_digest = $3";

#[async_trait]
impl OAuthRepository for PostgresRepositoryProvider {
    async fn create_account(&self, provider: &str, subject: &str, user_id: &UserId) -> Result<OAuthAccount, Error> {
        let call = self.call("create OAuth account");
        self.insert_account(call, provider, subject, user_id).await?;
        Ok(OAuthAccount {
            user_id: user_id.clone(),
            tenant_id: self.tenant_id().clone(),
            provider: provider.to_owned(),
            subject: subject.to_owned(),
            created_at: call.now(),
            updated_at: call.now(),
        })
    }

    async fn find_user_by_provider(&self, provider: &str, subject: &str) -> Result<Option<User>, Error> {
        let call = self.call("find user by OAuth identity");
        let row: Option<UserRow> = call.read(FIND_USER, |find| find.bind(provider).bind(subject)).await?;
        Ok(row.map(User::try_from).transpose()?)
    }

    async fn find_account_by_provider(&self, provider: &str, subject: &str) -> Result<Option<OAuthAccount>, Error> {
        let call = self.call("find OAuth account");
        let row: Option<AccountRow> = call.read(FIND_ACCOUNT, |find| find.bind(provider).bind(subject)).await?;
        Ok(row.map(|row| self.account_of(row)).transpose()?)
    }

    async fn link_account(&self, user_id: &UserId, provider: &str, subject: &str) -> Result<(), Error> {
        self.insert_account(self.call("link OAuth account"), provider, subject, user_id).await
    }

    async fn resolve_identity(&self, identity: &OAuthIdentity, new_user: NewUser) -> Result<OAuthResolution, Error> {
        let call = self.call("resolve OAuth identity");
        let (provider, subject) = (identity.provider.as_str(), identity.subject.as_str());
        // What the provider says of the address is said of the identity's.
        let new_user = NewUser { email: identity.email.clone(), ..new_user };
        loop {
            let known: Option<UserRow> = call.read(FIND_USER, |find| find.bind(provider).bind(subject)).await?;
            if let Some(row) = known {
                return Ok(OAuthResolution::Known(row.try_into()?));
            }
            self.meet_tenant(call).await?;
            match call.repeat(Again::Harmless, || resolve_once(call, identity, &new_user)).await? {
                Resolved::As(resolution) => return Ok(resolution),
                Resolved::TooLate => {}
                Resolved::NoTenant => self.ensure_tenant(call).await?,
            }
        }
    }

    async fn store_pkce_verifier(
        &self,
        csrf_state: &str,
        pkce_verifier: &str,
        expires_in: TimeDelta,
    ) -> Result<(), Error> {
        let digest = self.state_digest(csrf_state);
        let call = self.call("store PKCE verifier");
        self.meet_tenant(call).await?;
        let _: (Vec<u8>,) = self
            .creating(call, || {
                call.write(STORE_STATE, |store| {
                    store.bind(&digest.as_bytes()[..]).bind(pkce_verifier).bind(saturating_add(call.now(), expires_in))
                })
            })
            .await?;
        Ok(())
    }

    async fn get_pkce_verifier(&self, csrf_state: &str) -> Result<Option<String>, Error> {
        let digest = self.state_digest(csrf_state);
        let call = self.call("get PKCE verifier");
        let row: Option<(String,)> = call.read(FIND_STATE, |find| find.bind(&digest.as_bytes()[..])).await?;
        Ok(row.map(|(verifier,)| verifier))
    }

    async fn take_pkce_verifier(&self, csrf_state: &str) -> Result<Option<String>, Error> {
        let digest = self.state_digest(csrf_state);
        let call = self.call("take PKCE verifier");
        let row: Option<(String,)> = call.write(TAKE_STATE, |take| take.bind(&digest.as_bytes()[..])).await?;
        match row {
            Some((verifier,)) => Ok(Some(verifier)),
            None => self.check_tenant(call).await.map(|()| None),
        }
    }

    async fn delete_pkce_verifier(&self, csrf_state: &str) -> Result<(), Error> {
        let digest = self.state_digest(csrf_state);
        let call = self.call("delete PKCE verifier");
        call.execute(DELETE_STATE, |delete| delete.bind(&digest.as_bytes()[..])).await.map(drop)
    }

    async fn find_accounts_by_user_id(&self, user_id: &UserId) -> Result<Vec<OAuthAccount>, Error> {
        let call = self.call("find OAuth accounts of a user");
        let rows: Vec<AccountRow> = call.read_all(FIND_ACCOUNTS, |find| find.bind(user_id.as_str())).await?;
        Ok(rows.into_iter().map(|row| self.account_of(row)).collect::<Result<_, _>>()?)
    }

    async fn unlink_account(&self, user_id: &UserId, provider: &str) -> Result<(), Error> {
        let call = self.call("unlink OAuth account");
        call.execute(DELETE, |delete| delete.bind(user_id.as_str()).bind(provider)).await.map(drop)
    }

    async fn unlink_account_unless_last(
        &self,
        user_id: &UserId,
        provider: &str,
        passwords: bool,
        passkeys: bool,
    ) -> Result<Unlinked, Error> {
        let call = self.call("unlink OAuth account");
        call.repeat(Again::Harmless, || unlink_once(call, user_id, provider, passwords, passkeys)).await
    }
}

/// What one try to resolve an identity came to.
enum Resolved {
    As(OAuthResolution),
    /// Somebody linked the identity, or deleted the user, at the same time.
    TooLate,
    /// The tenant is not registered, or not in use.
    NoTenant,
}

async fn resolve_once(call: Call<'_>, identity: &OAuthIdentity, new_user: &NewUser) -> Result<Resolved, Error> {
    let (provider, subject) = (identity.provider.as_str(), identity.subject.as_str());
    let mut lease = Lease::default();
    let mut db = call.begin(&mut lease).await?;
    let created: Option<UserRow> = db.row(user::INSERT, |insert| user::bind_new(insert, new_user, None)).await?;
    let resolution = match created {
        Some(row) => OAuthResolution::Created(row.try_into()?),
        None => {
            // Whoever created the user meanwhile may have done so for this identity.
            let known: Option<UserRow> = db.row(FIND_USER, |find| find.bind(provider).bind(subject)).await?;
            if known.is_some() {
                db.rollback().await?;
                return Ok(Resolved::TooLate);
            }
            let (plain, exact) = keys(&new_user.email);
            let owner: Option<UserRow> =
                db.row(user::FIND_BY_EMAIL, |find| find.bind(plain.as_str()).bind(exact.as_str())).await?;
            match owner.map(User::try_from).transpose()? {
                Some(owner) if owner.is_email_verified() && identity.email_verified != Some(false) => {
                    OAuthResolution::Linked(owner)
                }
                Some(_) => OAuthResolution::LinkRequired,
                None => {
                    db.rollback().await?;
                    return Ok(Resolved::NoTenant);
                }
            }
        }
    };
    let (OAuthResolution::Created(user) | OAuthResolution::Linked(user)) = &resolution else {
        db.rollback().await?;
        return Ok(Resolved::As(resolution));
    };
    let link =
        db.row::<(String,)>(INSERT_UNLESS_TAKEN, |insert| insert.bind(provider).bind(subject).bind(user.id.as_str()));
    match link.await {
        Ok(Some(_)) => db.commit().await.map(|()| Resolved::As(resolution)),
        Err(error) if !is(&error, StorageErrorKind::ForeignKeyViolation) => Err(error),
        _ => db.rollback().await.map(|()| Resolved::TooLate),
    }
}

async fn unlink_once(
    call: Call<'_>,
    user_id: &UserId,
    provider: &str,
    passwords: bool,
    passkeys: bool,
) -> Result<Unlinked, Error> {
    let mut lease = Lease::default();
    let mut db = call.begin(&mut lease).await?;
    db.execute(LOCK_USER, |lock| lock.bind(user_id.as_str())).await?;
    let delete = db.execute(DELETE_UNLESS_LAST, |delete| {
        delete.bind(user_id.as_str()).bind(provider).bind(passwords).bind(passkeys)
    });
    if delete.await? > 0 {
        db.commit().await?;
        return Ok(Unlinked::Done);
    }
    let has_account: Option<(bool,)> = db.row(HAS_ACCOUNT, |look| look.bind(user_id.as_str()).bind(provider)).await?;
    db.rollback().await?;
    Ok(if has_account == Some((true,)) { Unlinked::LastMethod } else { Unlinked::Done })
}

impl PostgresRepositoryProvider {
    async fn insert_account(
        &self,
        call: Call<'_>,
        provider: &str,
        subject: &str,
        user_id: &UserId,
    ) -> Result<(), Error> {
        let inserted: Result<(String,), Error> = self
            .creating(call, || call.write(INSERT, |insert| insert.bind(provider).bind(subject).bind(user_id.as_str())))
            .await;
        match inserted {
            Ok(_) => Ok(()),
            Err(error) if is(&error, StorageErrorKind::UniqueViolation) => Err(AuthError::AccountAlreadyLinked.into()),
            Err(error) => Err(error),
        }
    }

    fn state_digest(&self, csrf_state: &str) -> TokenDigest {
        TokenDigest::new(TokenUse::OAuthState, self.tenant_id(), csrf_state)
    }

    fn account_of(&self, row: AccountRow) -> Result<OAuthAccount, StorageError> {
        let reading = Reading { table: "oauth_accounts", row: &row.user_id };
        Ok(OAuthAccount {
            tenant_id: self.tenant_id().clone(),
            created_at: reading.time("created_at", row.created_at)?,
            updated_at: reading.time("updated_at", row.updated_at)?,
            user_id: UserId::from(row.user_id),
            provider: row.provider,
            subject: row.subject,
        })
    }
}

#[derive(FromRow)]
struct AccountRow {
    provider: String,
    subject: String,
    user_id: String,
    created_at: StoredTime,
    updated_at: StoredTime,
}
