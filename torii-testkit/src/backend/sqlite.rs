//! SQLite through sqlx.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::sqlite::SqlitePoolOptions;
use torii_core::Clock;
use torii_storage_sqlite::{SqliteRepositoryProvider, SqliteStorage};

use super::{
    Backend, Database, OpenOptions,
    raw::{Raw, with_statement_log},
};
use crate::statements::StatementBudget;

/// SQLite through sqlx: a file in a directory of its own, opened as applications open it.
#[derive(Clone, Copy, Debug)]
pub struct Sqlite;

#[async_trait]
impl Backend for Sqlite {
    type Provider = SqliteRepositoryProvider;

    const NAME: &'static str = "sqlite";
    const BUDGET: StatementBudget = StatementBudget::SQLITE;

    async fn open(clock: Arc<dyn Clock>, options: OpenOptions) -> Database<Self::Provider> {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("torii.db").display());
        let storage = SqliteStorage::connect(&url).await.expect("the database can be opened");
        let mut provider = storage.into_repository_provider().with_clock(Arc::clone(&clock));
        provider.migrate().await.expect("the schema can be brought up to date");
        if options.log_statements {
            // One connection, so that the thread which runs its statements has logged one before it takes the next.
            let one = |pool: SqlitePoolOptions| pool.min_connections(1).max_connections(1);
            provider = SqliteRepositoryProvider::new(with_statement_log(provider.pool(), one).await).with_clock(clock);
        }
        let provider = provider.registered_tenants_only(options.registered_tenants_only);
        let raw = Raw::new(provider.pool().clone(), directory);
        Database { provider, raw: Arc::new(raw) }
    }
}
