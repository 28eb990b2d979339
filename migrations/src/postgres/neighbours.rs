//! Where the tables go, and what is in the way.

use sqlx::PgConnection;

use super::errors::failed;
use crate::{MigrationError, Result};

/// Makes sure that there is a schema to work in.
///
/// # Errors
/// [`MigrationError::NoSchema`].
pub(super) async fn require_schema(connection: &mut PgConnection) -> Result<()> {
    let (exists, search_path, role): (bool, String, String) =
        sqlx::query_as("SELECT current_schema() IS NOT NULL, current_setting('search_path'), current_user::text")
            .fetch_one(connection)
            .await
            .map_err(failed("look for the schema"))?;
    if exists { Ok(()) } else { Err(MigrationError::NoSchema { search_path, role }) }
}

/// Makes sure that the schema may be changed. Asked before the first step, because the server's own answer names no role.
///
/// # Errors
/// [`MigrationError::MayNotCreate`].
pub(super) async fn require_create(connection: &mut PgConnection) -> Result<()> {
    let (may_create, schema, role): (bool, String, String) = sqlx::query_as(
        "SELECT has_schema_privilege(current_schema(), 'CREATE'), current_schema()::text, current_user::text",
    )
    .fetch_one(connection)
    .await
    .map_err(failed("look for the right to create tables"))?;
    if may_create { Ok(()) } else { Err(MigrationError::MayNotCreate { role, schema }) }
}

/// Refuses a schema without torii's bookkeeping in which a name that torii needs is taken. Creating "if not exists" would
/// silently adopt an application's own `users`. What is in other schemas of the search path is not in the way.
///
/// # Errors
/// [`MigrationError::OlderTorii`] and [`MigrationError::ForeignDatabase`].
pub(super) async fn refuse(connection: &mut PgConnection) -> Result<()> {
    let (older, taken): (Option<String>, Option<String>) = sqlx::query_as(
        "SELECT \
             min(relname::text) FILTER (WHERE relname IN ('_torii_migrations', 'torii_migrations')), \
             min(relname::text) FILTER (WHERE relname IN ('tenants', 'users', 'sessions', 'oauth_accounts', \
                 'oauth_states', 'passkeys', 'passkey_challenges', 'secure_tokens', 'lockouts', \
                 'failed_login_attempts')) \
         FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())",
    )
    .fetch_one(connection)
    .await
    .map_err(failed("look for other tables"))?;
    if let Some(table) = older {
        Err(MigrationError::OlderTorii { table })
    } else if let Some(table) = taken {
        Err(MigrationError::ForeignDatabase { table })
    } else {
        Ok(())
    }
}
