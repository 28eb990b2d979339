//! The tenant registry.

use torii_core::{
    IntoTenantId, Page, PageRequest, RepositoryProvider, Tenant, TenantStatus, repositories::TenantRepository,
};

use crate::{Torii, ToriiError, torii::AllTenants};

/// A tenant needs no registration: the first write into it registers it, unless the storage was told to accept registered
/// tenants only. These calls are for operators.
impl<R: RepositoryProvider + TenantRepository> Torii<R, AllTenants> {
    /// Registers a tenant, or gives a registered one a name.
    ///
    /// # Errors
    /// [`ToriiError::Tenant`] for a bad id; [`ToriiError::StorageError`].
    #[tracing::instrument(name = "tenant.register_tenant", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn register_tenant(&self, tenant: impl IntoTenantId, name: Option<&str>) -> Result<Tenant, ToriiError> {
        Ok(self.registry(tenant)?.register_tenant(name).await?)
    }

    /// The registry's entry of a tenant.
    ///
    /// # Errors
    /// [`ToriiError::Tenant`] for a bad id; [`ToriiError::StorageError`].
    #[tracing::instrument(name = "tenant.find_tenant", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn find_tenant(&self, tenant: impl IntoTenantId) -> Result<Option<Tenant>, ToriiError> {
        Ok(self.registry(tenant)?.find_tenant().await?)
    }

    /// A page of all tenants, by id.
    ///
    /// # Errors
    /// [`ToriiError::StorageError`].
    #[tracing::instrument(name = "tenant.tenants_page", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn tenants_page(&self, request: PageRequest) -> Result<Page<Tenant>, ToriiError> {
        Ok(self.repositories().page_tenants(&request).await?)
    }

    /// Suspends a tenant: nobody signs in there, sessions find nobody, nothing is written. The data stays.
    ///
    /// # Errors
    /// [`ToriiError::Tenant`] for a bad id or a tenant that is not registered; [`ToriiError::StorageError`].
    #[tracing::instrument(name = "tenant.suspend_tenant", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn suspend_tenant(&self, tenant: impl IntoTenantId) -> Result<Tenant, ToriiError> {
        Ok(self.registry(tenant)?.set_tenant_status(TenantStatus::Suspended).await?)
    }

    /// Puts a suspended tenant back into use.
    ///
    /// # Errors
    /// As [`Torii::suspend_tenant`].
    #[tracing::instrument(name = "tenant.resume_tenant", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn resume_tenant(&self, tenant: impl IntoTenantId) -> Result<Tenant, ToriiError> {
        Ok(self.registry(tenant)?.set_tenant_status(TenantStatus::Active).await?)
    }

    /// Deletes a tenant with everything in it. Returns whether there was one. The default tenant is emptied and stays. Unless only
    /// registered tenants are accepted, the next write in its name registers it anew.
    ///
    /// # Errors
    /// [`ToriiError::Tenant`] for a bad id; [`ToriiError::StorageError`].
    #[tracing::instrument(name = "tenant.purge_tenant", level = "debug", skip_all, fields(tenant_id = self.core.tenant_name()))]
    pub async fn purge_tenant(&self, tenant: impl IntoTenantId) -> Result<bool, ToriiError> {
        Ok(self.registry(tenant)?.purge_tenant().await?)
    }

    fn registry(&self, tenant: impl IntoTenantId) -> Result<R, ToriiError> {
        Ok(self.repositories().for_tenant(tenant.into_tenant_id()?))
    }
}
