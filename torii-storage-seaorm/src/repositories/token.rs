//! Mail tokens.
//!
//! Whoever issues tokens, and whoever does something with the owner of one, locks the owner's row first, as do those who change
//! the address and then delete the tokens: so one token is issued after the other, none outlives the address that it was issued
//! for, and nobody waits in a circle.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, FromQueryResult, IdenStatic, IntoSimpleExpr,
    sea_query::{Alias, DeleteStatement, Expr, ExprTrait, InsertStatement, Query, SelectStatement, UpdateStatement},
};
use secrecy::ExposeSecret;
use torii_core::{
    Error, SecureToken, Session, TokenPurpose, User, UserId,
    clock::saturating_add,
    crypto::{TokenDigest, TokenUse},
    error::StorageError,
    repositories::{IssuedToken, TokenRepository, token::SessionFor},
    token::NewToken,
};

use super::{
    Reading, keys,
    session::{insert_session, session_exists},
    storable,
    user::{UserRow, row_of},
};
use crate::{
    SeaORMRepositoryProvider,
    access::{Again, Call, WriteTransaction},
    dialect::StoredTime,
    entities::{oauth_accounts, passkeys, secure_tokens, sessions, users},
    sql::{
        columns, delete, insert, of_owner, owner_columns, owns_email, select, stored, tenant_in_use, update,
        update_stored, user_columns,
    },
};

#[async_trait]
impl TokenRepository for SeaORMRepositoryProvider {
    async fn create_token(
        &self,
        user_id: &UserId,
        purpose: TokenPurpose,
        expires_in: TimeDelta,
    ) -> Result<SecureToken, Error> {
        let call = self.call("create secure token");
        let token = NewToken::random(purpose, saturating_add(call.now(), expires_in));
        let digest = self.mail_digest(purpose, token.token.expose_secret());
        let create = || call.repeat(Again::Harmless, || create_once(call, user_id, &token, &digest));
        self.creating(call, create).await?;
        Ok(self.issued_token(user_id.clone(), &token, &digest, call.now()))
    }

    async fn issue_for_email(&self, email: &str, token: &NewToken) -> Result<Option<IssuedToken>, Error> {
        self.issue(token, |call| owns_email(call, &keys(email))).await
    }

    async fn issue_for_user(&self, user_id: &UserId, token: &NewToken) -> Result<Option<IssuedToken>, Error> {
        self.issue(token, |_| users::Column::Id.eq(user_id.as_str())).await
    }

    /// Reads it first: nothing of a token changes until it is used. Whether it works is decided by the statement that uses it.
    async fn verify_token(&self, token: &str, purpose: TokenPurpose) -> Result<Option<SecureToken>, Error> {
        let digest = self.mail_digest(purpose, token);
        let call = self.call("verify secure token");
        let row: Option<TokenRow> = call.read(&find_live(&call, &digest, purpose)).await?;
        match row {
            Some(row) if call.execute(&use_token(&call, &digest, purpose)).await? > 0 => {
                Ok(Some(self.used_token(row, &digest, purpose, call.now())?))
            }
            _ => self.check_tenant(call).await.map(|()| None),
        }
    }

    async fn check_token(&self, token: &str, purpose: TokenPurpose) -> Result<bool, Error> {
        let digest = self.mail_digest(purpose, token);
        let call = self.call("check secure token");
        let row: Option<TokenRow> = call.read(&find_live(&call, &digest, purpose)).await?;
        Ok(row.is_some())
    }

    async fn cleanup_expired_tokens(&self) -> Result<(), Error> {
        self.sweep_tokens().await.map(drop)
    }

    async fn redeem_magic_link(
        &self,
        token: &TokenDigest,
        session: SessionFor<'_>,
    ) -> Result<Option<(User, Option<Session>)>, Error> {
        let call = self.call("redeem magic link");
        let redeemed = call.repeat(Again::Harmless, || self.follow_link_once(call, token, session)).await;
        match redeemed.map_err(session_exists)? {
            None => self.check_tenant(call).await.map(|()| None),
            redeemed => Ok(redeemed),
        }
    }

    async fn redeem_email_verification(&self, token: &TokenDigest) -> Result<Option<User>, Error> {
        let call = self.call("redeem email verification");
        match call.repeat(Again::Harmless, || verify_address_once(call, token)).await? {
            None => self.check_tenant(call).await.map(|()| None),
            verified => Ok(verified),
        }
    }
}

impl SeaORMRepositoryProvider {
    /// Issues for the user who is `found`.
    async fn issue(
        &self,
        token: &NewToken,
        found: impl FnOnce(&Call<'_>) -> Expr,
    ) -> Result<Option<IssuedToken>, Error> {
        let call = self.call("issue secure token");
        let token = NewToken { expires_at: storable(token.expires_at), ..token.clone() };
        let digest = self.mail_digest(token.purpose, token.token.expose_secret());
        let owner = stored::<users::Entity>(&call).and_where(found(&call)).and_where(tenant_in_use(&call)).take();
        match call.repeat(Again::Harmless, || issue_once(call, &owner, &token, &digest)).await? {
            Some(owner) => Ok(Some(IssuedToken {
                token: self.issued_token(UserId::from(owner.id), &token, &digest, call.now()),
                email: owner.email,
                name: owner.name,
            })),
            // An unknown tenant is no error: it has no users.
            None => self.check_tenant(call).await.map(|()| None),
        }
    }

    async fn follow_link_once(
        &self,
        call: Call<'_>,
        token: &TokenDigest,
        session: SessionFor<'_>,
    ) -> Result<Option<(User, Option<Session>)>, Error> {
        use users::Column::{EmailVerifiedAt, Id, PasswordHash, UpdatedAt};
        let db = call.begin().await?;
        let Some(mut owner) = consume(&call, &db, token, TokenPurpose::MagicLink).await? else {
            return db.rollback().await.map(|()| None);
        };
        if !owner.is_email_verified() {
            let prove = update_stored::<users::Entity>(&call)
                .values([
                    (PasswordHash, Expr::null()),
                    (EmailVerifiedAt, call.now().into()),
                    (UpdatedAt, call.now().into()),
                ])
                .and_where(Id.eq(owner.id.as_str()))
                .take();
            db.execute(&prove).await?;
            let mut obsolete = vec![delete_sessions(&call, &owner.id)];
            obsolete.extend(unproven(&call, &owner.id));
            db.delete_all(obsolete).await?;
            (owner.email_verified_at, owner.updated_at) = (Some(call.now()), call.now());
        }
        let session = session(&owner.id).map(|session| self.session_to_store(session)).transpose()?;
        if let Some((session, digest)) = &session
            && db.execute(&insert_session(&call, session, digest)).await? == 0
        {
            // The tenant was suspended meanwhile.
            return db.rollback().await.map(|()| None);
        }
        db.commit().await?;
        Ok(Some((owner, session.map(|(session, _)| session))))
    }

    fn mail_digest(&self, purpose: TokenPurpose, token: &str) -> TokenDigest {
        TokenDigest::new(TokenUse::Mail(purpose), self.tenant_id(), token)
    }

    fn issued_token(&self, user_id: UserId, token: &NewToken, digest: &TokenDigest, now: DateTime<Utc>) -> SecureToken {
        SecureToken::from_storage(user_id, digest.to_hex(), token.purpose, None, token.expires_at, now, now)
            .in_tenant(self.tenant_id().clone())
            .with_token(token.token.clone())
    }

    /// A token that was just used.
    fn used_token(
        &self,
        row: TokenRow,
        digest: &TokenDigest,
        purpose: TokenPurpose,
        now: DateTime<Utc>,
    ) -> Result<SecureToken, StorageError> {
        let reading = Reading { table: "secure_tokens", row: &row.user_id };
        let token = SecureToken::from_storage(
            UserId::new(&row.user_id),
            digest.to_hex(),
            purpose,
            Some(now),
            reading.time("expires_at", row.expires_at)?,
            reading.time("created_at", row.created_at)?,
            now,
        );
        Ok(token.in_tenant(self.tenant_id().clone()))
    }
}

/// `None` if the tenant is not in use. A user who does not exist is the error of a foreign key.
async fn create_once(
    call: Call<'_>,
    user_id: &UserId,
    token: &NewToken,
    digest: &TokenDigest,
) -> Result<Option<()>, Error> {
    let db = call.begin().await?;
    let mut owner = row_of(&call, user_id);
    owner.exprs(columns([users::Column::Id, users::Column::Email, users::Column::Name]));
    let _: Option<OwnerRow> = db.read(call.dialect().lock(&mut owner, users::Entity)).await?;
    let insert = insert_token(&call, user_id.as_str().into(), token, digest, None);
    if db.replace(delete_others(&call, user_id.as_str(), token.purpose, digest), insert).await? == 0 {
        return db.rollback().await.map(|()| None);
    }
    db.commit().await.map(Some)
}

/// `None` if there is no such owner, or the tenant is not in use. With the look at the tenant that the caller then takes, that is as
/// many statements as for an owner who is there, so that both take the same time.
async fn issue_once(
    call: Call<'_>,
    owner: &SelectStatement,
    token: &NewToken,
    digest: &TokenDigest,
) -> Result<Option<OwnerRow>, Error> {
    let db = call.begin().await?;
    let issued = match call.dialect().has_one_writer() {
        true => issue_unlocked(&call, &db, owner, token, digest).await?,
        false => issue_locked(&call, &db, owner, token, digest).await?,
    };
    match issued {
        Some(owner) => db.commit().await.map(|()| Some(owner)),
        None => db.rollback().await.map(|()| None),
    }
}

async fn issue_locked(
    call: &Call<'_>,
    db: &WriteTransaction<'_>,
    owner: &SelectStatement,
    token: &NewToken,
    digest: &TokenDigest,
) -> Result<Option<OwnerRow>, Error> {
    let mut owner = owner.clone();
    owner.exprs(columns([users::Column::Id, users::Column::Email, users::Column::Name]));
    let owner: Option<OwnerRow> = db.read(call.dialect().lock(&mut owner, users::Entity)).await?;
    let Some(owner) = owner else {
        if !call.dialect().writes_in_with() {
            db.execute(&delete_others(call, "", token.purpose, digest)).await?;
        }
        return Ok(None);
    };
    let insert = insert_token(call, owner.id.as_str().into(), token, digest, None);
    let issued = db.replace(delete_others(call, &owner.id, token.purpose, digest), insert).await?;
    Ok((issued > 0).then_some(owner))
}

/// Where nobody else writes meanwhile.
async fn issue_unlocked(
    call: &Call<'_>,
    db: &WriteTransaction<'_>,
    owner: &SelectStatement,
    token: &NewToken,
    digest: &TokenDigest,
) -> Result<Option<OwnerRow>, Error> {
    use users::Column::{Email, Id, Name};
    let id = owner.clone().column((users::Entity, Id)).take();
    let insert = insert_token(call, id.clone().into(), token, digest, Some(Expr::exists(id).not()));
    let found = [Id, Email, Name].map(|column| of_owner(call, &is_owner(), column.into_simple_expr(), column.as_str()));
    let owner: Option<OwnerRow> = db.write_and_read(insert, &found, stored::<secure_tokens::Entity>(call)).await?;
    if let Some(owner) = &owner {
        db.execute(&delete_others(call, &owner.id, token.purpose, digest)).await?;
    }
    Ok(owner)
}

/// A user is the owner of a token.
fn is_owner() -> Expr {
    use secure_tokens::Column::{TenantId, UserId};
    let tenant = users::Column::TenantId.into_simple_expr().equals((secure_tokens::Entity, TenantId));
    tenant.and(users::Column::Id.into_simple_expr().equals((secure_tokens::Entity, UserId)))
}

async fn verify_address_once(call: Call<'_>, token: &TokenDigest) -> Result<Option<User>, Error> {
    use users::Column::{EmailVerifiedAt, Id, UpdatedAt};
    let db = call.begin().await?;
    let Some(owner) = consume(&call, &db, token, TokenPurpose::EmailVerification).await? else {
        return db.rollback().await.map(|()| None);
    };
    let verify = update_stored::<users::Entity>(&call)
        .values([(EmailVerifiedAt, call.now().into()), (UpdatedAt, call.now().into())])
        .and_where(Id.eq(owner.id.as_str()))
        .take();
    db.execute(&verify).await?;
    db.commit().await?;
    Ok(Some(User { email_verified_at: Some(call.now()), updated_at: call.now(), ..owner }))
}

/// Locks the owner of a token, unless nobody else writes meanwhile anyway, and uses the token. `None`, and nothing written, if it
/// does not work. What is returned is the owner as found.
pub(super) async fn consume(
    call: &Call<'_>,
    db: &WriteTransaction<'_>,
    token: &TokenDigest,
    purpose: TokenPurpose,
) -> Result<Option<User>, Error> {
    if call.dialect().has_one_writer() {
        let used = use_token(call, token, purpose).and_where(is_newest(call, purpose)).take();
        let owner: Option<UserRow> =
            db.write_and_read(used, &owner_columns(call, &is_owner()), stored::<secure_tokens::Entity>(call)).await?;
        return Ok(owner.map(User::try_from).transpose()?);
    }
    let of_token = live_token(&mut stored::<secure_tokens::Entity>(call), call, token, purpose)
        .column((secure_tokens::Entity, secure_tokens::Column::UserId))
        .take();
    let mut owner = stored::<users::Entity>(call);
    owner.exprs(user_columns(call));
    owner.and_where(users::Column::Id.into_simple_expr().eq(of_token)).and_where(tenant_in_use(call));
    let owner: Option<UserRow> = db.read(call.dialect().lock(&mut owner, users::Entity)).await?;
    match owner {
        // Somebody else may have used or deleted it while this waited for the lock.
        Some(owner) if db.execute(&use_token(call, token, purpose)).await? > 0 => Ok(Some(owner.try_into()?)),
        _ => Ok(None),
    }
}

/// Whoever took the address before its owner proved it may have left ways back in: passkeys and accounts at providers go.
/// Password and sessions are the caller's to end.
pub(super) fn unproven(call: &Call<'_>, owner: &UserId) -> [DeleteStatement; 2] {
    [
        delete::<passkeys::Entity>(call).and_where(passkeys::Column::UserId.eq(owner.as_str())).take(),
        delete::<oauth_accounts::Entity>(call).and_where(oauth_accounts::Column::UserId.eq(owner.as_str())).take(),
    ]
}

/// All sessions of a user.
pub(super) fn delete_sessions(call: &Call<'_>, user_id: &UserId) -> DeleteStatement {
    delete::<sessions::Entity>(call).and_where(sessions::Column::UserId.eq(user_id.as_str())).take()
}

/// The tokens of a purpose that a user has, used or not.
pub(super) fn delete_tokens(call: &Call<'_>, user_id: &str, purpose: TokenPurpose) -> DeleteStatement {
    delete::<secure_tokens::Entity>(call)
        .and_where(secure_tokens::Column::UserId.eq(user_id))
        .and_where(secure_tokens::Column::Purpose.eq(purpose.as_str()))
        .take()
}

/// The same without one of them.
pub(super) fn delete_others(
    call: &Call<'_>,
    user_id: &str,
    purpose: TokenPurpose,
    digest: &TokenDigest,
) -> DeleteStatement {
    delete_tokens(call, user_id, purpose)
        .and_where(secure_tokens::Column::TokenDigest.ne(digest.as_bytes().to_vec()))
        .take()
}

fn insert_token(
    call: &Call<'_>,
    user_id: Expr,
    token: &NewToken,
    digest: &TokenDigest,
    unless: Option<Expr>,
) -> InsertStatement {
    use secure_tokens::Column::{CreatedAt, ExpiresAt, Purpose, TokenDigest, UpdatedAt, UserId};
    insert::<secure_tokens::Entity, 6>(
        call,
        [
            (TokenDigest, digest.as_bytes().to_vec().into()),
            (UserId, user_id),
            (Purpose, token.purpose.as_str().into()),
            (ExpiresAt, token.expires_at.into()),
            (CreatedAt, call.now().into()),
            (UpdatedAt, call.now().into()),
        ],
        unless,
    )
}

/// Uses a token that has not been used and has not expired; whether it is the newest is [`is_newest`]'s to say.
fn use_token(call: &Call<'_>, digest: &TokenDigest, purpose: TokenPurpose) -> UpdateStatement {
    use secure_tokens::Column::{UpdatedAt, UsedAt};
    update::<secure_tokens::Entity>(call)
        .values([(UsedAt, call.now().into()), (UpdatedAt, call.now().into())])
        .and_where(is_usable(call, digest, purpose))
        .take()
}

fn is_usable(call: &Call<'_>, digest: &TokenDigest, purpose: TokenPurpose) -> Expr {
    use secure_tokens::Column::{ExpiresAt, Purpose, TokenDigest, UsedAt};
    TokenDigest
        .eq(digest.as_bytes().to_vec())
        .and(Purpose.eq(purpose.as_str()))
        .and(UsedAt.is_null())
        .and(ExpiresAt.gt(call.now()))
}

/// The token with a digest, if it works.
fn live_token<'a>(
    tokens: &'a mut SelectStatement,
    call: &Call<'_>,
    digest: &TokenDigest,
    purpose: TokenPurpose,
) -> &'a mut SelectStatement {
    tokens.and_where(is_usable(call, digest, purpose)).and_where(is_newest(call, purpose))
}

/// The owner of the token has no newer one of the purpose. `torii-storage-postgres`, which may write into the same database,
/// leaves an older one where two are issued at the same moment.
fn is_newest(call: &Call<'_>, purpose: TokenPurpose) -> Expr {
    use secure_tokens::Column::{CreatedAt, Purpose, TenantId, TokenDigest, UserId};
    let newer = Alias::new("newer");
    let of_newer = |column: secure_tokens::Column| Expr::col((newer.clone(), column));
    let age = [CreatedAt, TokenDigest];
    let rival = Query::select()
        .expr(Expr::cust("1"))
        .from_as(secure_tokens::Entity, newer.clone())
        .and_where(of_newer(TenantId).eq(call.tenant()))
        .and_where(of_newer(UserId).equals((secure_tokens::Entity, UserId)))
        .and_where(of_newer(Purpose).eq(purpose.as_str()))
        .and_where(Expr::tuple(age.map(of_newer)).gt(Expr::tuple(columns(age))))
        .take();
    Expr::exists(rival).not()
}

fn find_live(call: &Call<'_>, digest: &TokenDigest, purpose: TokenPurpose) -> SelectStatement {
    use secure_tokens::Column::{CreatedAt, ExpiresAt, UserId};
    live_token(&mut select::<secure_tokens::Entity>(call), call, digest, purpose)
        .exprs(columns([UserId, ExpiresAt, CreatedAt]))
        .take()
}

#[derive(FromQueryResult)]
struct OwnerRow {
    id: String,
    email: String,
    name: Option<String>,
}

#[derive(FromQueryResult)]
struct TokenRow {
    user_id: String,
    expires_at: StoredTime,
    created_at: StoredTime,
}
