//! What can be wrong with the tenant registry.

use torii_core::{
    Error, NewUser, PageRequest, Registration, Tenant, TenantId, TenantStatus, User, UserId, error::StorageError,
    repositories::UserRepository,
};

use super::Saboteur;
use crate::Provider;

/// Says that the tenant is suspended, and does nothing.
pub(super) async fn pretend_to_suspend<P: Provider>(
    saboteur: &Saboteur<P>,
    status: TenantStatus,
) -> Result<Tenant, Error> {
    let tenant = saboteur.inner.find_tenant().await?.ok_or(StorageError::NotFound)?;
    Ok(Tenant { status, suspended_at: Some(saboteur.inner.clock().now()), ..tenant })
}

/// Takes the entry and leaves a user behind.
pub(super) async fn purge_half<P: Provider>(saboteur: &Saboteur<P>) -> Result<bool, Error> {
    let users = saboteur.inner.user().page(&PageRequest::default()).await?.items;
    let purged = saboteur.inner.purge_tenant().await?;
    for user in users {
        let left = NewUser::with_id(user.id, user.email);
        saboteur.inner.user().create(left).await?;
    }
    Ok(purged)
}

pub(super) async fn purge_the_neighbour_too<P: Provider>(saboteur: &Saboteur<P>) -> Result<bool, Error> {
    saboteur.astray.purge_tenant().await?;
    saboteur.inner.purge_tenant().await
}

/// Registers a tenant because somebody looked for a user in it.
pub(super) async fn register_on_reading<P: Provider>(
    saboteur: &Saboteur<P>,
    email: &str,
) -> Result<Option<User>, Error> {
    saboteur.inner.register_tenant(None).await?;
    saboteur.inner.user().find_by_email(email).await
}

/// Takes `Acme` and `acme` for one tenant.
pub(super) fn fold_case(tenant: &TenantId) -> TenantId {
    TenantId::new(tenant.as_str().to_ascii_lowercase()).unwrap_or_default()
}

/// Shows what a suspended tenant has.
pub(super) async fn find_in_a_suspended_tenant<P: Provider>(
    saboteur: &Saboteur<P>,
    id: &UserId,
) -> Result<Option<User>, Error> {
    unsuspended(saboteur, async |provider| provider.user().find_by_id(id).await).await
}

/// Registers a user in a suspended tenant.
pub(super) async fn register_in_a_suspended_tenant<P: Provider>(
    saboteur: &Saboteur<P>,
    user: NewUser,
    password_hash: &str,
) -> Result<Registration, Error> {
    unsuspended(saboteur, async |provider| provider.user().register(user, password_hash).await).await
}

/// Resumes the tenant for one call if it is suspended.
async fn unsuspended<P: Provider, T>(
    saboteur: &Saboteur<P>,
    call: impl AsyncFnOnce(&P) -> Result<T, Error>,
) -> Result<T, Error> {
    let tenant = saboteur.inner.find_tenant().await?;
    let suspended = tenant.is_some_and(|tenant| tenant.status == TenantStatus::Suspended);
    if suspended {
        saboteur.inner.set_tenant_status(TenantStatus::Active).await?;
    }
    let result = call(&saboteur.inner).await;
    if suspended {
        saboteur.inner.set_tenant_status(TenantStatus::Suspended).await?;
    }
    result
}

pub(super) async fn suspend_the_neighbour_too<P: Provider>(
    saboteur: &Saboteur<P>,
    status: TenantStatus,
) -> Result<Tenant, Error> {
    saboteur.astray.set_tenant_status(status).await?;
    saboteur.inner.set_tenant_status(status).await
}

/// Registers a tenant although only registered ones are accepted.
pub(super) async fn register_anyway<P: Provider>(
    saboteur: &Saboteur<P>,
    user: NewUser,
    password_hash: &str,
) -> Result<Registration, Error> {
    saboteur.inner.register_tenant(None).await?;
    saboteur.inner.user().register(user, password_hash).await
}

/// Loses the user of one tenant in a hundred.
pub(super) async fn register_and_lose_some<P: Provider>(
    saboteur: &Saboteur<P>,
    user: NewUser,
    password_hash: &str,
) -> Result<Registration, Error> {
    let registration = saboteur.inner.user().register(user, password_hash).await?;
    if saboteur.inner.tenant_id().as_str().ends_with("77") {
        saboteur.inner.purge_tenant().await?;
    }
    Ok(registration)
}
