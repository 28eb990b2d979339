//! Users.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, FromQueryResult, Order,
    sea_query::{Alias, Expr, ExprTrait, InsertStatement, OnConflict, SelectStatement},
};
use torii_core::{
    Error, MetadataPatch, NewUser, Page, PageRequest, Registration, User, UserId, UserMetadata,
    error::{AuthError, StorageError, StorageErrorKind},
    repositories::UserRepository,
};

use super::{Reading, keys, storable};
use crate::{
    SeaORMRepositoryProvider,
    access::{Again, Call},
    dialect::StoredTime,
    entities::{secure_tokens, users},
    error::is,
    provider::Purges,
    sql::{columns, delete, insert, select, stored, tenant_in_use, update, user_columns, with_email},
};

#[async_trait]
impl UserRepository for SeaORMRepositoryProvider {
    async fn create(&self, user: NewUser) -> Result<User, Error> {
        match self.insert_or_find(&user, None).await? {
            Registration::Created(user) => Ok(user),
            Registration::Existing(_) => Err(AuthError::UserAlreadyExists.into()),
        }
    }

    async fn register(&self, user: NewUser, password_hash: &str) -> Result<Registration, Error> {
        self.insert_or_find(&user, Some(password_hash)).await
    }

    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, Error> {
        let call = self.call("find user by id");
        let row: Option<UserRow> = call.read(&find_by_id(&call, id)).await?;
        Ok(row.map(User::try_from).transpose()?)
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<User>, Error> {
        let call = self.call("find user by email");
        let row: Option<UserRow> = call.read(&find_by_email(&call, &keys(email))).await?;
        Ok(row.map(User::try_from).transpose()?)
    }

    async fn find_or_create_by_email(&self, email: &str) -> Result<User, Error> {
        if let Some(user) = self.find_by_email(email).await? {
            return Ok(user);
        }
        self.insert_or_find(&NewUser::new(email.to_owned()), None).await.map(Registration::into_user)
    }

    async fn update(&self, user: &User) -> Result<User, Error> {
        let call = self.call("update user");
        match call.repeat(Again::Harmless, || update_once(call, user)).await {
            Ok(Some(row)) => Ok(row.try_into()?),
            Ok(None) => {
                self.check_tenant(call).await?;
                let found: Option<UserRow> = call.read(&find_by_id(&call, &user.id)).await?;
                Err(match found {
                    Some(_) => AuthError::UserAlreadyExists.into(),
                    None => StorageError::NotFound.into(),
                })
            }
            // The one unique key that an update can break is that of the address.
            Err(error) if is(&error, StorageErrorKind::UniqueViolation) => Err(AuthError::UserAlreadyExists.into()),
            Err(error) => Err(error),
        }
    }

    async fn delete(&self, id: &UserId) -> Result<(), Error> {
        let call = self.call("delete user");
        let mut gone = delete::<users::Entity>(&call);
        call.execute(gone.and_where(users::Column::Id.eq(id.as_str()))).await.map(drop)
    }

    async fn mark_email_verified(&self, id: &UserId) -> Result<(), Error> {
        let call = self.call("mark email verified");
        let verified = update::<users::Entity>(&call)
            .values([
                (users::Column::EmailVerifiedAt, call.now().into()),
                (users::Column::UpdatedAt, call.now().into()),
            ])
            .and_where(users::Column::Id.eq(id.as_str()))
            .take();
        match call.execute(&verified).await? {
            0 => self.check_tenant(call).await,
            _ => Ok(()),
        }
    }

    async fn page(&self, request: &PageRequest) -> Result<Page<User>, Error> {
        let call = self.call("list users");
        let page = select::<users::Entity>(&call)
            .exprs(user_columns(&call))
            .and_where(users::Column::Id.gt(request.cursor().unwrap_or_default()))
            .order_by((users::Entity, users::Column::Id), Order::Asc)
            .limit(u64::from(request.limit()) + 1)
            .take();
        let rows: Vec<UserRow> = call.read_all(&page).await?;
        let users = rows.into_iter().map(User::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_rows(users, request.limit(), |user| user.id.as_str().to_owned()))
    }

    async fn count(&self) -> Result<u64, Error> {
        let call = self.call("count users");
        let count = call.dialect().named(Expr::cust("COUNT(*)"), "users");
        let count: Option<CountRow> = call.read(select::<users::Entity>(&call).expr(count)).await?;
        Ok(count.map_or(0, |count| count.users.unsigned_abs()))
    }

    async fn metadata(&self, id: &UserId) -> Result<Option<UserMetadata>, Error> {
        self.find_metadata(id).await
    }

    async fn set_metadata(&self, id: &UserId, metadata: &UserMetadata) -> Result<(), Error> {
        self.replace_metadata(id, metadata).await
    }

    async fn merge_metadata(&self, id: &UserId, patch: &MetadataPatch) -> Result<UserMetadata, Error> {
        self.patch_metadata(id, patch).await
    }

    async fn page_by_metadata(&self, filter: &UserMetadata, request: &PageRequest) -> Result<Page<User>, Error> {
        self.find_page_by_metadata(filter, request).await
    }
}

/// A token may be issued for the old address until this holds the user's row. Whoever issues one holds the address still, so
/// that it is there to be deleted afterwards.
async fn update_once(call: Call<'_>, user: &User) -> Result<Option<UserRow>, Error> {
    let (plain, exact) = keys(&user.email);
    let db = call.begin().await?;
    // An address that another user is found by exactly is taken, whatever its plain key.
    let others = Alias::new("others");
    let taken = sea_orm::sea_query::Query::select()
        .expr(Expr::cust("1"))
        .from_as(users::Entity, others.clone())
        .and_where(Expr::col((others.clone(), users::Column::TenantId)).eq(call.tenant()))
        .and_where(Expr::col((others.clone(), users::Column::EmailKey)).eq(exact.as_str()))
        .and_where(Expr::col((others, users::Column::Id)).ne(user.id.as_str()))
        .take();
    let mut before = stored::<users::Entity>(&call);
    before.exprs(columns([users::Column::EmailKey])).and_where(users::Column::Id.eq(user.id.as_str()));
    before.and_where(tenant_in_use(&call)).and_where(Expr::exists(taken).not());
    let before: Option<KeyRow> = db.read(call.dialect().lock(&mut before, users::Entity)).await?;
    let Some(before) = before else {
        db.rollback().await?;
        return Ok(None);
    };
    let mut change = update::<users::Entity>(&call);
    change.and_where(users::Column::Id.eq(user.id.as_str())).values([
        (users::Column::Email, user.email.as_str().into()),
        (users::Column::Name, user.name.clone().into()),
        (users::Column::UpdatedAt, call.now().into()),
    ]);
    let moves = before.email_key != plain && before.email_key != exact;
    if moves {
        change.values([(users::Column::EmailKey, plain.into()), (users::Column::EmailVerifiedAt, Expr::null())]);
        let mut tokens = delete::<secure_tokens::Entity>(&call);
        let row = db.write_and_read(change, &user_columns(&call), row_of(&call, &user.id)).await?;
        db.execute(tokens.and_where(secure_tokens::Column::UserId.eq(user.id.as_str()))).await?;
        db.commit().await?;
        return Ok(row);
    }
    change.value(users::Column::EmailVerifiedAt, user.email_verified_at.map(storable));
    let row = db.write_and_read(change, &user_columns(&call), row_of(&call, &user.id)).await?;
    db.commit().await?;
    Ok(row)
}

impl SeaORMRepositoryProvider {
    /// Creates a user, or finds who has the address.
    async fn insert_or_find(&self, user: &NewUser, password_hash: Option<&str>) -> Result<Registration, Error> {
        let call = self.call("create user");
        let keys = keys(&user.email);
        self.meet_tenant(call).await?;
        let mut purges = Purges::default();
        loop {
            let insert = insert_user(&call, user, &keys, password_hash);
            let created = call.write_and_read(insert, &user_columns(&call), row_of(&call, &user.id)).await;
            let (created, refused): (Option<UserRow>, _) = match created {
                Ok(created) => (created, None),
                // Of the address, by somebody else at the same moment, or of the id.
                Err(error) if is(&error, StorageErrorKind::UniqueViolation) => (None, Some(error)),
                Err(error) => {
                    self.unless_tenant_is_gone(call, error, &mut purges).await?;
                    (None, None)
                }
            };
            if let Some(row) = created {
                return Ok(Registration::Created(row.try_into()?));
            }
            // The address is taken, or the tenant is not in use.
            let owner: Option<UserRow> = call.read(&find_by_email(&call, &keys)).await?;
            if let Some(owner) = owner {
                return Ok(Registration::Existing(owner.try_into()?));
            }
            self.ensure_tenant(call).await?;
            if let Some(error) = refused {
                return Err(error);
            }
        }
    }
}

/// Inserts a user, unless the address is taken.
pub(super) fn insert_user(
    call: &Call<'_>,
    user: &NewUser,
    (plain, exact): &(String, String),
    password_hash: Option<&str>,
) -> InsertStatement {
    use users::Column::{CreatedAt, Email, EmailKey, EmailVerifiedAt, Id, Name, PasswordHash, TenantId, UpdatedAt};
    let owner = stored::<users::Entity>(call)
        .expr(Expr::cust("1"))
        .and_where(EmailKey.is_in([plain.as_str(), exact.as_str()]))
        .take();
    let insert = insert::<users::Entity, 8>(
        call,
        [
            (EmailKey, plain.as_str().into()),
            (Id, user.id.as_str().into()),
            (Email, user.email.as_str().into()),
            (Name, user.name.clone().into()),
            (EmailVerifiedAt, user.email_verified_at.map(storable).into()),
            (PasswordHash, password_hash.map(str::to_owned).into()),
            (CreatedAt, call.now().into()),
            (UpdatedAt, call.now().into()),
        ],
        Some(Expr::exists(owner)),
    );
    call.dialect().unless_taken(insert, OnConflict::columns([TenantId, EmailKey]))
}

fn find_by_id(call: &Call<'_>, id: &UserId) -> SelectStatement {
    select::<users::Entity>(call).exprs(user_columns(call)).and_where(users::Column::Id.eq(id.as_str())).take()
}

/// The user with an address, of which these are the keys.
pub(super) fn find_by_email(call: &Call<'_>, keys: &(String, String)) -> SelectStatement {
    with_email(select::<users::Entity>(call).exprs(user_columns(call)), keys)
}

/// A user that was just written.
pub(super) fn row_of(call: &Call<'_>, id: &UserId) -> SelectStatement {
    stored::<users::Entity>(call).and_where(users::Column::Id.eq(id.as_str())).take()
}

#[derive(FromQueryResult)]
pub(super) struct UserRow {
    id: String,
    tenant_id: String,
    name: Option<String>,
    email: String,
    email_verified_at: Option<StoredTime>,
    locked_at: Option<StoredTime>,
    created_at: StoredTime,
    updated_at: StoredTime,
}

impl TryFrom<UserRow> for User {
    type Error = StorageError;

    fn try_from(row: UserRow) -> Result<Self, StorageError> {
        let reading = Reading { table: "users", row: &row.id };
        Ok(Self {
            tenant_id: reading.parse("tenant_id", &row.tenant_id)?,
            email_verified_at: reading.optional_time("email_verified_at", row.email_verified_at)?,
            locked_at: reading.optional_time("locked_at", row.locked_at)?,
            created_at: reading.time("created_at", row.created_at)?,
            updated_at: reading.time("updated_at", row.updated_at)?,
            id: UserId::from(row.id),
            name: row.name,
            email: row.email,
        })
    }
}

#[derive(FromQueryResult)]
struct KeyRow {
    email_key: String,
}

#[derive(FromQueryResult)]
struct CountRow {
    users: i64,
}
