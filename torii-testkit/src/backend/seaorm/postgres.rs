//! PostgreSQL through SeaORM.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::SqlxPostgresConnector;
use torii_core::Clock;
use torii_storage_seaorm::SeaORMRepositoryProvider;

use super::{
    super::{
        Backend, Database, OpenOptions,
        raw::{Raw, with_statement_log},
    },
    open,
};
use crate::{servers::PostgresServer, statements::StatementBudget};

/// PostgreSQL through SeaORM: a database of its own on the shared server of the tests, opened as applications open it.
#[derive(Clone, Copy, Debug)]
pub struct SeaormPostgres;

#[async_trait]
impl Backend for SeaormPostgres {
    type Provider = SeaORMRepositoryProvider;

    const NAME: &'static str = "seaorm_postgres";
    const BUDGET: StatementBudget = StatementBudget::SEAORM_POSTGRES;

    async fn open(clock: Arc<dyn Clock>, options: OpenOptions) -> Database<Self::Provider> {
        let database = PostgresServer::shared().database().await;
        let provider = open(&database.url(), clock, options, |connection| async move {
            let pool = with_statement_log(connection.get_postgres_connection_pool(), |pool| pool).await;
            SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
        })
        .await;
        let pool = provider.connection().get_postgres_connection_pool().clone();
        Database { provider, raw: Arc::new(Raw::new(pool, database)) }
    }
}
