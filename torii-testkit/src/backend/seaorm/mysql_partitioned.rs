//! MySQL and MariaDB through SeaORM, with partitioned tables.

use std::sync::Arc;

use async_trait::async_trait;
use torii_core::Clock;
use torii_storage_seaorm::{SeaORMRepositoryProvider, partitioning::Partitions};

use super::{
    super::{Backend, Database, OpenOptions},
    SeaormMysql,
};
use crate::statements::StatementBudget;

/// [`SeaormMysql`] with the large tables partitioned, whose foreign keys are triggers therefore.
#[derive(Clone, Copy, Debug)]
pub struct SeaormMysqlPartitioned;

#[async_trait]
impl Backend for SeaormMysqlPartitioned {
    type Provider = SeaORMRepositoryProvider;

    const NAME: &'static str = "seaorm_mysql_partitioned";
    const BUDGET: StatementBudget = StatementBudget::SEAORM_MYSQL;

    async fn open(clock: Arc<dyn Clock>, options: OpenOptions) -> Database<Self::Provider> {
        let database = SeaormMysql::open(clock, options).await;
        // Few, so that tenants share one: what separates them is the predicate and not the partition.
        database.provider.partition(Partitions::MIN).await.expect("the tables can be partitioned");
        database
    }
}
