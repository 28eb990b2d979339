//! Connecting to MySQL and MariaDB.

use std::str::FromStr;

use sea_orm::{DatabaseConnection, SqlxMySqlConnector};
use sqlx::{Executor, MySql, mysql::MySqlConnectOptions};
use torii_core::error::StorageError;

use super::{CACHED_STATEMENTS, OPERATION, PoolOptions, server};
use crate::error::{connect_error, driver_failed};

/// Whatever the server's configuration says: times are UTC, what does not fit is refused instead of cut, and nobody waits
/// for a row longer than for a connection.
const SETTINGS: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,\
     ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', SESSION time_zone = '+00:00', \
     SESSION innodb_lock_wait_timeout = 5";

/// A variable would have another name in MariaDB.
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

pub(super) async fn connect(url: &str, wanted: &PoolOptions) -> Result<DatabaseConnection, StorageError> {
    let mut options = MySqlConnectOptions::from_str(url).map_err(|error| driver_failed(OPERATION, error))?;
    if !url.contains("statement-cache-capacity=") {
        options = options.statement_cache_capacity(CACHED_STATEMENTS);
    }
    if let Err(error) = server::try_once(&options, wanted).await {
        let address = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let place = server::place(options.get_database().unwrap_or("(none)"), address, options.get_username());
        return Err(connect_error(OPERATION, place, None, error));
    }
    let pool = server::pool_options::<MySql>(wanted)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SETTINGS).await?;
                connection.execute(ISOLATION).await.map(drop)
            })
        })
        .connect_lazy_with(options);
    Ok(SqlxMySqlConnector::from_sqlx_mysql_pool(pool))
}
