//! A database through a pool of the driver's.

use async_trait::async_trait;

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
