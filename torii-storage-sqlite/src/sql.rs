//! Pieces that many statements share. In every statement `?1` is the tenant and `?2` the time of the call.

/// The tenant is registered and in use.
macro_rules! tenant_in_use {
    () => {
        "EXISTS (SELECT 1 FROM tenants WHERE tenants.id = ?1 AND tenants.status = 'active')"
    };
}

/// The one row of the tenant if it is in use: what a creating statement selects from.
macro_rules! from_tenant {
    () => {
        " FROM tenants WHERE tenants.id = ?1 AND tenants.status = 'active' "
    };
}

/// Hides the rows of a tenant that is not in use.
macro_rules! join_tenant {
    ($table:literal) => {
        concat!(" JOIN tenants ON tenants.id = ", $table, ".tenant_id AND tenants.status = 'active' ")
    };
}

/// Since when a user is locked: the stored time, else the beginning of the window of a lockout in force.
macro_rules! locked_since {
    () => {
        "COALESCE(users.locked_at, (SELECT lockouts.window_started_at FROM lockouts \
         WHERE lockouts.tenant_id = users.tenant_id AND lockouts.email_key = users.email_key \
         AND lockouts.locked_until > ?2))"
    };
}

/// The columns of a `UserRow`.
macro_rules! user_columns {
    () => {
        concat!(
            "users.id, users.tenant_id, users.name, users.email, users.email_verified_at, ",
            locked_since!(),
            " AS locked_at, users.created_at, users.updated_at"
        )
    };
}

/// The same with only the stored `locked_at`.
macro_rules! stored_user_columns {
    () => {
        "users.id, users.tenant_id, users.name, users.email, users.email_verified_at, users.locked_at, users.created_at, \
         users.updated_at"
    };
}

/// The members of a `UserRow` in JSON, with `$locked_at` as the expression for that member: how a user comes out of a
/// statement on another table.
macro_rules! user_members {
    ($locked_at:expr) => {
        concat!(
            "'id', users.id, 'tenant_id', users.tenant_id, 'name', users.name, 'email', users.email, \
             'email_verified_at', users.email_verified_at, 'locked_at', ",
            $locked_at,
            ", 'created_at', users.created_at, 'updated_at', users.updated_at"
        )
    };
}

/// Picks the user with an address: `$plain` and `$exact` are its keys. An exact match wins.
macro_rules! with_email {
    ($plain:literal, $exact:literal) => {
        concat!(" users.email_key IN (", $plain, ", ", $exact, ") ORDER BY users.email_key = ", $exact, " DESC LIMIT 1")
    };
}

/// The key under which attempts on an address count: the owner's. An adopted account that is found by its exact address has a
/// counter of its own.
macro_rules! attempts_key {
    ($plain:literal, $exact:literal) => {
        concat!(
            "COALESCE((SELECT users.email_key FROM users WHERE users.tenant_id = ?1 AND users.email_key = ",
            $exact,
            "), ",
            $plain,
            ")"
        )
    };
}
