use chrono::{DateTime, Utc};
use sqlx::{
    Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use torii_core::clock::Clock;
use torii_testkit::servers::{PostgresDatabase, PostgresServer};

use crate::{
    MigrateOptions,
    postgres::{run::run, steps::STEPS},
    step::{Body, Step},
};

mod basics;
mod concurrency;
mod crash;
mod distribution;
mod failures;
mod index;
mod isolation;
mod legacy;
mod refusals;
mod roles;
mod row_security;
mod schema;
mod search_path;
mod target;

/// A clock that stands still.
#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 123_456_000).unwrap()
    }
}

/// A database of its own, and a pool on it.
async fn empty() -> (PostgresDatabase, PgPool) {
    let database = PostgresServer::shared().empty_database().await;
    let pool = database.pool();
    (database, pool)
}

async fn migrated() -> (PostgresDatabase, PgPool) {
    let database = PostgresServer::shared().database().await;
    let pool = database.pool();
    (database, pool)
}

fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(4).connect_lazy_with(options)
}

/// Everything that is defined in the connection's schema, and every row of the bookkeeping and of the tenants.
async fn contents(pool: &PgPool) -> Vec<String> {
    let mut contents: Vec<String> = sqlx::query_scalar(
        "WITH here AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
         SELECT concat_ws(' ', 'relation', relkind, relname) FROM pg_class WHERE relnamespace IN (TABLE here) \
         UNION ALL \
         SELECT concat_ws(' ', 'column', relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull, \
             attidentity, (SELECT collname FROM pg_collation AS l WHERE l.oid = attcollation), \
             (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum)) \
         FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid \
         WHERE relnamespace IN (TABLE here) AND relkind = 'r' AND attnum > 0 \
         UNION ALL \
         SELECT concat_ws(' ', 'constraint', conname, contype, pg_get_constraintdef(oid), convalidated) \
         FROM pg_constraint WHERE connamespace IN (TABLE here) \
         UNION ALL \
         SELECT concat_ws(' ', 'index', relname, indisvalid, regexp_replace(pg_get_indexdef(indexrelid), ' ON \\S+', '')) \
         FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid WHERE relnamespace IN (TABLE here) \
         ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    if contents.iter().any(|object| object == "relation r _torii_schema") {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT concat_ws(' ', s.*::text) FROM _torii_schema AS s ORDER BY version")
                .fetch_all(pool)
                .await
                .unwrap();
        contents.extend(rows);
    }
    if contents.iter().any(|object| object == "relation r tenants") {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT t.*::text FROM tenants AS t ORDER BY id").fetch_all(pool).await.unwrap();
        contents.extend(rows);
    }
    contents
}

async fn execute(pool: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

fn step(version: i64, body: Body<PgConnection>) -> Step<PgConnection> {
    Step { version, name: "step", body, checks: &[] }
}

/// The released steps, and `last`. A test's own history has to begin as the real one does.
fn steps_and(last: Body<PgConnection>) -> Vec<Step<PgConnection>> {
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

async fn run_steps(pool: &PgPool, steps: &[Step<PgConnection>]) -> crate::Result<Vec<i64>> {
    let report = run(pool, &Noon, &MigrateOptions::new(), steps).await?;
    Ok(report.applied.into_iter().map(|step| step.version).collect())
}
