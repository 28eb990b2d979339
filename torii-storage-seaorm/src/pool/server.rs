//! What pools of connections to servers have in common.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection, Database, Pool, pool};
use tokio::time::timeout;

use super::PoolOptions;
use crate::error::no_answer;

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A statement takes well under a millisecond of the server's time, so a few connections serve many callers.
const MAX_CONNECTIONS: u32 = 10;
/// How long an idle connection may take to answer before it is given up.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) fn pool_options<DB: Database>(wanted: &PoolOptions) -> pool::PoolOptions<DB> {
    let ping_after_idle = wanted.ping_after_idle;
    pool::PoolOptions::new()
        .min_connections(wanted.min_connections)
        .max_connections(wanted.max_connections.unwrap_or(MAX_CONNECTIONS))
        .acquire_timeout(acquire_timeout(wanted))
        .idle_timeout(wanted.idle_timeout)
        .max_lifetime(wanted.max_lifetime)
        .test_before_acquire(false)
        .before_acquire(move |connection: &mut DB::Connection, usage| {
            Box::pin(async move {
                Ok(usage.idle_for < ping_after_idle
                    || matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(()))))
            })
        })
}

fn acquire_timeout(wanted: &PoolOptions) -> Duration {
    wanted.acquire_timeout.unwrap_or(ACQUIRE_TIMEOUT)
}

/// Whether the server lets us in: a pool waits for one that is not there and reports only that time is up.
pub(super) async fn try_once(
    options: &impl ConnectOptions<Connection: Sized>,
    wanted: &PoolOptions,
) -> sqlx::Result<()> {
    let connection = timeout(acquire_timeout(wanted), options.connect()).await.unwrap_or_else(|_| Err(no_answer()))?;
    // Whether it closes politely makes no difference.
    drop(connection.close().await);
    Ok(())
}

pub(super) async fn weed<DB: Database>(pool: &Pool<DB>) {
    let mut healthy = Vec::new();
    while let Some(mut connection) = pool.try_acquire() {
        match timeout(PING_TIMEOUT, connection.ping()).await {
            Ok(Ok(())) => healthy.push(connection),
            _ => drop(connection.detach()),
        }
    }
}

/// What errors call a server.
pub(super) fn place(database: &str, server: String, user: &str) -> String {
    format!("the database {database} at {server} as {user}")
}
