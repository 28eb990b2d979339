//! Building an index.

use sqlx::MySqlConnection;

use super::errors::step_failed;
use crate::{Result, step::Step};

/// Builds an index unless it is there: a build that was interrupted leaves nothing behind on either engine. Beside running
/// writes if the statement says so (`ALGORITHM = INPLACE, LOCK = NONE`).
pub(super) async fn build(
    connection: &mut MySqlConnection,
    step: &Step<MySqlConnection>,
    name: &str,
    create: &'static str,
) -> Result<()> {
    let parts: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = ?",
    )
    .bind(name)
    .fetch_one(&mut *connection)
    .await
    .map_err(step_failed(step))?;
    if parts == 0 {
        sqlx::raw_sql(create).execute(connection).await.map_err(step_failed(step))?;
    }
    Ok(())
}
