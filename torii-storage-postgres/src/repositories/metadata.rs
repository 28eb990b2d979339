//! Metadata of users: a column of `users`, a `jsonb`. It goes in and out as text, which `UserMetadata` reads.

use sqlx::FromRow;
use torii_core::{
    Error, MetadataPatch, Page, PageRequest, User, UserId, UserMetadata, error::StorageError,
    repositories::UserRepository,
};

use super::{Reading, user::page_of_users};
use crate::{
    PostgresRepositoryProvider,
    access::{Again, Call},
    lease::Lease,
};

macro_rules! find {
    () => {
        concat!(
            "SELECT users.metadata::text AS metadata FROM users",
            join_tenant!("users"),
            "WHERE users.tenant_id = $1 AND users.id = $3"
        )
    };
}

const FIND: &str = find!();

/// Whoever comes meanwhile waits, and then reads what was written.
const FIND_AND_LOCK: &str = concat!(find!(), " FOR NO KEY UPDATE OF users");

const SET: &str = concat!(
    "UPDATE users SET metadata = $4::text::jsonb, updated_at = $2 WHERE tenant_id = $1 AND id = $3 AND ",
    tenant_in_use!()
);

/// The index `users_metadata` is used where the planner finds it worth while. Row-level security rules it out, because `@>` is
/// not leakproof (<https://www.postgresql.org/docs/current/rules-privileges.html>): then the tenant's users are looked at by key.
const PAGE: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users",
    join_tenant!("users"),
    "WHERE users.tenant_id = $1 AND users.id > $3 AND users.metadata @> $5::text::jsonb ORDER BY users.id LIMIT $4"
);

impl PostgresRepositoryProvider {
    pub(super) async fn find_metadata(&self, id: &UserId) -> Result<Option<UserMetadata>, Error> {
        let call = self.call("read metadata");
        let row: Option<MetadataRow> = call.read(FIND, |find| find.bind(id.as_str())).await?;
        row.map(|row| row.read(id)).transpose()
    }

    pub(super) async fn replace_metadata(&self, id: &UserId, metadata: &UserMetadata) -> Result<(), Error> {
        let call = self.call("set metadata");
        let text = metadata.to_string();
        match call.execute(SET, |set| set.bind(id.as_str()).bind(text.as_str())).await? {
            0 => self.nobodys_metadata(call).await,
            _ => Ok(()),
        }
    }

    pub(super) async fn patch_metadata(&self, id: &UserId, patch: &MetadataPatch) -> Result<UserMetadata, Error> {
        let call = self.call("merge metadata");
        match call.repeat(Again::Harmless, || merge_once(call, id, patch)).await? {
            Some(merged) => Ok(merged),
            None => self.nobodys_metadata(call).await,
        }
    }

    pub(super) async fn find_page_by_metadata(
        &self,
        filter: &UserMetadata,
        request: &PageRequest,
    ) -> Result<Page<User>, Error> {
        if filter.is_empty() {
            return self.page(request).await;
        }
        let filter = filter.to_string();
        let call = self.call("find users by metadata");
        page_of_users(call, PAGE, request, |page| page.bind(filter.clone())).await
    }

    /// After a write that found nobody.
    async fn nobodys_metadata<T>(&self, call: Call<'_>) -> Result<T, Error> {
        self.check_tenant(call).await?;
        Err(StorageError::NotFound.into())
    }
}

async fn merge_once(call: Call<'_>, id: &UserId, patch: &MetadataPatch) -> Result<Option<UserMetadata>, Error> {
    let mut lease = Lease::default();
    let mut db = call.begin(&mut lease).await?;
    let row: Option<MetadataRow> = db.row(FIND_AND_LOCK, |find| find.bind(id.as_str())).await?;
    let Some(row) = row else {
        db.rollback().await?;
        return Ok(None);
    };
    let merged = row.read(id)?.merge(patch)?;
    let text = merged.to_string();
    let written = db.execute(SET, |set| set.bind(id.as_str()).bind(text.as_str())).await?;
    db.commit().await?;
    // The row is locked, the tenant is not: it may have been suspended in between.
    Ok((written > 0).then_some(merged))
}

#[derive(FromRow)]
struct MetadataRow {
    metadata: String,
}

impl MetadataRow {
    fn read(&self, id: &UserId) -> Result<UserMetadata, Error> {
        let reading = Reading { table: "users", row: id.as_str() };
        Ok(reading.parse("metadata", &self.metadata)?)
    }
}
