//! The tenant registry.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, FromQueryResult, IntoSimpleExpr,
    sea_query::{Expr, Func, OnConflict, Query, SelectStatement},
};
use torii_core::{
    Error, Page, PageRequest, Tenant, TenantError, TenantStatus,
    error::StorageError,
    repositories::{TenantRegistration, TenantRepository},
};

use super::Reading;
use crate::{
    SeaORMRepositoryProvider,
    access::{Again, Call},
    dialect::StoredTime,
    entities::{failed_login_attempts, lockouts, oauth_states, passkey_challenges, tenants, users},
    sql::{columns, delete, insert_tenant},
};

impl TenantRegistration for SeaORMRepositoryProvider {
    fn registered_tenants_only(self, only: bool) -> Self {
        self.registered_tenants_only(only)
    }
}

#[async_trait]
impl TenantRepository for SeaORMRepositoryProvider {
    async fn register_tenant(&self, name: Option<&str>) -> Result<Tenant, Error> {
        use tenants::Column::{Id, Name, Status, UpdatedAt};
        let call = self.call("register tenant");
        let mut registered = OnConflict::column(Id);
        match name {
            Some(_) => registered.update_columns([Name, UpdatedAt]),
            // Changes nothing, so that the row is there to be read.
            None => registered.value(Status, Status.into_simple_expr()),
        };
        let mut register = insert_tenant(&call, name);
        register.on_conflict(registered);
        let row: Option<TenantRow> = call.write_and_read(register, &tenant_columns(), entry(&call)).await?;
        Ok(row.ok_or(StorageError::NotFound)?.try_into()?)
    }

    async fn find_tenant(&self) -> Result<Option<Tenant>, Error> {
        let call = self.call("find tenant");
        let row: Option<TenantRow> = call.read(entry(&call).exprs(tenant_columns())).await?;
        Ok(row.map(Tenant::try_from).transpose()?)
    }

    async fn set_tenant_status(&self, status: TenantStatus) -> Result<Tenant, Error> {
        use tenants::Column::{Id, Status, SuspendedAt, UpdatedAt};
        let call = self.call("set the tenant's status");
        let suspended_at = match status {
            TenantStatus::Suspended => {
                Func::coalesce([SuspendedAt.into_simple_expr(), call.dialect().value(call.now())]).into()
            }
            TenantStatus::Active => Expr::null(),
        };
        let update = Query::update()
            .table(tenants::Entity)
            .values([(Status, status.as_str().into()), (UpdatedAt, call.now().into()), (SuspendedAt, suspended_at)])
            .and_where(Id.eq(call.tenant()))
            .take();
        let row: Option<TenantRow> = call.write_and_read(update, &tenant_columns(), entry(&call)).await?;
        match row {
            Some(row) => Ok(row.try_into()?),
            None => Err(TenantError::NotRegistered { id: self.tenant_id().clone() }.into()),
        }
    }

    /// The one list that is not of one tenant.
    async fn page_tenants(&self, request: &PageRequest) -> Result<Page<Tenant>, Error> {
        let page = Query::select()
            .exprs(tenant_columns())
            .from(tenants::Entity)
            .and_where(tenants::Column::Id.gt(ascii(request.cursor().unwrap_or_default())))
            .order_by((tenants::Entity, tenants::Column::Id), sea_orm::Order::Asc)
            .limit(u64::from(request.limit()) + 1)
            .take();
        let rows: Vec<TenantRow> = self.call("list tenants").read_all(&page).await?;
        let tenants = rows.into_iter().map(Tenant::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_rows(tenants, request.limit(), |tenant| tenant.id.as_str().to_owned()))
    }

    async fn purge_tenant(&self) -> Result<bool, Error> {
        let call = self.call("purge tenant");
        if self.tenant_id().is_default() {
            call.repeat(Again::Harmless, || empty(call)).await?;
            return Ok(true);
        }
        self.known_tenants().remove(self.tenant_id());
        // Everything of a tenant goes with its row.
        let purge = Query::delete().from_table(tenants::Entity).and_where(tenants::Column::Id.eq(call.tenant())).take();
        Ok(call.execute(&purge).await? > 0)
    }
}

/// Deletes everything of a tenant but its row. What belongs to users goes with them.
async fn empty(call: Call<'_>) -> Result<(), Error> {
    let db = call.begin().await?;
    for everything in [
        delete::<users::Entity>(&call),
        delete::<oauth_states::Entity>(&call),
        delete::<passkey_challenges::Entity>(&call),
        delete::<lockouts::Entity>(&call),
        delete::<failed_login_attempts::Entity>(&call),
    ] {
        db.execute(&everything).await?;
    }
    db.commit().await
}

/// The tenant's row.
fn entry(call: &Call<'_>) -> SelectStatement {
    Query::select().from(tenants::Entity).and_where(tenants::Column::Id.eq(call.tenant())).take()
}

fn tenant_columns() -> Vec<Expr> {
    use tenants::Column::{CreatedAt, Id, Name, Status, SuspendedAt, UpdatedAt};
    columns([Id, Name, Status, CreatedAt, UpdatedAt, SuspendedAt])
}

/// A cursor as ASCII text, behind which the same tenants are: MySQL does not compare other text with their ids.
fn ascii(cursor: &str) -> String {
    match cursor.find(|character: char| !matches!(character, ' '..='~')) {
        Some(end) if cursor[end..].starts_with(|character| character > '~') => format!("{}\x7f", &cursor[..end]),
        Some(end) => cursor[..end].to_owned(),
        None => cursor.to_owned(),
    }
}

#[derive(FromQueryResult)]
struct TenantRow {
    id: String,
    name: Option<String>,
    status: String,
    created_at: StoredTime,
    updated_at: StoredTime,
    suspended_at: Option<StoredTime>,
}

impl TryFrom<TenantRow> for Tenant {
    type Error = StorageError;

    fn try_from(row: TenantRow) -> Result<Self, StorageError> {
        let reading = Reading { table: "tenants", row: &row.id };
        Ok(Self {
            id: reading.parse("id", &row.id)?,
            status: reading.parse("status", &row.status)?,
            created_at: reading.time("created_at", row.created_at)?,
            updated_at: reading.time("updated_at", row.updated_at)?,
            suspended_at: reading.optional_time("suspended_at", row.suspended_at)?,
            name: row.name,
        })
    }
}
