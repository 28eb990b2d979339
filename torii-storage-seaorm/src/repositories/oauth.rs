//! OAuth accounts, and the states of authorization requests under way.

use async_trait::async_trait;
use chrono::TimeDelta;
use sea_orm::{
    ColumnTrait, FromQueryResult, IntoSimpleExpr, Order,
    sea_query::{DeleteStatement, Expr, ExprTrait, InsertStatement, OnConflict, SelectStatement},
};
use torii_core::{
    Error, NewUser, OAuthAccount, User, UserId,
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::{AuthError, StorageError, StorageErrorKind},
    oauth::{OAuthIdentity, OAuthResolution},
    repositories::{OAuthRepository, Unlinked},
};

use super::{
    Reading, keys,
    user::{UserRow, find_by_email, insert_user, row_of},
};
use crate::{
    SeaORMRepositoryProvider,
    access::{Again, Call},
    dialect::StoredTime,
    entities::{oauth_accounts, oauth_states, passkeys, users},
    error::is,
    provider::Purges,
    sql::{columns, delete, insert, select, stored, tenant_in_use, user_columns},
};

#[async_trait]
impl OAuthRepository for SeaORMRepositoryProvider {
    async fn create_account(&self, provider: &str, subject: &str, user_id: &UserId) -> Result<OAuthAccount, Error> {
        let call = self.call("create OAuth account");
        self.add_account(call, provider, subject, user_id).await?;
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
        let row: Option<UserRow> = call.read(&find_user(&call, provider, subject)).await?;
        Ok(row.map(User::try_from).transpose()?)
    }

    async fn find_account_by_provider(&self, provider: &str, subject: &str) -> Result<Option<OAuthAccount>, Error> {
        let call = self.call("find OAuth account");
        let find = select::<oauth_accounts::Entity>(&call)
            .exprs(account_columns())
            .and_where(is_identity(provider, subject))
            .take();
        let row: Option<AccountRow> = call.read(&find).await?;
        Ok(row.map(|row| self.account_of(row)).transpose()?)
    }

    async fn link_account(&self, user_id: &UserId, provider: &str, subject: &str) -> Result<(), Error> {
        self.add_account(self.call("link OAuth account"), provider, subject, user_id).await
    }

    async fn resolve_identity(&self, identity: &OAuthIdentity, new_user: NewUser) -> Result<OAuthResolution, Error> {
        let call = self.call("resolve OAuth identity");
        // What the provider says of the address is said of the identity's.
        let new_user = NewUser { email: identity.email.clone(), ..new_user };
        let find_known = find_user(&call, &identity.provider, &identity.subject);
        let mut purges = Purges::default();
        loop {
            let known: Option<UserRow> = call.read(&find_known).await?;
            if let Some(row) = known {
                return Ok(OAuthResolution::Known(row.try_into()?));
            }
            self.meet_tenant(call).await?;
            match call.repeat(Again::Harmless, || resolve_once(call, identity, &new_user)).await {
                Ok(Resolved::As(resolution)) => return Ok(resolution),
                Ok(Resolved::TooLate) => {}
                Ok(Resolved::Nobody { refused }) => {
                    self.ensure_tenant(call).await?;
                    if let Some(error) = refused {
                        return Err(error);
                    }
                }
                Err(error) => {
                    self.unless_tenant_is_gone(call, error, &mut purges).await?;
                    self.ensure_tenant(call).await?;
                }
            }
        }
    }

    async fn store_pkce_verifier(
        &self,
        csrf_state: &str,
        pkce_verifier: &str,
        expires_in: TimeDelta,
    ) -> Result<(), Error> {
        use oauth_states::Column::{CreatedAt, ExpiresAt, PkceVerifier, StateDigest, TenantId};
        let call = self.call("store PKCE verifier");
        let state = [
            (StateDigest, self.state_digest(csrf_state).into()),
            (PkceVerifier, pkce_verifier.into()),
            (CreatedAt, call.now().into()),
            (ExpiresAt, saturating_add(call.now(), expires_in).into()),
        ];
        let mut replaced = OnConflict::columns([TenantId, StateDigest]);
        replaced.update_columns([PkceVerifier, CreatedAt, ExpiresAt]);
        let store = insert::<oauth_states::Entity, 4>(&call, state, None).on_conflict(replaced).take();
        self.meet_tenant(call).await?;
        self.creating(call, || async { Ok((call.execute(&store).await? > 0).then_some(())) }).await
    }

    async fn get_pkce_verifier(&self, csrf_state: &str) -> Result<Option<String>, Error> {
        use oauth_states::Column::{ExpiresAt, PkceVerifier, StateDigest};
        let call = self.call("get PKCE verifier");
        let find = select::<oauth_states::Entity>(&call)
            .exprs(columns([PkceVerifier]))
            .and_where(StateDigest.eq(self.state_digest(csrf_state)))
            .and_where(ExpiresAt.gt(call.now()))
            .take();
        let row: Option<StateRow> = call.read(&find).await?;
        Ok(row.map(|row| row.pkce_verifier))
    }

    async fn take_pkce_verifier(&self, csrf_state: &str) -> Result<Option<String>, Error> {
        use oauth_states::Column::{ExpiresAt, PkceVerifier, StateDigest};
        let call = self.call("take PKCE verifier");
        let works = StateDigest.eq(self.state_digest(csrf_state)).and(ExpiresAt.gt(call.now()));
        let mut doomed = stored::<oauth_states::Entity>(&call);
        doomed.and_where(works.clone());
        call.dialect().lock(&mut doomed, oauth_states::Entity);
        let take = delete::<oauth_states::Entity>(&call).and_where(works).and_where(tenant_in_use(&call)).take();
        let row: Option<StateRow> = call.delete_and_read(take, &columns([PkceVerifier]), doomed).await?;
        match row {
            Some(row) => Ok(Some(row.pkce_verifier)),
            None => self.check_tenant(call).await.map(|()| None),
        }
    }

    async fn delete_pkce_verifier(&self, csrf_state: &str) -> Result<(), Error> {
        let call = self.call("delete PKCE verifier");
        let mut state = delete::<oauth_states::Entity>(&call);
        state.and_where(oauth_states::Column::StateDigest.eq(self.state_digest(csrf_state)));
        call.execute(&state).await.map(drop)
    }

    async fn find_accounts_by_user_id(&self, user_id: &UserId) -> Result<Vec<OAuthAccount>, Error> {
        use oauth_accounts::Column::{CreatedAt, Provider, Subject, UserId};
        let call = self.call("find OAuth accounts of a user");
        let theirs = select::<oauth_accounts::Entity>(&call)
            .exprs(account_columns())
            .and_where(UserId.eq(user_id.as_str()))
            .order_by((oauth_accounts::Entity, CreatedAt), Order::Desc)
            .order_by((oauth_accounts::Entity, Provider), Order::Asc)
            .order_by((oauth_accounts::Entity, Subject), Order::Asc)
            .take();
        let rows: Vec<AccountRow> = call.read_all(&theirs).await?;
        Ok(rows.into_iter().map(|row| self.account_of(row)).collect::<Result<_, _>>()?)
    }

    async fn unlink_account(&self, user_id: &UserId, provider: &str) -> Result<(), Error> {
        let call = self.call("unlink OAuth account");
        call.execute(&delete_accounts(&call, user_id, provider)).await.map(drop)
    }

    async fn unlink_account_unless_last(
        &self,
        user_id: &UserId,
        provider: &str,
        passwords: bool,
        passkeys: bool,
    ) -> Result<Unlinked, Error> {
        let call = self.call("unlink OAuth account");
        let other_way = has_other_way(&call, user_id, provider, passwords, passkeys);
        call.repeat(Again::Harmless, || unlink_once(call, user_id, provider, &other_way)).await
    }
}

/// What one try to resolve an identity came to.
enum Resolved {
    As(OAuthResolution),
    /// Somebody linked the identity, or deleted the user, at the same time.
    TooLate,
    /// Nobody was created, and nobody has the address: the tenant is not registered, or not in use, or the user was refused.
    Nobody {
        refused: Option<Error>,
    },
}

async fn resolve_once(call: Call<'_>, identity: &OAuthIdentity, new_user: &NewUser) -> Result<Resolved, Error> {
    use oauth_accounts::Column::{Provider, Subject, TenantId};
    let (provider, subject) = (identity.provider.as_str(), identity.subject.as_str());
    let keys = keys(&new_user.email);
    let db = call.begin().await?;
    let insert = insert_user(&call, new_user, &keys, None);
    let created = db.write_and_read(insert, &user_columns(&call), row_of(&call, &new_user.id)).await;
    let (created, refused): (Option<UserRow>, _) = match created {
        Ok(created) => (created, None),
        // Where an address that is taken is an error, the transaction lives on.
        Err(error) if is(&error, StorageErrorKind::UniqueViolation) && !call.dialect().has_returning() => {
            (None, Some(error))
        }
        Err(error) => return Err(error),
    };
    let resolution = match created {
        Some(row) => OAuthResolution::Created(row.try_into()?),
        None => {
            // Whoever created the user meanwhile may have done so for this identity.
            let known: Option<UserRow> = db.read(&find_user(&call, provider, subject)).await?;
            if known.is_some() {
                return db.rollback().await.map(|()| Resolved::TooLate);
            }
            let owner: Option<UserRow> = db.read(&find_by_email(&call, &keys)).await?;
            match owner.map(User::try_from).transpose()? {
                Some(owner) if owner.is_email_verified() && identity.email_verified != Some(false) => {
                    OAuthResolution::Linked(owner)
                }
                Some(_) => OAuthResolution::LinkRequired,
                None => return db.rollback().await.map(|()| Resolved::Nobody { refused }),
            }
        }
    };
    let (OAuthResolution::Created(user) | OAuthResolution::Linked(user)) = &resolution else {
        return db.rollback().await.map(|()| Resolved::As(resolution));
    };
    let link = insert_account(&call, provider, subject, &user.id);
    match db.insert_if_new(link, OnConflict::columns([TenantId, Provider, Subject])).await {
        Ok(true) => db.commit().await.map(|()| Resolved::As(resolution)),
        Err(error) if !is(&error, StorageErrorKind::ForeignKeyViolation) => Err(error),
        _ => db.rollback().await.map(|()| Resolved::TooLate),
    }
}

/// Those who unlink accounts of one user wait for each other: two who remove different accounts would each see the other's as
/// what is left.
async fn unlink_once(
    call: Call<'_>,
    user_id: &UserId,
    provider: &str,
    other_way: &SelectStatement,
) -> Result<Unlinked, Error> {
    let db = call.begin().await?;
    let mut user = row_of(&call, user_id);
    user.exprs(columns([users::Column::Id]));
    let _: Option<IdRow> = db.read(call.dialect().lock(&mut user, users::Entity)).await?;
    // `other_way` and the accounts are read apart from the deletion: a table that is written is in no sub-query.
    if db.read::<IdRow>(other_way).await?.is_some() {
        db.execute(&delete_accounts(&call, user_id, provider)).await?;
        return db.commit().await.map(|()| Unlinked::Done);
    }
    let account = row_of(&call, user_id)
        .exprs(columns([users::Column::Id]))
        .and_where(has(&call, user_id, oauth_accounts::Column::Provider.eq(provider)))
        .take();
    let account: Option<IdRow> = db.read(&account).await?;
    db.rollback().await?;
    Ok(if account.is_some() { Unlinked::LastMethod } else { Unlinked::Done })
}

impl SeaORMRepositoryProvider {
    async fn add_account(&self, call: Call<'_>, provider: &str, subject: &str, user_id: &UserId) -> Result<(), Error> {
        let insert = insert_account(&call, provider, subject, user_id);
        let inserted = self.creating(call, || async { Ok((call.execute(&insert).await? > 0).then_some(())) }).await;
        inserted.map_err(|error| match is(&error, StorageErrorKind::UniqueViolation) {
            true => AuthError::AccountAlreadyLinked.into(),
            false => error,
        })
    }

    fn state_digest(&self, csrf_state: &str) -> Vec<u8> {
        TokenDigest::new(TokenUse::OAuthState, self.tenant_id(), csrf_state).as_bytes().to_vec()
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

fn insert_account(call: &Call<'_>, provider: &str, subject: &str, user_id: &UserId) -> InsertStatement {
    use oauth_accounts::Column::{CreatedAt, Provider, Subject, UpdatedAt, UserId};
    insert::<oauth_accounts::Entity, 5>(
        call,
        [
            (Provider, provider.into()),
            (Subject, subject.into()),
            (UserId, user_id.as_str().into()),
            (CreatedAt, call.now().into()),
            (UpdatedAt, call.now().into()),
        ],
        None,
    )
}

/// The accounts that a user has at a provider.
fn delete_accounts(call: &Call<'_>, user_id: &UserId, provider: &str) -> DeleteStatement {
    use oauth_accounts::Column::{Provider, UserId};
    delete::<oauth_accounts::Entity>(call)
        .and_where(UserId.eq(user_id.as_str()))
        .and_where(Provider.eq(provider))
        .take()
}

/// The user of an identity.
fn find_user(call: &Call<'_>, provider: &str, subject: &str) -> SelectStatement {
    use oauth_accounts::Column::{TenantId, UserId};
    let owner = users::Column::TenantId
        .into_simple_expr()
        .equals((oauth_accounts::Entity, TenantId))
        .and(users::Column::Id.into_simple_expr().equals((oauth_accounts::Entity, UserId)));
    select::<oauth_accounts::Entity>(call)
        .exprs(user_columns(call))
        .inner_join(users::Entity, owner)
        .and_where(is_identity(provider, subject))
        .take()
}

fn is_identity(provider: &str, subject: &str) -> Expr {
    oauth_accounts::Column::Provider.eq(provider).and(oauth_accounts::Column::Subject.eq(subject))
}

/// Finds the user if there is a way to sign in other than the provider.
fn has_other_way(
    call: &Call<'_>,
    user_id: &UserId,
    provider: &str,
    passwords: bool,
    passkeys: bool,
) -> SelectStatement {
    let mut other_way = has(call, user_id, oauth_accounts::Column::Provider.ne(provider));
    if passwords {
        other_way = other_way.or(users::Column::PasswordHash.ne(""));
    }
    if passkeys {
        let passkey = stored::<passkeys::Entity>(call)
            .expr(Expr::cust("1"))
            .and_where(passkeys::Column::UserId.eq(user_id.as_str()))
            .take();
        other_way = other_way.or(Expr::exists(passkey));
    }
    row_of(call, user_id).exprs(columns([users::Column::Id])).and_where(other_way).take()
}

/// The user has an account that is `such`.
fn has(call: &Call<'_>, user_id: &UserId, such: Expr) -> Expr {
    let account = stored::<oauth_accounts::Entity>(call)
        .expr(Expr::cust("1"))
        .and_where(oauth_accounts::Column::UserId.eq(user_id.as_str()))
        .and_where(such)
        .take();
    Expr::exists(account)
}

fn account_columns() -> Vec<Expr> {
    use oauth_accounts::Column::{CreatedAt, Provider, Subject, UpdatedAt, UserId};
    columns([Provider, Subject, UserId, CreatedAt, UpdatedAt])
}

#[derive(FromQueryResult)]
struct AccountRow {
    provider: String,
    subject: String,
    user_id: String,
    created_at: StoredTime,
    updated_at: StoredTime,
}

#[derive(FromQueryResult)]
struct StateRow {
    pkce_verifier: String,
}

#[derive(FromQueryResult)]
struct IdRow {
    #[allow(dead_code, reason = "only whether there is one counts")]
    id: String,
}
