//! SQLite through SeaORM.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::SqlxSqliteConnector;
use torii_core::Clock;
use torii_storage_seaorm::SeaORMRepositoryProvider;

use super::{
    super::{
        Backend, Database, OpenOptions,
        raw::{Raw, with_statement_log},
    },
    open,
};
use crate::statements::StatementBudget;

/// SQLite through SeaORM: a file in a directory of its own, opened as applications open it.
#[derive(Clone, Copy, Debug)]
pub struct SeaormSqlite;

#[async_trait]
impl Backend for SeaormSqlite {
    type Provider = SeaORMRepositoryProvider;

    const NAME: &'static str = "seaorm_sqlite";
    const BUDGET: StatementBudget = StatementBudget::SEAORM_SQLITE;

    async fn open(clock: Arc<dyn Clock>, options: OpenOptions) -> Database<Self::Provider> {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("torii.db").display());
        let provider = open(&url, clock, options, |connection| async move {
            // One connection, so that the thread which runs its statements has logged one before it takes the next.
            let one = |pool: sqlx::sqlite::SqlitePoolOptions| pool.min_connections(1).max_connections(1);
            let pool = with_statement_log(connection.get_sqlite_connection_pool(), one).await;
            SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)
        })
        .await;
        let pool = provider.connection().get_sqlite_connection_pool().clone();
        Database { provider, raw: Arc::new(Raw::new(pool, directory)) }
    }
}
