//! Where the tables go.

use sqlx::MySqlConnection;

use super::errors::failed;
use crate::{MigrationError, Result};

/// Makes sure that there is a database to work in.
///
/// # Errors
/// [`MigrationError::NoDatabase`].
pub(super) async fn require_database(connection: &mut MySqlConnection) -> Result<()> {
    let database: Option<String> =
        sqlx::query_scalar("SELECT DATABASE()").fetch_one(connection).await.map_err(failed("look for the database"))?;
    if database.is_some() { Ok(()) } else { Err(MigrationError::NoDatabase) }
}
