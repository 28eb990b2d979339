//! Which tenants need not be registered any more.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::tenant::TenantId;

/// Forgotten all at once when they are more than this: about 8 MB.
const LIMIT: usize = 50_000;

/// The tenants that this process has seen registered, for backends whose writes would otherwise have to ask first.
///
/// The first write into any other one registers it by the way. Only a hint: a write still looks at the tenant itself, and one
/// that finds it gone, because somebody purged it or the registration was rolled back, registers it anew.
#[derive(Debug, Default)]
pub struct KnownTenants(Mutex<HashSet<TenantId>>);

impl KnownTenants {
    /// Whether a tenant was seen. The default tenant is registered by the migration.
    pub fn contains(&self, tenant: &TenantId) -> bool {
        tenant.is_default() || self.lock().contains(tenant.as_str())
    }

    /// A tenant is registered.
    pub fn add(&self, tenant: &TenantId) {
        let mut tenants = self.lock();
        if tenants.len() >= LIMIT {
            tenants.clear();
        }
        tenants.insert(tenant.clone());
    }

    /// A tenant was purged.
    pub fn remove(&self, tenant: &TenantId) {
        self.lock().remove(tenant.as_str());
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<TenantId>> {
        // Each operation leaves the set whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_bounded() {
        let known = KnownTenants::default();
        let tenant = |number: usize| TenantId::new(format!("t{number}")).unwrap();
        assert!(known.contains(&TenantId::default_tenant()));
        (0..=LIMIT).for_each(|number| known.add(&tenant(number)));
        assert!(known.contains(&tenant(LIMIT)) && !known.contains(&tenant(0)));
        known.remove(&tenant(LIMIT));
        assert!(!known.contains(&tenant(LIMIT)));
    }
}
