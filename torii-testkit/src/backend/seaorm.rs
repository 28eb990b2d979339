//! SeaORM, on each of the databases that it knows.

use std::sync::Arc;

use sea_orm::DatabaseConnection;
use torii_core::Clock;
use torii_storage_seaorm::{SeaORMRepositoryProvider, SeaORMStorage};

use super::OpenOptions;

#[cfg(feature = "seaorm-mysql")]
mod mysql;
#[cfg(feature = "seaorm-mysql")]
mod mysql_partitioned;
#[cfg(feature = "seaorm-postgres")]
mod postgres;
#[cfg(feature = "seaorm-sqlite")]
mod sqlite;

#[cfg(feature = "seaorm-postgres")]
pub use self::postgres::SeaormPostgres;
#[cfg(feature = "seaorm-sqlite")]
pub use self::sqlite::SeaormSqlite;
#[cfg(feature = "seaorm-mysql")]
pub use self::{mysql::SeaormMysql, mysql_partitioned::SeaormMysqlPartitioned};

/// Opens the database of a URL as applications open it. `logged` connects to it once more, so that statements are logged.
async fn open<F: Future<Output = DatabaseConnection>>(
    url: &str,
    clock: Arc<dyn Clock>,
    options: OpenOptions,
    logged: impl FnOnce(DatabaseConnection) -> F,
) -> SeaORMRepositoryProvider {
    let storage = SeaORMStorage::connect(url).await.expect("the database can be opened");
    let mut provider = storage.into_repository_provider().with_clock(Arc::clone(&clock));
    provider.migrate().await.expect("the schema can be brought up to date");
    if options.log_statements {
        let connection = logged(provider.connection().clone()).await;
        provider = SeaORMRepositoryProvider::new(connection).with_clock(clock);
    }
    provider.registered_tenants_only(options.registered_tenants_only)
}
