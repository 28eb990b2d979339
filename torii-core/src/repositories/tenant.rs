//! The tenant registry in storage.

use async_trait::async_trait;

use crate::{
    error::Error,
    page::{Page, PageRequest},
    tenant::{Tenant, TenantStatus},
};

/// The registry entry of the provider's tenant, and the list of all.
#[async_trait]
pub trait TenantRepository: Send + Sync + 'static {
    /// Registers the tenant, or gives it this name if it is registered already and a name is given.
    async fn register_tenant(&self, name: Option<&str>) -> Result<Tenant, Error>;

    /// The tenant's entry.
    async fn find_tenant(&self) -> Result<Option<Tenant>, Error>;

    /// Suspends the tenant or puts it back into use.
    ///
    /// # Errors
    /// [`TenantError::NotRegistered`](crate::TenantError::NotRegistered) if there is no entry.
    async fn set_tenant_status(&self, status: TenantStatus) -> Result<Tenant, Error>;

    /// A page of all tenants, by id.
    async fn page_tenants(&self, request: &PageRequest) -> Result<Page<Tenant>, Error>;

    /// Deletes the tenant with everything in it. Returns whether there was an entry. The default tenant is emptied and stays.
    async fn purge_tenant(&self) -> Result<bool, Error>;
}

/// Storage that can be told what to do with a tenant that is not registered.
pub trait TenantRegistration: Sized {
    /// The same storage, which refuses a write into a tenant that is not registered, or (`only` is `false`) registers the tenant
    /// with that write.
    #[must_use]
    fn registered_tenants_only(self, only: bool) -> Self;
}
