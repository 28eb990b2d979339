//! What pools of connections to servers have in common.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection, Database, Pool, pool::PoolOptions};
use tokio::time::timeout;

use crate::error::no_answer;

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A statement takes well under a millisecond of the server's time, so a few connections serve many callers.
const MAX_CONNECTIONS: u32 = 10;
/// A connection that idled longer than this is pinged before it is used: firewalls forget connections without a word.
/// Others are not, which would double the time that a call of one statement takes.
const TRUSTED_IDLE: Duration = Duration::from_secs(30);
const IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// So that connections follow a server that moved, and what has grown in them is freed.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// How long an idle connection may take to answer before it is given up.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) fn pool_options<DB: Database>() -> PoolOptions<DB> {
    PoolOptions::new()
        .min_connections(1)
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(IDLE_TIMEOUT)
        .max_lifetime(MAX_LIFETIME)
        .test_before_acquire(false)
        .before_acquire(|connection: &mut DB::Connection, usage| {
            Box::pin(async move {
                Ok(usage.idle_for < TRUSTED_IDLE
                    || matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(()))))
            })
        })
}

/// Whether the server lets us in: a pool waits for one that is not there and reports only that time is up.
pub(super) async fn try_once(options: &impl ConnectOptions<Connection: Sized>) -> sqlx::Result<()> {
    let connection = timeout(ACQUIRE_TIMEOUT, options.connect()).await.unwrap_or_else(|_| Err(no_answer()))?;
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
