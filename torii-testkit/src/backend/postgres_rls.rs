//! PostgreSQL with row-level security.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{PgPool, postgres::PgPoolOptions};
use torii_core::Clock;
use torii_storage_postgres::PostgresRepositoryProvider;

use super::{
    Backend, Database, OpenOptions,
    raw::{Raw, with_statement_log},
};
use crate::{servers::PostgresServer, statements::StatementBudget};

/// PostgreSQL with row-level security, through a role that owns nothing and one connection that all tenants share: what one of
/// them left on it, the next one would meet.
#[derive(Clone, Copy, Debug)]
pub struct PostgresRls;

#[async_trait]
impl Backend for PostgresRls {
    type Provider = PostgresRepositoryProvider;

    const NAME: &'static str = "postgres_rls";
    const BUDGET: StatementBudget = StatementBudget::POSTGRES;

    async fn open(clock: Arc<dyn Clock>, options: OpenOptions) -> Database<Self::Provider> {
        let database = PostgresServer::shared().database().await;
        let administrator = database.pool();
        torii_migration::postgres::enable_row_level_security(&administrator).await.expect("it can be enabled");
        let role = database.role().await;
        grant(&administrator, role.get_username()).await.expect("rights can be granted");
        let mut pool = PgPoolOptions::new().max_connections(1).test_before_acquire(false).connect_lazy_with(role);
        if options.log_statements {
            pool = with_statement_log(&pool, |pool| pool).await;
        }
        let provider = PostgresRepositoryProvider::new(pool)
            .with_clock(clock)
            .registered_tenants_only(options.registered_tenants_only)
            .row_level_security(true);
        provider.migrate().await.expect("there is nothing to do");
        provider.check().await.expect("the role is one that policies concern");
        Database { provider, raw: Arc::new(Raw::new(administrator, database)) }
    }
}

/// What an application needs. Names cannot be bound.
async fn grant(administrator: &PgPool, role: &str) -> sqlx::Result<()> {
    let mut transaction = administrator.begin().await?;
    sqlx::query("SELECT set_config('grants.role', $1, true)").bind(role).execute(&mut *transaction).await?;
    sqlx::raw_sql(
        "DO $$ BEGIN \
             EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %I', \
                 current_setting('grants.role')); \
         END $$",
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}
