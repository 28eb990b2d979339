//! Where the tables go, and what is in the way.

use sqlx::MySqlConnection;

use super::errors::failed;
use crate::{MigrationError, Result};

/// Names of older versions' bookkeeping tables.
const OLDER: [&str; 2] = ["_torii_migrations", "torii_migrations"];

/// Makes sure that there is a database to work in.
///
/// # Errors
/// [`MigrationError::NoDatabase`].
pub(super) async fn require_database(connection: &mut MySqlConnection) -> Result<()> {
    let database: Option<String> =
        sqlx::query_scalar("SELECT DATABASE()").fetch_one(connection).await.map_err(failed("look for the database"))?;
    if database.is_some() { Ok(()) } else { Err(MigrationError::NoDatabase) }
}

/// Why a database without torii's bookkeeping is refused, if it is: a name that torii needs is taken. Creating "if not exists"
/// would silently adopt an application's own `users`.
pub(super) async fn find(connection: &mut MySqlConnection) -> Result<Option<MigrationError>> {
    // The server's names of tables differ by case or do not, as its files do; the catalogue's comparison never does.
    let (case_counts, names): (bool, Option<String>) = sqlx::query_as(
        "SELECT @@lower_case_table_names = 0, \
             (SELECT GROUP_CONCAT(table_name SEPARATOR '/') FROM information_schema.tables \
              WHERE table_schema = DATABASE() AND table_name IN ('_torii_migrations', 'torii_migrations', 'tenants', \
                  'users', 'sessions', 'oauth_accounts', 'oauth_states', 'passkeys', 'passkey_challenges', \
                  'secure_tokens', 'lockouts', 'failed_login_attempts'))",
    )
    .fetch_one(connection)
    .await
    .map_err(failed("look for other tables"))?;
    let names = names.unwrap_or_default();
    let is_taken = |name: &&str| !case_counts || !name.contains(char::is_uppercase);
    let taken = || names.split_terminator('/').filter(is_taken);
    let is_older = |name: &&str| OLDER.contains(&name.to_lowercase().as_str());
    let older = taken().filter(is_older).min().map(|table| MigrationError::OlderTorii {
        table: table.to_owned(),
        problem: "on MySQL and MariaDB that is not possible yet".to_owned(),
    });
    Ok(older.or_else(|| taken().min().map(|table| MigrationError::ForeignDatabase { table: table.to_owned() })))
}
