//! PostgreSQL through sqlx.

use std::sync::Arc;

use async_trait::async_trait;
use torii_core::Clock;
use torii_storage_postgres::{PostgresRepositoryProvider, PostgresStorage};

use super::{
    Backend, Database, OpenOptions,
    raw::{Raw, with_statement_log},
};
use crate::{servers::PostgresServer, statements::StatementBudget};

/// PostgreSQL through sqlx: a database of its own on the shared server of the tests, opened as applications open it.
#[derive(Clone, Copy, Debug)]
pub struct Postgres;

#[async_trait]
impl Backend for Postgres {
    type Provider = PostgresRepositoryProvider;

    const NAME: &'static str = "postgres";
    const BUDGET: StatementBudget = StatementBudget::POSTGRES;

    async fn open(clock: Arc<dyn Clock>, options: OpenOptions) -> Database<Self::Provider> {
        let database = PostgresServer::shared().database().await;
        let storage = PostgresStorage::connect(&database.url()).await.expect("the database can be opened");
        let mut provider = storage.into_repository_provider().with_clock(Arc::clone(&clock));
        provider.migrate().await.expect("the schema can be brought up to date");
        if options.log_statements {
            provider = PostgresRepositoryProvider::new(with_statement_log(provider.pool(), |pool| pool).await)
                .with_clock(clock);
        }
        let provider = provider.registered_tenants_only(options.registered_tenants_only);
        let raw = Raw::new(provider.pool().clone(), database);
        Database { provider, raw: Arc::new(raw) }
    }
}
