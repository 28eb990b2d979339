//! Metadata of users: a column of `users`, JSON. It goes in and out as text, which `UserMetadata` reads.

use sea_orm::{
    ColumnTrait, FromQueryResult, IntoSimpleExpr, Order, QueryResult,
    sea_query::{Expr, ExprTrait, SelectStatement, UpdateStatement},
};
use torii_core::{
    Error, MetadataPatch, Page, PageRequest, User, UserId, UserMetadata, error::StorageError,
    repositories::UserRepository,
};

use super::{Reading, user::UserRow};
use crate::{
    SeaORMRepositoryProvider,
    access::{Again, Call},
    dialect::Dialect,
    entities::users,
    error::RowResult,
    sql::{select, stored, tenant_in_use, update, user_columns},
};

/// How many users are read at a time where the database does not look for metadata itself: at most four megabytes of them.
const BATCH: u32 = 256;

impl SeaORMRepositoryProvider {
    pub(super) async fn find_metadata(&self, id: &UserId) -> Result<Option<UserMetadata>, Error> {
        let call = self.call("read metadata");
        let row: Option<MetadataRow> = call.read(&with_metadata(&call, select::<users::Entity>(&call), id)).await?;
        row.map(|row| row.read(id)).transpose()
    }

    pub(super) async fn replace_metadata(&self, id: &UserId, metadata: &UserMetadata) -> Result<(), Error> {
        let call = self.call("set metadata");
        match call.execute(&set(&call, id, metadata)).await? {
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

    /// PostgreSQL looks itself. SQLite has nothing of the kind, and with `JSON_CONTAINS` of MySQL and MariaDB an array contains
    /// what one of its elements contains, however deep (`[1, [2]]` contains `2`). There, who has metadata is read, batch by
    /// batch, and looked at here.
    pub(super) async fn find_page_by_metadata(
        &self,
        filter: &UserMetadata,
        request: &PageRequest,
    ) -> Result<Page<User>, Error> {
        if filter.is_empty() {
            return self.page(request).await;
        }
        let call = self.call("find users by metadata");
        let after = request.cursor().unwrap_or_default();
        let found = match call.dialect().json_contains(users::Column::Metadata, &filter.to_string()) {
            Some(contains) => page_of_database(call, contains, after, request.limit()).await?,
            None => page_of_batches(call, filter, after, request.limit()).await?,
        };
        Ok(Page::from_rows(found, request.limit(), |user| user.id.as_str().to_owned()))
    }

    /// After a write that found nobody.
    async fn nobodys_metadata<T>(&self, call: Call<'_>) -> Result<T, Error> {
        self.check_tenant(call).await?;
        Err(StorageError::NotFound.into())
    }
}

/// Whoever comes meanwhile waits, and then reads what was written.
async fn merge_once(call: Call<'_>, id: &UserId, patch: &MetadataPatch) -> Result<Option<UserMetadata>, Error> {
    let db = call.begin().await?;
    let mut find = with_metadata(&call, stored::<users::Entity>(&call), id);
    find.and_where(tenant_in_use(&call));
    let row: Option<MetadataRow> = db.read(call.dialect().lock(&mut find, users::Entity)).await?;
    let Some(row) = row else {
        db.rollback().await?;
        return Ok(None);
    };
    let merged = row.read(id)?.merge(patch)?;
    let written = db.execute(&set(&call, id, &merged)).await?;
    db.commit().await?;
    // The row is locked, the tenant is not: it may have been suspended in between.
    Ok((written > 0).then_some(merged))
}

/// The first users after an id whose metadata the database finds to contain something, and one more than a page has.
async fn page_of_database(call: Call<'_>, contains: Expr, after: &str, limit: u32) -> Result<Vec<User>, Error> {
    let page = users_after(&call, after, limit.saturating_add(1)).and_where(contains).take();
    let rows: Vec<UserRow> = call.read_all(&page).await?;
    Ok(rows.into_iter().map(User::try_from).collect::<Result<_, _>>()?)
}

/// The same where the database does not look.
async fn page_of_batches(call: Call<'_>, filter: &UserMetadata, after: &str, limit: u32) -> Result<Vec<User>, Error> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
    let metadata = text(call.dialect());
    let mut after = after.to_owned();
    let mut found = Vec::new();
    loop {
        let batch = users_after(&call, &after, BATCH)
            .expr(call.dialect().named(metadata.clone(), "metadata"))
            .and_where(metadata.clone().ne("{}"))
            .take();
        let rows: Vec<RowWithMetadata> = call.read_all(&batch).await?;
        let is_last = rows.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        for RowWithMetadata { metadata, user } in rows {
            let user = User::try_from(user)?;
            user.id.as_str().clone_into(&mut after);
            if found.len() < wanted && metadata.read(&user.id)?.contains(filter) {
                found.push(user);
            }
        }
        if is_last || found.len() == wanted {
            return Ok(found);
        }
    }
}

fn users_after(call: &Call<'_>, after: &str, limit: u32) -> SelectStatement {
    select::<users::Entity>(call)
        .exprs(user_columns(call))
        .and_where(users::Column::Id.gt(after))
        .order_by((users::Entity, users::Column::Id), Order::Asc)
        .limit(u64::from(limit))
        .take()
}

/// Reads the metadata of a user. `find` has no columns yet.
fn with_metadata(call: &Call<'_>, mut find: SelectStatement, id: &UserId) -> SelectStatement {
    let metadata = call.dialect().named(text(call.dialect()), "metadata");
    find.expr(metadata).and_where(users::Column::Id.eq(id.as_str())).take()
}

fn text(dialect: Dialect) -> Expr {
    dialect.json_text(users::Column::Metadata.into_simple_expr())
}

fn set(call: &Call<'_>, id: &UserId, metadata: &UserMetadata) -> UpdateStatement {
    update::<users::Entity>(call)
        .values([
            (users::Column::Metadata, call.dialect().json(&metadata.to_string())),
            (users::Column::UpdatedAt, call.now().into()),
        ])
        .and_where(users::Column::Id.eq(id.as_str()))
        .take()
}

#[derive(FromQueryResult)]
struct MetadataRow {
    metadata: String,
}

impl MetadataRow {
    fn read(&self, id: &UserId) -> Result<UserMetadata, Error> {
        let reading = Reading { table: "users", row: id.as_str() };
        Ok(reading.parse("metadata", &self.metadata)?)
    }
}

struct RowWithMetadata {
    metadata: MetadataRow,
    user: UserRow,
}

impl FromQueryResult for RowWithMetadata {
    fn from_query_result(row: &QueryResult, prefix: &str) -> RowResult<Self> {
        Ok(Self {
            metadata: MetadataRow::from_query_result(row, prefix)?,
            user: UserRow::from_query_result(row, prefix)?,
        })
    }
}
