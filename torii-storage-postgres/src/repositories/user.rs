//! Users.

use async_trait::async_trait;
use sqlx::{FromRow, Row, postgres::PgRow};
use torii_core::{
    Error, MetadataPatch, NewUser, Page, PageRequest, Registration, User, UserId, UserMetadata,
    error::{AuthError, StorageError, StorageErrorKind},
    repositories::UserRepository,
};

use super::{Reading, StoredTime, keys, storable};
use crate::{
    PostgresRepositoryProvider,
    access::{Again, Bind, Bound, Call, nothing},
    error::{is, tenant_is_gone},
    lease::Lease,
};

pub(super) const INSERT: &str = concat!(
    "INSERT INTO users (tenant_id, email_key, id, email, name, email_verified_at, password_hash, created_at, updated_at) \
     SELECT $1, $3, $5, $6, $7, $8, $9, $2, $2",
    from_tenant!(),
    "AND NOT EXISTS (SELECT 1 FROM users WHERE users.tenant_id = $1 AND users.email_key = $4) \
     ON CONFLICT (tenant_id, email_key) DO NOTHING RETURNING ",
    user_columns!()
);

macro_rules! with_owner {
    ($status:literal) => {
        concat!(
            "SELECT ",
            $status,
            ".status, ",
            columns_of_user!("owner"),
            " FROM ",
            $status,
            " LEFT JOIN (SELECT ",
            user_columns!(),
            " FROM users WHERE users.tenant_id = $1 AND",
            with_email!("$3", "$4"),
            ") AS owner ON true"
        )
    };
}

/// After an insert that wrote nothing: registers the tenant if it is unknown, and finds who has the address.
const ENSURE_TENANT_AND_FIND: &str = concat!(
    "WITH ensured AS (INSERT INTO tenants (id, created_at, updated_at) VALUES ($1, $2, $2) \
     ON CONFLICT (id) DO UPDATE SET status = tenants.status RETURNING tenants.status) ",
    with_owner!("ensured")
);

/// The same where only registered tenants are accepted.
const TENANT_STATUS_AND_FIND: &str =
    concat!("WITH found AS (SELECT tenants.status FROM tenants WHERE tenants.id = $1) ", with_owner!("found"));

const FIND_BY_ID: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = $1 AND users.id = $3"
);

pub(super) const FIND_BY_EMAIL: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = $1 AND",
    with_email!("$3", "$4")
);

/// An address that another user is found by exactly is taken, whatever its plain key.
const UPDATE: &str = concat!(
    "WITH before AS (SELECT users.id, users.email_key NOT IN ($3, $4) AS moves FROM users \
     WHERE users.tenant_id = $1 AND users.id = $5 FOR NO KEY UPDATE) \
     UPDATE users SET email = $6, name = $7, updated_at = $2, \
     email_key = CASE WHEN before.moves THEN $3 ELSE users.email_key END, \
     email_verified_at = CASE WHEN before.moves THEN NULL ELSE $8 END \
     FROM before WHERE users.tenant_id = $1 AND users.id = before.id AND ",
    tenant_in_use!(),
    " AND NOT EXISTS (SELECT 1 FROM users AS others WHERE others.tenant_id = $1 AND others.email_key = $4 \
     AND others.id <> $5) RETURNING before.moves, ",
    user_columns!()
);

/// The mail tokens of a user whose address just became another one.
const DELETE_TOKENS: &str = "DELETE FROM secure_tokens WHERE tenant_id = $1 AND user_id = $3";

const DELETE: &str = "DELETE FROM users WHERE tenant_id = $1 AND id = $3";

const MARK_EMAIL_VERIFIED: &str = concat!(
    "UPDATE users SET email_verified_at = $2, updated_at = $2 WHERE tenant_id = $1 AND id = $3 AND ",
    tenant_in_use!()
);

const PAGE: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = $1 AND users.id > $3 ORDER BY users.id LIMIT $4"
);

const COUNT: &str = concat!("SELECT COUNT(*) FROM users", join_tenant!("users"), "WHERE users.tenant_id = $1");

#[async_trait]
impl UserRepository for PostgresRepositoryProvider {
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
        let row: Option<UserRow> = call.read(FIND_BY_ID, |find| find.bind(id.as_str())).await?;
        Ok(row.map(User::try_from).transpose()?)
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<User>, Error> {
        let (plain, exact) = keys(email);
        let call = self.call("find user by email");
        let row: Option<UserRow> =
            call.read(FIND_BY_EMAIL, |find| find.bind(plain.as_str()).bind(exact.as_str())).await?;
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
                let found: Option<UserRow> = call.read(FIND_BY_ID, |find| find.bind(user.id.as_str())).await?;
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
        self.call("delete user").execute(DELETE, |delete| delete.bind(id.as_str())).await.map(drop)
    }

    async fn mark_email_verified(&self, id: &UserId) -> Result<(), Error> {
        let call = self.call("mark email verified");
        match call.execute(MARK_EMAIL_VERIFIED, |update| update.bind(id.as_str())).await? {
            0 => self.check_tenant(call).await,
            _ => Ok(()),
        }
    }

    async fn page(&self, request: &PageRequest) -> Result<Page<User>, Error> {
        page_of_users(self.call("list users"), PAGE, request, nothing).await
    }

    async fn count(&self) -> Result<u64, Error> {
        let count: Option<(i64,)> = self.call("count users").read(COUNT, nothing).await?;
        Ok(count.map_or(0, |(count,)| count.unsigned_abs()))
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

/// Reads a page of users: those after `$3`, and one more than fit (`$4`). `and` binds what the statement needs beyond these.
pub(super) async fn page_of_users(
    call: Call<'_>,
    statement: &'static str,
    request: &PageRequest,
    and: impl Bind,
) -> Result<Page<User>, Error> {
    let after = request.cursor().unwrap_or_default().to_owned();
    let limit = i64::from(request.limit()) + 1;
    let rows: Vec<UserRow> = call.read_all(statement, |page| and(page.bind(after.clone()).bind(limit))).await?;
    let users = rows.into_iter().map(User::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_rows(users, request.limit(), |user| user.id.as_str().to_owned()))
}

/// Two statements, because a token may have been issued for the old address after the first one began: whoever issues one holds
/// the address still (`FOR KEY SHARE`), so it is there to be deleted when the second one begins.
async fn update_once(call: Call<'_>, user: &User) -> Result<Option<UserRow>, Error> {
    let (plain, exact) = keys(&user.email);
    let mut lease = Lease::default();
    let mut db = call.begin(&mut lease).await?;
    let updated: Option<UpdatedRow> = db
        .row(UPDATE, |update| {
            update
                .bind(plain.as_str())
                .bind(exact.as_str())
                .bind(user.id.as_str())
                .bind(user.email.as_str())
                .bind(user.name.as_deref())
                .bind(user.email_verified_at.map(storable))
        })
        .await?;
    let Some(updated) = updated else {
        db.rollback().await?;
        return Ok(None);
    };
    if updated.moves {
        db.execute(DELETE_TOKENS, |delete| delete.bind(user.id.as_str())).await?;
    }
    db.commit().await?;
    Ok(Some(updated.user))
}

impl PostgresRepositoryProvider {
    /// Creates a user, or finds who has the address.
    async fn insert_or_find(&self, user: &NewUser, password_hash: Option<&str>) -> Result<Registration, Error> {
        let call = self.call("create user");
        let (plain, exact) = keys(&user.email);
        self.meet_tenant(call).await?;
        loop {
            let created: Option<UserRow> =
                match call.write(INSERT, |insert| bind_new(insert, user, password_hash)).await {
                    Err(error) if tenant_is_gone(&error) => None,
                    created => created?,
                };
            if let Some(row) = created {
                return Ok(Registration::Created(row.try_into()?));
            }
            // The address is taken, or the tenant is not in use.
            let statement = self.either(ENSURE_TENANT_AND_FIND, TENANT_STATUS_AND_FIND);
            let found: Option<OwnerRow> =
                call.write(statement, |find| find.bind(plain.as_str()).bind(exact.as_str())).await?;
            let (status, owner) = found.map(|found| (found.status, found.owner)).unzip();
            self.judge(status.as_deref())?;
            if let Some(owner) = owner.flatten() {
                return Ok(Registration::Existing(owner.try_into()?));
            }
        }
    }
}

/// What [`INSERT`] binds.
pub(super) fn bind_new(insert: Bound, user: &NewUser, password_hash: Option<&str>) -> Bound {
    let (plain, exact) = keys(&user.email);
    insert
        .bind(plain)
        .bind(exact)
        .bind(user.id.as_str())
        .bind(user.email.as_str())
        .bind(user.name.as_deref())
        .bind(user.email_verified_at.map(storable))
        .bind(password_hash)
}

#[derive(FromRow)]
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

impl UserRow {
    /// The user in a row of an outer join, if it has one.
    pub(super) fn if_any(row: &PgRow) -> sqlx::Result<Option<Self>> {
        match row.try_get::<Option<String>, _>("id")? {
            Some(_) => Self::from_row(row).map(Some),
            None => Ok(None),
        }
    }
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

#[derive(FromRow)]
struct UpdatedRow {
    moves: bool,
    #[sqlx(flatten)]
    user: UserRow,
}

struct OwnerRow {
    status: String,
    owner: Option<UserRow>,
}

impl<'r> FromRow<'r, PgRow> for OwnerRow {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        Ok(Self { status: row.try_get("status")?, owner: UserRow::if_any(row)? })
    }
}
