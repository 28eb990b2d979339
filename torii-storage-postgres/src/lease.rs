//! A connection of the pool, for the length of a transaction.

use sqlx::{Connection, PgPool, Postgres, SqlStr, Transaction, pool::PoolConnection};

/// Holds the connection that a transaction runs on; declared before it, so that it is dropped after it.
///
/// The driver counts a transaction when `BEGIN` is answered. The connection of a caller who goes away in between would come back
/// into the pool inside a transaction that nobody ends, bound to the caller's tenant: such a connection is closed instead. Later
/// on the driver itself rolls back what was left, before anybody gets the connection again.
#[derive(Default)]
pub(crate) struct Lease {
    connection: Option<PoolConnection<Postgres>>,
    beginning: bool,
}

impl Lease {
    /// Takes a connection and begins a transaction on it, in one round trip whatever `begin` sets.
    pub(crate) async fn begin(&mut self, pool: &PgPool, begin: SqlStr) -> sqlx::Result<Transaction<'_, Postgres>> {
        let connection = self.connection.insert(pool.acquire().await?);
        self.beginning = true;
        let transaction = connection.begin_with(begin).await?;
        self.beginning = false;
        Ok(transaction)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.beginning
            && let Some(connection) = &mut self.connection
        {
            connection.close_on_drop();
        }
    }
}
