//! The tenant registry.

use async_trait::async_trait;
use torii_core::{
    Error, Page, PageRequest, Tenant, TenantError, TenantStatus,
    error::StorageError,
    repositories::{TenantRegistration, TenantRepository},
};

use super::{Reading, only};
use crate::{SqliteRepositoryProvider, error::failed};

macro_rules! tenant_columns {
    () => {
        "tenants.id, tenants.name, tenants.status, tenants.created_at, tenants.updated_at, tenants.suspended_at"
    };
}

const REGISTER: &str = concat!(
    "INSERT INTO tenants (id, name, created_at, updated_at) VALUES (?1, ?3, ?2, ?2) \
     ON CONFLICT (id) DO UPDATE SET name = COALESCE(excluded.name, name), \
     updated_at = CASE WHEN excluded.name IS NULL THEN updated_at ELSE excluded.updated_at END RETURNING ",
    tenant_columns!()
);

pub(super) const FIND: &str = concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE tenants.id = ?1");

const SET_STATUS: &str = concat!(
    "UPDATE tenants SET status = ?3, updated_at = ?2, \
     suspended_at = CASE WHEN ?3 = 'suspended' THEN COALESCE(suspended_at, ?2) END WHERE id = ?1 RETURNING ",
    tenant_columns!()
);

/// The one list that is not of one tenant.
pub(super) const PAGE: &str =
    concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE tenants.id > ?3 ORDER BY tenants.id LIMIT ?4");

/// Everything of a tenant goes with its row.
const PURGE: &str = "DELETE FROM tenants WHERE id = ?1";

/// Everything of a tenant, without its row. What belongs to users goes with them.
const EMPTY: [&str; 5] = [
    "DELETE FROM users WHERE tenant_id = ?1",
    "DELETE FROM oauth_states WHERE tenant_id = ?1",
    "DELETE FROM passkey_challenges WHERE tenant_id = ?1",
    "DELETE FROM lockouts WHERE tenant_id = ?1",
    "DELETE FROM failed_login_attempts WHERE tenant_id = ?1",
];

impl TenantRegistration for SqliteRepositoryProvider {
    fn registered_tenants_only(self, only: bool) -> Self {
        self.registered_tenants_only(only)
    }
}

#[async_trait]
impl TenantRepository for SqliteRepositoryProvider {
    async fn register_tenant(&self, name: Option<&str>) -> Result<Tenant, Error> {
        const OPERATION: &str = "register tenant";
        let mut db = self.writer(OPERATION).await?;
        let register = self.query_as::<TenantRow>(REGISTER, self.now()).bind(name);
        let row = only(register.fetch_all(&mut *db).await.map_err(failed(OPERATION))?);
        Ok(row.ok_or(StorageError::NotFound)?.try_into()?)
    }

    async fn find_tenant(&self) -> Result<Option<Tenant>, Error> {
        let row: Option<TenantRow> =
            self.query_as(FIND, self.now()).fetch_optional(self.pool()).await.map_err(failed("find tenant"))?;
        Ok(row.map(Tenant::try_from).transpose()?)
    }

    async fn set_tenant_status(&self, status: TenantStatus) -> Result<Tenant, Error> {
        const OPERATION: &str = "set the tenant's status";
        let mut db = self.writer(OPERATION).await?;
        let update = self.query_as::<TenantRow>(SET_STATUS, self.now()).bind(status.as_str());
        match only(update.fetch_all(&mut *db).await.map_err(failed(OPERATION))?) {
            Some(row) => Ok(row.try_into()?),
            None => Err(TenantError::NotRegistered { id: self.tenant_id().clone() }.into()),
        }
    }

    async fn page_tenants(&self, request: &PageRequest) -> Result<Page<Tenant>, Error> {
        let rows: Vec<TenantRow> = self
            .query_as(PAGE, self.now())
            .bind(request.cursor().unwrap_or_default().to_owned())
            .bind(request.limit().saturating_add(1))
            .fetch_all(self.pool())
            .await
            .map_err(failed("list tenants"))?;
        let tenants = rows.into_iter().map(Tenant::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_rows(tenants, request.limit(), |tenant| tenant.id.as_str().to_owned()))
    }

    async fn purge_tenant(&self) -> Result<bool, Error> {
        const OPERATION: &str = "purge tenant";
        let now = self.now();
        if !self.tenant_id().is_default() {
            let mut db = self.writer(OPERATION).await?;
            self.known_tenants().remove(self.tenant_id());
            let purge = self.query(PURGE, now);
            return Ok(purge.execute(&mut *db).await.map_err(failed(OPERATION))?.rows_affected() > 0);
        }
        let mut db = self.transaction(OPERATION).await?;
        for empty in EMPTY {
            self.query(empty, now).execute(&mut *db).await.map_err(failed(OPERATION))?;
        }
        db.commit().await?;
        Ok(true)
    }
}

#[derive(sqlx::FromRow)]
struct TenantRow {
    id: String,
    name: Option<String>,
    status: String,
    created_at: String,
    updated_at: String,
    suspended_at: Option<String>,
}

impl TryFrom<TenantRow> for Tenant {
    type Error = StorageError;

    fn try_from(row: TenantRow) -> Result<Self, StorageError> {
        let reading = Reading { table: "tenants", row: &row.id };
        Ok(Self {
            id: reading.parse("id", &row.id)?,
            status: reading.parse("status", &row.status)?,
            created_at: reading.time("created_at", &row.created_at)?,
            updated_at: reading.time("updated_at", &row.updated_at)?,
            suspended_at: reading.optional_time("suspended_at", row.suspended_at.as_deref())?,
            name: row.name,
        })
    }
}
