//! How this crate connects.

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;
use torii_core::error::StorageError;

use crate::{
    access::PING_TIMEOUT,
    error::{connect_error, no_answer, not_a_url, storage_error},
    rls::{RowSecurity, hides_rows},
};

/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A statement takes well under a millisecond of the server's time, so a few connections serve many callers.
const MAX_CONNECTIONS: u32 = 10;
/// A connection that idled longer than this is pinged before it is used: firewalls forget connections without a word. Others
/// are not, which would double the time that a call of one statement takes.
const TRUSTED_IDLE: Duration = Duration::from_secs(30);
const IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// So that connections follow a server that moved, and what has grown in them is freed.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// More than this crate has statements, so that each is prepared once per connection.
const CACHED_STATEMENTS: usize = 200;

/// Connects to the database of `url`: `postgres://user:password@host:port/database`, with sqlx's parameters (`?sslmode=`). Says
/// whether policies were found to hide rows from its role.
pub(crate) async fn connect(url: &str) -> Result<(PgPool, RowSecurity), StorageError> {
    const OPERATION: &str = "connect to database";
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(not_a_url(OPERATION));
    }
    let mut options = PgConnectOptions::from_str(url).map_err(|error| storage_error(OPERATION, error))?;
    if !url.contains("statement-cache-capacity=") {
        options = options.statement_cache_capacity(CACHED_STATEMENTS);
    }
    if options.get_application_name().is_none() {
        options = options.application_name("torii");
    }
    // A pool waits for a server that is not there and reports only that time is up.
    let row_security = match timeout(ACQUIRE_TIMEOUT, options.connect()).await.unwrap_or_else(|_| Err(no_answer())) {
        Ok(mut connection) => {
            let was_hidden = timeout(ACQUIRE_TIMEOUT, hides_rows(&mut connection)).await.unwrap_or_default();
            // Whether it closes politely makes no difference.
            drop(connection.close().await);
            RowSecurity::off(was_hidden)
        }
        Err(error) => return Err(connect_error(OPERATION, &options, error)),
    };
    let pool = PgPoolOptions::new()
        .min_connections(1)
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(IDLE_TIMEOUT)
        .max_lifetime(MAX_LIFETIME)
        .test_before_acquire(false)
        .before_acquire(|connection, usage| {
            Box::pin(async move {
                Ok(usage.idle_for < TRUSTED_IDLE
                    || matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(()))))
            })
        })
        .connect_lazy_with(options);
    Ok((pool, row_security))
}
