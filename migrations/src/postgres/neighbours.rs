//! Where the tables go.

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
