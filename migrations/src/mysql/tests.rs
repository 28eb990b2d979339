use chrono::{DateTime, Utc};
use sqlx::{
    Connection as _, MySqlConnection, MySqlPool,
    mysql::{MySqlConnectOptions, MySqlPoolOptions},
};
use torii_core::clock::Clock;
use torii_testkit::servers::{MysqlDatabase, MysqlServer};

use crate::{
    MigrateOptions,
    mysql::{run::run, steps::STEPS},
    step::{Body, Step},
};

mod accounts;
mod basics;
mod concurrency;
mod crash;
mod failures;
mod isolation;
mod legacy;
mod refusals;
mod schema;
mod settings;
mod target;
mod text;

/// A clock that stands still.
#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 123_456_000).unwrap()
    }
}

/// A database of its own, and a pool on it.
async fn empty() -> (MysqlDatabase, MySqlPool) {
    let database = MysqlServer::shared().empty_database().await;
    let pool = database.pool();
    (database, pool)
}

async fn migrated() -> (MysqlDatabase, MySqlPool) {
    let database = MysqlServer::shared().database().await;
    let pool = database.pool();
    (database, pool)
}

fn pool(options: MySqlConnectOptions) -> MySqlPool {
    MySqlPoolOptions::new().max_connections(4).connect_lazy_with(options)
}

/// Everything that is defined in the database, and every row of the bookkeeping and of the tenants.
async fn contents(pool: &MySqlPool) -> Vec<String> {
    let mut contents: Vec<String> = sqlx::query_scalar(
        "SELECT CAST(CONCAT_WS(' ', 'table', table_name, table_type, engine, row_format, table_collation) AS CHAR) \
         FROM information_schema.tables WHERE table_schema = DATABASE() \
         UNION ALL \
         SELECT CAST(CONCAT_WS(' ', 'column', table_name, ordinal_position, column_name, column_type, is_nullable, \
             COALESCE(column_default, 'none'), COALESCE(collation_name, 'none'), extra) AS CHAR) \
         FROM information_schema.columns WHERE table_schema = DATABASE() \
         UNION ALL \
         SELECT CAST(CONCAT_WS(' ', 'index', table_name, index_name, non_unique, seq_in_index, column_name) AS CHAR) \
         FROM information_schema.statistics WHERE table_schema = DATABASE() \
         UNION ALL \
         SELECT CAST(CONCAT_WS(' ', 'key', table_name, constraint_name, ordinal_position, column_name, \
             referenced_table_name, referenced_column_name) AS CHAR) \
         FROM information_schema.key_column_usage WHERE table_schema = DATABASE() \
         UNION ALL \
         SELECT CAST(CONCAT_WS(' ', 'check', constraint_name, check_clause) AS CHAR) \
         FROM information_schema.check_constraints WHERE constraint_schema = DATABASE() \
         ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    if contents.iter().any(|object| object.starts_with("table _torii_schema ")) {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT CONCAT_WS(' ', version, name, HEX(checksum), state, started_at, finished_at) \
             FROM _torii_schema ORDER BY version",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        contents.extend(rows);
    }
    if contents.iter().any(|object| object.starts_with("column tenants ") && object.contains(" settings ")) {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT CONCAT_WS(' ', id, status, CAST(settings AS CHAR), created_at, updated_at) FROM tenants ORDER BY id",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        contents.extend(rows);
    }
    contents
}

async fn execute(pool: &MySqlPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

async fn count(pool: &MySqlPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

fn step(version: i64, body: Body<MySqlConnection>) -> Step<MySqlConnection> {
    Step { version, name: "step", body, checks: &[] }
}

/// The released steps, and `last`. A test's own history has to begin as the real one does.
fn steps_and(last: Body<MySqlConnection>) -> Vec<Step<MySqlConnection>> {
    let mut steps: Vec<_> = STEPS
        .iter()
        .map(|step| Step {
            version: step.version,
            name: step.name,
            checks: step.checks,
            body: match step.body {
                Body::InTransaction(sql) => Body::InTransaction(sql),
                Body::OutsideTransaction(sql) => Body::OutsideTransaction(sql),
                Body::Index { name, create, drop } => Body::Index { name, create, drop },
                Body::SqliteRebuild(sql) => Body::SqliteRebuild(sql),
                Body::Rust { text, run } => Body::Rust { text, run },
            },
        })
        .collect();
    steps.push(step(steps.len() as i64 + 1, last));
    steps
}

async fn run_steps(pool: &MySqlPool, steps: &[Step<MySqlConnection>]) -> crate::Result<Vec<i64>> {
    let report = run(pool, &Noon, &MigrateOptions::new(), steps).await?;
    Ok(report.applied.into_iter().map(|step| step.version).collect())
}

/// An index by an attribute that no released step needs one for.
const BY_NAME: Body<MySqlConnection> = Body::Index {
    name: "users_by_lock",
    create: "CREATE INDEX users_by_lock ON users (tenant_id, locked_at) ALGORITHM = INPLACE LOCK = NONE",
    drop: "DROP INDEX users_by_lock ON users",
};

/// Why the statement was refused, if it was. Binds the tenant first, then the other value, as the statement names them.
async fn refused(pool: &MySqlPool, sql: &'static str, tenant: &str, other: &str) -> Option<sqlx::error::ErrorKind> {
    let result = sqlx::query(sql).bind(tenant).bind(other).execute(pool).await;
    result.err().map(|error| error.as_database_error().unwrap().kind())
}
