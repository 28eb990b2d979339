//! Row-level security: switching it, and seeing how far it reaches. It is optional, so it is no step of the history: the catalog
//! says whether it is on.

use sqlx::{Connection, PgConnection, PgPool, Row, postgres::PgRow};

use super::{errors::failed, neighbours, run, session, steps::STEPS};
use crate::{MigrateOptions, MigrationError, Result, patience::Patience};

/// Every table whose rows belong to a tenant, and the tenants.
const TABLES: [&str; 10] = [
    "tenants",
    "users",
    "sessions",
    "oauth_accounts",
    "oauth_states",
    "passkeys",
    "passkey_challenges",
    "secure_tokens",
    "lockouts",
    "failed_login_attempts",
];

/// What the newest revision of the policies brings with it.
const FUNCTIONS: [&str; 2] =
    ["torii_find_session_v1(text, timestamptz, bytea)", "torii_find_session_and_user_v1(text, timestamptz, bytea)"];

/// The revision of `row_level_security_on.sql`.
const REVISION: i32 = 1;

const ON: &str = include_str!("../../sql/postgres/row_level_security_on.sql");
const OFF: &str = include_str!("../../sql/postgres/row_level_security_off.sql");

/// Row-level security on a database, as one role meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowLevelSecurity {
    /// The role, as which statements run.
    pub role: String,
    /// Whether the role is a superuser, whom no policy concerns.
    pub superuser: bool,
    /// Whether the role has `BYPASSRLS`: no policy concerns it either.
    pub bypasses: bool,
    /// Whether policies hide rows of torii's tables from the role, torii's or others.
    pub applies: bool,
    /// The tables of torii that are missing, that lack a policy of torii or have another one by its name, or whose policies are
    /// not enabled and forced. Policies of the application's own are not looked at: a permissive one opens what torii's close.
    pub unprotected: Vec<String>,
    /// The functions of this version of torii that are missing.
    pub missing_functions: Vec<String>,
    /// The functions that are there, but that the role may not run.
    pub forbidden_functions: Vec<String>,
    revision: i32,
}

impl RowLevelSecurity {
    /// Whether every tenant's rows are behind a policy, and this version of torii has the functions that it calls.
    pub fn is_enabled(&self) -> bool {
        self.unprotected.is_empty() && self.missing_functions.is_empty()
    }

    /// The newest revision of the policies that was made, 0 for none.
    pub fn revision(&self) -> i32 {
        self.revision
    }

    fn is_up_to_date(&self) -> bool {
        self.is_enabled() && self.revision >= REVISION
    }

    /// Whether there is nothing of it: neither a table behind torii's policy nor one of its functions. One that is neither this
    /// nor [`enabled`](Self::is_enabled) was changed by somebody, or is another version's.
    pub fn is_gone(&self) -> bool {
        self.revision == 0 && self.unprotected.len() == TABLES.len() && self.missing_functions.len() == FUNCTIONS.len()
    }
}

/// Looks names up as statements do, in the schemas of the search path. `$1` are the tables, `$2` the functions.
const LOOK: &str = "\
    SELECT current_user::text AS role, role.rolsuper AS superuser, role.rolbypassrls AS bypasses, \
        EXISTS (SELECT 1 FROM unnest($1) AS name WHERE row_security_active(to_regclass(name)::oid)) AS applies, \
        ARRAY(SELECT name FROM unnest($1) AS name WHERE NOT EXISTS (\
            SELECT 1 FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid AND polname = 'torii_tenant' \
            WHERE pg_class.oid = to_regclass(name) AND relrowsecurity AND relforcerowsecurity \
            AND polcmd = '*' AND polroles = '{0}' \
            AND pg_get_expr(polqual, polrelid) LIKE '%torii.tenant_id%' \
            AND pg_get_expr(polwithcheck, polrelid) LIKE '%torii.tenant_id%' \
            AND (SELECT count(*) FROM pg_policy AS others WHERE others.polrelid = pg_class.oid \
                AND others.polname IN ('torii_list', 'torii_sweep_read', 'torii_sweep_lock', 'torii_sweep_delete')) \
                = CASE WHEN name = 'tenants' THEN 1 WHEN name IN ('users', 'oauth_accounts', 'passkeys') THEN 0 ELSE 3 END\
            )) AS unprotected, \
        ARRAY(SELECT name FROM unnest($2) AS name WHERE to_regprocedure(name) IS NULL) AS missing_functions, \
        ARRAY(SELECT name FROM unnest($2) AS name \
            WHERE NOT has_function_privilege(to_regprocedure(name)::oid, 'EXECUTE')) AS forbidden_functions, \
        COALESCE((SELECT substring(obj_description(oid, 'pg_policy') FROM '^torii row-level security, revision ([0-9]{1,8})$') \
            FROM pg_policy WHERE polrelid = to_regclass('tenants') AND polname = 'torii_tenant')::integer, 0) AS revision \
    FROM pg_roles AS role WHERE role.rolname = current_user";

/// Row-level security as the role of `connection` meets it. Reads only.
///
/// # Errors
/// [`MigrationError::Database`].
pub async fn row_level_security(connection: &mut PgConnection) -> Result<RowLevelSecurity> {
    const OPERATION: &str = "look at row-level security";
    let look = sqlx::query(LOOK).bind(TABLES.as_slice()).bind(FUNCTIONS.as_slice());
    let row = look.fetch_one(connection).await.map_err(failed(OPERATION))?;
    read(&row).map_err(failed(OPERATION))
}

fn read(row: &PgRow) -> sqlx::Result<RowLevelSecurity> {
    Ok(RowLevelSecurity {
        role: row.try_get("role")?,
        superuser: row.try_get("superuser")?,
        bypasses: row.try_get("bypasses")?,
        applies: row.try_get("applies")?,
        unprotected: row.try_get("unprotected")?,
        missing_functions: row.try_get("missing_functions")?,
        forbidden_functions: row.try_get("forbidden_functions")?,
        revision: row.try_get("revision")?,
    })
}

/// Puts every table whose rows belong to a tenant behind a policy: a transaction sees and writes the rows of the tenant that is
/// its setting `torii.tenant_id`, and without one no row at all. It holds for the tables' owner too, not for superusers and
/// roles with `BYPASSRLS`.
///
/// To be called by the owner of the tables, when [`migrate`](super::migrate) has nothing left to do. Returns whether something
/// had to be done; where all is in place nothing is locked, and no right is needed. Locks, connection and search path are those
/// of [`migrate`](super::migrate).
///
/// From the moment that this returns, an application that does not bind its transactions finds nothing.
///
/// # Errors
/// As [`migrate`](super::migrate), and [`MigrationError::Pending`] or [`MigrationError::MayNotAlter`].
pub async fn enable_row_level_security(pool: &PgPool) -> Result<bool> {
    enable_row_level_security_with(pool, &MigrateOptions::new()).await
}

/// [`enable_row_level_security`] with options.
///
/// # Errors
/// As [`enable_row_level_security`].
pub async fn enable_row_level_security_with(pool: &PgPool, options: &MigrateOptions) -> Result<bool> {
    switch(pool, options, Switch { sql: ON, done: RowLevelSecurity::is_up_to_date }).await
}

/// Takes away what [`enable_row_level_security`] made, whichever version of torii did. Returns whether something had to be done.
///
/// # Errors
/// As [`enable_row_level_security`].
pub async fn disable_row_level_security(pool: &PgPool) -> Result<bool> {
    disable_row_level_security_with(pool, &MigrateOptions::new()).await
}

/// [`disable_row_level_security`] with options.
///
/// # Errors
/// As [`enable_row_level_security`].
pub async fn disable_row_level_security_with(pool: &PgPool, options: &MigrateOptions) -> Result<bool> {
    switch(pool, options, Switch { sql: OFF, done: RowLevelSecurity::is_gone }).await
}

#[derive(Clone, Copy)]
struct Switch {
    sql: &'static str,
    /// Whether nothing is left to do.
    done: fn(&RowLevelSecurity) -> bool,
}

const OPERATION: &str = "switch row-level security";

async fn switch(pool: &PgPool, options: &MigrateOptions, switch: Switch) -> Result<bool> {
    let mut patience = Patience::new(options.get_lock_timeout());
    let mut connection = session::open(pool).await?;
    let switched = switch_once(&mut connection, &mut patience, switch).await;
    session::close(connection).await;
    switched
}

async fn switch_once(connection: &mut PgConnection, patience: &mut Patience, switch: Switch) -> Result<bool> {
    neighbours::require_schema(connection).await?;
    if (switch.done)(&row_level_security(connection).await?) {
        return Ok(false);
    }
    session::lock(connection, patience).await?;
    let switched = switch_locked(connection, patience, switch).await;
    session::unlock(connection).await;
    switched
}

async fn switch_locked(connection: &mut PgConnection, patience: &mut Patience, switch: Switch) -> Result<bool> {
    let found = run::look_patiently(connection, patience, STEPS).await?;
    if let Some(step) = found.history.pending(STEPS).next() {
        return Err(MigrationError::Pending { version: step.version, name: step.name });
    }
    // Again, because another process may have been faster.
    if (switch.done)(&row_level_security(connection).await?) {
        return Ok(false);
    }
    require_owner(connection).await?;
    let mut patience = patience.growing(run::LONGEST_PAUSE);
    loop {
        match apply(connection, &patience, switch.sql).await {
            Ok(()) => return Ok(true),
            Err(error) => patience.after(error).await?,
        }
    }
}

async fn apply(connection: &mut PgConnection, patience: &Patience, sql: &'static str) -> Result<()> {
    let mut transaction = connection.begin_with(run::BEGIN).await.map_err(failed(OPERATION))?;
    session::limit_waits(&mut transaction, patience).await.map_err(failed(OPERATION))?;
    sqlx::raw_sql(sql).execute(&mut *transaction).await.map_err(failed(OPERATION))?;
    transaction.commit().await.map_err(failed(OPERATION))
}

/// Asked first, because the server's own answer names no role.
async fn require_owner(connection: &mut PgConnection) -> Result<()> {
    let foreign: Option<(String, String)> = sqlx::query_as(
        "SELECT current_user::text, relname::text FROM pg_class \
         WHERE oid IN (SELECT to_regclass(name) FROM unnest($1) AS name) AND NOT pg_has_role(relowner, 'USAGE') \
         ORDER BY relname LIMIT 1",
    )
    .bind(TABLES.as_slice())
    .fetch_optional(connection)
    .await
    .map_err(failed(OPERATION))?;
    match foreign {
        Some((role, table)) => Err(MigrationError::MayNotAlter { role, tables: vec![table] }),
        None => Ok(()),
    }
}

/// Whether a step failed because rows are hidden from the role: `insufficient_privilege`, which it is also when a right is missing.
pub(super) fn hides_rows(error: &MigrationError) -> bool {
    let MigrationError::Step { source, .. } = error else { return false };
    source.as_database_error().and_then(|error| error.code()).as_deref() == Some("42501")
}

/// Lets the owner of torii's tables see every row until [`FORCE_AGAIN`], in the same transaction, which remembers the tables in a
/// setting of its own. Nobody else can use these tables meanwhile.
pub(super) const LIFT_FORCE: &str = "DO $$ DECLARE forced REGCLASS[]; name REGCLASS; BEGIN \
    forced := ARRAY(SELECT oid::regclass FROM pg_class WHERE relforcerowsecurity \
        AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
        AND EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = pg_class.oid AND polname = 'torii_tenant') ORDER BY relname); \
    FOREACH name IN ARRAY forced LOOP EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', name); END LOOP; \
    PERFORM set_config('torii.forced', forced::oid[]::text, true); \
    END $$";

/// Undoes [`LIFT_FORCE`], on tables that are still there.
pub(super) const FORCE_AGAIN: &str = "DO $$ DECLARE name REGCLASS; BEGIN \
    FOR name IN SELECT oid::regclass FROM pg_class WHERE oid = ANY (current_setting('torii.forced')::oid[]) \
    LOOP EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name); END LOOP; \
    END $$";
