//! Databases of older versions.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::*;
use crate::{
    Adoption, MigrationError, OlderVersion,
    postgres::{legacy::safe, migrate, migrate_with, plan, status},
};

mod application;
mod backup;
mod crash;
mod dirty;
mod fixtures;
mod in_use;
mod roles;

pub(super) const V053: &str = include_str!("../../../tests/fixtures/legacy/v053-postgres.sql");
pub(super) const V053_SEAORM: &str = include_str!("../../../tests/fixtures/legacy/v053-seaorm-postgres.sql");
pub(super) const LATER: &str = include_str!("../../../tests/fixtures/legacy/main-postgres.sql");
pub(super) const LATER_SEAORM: &str = include_str!("../../../tests/fixtures/legacy/main-seaorm-postgres.sql");

const ALL: [(&str, OlderVersion); 4] = [
    (V053, OlderVersion::Sqlx05),
    (V053_SEAORM, OlderVersion::SeaOrm05),
    (LATER, OlderVersion::Sqlx06Preview),
    (LATER_SEAORM, OlderVersion::SeaOrm06Preview),
];

/// A database as an older version left it, with `more` done to it.
pub(super) async fn old(fixture: &str, more: &'static str) -> (PostgresDatabase, PgPool) {
    let (database, pool) = empty().await;
    load(&pool, fixture).await;
    execute(&pool, more).await;
    (database, pool)
}

async fn load(pool: &PgPool, fixture: &str) {
    // What only psql understands, an extension that nothing needs, and a setting that would outlive the file.
    let is_sql = |line: &&str| {
        !line.starts_with('\\')
            && !line.contains(" EXTENSION ")
            && !line.contains("'search_path'")
            && !line.starts_with("SET ")
    };
    let sql: Vec<&str> = fixture.lines().filter(is_sql).collect();
    sqlx::raw_sql(safe(sql.join("\n"))).execute(pool).await.unwrap();
}

/// Every table of the schema with its rows.
async fn rows(pool: &PgPool) -> BTreeMap<String, Vec<String>> {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1")
            .fetch_all(pool)
            .await
            .unwrap();
    let mut rows = BTreeMap::new();
    for table in tables {
        let select = format!("SELECT t::text FROM {table} AS t ORDER BY 1");
        rows.insert(table, sqlx::query_scalar(safe(select)).fetch_all(pool).await.unwrap());
    }
    rows
}

/// What is defined but for columns that were dropped, and every row.
async fn everything(pool: &PgPool) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let mut contents = contents(pool).await;
    contents.retain(|line| !line.contains("pg.dropped"));
    (contents, rows(pool).await)
}

async fn adopt(pool: &PgPool) -> Adoption {
    migrate(pool, &Noon).await.unwrap().adopted.unwrap()
}

async fn text(pool: &PgPool, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}
