//! Connecting to PostgreSQL.

use std::str::FromStr;

use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::postgres::PgConnectOptions;
use torii_core::error::StorageError;

use super::{CACHED_STATEMENTS, OPERATION, PoolOptions, server};
use crate::error::{connect_error, driver_failed};

pub(super) async fn connect(url: &str, wanted: &PoolOptions) -> Result<DatabaseConnection, StorageError> {
    let mut options = PgConnectOptions::from_str(url).map_err(|error| driver_failed(OPERATION, error))?;
    if !url.contains("statement-cache-capacity=") {
        options = options.statement_cache_capacity(CACHED_STATEMENTS);
    }
    if options.get_application_name().is_none() {
        options = options.application_name("torii");
    }
    if let Err(error) = server::try_once(&options, wanted).await {
        let address = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let user = options.get_username();
        let place = server::place(options.get_database().unwrap_or(user), address, user);
        return Err(connect_error(OPERATION, place, None, error));
    }
    let pool = server::pool_options(wanted).connect_lazy_with(options);
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}
