//! Users.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use torii_core::{
    Error, MetadataPatch, NewUser, Page, PageRequest, Registration, User, UserId, UserMetadata,
    error::{AuthError, StorageError, StorageErrorKind},
    repositories::UserRepository,
};

use super::{Reading, keys, only, storable};
use crate::{
    SqliteRepositoryProvider,
    error::{failed, is, unreadable},
};

pub(super) const INSERT: &str = concat!(
    "INSERT INTO users (tenant_id, email_key, id, email, name, email_verified_at, password_hash, created_at, updated_at) \
     SELECT ?1, ?3, ?5, ?6, ?7, ?8, ?9, ?2, ?2",
    from_tenant!(),
    "AND NOT EXISTS (SELECT 1 FROM users WHERE users.tenant_id = ?1 AND users.email_key = ?4) \
     ON CONFLICT (tenant_id, email_key) DO NOTHING RETURNING ",
    user_columns!()
);

macro_rules! owner {
    () => {
        concat!(
            "(SELECT json_object(",
            user_members!(locked_since!()),
            ") FROM users WHERE users.tenant_id = ?1 AND",
            with_email!("?3", "?4"),
            ")"
        )
    };
}

/// After an insert that wrote nothing: registers the tenant if it is unknown, and finds who has the address.
pub(super) const ENSURE_TENANT_AND_FIND: &str = concat!(
    "INSERT INTO tenants (id, created_at, updated_at) VALUES (?1, ?2, ?2) \
     ON CONFLICT (id) DO UPDATE SET status = status RETURNING status, ",
    owner!()
);

/// The same where only registered tenants are accepted.
const TENANT_STATUS_AND_FIND: &str =
    concat!("SELECT tenants.status, ", owner!(), " FROM tenants WHERE tenants.id = ?1");

pub(super) const FIND_BY_ID: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = ?1 AND users.id = ?3"
);

pub(super) const FIND_BY_EMAIL: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = ?1 AND",
    with_email!("?3", "?4")
);

/// The mail tokens of a user whose address is about to become another one.
pub(super) const DELETE_TOKENS_OF_OLD_ADDRESS: &str = "DELETE FROM secure_tokens WHERE tenant_id = ?1 AND user_id = ?5 \
     AND EXISTS (SELECT 1 FROM users WHERE users.tenant_id = ?1 AND users.id = ?5 AND users.email_key NOT IN (?3, ?4))";

/// An address that another user is found by exactly is taken, whatever its plain key.
pub(super) const UPDATE: &str = concat!(
    "UPDATE users SET email = ?6, name = ?7, updated_at = ?2, \
     email_key = CASE WHEN email_key IN (?3, ?4) THEN email_key ELSE ?3 END, \
     email_verified_at = CASE WHEN email_key IN (?3, ?4) THEN ?8 END \
     WHERE tenant_id = ?1 AND id = ?5 AND ",
    tenant_in_use!(),
    " AND NOT EXISTS (SELECT 1 FROM users AS others WHERE others.tenant_id = ?1 AND others.email_key = ?4 \
     AND others.id <> ?5) RETURNING ",
    user_columns!()
);

pub(super) const DELETE: &str = "DELETE FROM users WHERE tenant_id = ?1 AND id = ?3";

pub(super) const MARK_EMAIL_VERIFIED: &str = concat!(
    "UPDATE users SET email_verified_at = ?2, updated_at = ?2 WHERE tenant_id = ?1 AND id = ?3 AND ",
    tenant_in_use!()
);

pub(super) const PAGE: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = ?1 AND users.id > ?3 ORDER BY users.id LIMIT ?4"
);

const COUNT: &str = concat!("SELECT COUNT(*) FROM users", join_tenant!("users"), "WHERE users.tenant_id = ?1");

#[async_trait]
impl UserRepository for SqliteRepositoryProvider {
    async fn create(&self, user: NewUser) -> Result<User, Error> {
        let mut db = self.writer("create user").await?;
        match self.insert_or_find(&mut db, &user, None, self.now()).await? {
            Registration::Created(user) => Ok(user),
            Registration::Existing(_) => Err(AuthError::UserAlreadyExists.into()),
        }
    }

    async fn register(&self, user: NewUser, password_hash: &str) -> Result<Registration, Error> {
        let mut db = self.writer("create user").await?;
        self.insert_or_find(&mut db, &user, Some(password_hash), self.now()).await
    }

    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, Error> {
        let row: Option<UserRow> = self
            .query_as(FIND_BY_ID, self.now())
            .bind(id.as_str())
            .fetch_optional(self.pool())
            .await
            .map_err(failed("find user by id"))?;
        Ok(row.map(User::try_from).transpose()?)
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<User>, Error> {
        let (plain, exact) = keys(email);
        let row: Option<UserRow> = self
            .query_as(FIND_BY_EMAIL, self.now())
            .bind(plain)
            .bind(exact)
            .fetch_optional(self.pool())
            .await
            .map_err(failed("find user by email"))?;
        Ok(row.map(User::try_from).transpose()?)
    }

    async fn find_or_create_by_email(&self, email: &str) -> Result<User, Error> {
        if let Some(user) = self.find_by_email(email).await? {
            return Ok(user);
        }
        let mut db = self.writer("create user").await?;
        let user = NewUser::new(email.to_owned());
        self.insert_or_find(&mut db, &user, None, self.now()).await.map(Registration::into_user)
    }

    async fn update(&self, user: &User) -> Result<User, Error> {
        const OPERATION: &str = "update user";
        let now = self.now();
        let (plain, exact) = keys(&user.email);
        let mut db = self.transaction(OPERATION).await?;
        self.query(DELETE_TOKENS_OF_OLD_ADDRESS, now)
            .bind(plain.as_str())
            .bind(exact.as_str())
            .bind(user.id.as_str())
            .execute(&mut *db)
            .await
            .map_err(failed(OPERATION))?;
        let updated = self
            .query_as::<UserRow>(UPDATE, now)
            .bind(plain.as_str())
            .bind(exact.as_str())
            .bind(user.id.as_str())
            .bind(user.email.as_str())
            .bind(user.name.as_deref())
            .bind(user.email_verified_at.map(storable))
            .fetch_all(&mut *db)
            .await
            .map_err(failed(OPERATION));
        match updated.map(only) {
            Ok(Some(row)) => {
                db.commit().await?;
                Ok(row.try_into()?)
            }
            Ok(None) => {
                self.check_tenant(&mut db, now).await?;
                let find = self.query_as::<UserRow>(FIND_BY_ID, now).bind(user.id.as_str());
                let found = find.fetch_optional(&mut *db).await.map_err(failed(OPERATION))?;
                db.rollback().await?;
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
        const OPERATION: &str = "delete user";
        let mut db = self.writer(OPERATION).await?;
        let delete = self.query(DELETE, self.now()).bind(id.as_str());
        delete.execute(&mut *db).await.map_err(failed(OPERATION))?;
        Ok(())
    }

    async fn mark_email_verified(&self, id: &UserId) -> Result<(), Error> {
        const OPERATION: &str = "mark email verified";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        let update = self.query(MARK_EMAIL_VERIFIED, now).bind(id.as_str());
        if update.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected() == 0 {
            self.check_tenant(&mut db, now).await?;
        }
        Ok(())
    }

    async fn page(&self, request: &PageRequest) -> Result<Page<User>, Error> {
        let rows: Vec<UserRow> = self
            .query_as(PAGE, self.now())
            .bind(request.cursor().unwrap_or_default().to_owned())
            .bind(request.limit().saturating_add(1))
            .fetch_all(self.pool())
            .await
            .map_err(failed("list users"))?;
        let users = rows.into_iter().map(User::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_rows(users, request.limit(), |user| user.id.as_str().to_owned()))
    }

    async fn count(&self) -> Result<u64, Error> {
        let count: i64 =
            self.query_scalar(COUNT, self.now()).fetch_one(self.pool()).await.map_err(failed("count users"))?;
        Ok(count.unsigned_abs())
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

impl SqliteRepositoryProvider {
    /// Creates a user, or finds who has the address.
    pub(super) async fn insert_or_find(
        &self,
        connection: &mut SqliteConnection,
        user: &NewUser,
        password_hash: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Registration, Error> {
        const OPERATION: &str = "create user";
        let (plain, exact) = keys(&user.email);
        self.meet_tenant(connection, now).await?;
        loop {
            let created: Vec<UserRow> = self
                .query_as(INSERT, now)
                .bind(plain.as_str())
                .bind(exact.as_str())
                .bind(user.id.as_str())
                .bind(user.email.as_str())
                .bind(user.name.as_deref())
                .bind(user.email_verified_at.map(storable))
                .bind(password_hash)
                .fetch_all(&mut *connection)
                .await
                .map_err(failed(OPERATION))?;
            if let Some(row) = only(created) {
                return Ok(Registration::Created(row.try_into()?));
            }
            // The address is taken, or the tenant is not in use.
            let statement = self.either(ENSURE_TENANT_AND_FIND, TENANT_STATUS_AND_FIND);
            let found: Vec<(String, Option<String>)> = self
                .query_as(statement, now)
                .bind(plain.as_str())
                .bind(exact.as_str())
                .fetch_all(&mut *connection)
                .await
                .map_err(failed(OPERATION))?;
            let (status, owner) = only(found).unzip();
            self.judge(status.as_deref())?;
            if let Some(owner) = owner.flatten() {
                return Ok(Registration::Existing(user_from_json(&owner)?));
            }
        }
    }
}

/// A user that a statement put together as `json_object`.
pub(super) fn user_from_json(json: &str) -> Result<User, Error> {
    let row: UserRow = serde_json::from_str(json).map_err(|error| unreadable("read a user", error))?;
    Ok(row.try_into()?)
}

#[derive(sqlx::FromRow, serde::Deserialize)]
pub(super) struct UserRow {
    id: String,
    tenant_id: String,
    name: Option<String>,
    email: String,
    email_verified_at: Option<String>,
    locked_at: Option<String>,
    created_at: String,
    updated_at: String,
}

impl UserRow {
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl TryFrom<UserRow> for User {
    type Error = StorageError;

    fn try_from(row: UserRow) -> Result<Self, StorageError> {
        let reading = Reading { table: "users", row: &row.id };
        Ok(Self {
            tenant_id: reading.parse("tenant_id", &row.tenant_id)?,
            email_verified_at: reading.optional_time("email_verified_at", row.email_verified_at.as_deref())?,
            locked_at: reading.optional_time("locked_at", row.locked_at.as_deref())?,
            created_at: reading.time("created_at", &row.created_at)?,
            updated_at: reading.time("updated_at", &row.updated_at)?,
            id: UserId::from(row.id),
            name: row.name,
            email: row.email,
        })
    }
}
