//! The tables, one file each. What defines them is the crate `torii-migration`.
#![allow(unreachable_pub, reason = "what the derived code makes public is seen by this crate alone")]

use sea_orm::EntityTrait;

pub(crate) mod failed_login_attempts;
pub(crate) mod lockouts;
pub(crate) mod oauth_accounts;
pub(crate) mod oauth_states;
pub(crate) mod passkey_challenges;
pub(crate) mod passkeys;
pub(crate) mod secure_tokens;
pub(crate) mod sessions;
pub(crate) mod tenants;
pub(crate) mod users;

/// A table whose rows belong to a tenant.
pub(crate) trait OfTenant: EntityTrait {
    /// The column with the tenant.
    const TENANT: Self::Column;
}

macro_rules! of_tenant {
    ($($table:ident)*) => {
        $(
            impl OfTenant for $table::Entity {
                const TENANT: $table::Column = $table::Column::TenantId;
            }
        )*
    };
}

of_tenant! {
    failed_login_attempts
    lockouts
    oauth_accounts
    oauth_states
    passkey_challenges
    passkeys
    secure_tokens
    sessions
    users
}
