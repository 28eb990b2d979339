//! A database through a pool of the driver's.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{ConnectOptions, Pool, pool::PoolOptions};

use super::{BoxError, RawDatabase};

/// Through `pool`, for as long as `database` is held, which removes it when dropped.
pub(super) struct Raw<P, D> {
    pool: P,
    _database: D,
}

impl<P, D> Raw<P, D> {
    pub(super) fn new(pool: P, database: D) -> Self {
        Self { pool, _database: database }
    }
}

/// The same database through a pool whose statements are logged. `change` may change the pool.
pub(super) async fn with_statement_log<DB: sqlx::Database>(
    pool: &Pool<DB>,
    change: impl FnOnce(PoolOptions<DB>) -> PoolOptions<DB>,
) -> Pool<DB> {
    let level = "trace".parse().expect("it is the name of a level");
    let options = (*pool.connect_options()).clone().log_statements(level).log_slow_statements(level, Duration::MAX);
    let pool_options = change(pool.options().clone());
    pool.close().await;
    pool_options.connect_lazy_with(options)
}

/// Each driver has traits of its own.
macro_rules! through {
    ($($(#[$condition:meta])* $pool:ty;)*) => {
        $(
            $(#[$condition])*
            #[async_trait]
            impl<D: Send + Sync + 'static> RawDatabase for Raw<$pool, D> {
                async fn execute(&self, statement: &'static str) -> Result<u64, BoxError> {
                    Ok(sqlx::query(statement).execute(&self.pool).await?.rows_affected())
                }

                async fn count(&self, statement: &'static str) -> Result<i64, BoxError> {
                    Ok(sqlx::query_scalar(statement).fetch_one(&self.pool).await?)
                }
            }
        )*
    };
}

through! {
    #[cfg(feature = "mysql-server")]
    sqlx::MySqlPool;
    #[cfg(feature = "postgres-server")]
    sqlx::PgPool;
    #[cfg(any(feature = "sqlite", feature = "seaorm-sqlite"))]
    sqlx::SqlitePool;
}
