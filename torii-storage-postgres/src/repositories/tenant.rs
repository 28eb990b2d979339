//! The tenant registry.

use async_trait::async_trait;
use sqlx::FromRow;
use torii_core::{
    Error, Page, PageRequest, Tenant, TenantError, TenantStatus,
    error::StorageError,
    repositories::{TenantRegistration, TenantRepository},
};

use super::{Reading, StoredTime};
use crate::{
    PostgresRepositoryProvider,
    access::{Again, Call, nothing},
    lease::Lease,
    rls::Reach,
};

macro_rules! tenant_columns {
    () => {
        "tenants.id, tenants.name, tenants.status, tenants.created_at, tenants.updated_at, tenants.suspended_at"
    };
}

const REGISTER: &str = concat!(
    "INSERT INTO tenants (id, name, created_at, updated_at) VALUES ($1, $3, $2, $2) \
     ON CONFLICT (id) DO UPDATE SET name = COALESCE(excluded.name, tenants.name), \
     updated_at = CASE WHEN excluded.name IS NULL THEN tenants.updated_at ELSE excluded.updated_at END RETURNING ",
    tenant_columns!()
);

const FIND: &str = concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE tenants.id = $1");

const SET_STATUS: &str = concat!(
    "UPDATE tenants SET status = $3, updated_at = $2, \
     suspended_at = CASE WHEN $3 = 'suspended' THEN COALESCE(suspended_at, $2) END WHERE id = $1 RETURNING ",
    tenant_columns!()
);

/// The one list that is not of one tenant.
const PAGE: &str =
    concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE tenants.id > $3 ORDER BY tenants.id LIMIT $4");

/// Everything of a tenant goes with its row.
const PURGE: &str = "DELETE FROM tenants WHERE id = $1";

/// Everything of a tenant, without its row. What belongs to users goes with them.
const EMPTY: [&str; 5] = [
    "DELETE FROM users WHERE tenant_id = $1",
    "DELETE FROM oauth_states WHERE tenant_id = $1",
    "DELETE FROM passkey_challenges WHERE tenant_id = $1",
    "DELETE FROM lockouts WHERE tenant_id = $1",
    "DELETE FROM failed_login_attempts WHERE tenant_id = $1",
];

impl TenantRegistration for PostgresRepositoryProvider {
    fn registered_tenants_only(self, only: bool) -> Self {
        self.registered_tenants_only(only)
    }
}

#[async_trait]
impl TenantRepository for PostgresRepositoryProvider {
    async fn register_tenant(&self, name: Option<&str>) -> Result<Tenant, Error> {
        let row: Option<TenantRow> =
            self.call("register tenant").write(REGISTER, |register| register.bind(name)).await?;
        Ok(row.ok_or(StorageError::NotFound)?.try_into()?)
    }

    async fn find_tenant(&self) -> Result<Option<Tenant>, Error> {
        let row: Option<TenantRow> = self.call("find tenant").read(FIND, nothing).await?;
        Ok(row.map(Tenant::try_from).transpose()?)
    }

    async fn set_tenant_status(&self, status: TenantStatus) -> Result<Tenant, Error> {
        let call = self.call("set the tenant's status");
        let row: Option<TenantRow> = call.write(SET_STATUS, |update| update.bind(status.as_str())).await?;
        match row {
            Some(row) => Ok(row.try_into()?),
            None => Err(TenantError::NotRegistered { id: self.tenant_id().clone() }.into()),
        }
    }

    async fn page_tenants(&self, request: &PageRequest) -> Result<Page<Tenant>, Error> {
        let after = request.cursor().unwrap_or_default();
        let limit = i64::from(request.limit()) + 1;
        let call = self.call("list tenants").reaching(Reach::AllTenants);
        let rows: Vec<TenantRow> = call.read_all(PAGE, |page| page.bind(after).bind(limit)).await?;
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
        Ok(call.execute(PURGE, nothing).await? > 0)
    }
}

async fn empty(call: Call<'_>) -> Result<(), Error> {
    let mut lease = Lease::default();
    let mut db = call.begin(&mut lease).await?;
    for empty in EMPTY {
        db.execute(empty, nothing).await?;
    }
    db.commit().await
}

#[derive(FromRow)]
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
