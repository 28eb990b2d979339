//! Pieces that many statements share. In every statement `$1` is the tenant and `$2` the time of the call.

/// The tenant is registered and in use.
macro_rules! tenant_in_use {
    () => {
        "EXISTS (SELECT 1 FROM tenants WHERE tenants.id = $1 AND tenants.status = 'active')"
    };
}

/// The one row of the tenant if it is in use: what a creating statement selects from.
macro_rules! from_tenant {
    () => {
        " FROM tenants WHERE tenants.id = $1 AND tenants.status = 'active' "
    };
}

/// Hides the rows of a tenant that is not in use.
macro_rules! join_tenant {
    ($table:literal) => {
        concat!(" JOIN tenants ON tenants.id = ", $table, ".tenant_id AND tenants.status = 'active' ")
    };
}

/// One row with the tenant's status, `NULL` if the tenant is not registered: what a statement whose answer has to tell an
/// absent row from an absent tenant selects from.
macro_rules! from_status {
    () => {
        " FROM (SELECT 1) AS one LEFT JOIN tenants ON tenants.id = $1 "
    };
}

/// Since when a user is locked: the stored time, else the beginning of the window of a lockout in force.
macro_rules! locked_since {
    () => {
        "COALESCE(users.locked_at, (SELECT lockouts.window_started_at FROM lockouts \
         WHERE lockouts.tenant_id = users.tenant_id AND lockouts.email_key = users.email_key \
         AND lockouts.locked_until > $2))"
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
        columns_of_user!("users")
    };
}

/// The columns of a `UserRow` out of a part of the statement that has them under these names.
macro_rules! columns_of_user {
    ($part:literal) => {
        concat!(
            $part,
            ".id, ",
            $part,
            ".tenant_id, ",
            $part,
            ".name, ",
            $part,
            ".email, ",
            $part,
            ".email_verified_at, ",
            $part,
            ".locked_at, ",
            $part,
            ".created_at, ",
            $part,
            ".updated_at"
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
///
/// Not by `COALESCE`: where policies hide rows the planner does not trust it with them, and would read all that the tenant has
/// instead of searching an index for the key.
macro_rules! attempts_key {
    ($plain:literal, $exact:literal) => {
        concat!(
            "CASE WHEN EXISTS (SELECT 1 FROM users WHERE users.tenant_id = $1 AND users.email_key = ",
            $exact,
            ") THEN ",
            $exact,
            " ELSE ",
            $plain,
            " END"
        )
    };
}

/// In a statement on `secure_tokens`: the token with the digest `$3` and the purpose `$4`, if it works.
///
/// Issuing a token deletes those before it, but two that are issued at the same moment do not see each other. Of those only the
/// one that is greater by time and digest works, so that a user has one live token of a purpose at every moment.
macro_rules! live_token {
    () => {
        concat!(
            "secure_tokens.tenant_id = $1 AND secure_tokens.token_digest = $3 AND secure_tokens.purpose = $4 \
             AND secure_tokens.used_at IS NULL AND secure_tokens.expires_at > $2 \
             AND NOT EXISTS (SELECT 1 FROM secure_tokens AS newer WHERE newer.tenant_id = $1 \
             AND newer.user_id = secure_tokens.user_id AND newer.purpose = $4 \
             AND (newer.created_at, newer.token_digest) > (secure_tokens.created_at, secure_tokens.token_digest)) AND ",
            tenant_in_use!()
        )
    };
}

/// Parts of a `WITH`: consumes the token with the digest `$3` and the purpose `$4`, and yields its owner, and whether the owner's
/// address was unproven by then, as `$owner`.
///
/// The owner's row is locked first, as by those who change the address and then delete the tokens: in the other order each could
/// wait for the other. When the lock is there the token is looked at again.
macro_rules! consume_token {
    ($owner:literal) => {
        concat!(
            "holder AS (SELECT users.id, users.email_verified_at IS NULL AS unproven FROM secure_tokens \
             JOIN users ON users.tenant_id = $1 AND users.id = secure_tokens.user_id WHERE ",
            live_token!(),
            " FOR NO KEY UPDATE OF users), \
             used AS (UPDATE secure_tokens SET used_at = $2, updated_at = $2 FROM holder \
             WHERE secure_tokens.tenant_id = $1 AND secure_tokens.token_digest = $3 AND secure_tokens.used_at IS NULL \
             RETURNING secure_tokens.user_id), ",
            $owner,
            " AS (SELECT holder.id, holder.unproven FROM holder JOIN used ON used.user_id = holder.id)"
        )
    };
}

/// Parts of a `WITH`: whoever took the address of the user `$owner.id` before its owner proved it may have left ways back in.
/// Passkeys and accounts at providers go if `$unproven`.
macro_rules! drop_unproven {
    ($owner:literal, $unproven:literal) => {
        concat!(
            "keyless AS (DELETE FROM passkeys USING ",
            $owner,
            " WHERE passkeys.tenant_id = $1 AND passkeys.user_id = ",
            $owner,
            ".id AND ",
            $unproven,
            "), unlinked AS (DELETE FROM oauth_accounts USING ",
            $owner,
            " WHERE oauth_accounts.tenant_id = $1 AND oauth_accounts.user_id = ",
            $owner,
            ".id AND ",
            $unproven,
            ")"
        )
    };
}
