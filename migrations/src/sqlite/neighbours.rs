//! Tables that are in the way.

use sqlx::SqliteConnection;

use super::errors::failed;
use crate::{MigrationError, Result};

/// Refuses a database without torii's bookkeeping in which a name that torii needs is taken. Creating "if not exists" would
/// silently adopt an application's own `users`.
///
/// # Errors
/// [`MigrationError::OlderTorii`] and [`MigrationError::ForeignDatabase`].
pub(super) async fn refuse(connection: &mut SqliteConnection) -> Result<()> {
    let (older, taken): (Option<String>, Option<String>) = sqlx::query_as(
        "SELECT \
             (SELECT name FROM main.sqlite_schema WHERE type = 'table' \
                 AND lower(name) IN ('_torii_migrations', 'torii_migrations') ORDER BY name LIMIT 1), \
             (SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') \
                 AND lower(name) IN ('tenants', 'users', 'sessions', 'oauth_accounts', 'oauth_states', \
                     'passkeys', 'passkey_challenges', 'secure_tokens', 'lockouts', \
                     'failed_login_attempts') ORDER BY name LIMIT 1)",
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
