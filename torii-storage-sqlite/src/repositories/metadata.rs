//! Metadata of users: a column of `users`, JSON as text.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use torii_core::{
    Error, MetadataPatch, Page, PageRequest, User, UserId, UserMetadata, error::StorageError,
    repositories::UserRepository,
};

use super::{Reading, user::UserRow};
use crate::{SqliteRepositoryProvider, error::failed};

/// How many users are read at a time by who looks for metadata: at most four megabytes of them.
const BATCH: u32 = 256;

pub(super) const FIND: &str =
    concat!("SELECT users.metadata FROM users", join_tenant!("users"), "WHERE users.tenant_id = ?1 AND users.id = ?3");

pub(super) const SET: &str =
    concat!("UPDATE users SET metadata = ?4, updated_at = ?2 WHERE tenant_id = ?1 AND id = ?3 AND ", tenant_in_use!());

pub(super) const BATCH_WITH_METADATA: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", users.metadata FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = ?1 AND users.id > ?3 AND users.metadata <> '{}' ORDER BY users.id LIMIT ?4"
);

impl SqliteRepositoryProvider {
    pub(super) async fn find_metadata(&self, id: &UserId) -> Result<Option<UserMetadata>, Error> {
        let find = self.query_scalar::<String>(FIND, self.now()).bind(id.as_str());
        let text = find.fetch_optional(self.pool()).await.map_err(failed("read metadata"))?;
        text.map(|text| read(id, &text)).transpose()
    }

    pub(super) async fn replace_metadata(&self, id: &UserId, metadata: &UserMetadata) -> Result<(), Error> {
        const OPERATION: &str = "set metadata";
        let now = self.now();
        let mut db = self.writer(OPERATION).await?;
        let set = self.query(SET, now).bind(id.as_str()).bind(metadata.to_string());
        match set.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected() {
            0 => self.nobodys_metadata(&mut db, now).await,
            _ => Ok(()),
        }
    }

    pub(super) async fn patch_metadata(&self, id: &UserId, patch: &MetadataPatch) -> Result<UserMetadata, Error> {
        const OPERATION: &str = "merge metadata";
        let now = self.now();
        let mut db = self.transaction(OPERATION).await?;
        let find = self.query_scalar::<String>(FIND, now).bind(id.as_str());
        let Some(text) = find.fetch_optional(&mut *db).await.map_err(failed(OPERATION))? else {
            return self.nobodys_metadata(&mut db, now).await;
        };
        let merged = read(id, &text)?.merge(patch)?;
        let set = self.query(SET, now).bind(id.as_str()).bind(merged.to_string());
        set.execute(&mut *db).await.map_err(failed(OPERATION))?;
        db.commit().await?;
        Ok(merged)
    }

    /// SQLite has no index into JSON that would help: who has metadata is read, batch by batch, and looked at here.
    pub(super) async fn find_page_by_metadata(
        &self,
        filter: &UserMetadata,
        request: &PageRequest,
    ) -> Result<Page<User>, Error> {
        if filter.is_empty() {
            return self.page(request).await;
        }
        let now = self.now();
        let wanted = usize::try_from(request.limit()).unwrap_or(usize::MAX).saturating_add(1);
        let mut after = request.cursor().unwrap_or_default().to_owned();
        let mut found = Vec::new();
        loop {
            let rows: Vec<RowWithMetadata> = self
                .query_as(BATCH_WITH_METADATA, now)
                .bind(after)
                .bind(BATCH)
                .fetch_all(self.pool())
                .await
                .map_err(failed("find users by metadata"))?;
            let last = if rows.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) { None } else { rows.last() };
            let next = last.map(|row| row.user.id().to_owned());
            for RowWithMetadata { metadata, user } in rows {
                let user = User::try_from(user)?;
                if found.len() < wanted && read(&user.id, &metadata)?.contains(filter) {
                    found.push(user);
                }
            }
            match next {
                Some(next) if found.len() < wanted => after = next,
                _ => return Ok(Page::from_rows(found, request.limit(), |user| user.id.as_str().to_owned())),
            }
        }
    }

    /// After a write that found nobody.
    async fn nobodys_metadata<T>(&self, connection: &mut SqliteConnection, now: DateTime<Utc>) -> Result<T, Error> {
        self.check_tenant(connection, now).await?;
        Err(StorageError::NotFound.into())
    }
}

fn read(id: &UserId, text: &str) -> Result<UserMetadata, Error> {
    let reading = Reading { table: "users", row: id.as_str() };
    Ok(reading.parse("metadata", text)?)
}

#[derive(sqlx::FromRow)]
struct RowWithMetadata {
    metadata: String,
    #[sqlx(flatten)]
    user: UserRow,
}
