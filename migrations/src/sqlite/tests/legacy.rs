//! Databases of older versions.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sqlx::Row as _;

use super::*;
use crate::{
    Adoption, MigrateOptions, MigrationError, OlderVersion,
    sqlite::{legacy::safe, migrate, migrate_with, plan, status},
};

mod application;
mod backup;
mod crash;
mod dirty;
mod fixtures;

pub(super) const V053: &str = include_str!("../../../tests/fixtures/legacy/v053-sqlite.sql");
pub(super) const V053_SEAORM: &str = include_str!("../../../tests/fixtures/legacy/v053-seaorm-sqlite.sql");
pub(super) const LATER: &str = include_str!("../../../tests/fixtures/legacy/main-sqlite.sql");
pub(super) const LATER_SEAORM: &str = include_str!("../../../tests/fixtures/legacy/main-seaorm-sqlite.sql");

const ALL: [(&str, OlderVersion); 4] = [
    (V053, OlderVersion::Sqlx05),
    (V053_SEAORM, OlderVersion::SeaOrm05),
    (LATER, OlderVersion::Sqlx06Preview),
    (LATER_SEAORM, OlderVersion::SeaOrm06Preview),
];

/// A database as an older version left it, with `more` done to it. Foreign keys are off while it is made.
pub(super) async fn old(fixture: &'static str, more: &'static str) -> (Scratch, SqlitePool) {
    let scratch = Scratch::new();
    let setup = pool(options(&scratch.file()).foreign_keys(false));
    execute(&setup, fixture).await;
    execute(&setup, more).await;
    setup.close().await;
    let pool = scratch.pool();
    (scratch, pool)
}

/// Every table with its definition and its rows.
async fn dump(pool: &SqlitePool) -> BTreeMap<String, Vec<String>> {
    let mut dump = BTreeMap::new();
    let objects: Vec<(String, String, String)> =
        sqlx::query_as("SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY name")
            .fetch_all(pool)
            .await
            .unwrap();
    for (kind, name, sql) in objects {
        let mut rows = vec![sql];
        if kind == "table" {
            let columns: Vec<String> =
                sqlx::query_scalar("SELECT 'quote(\"' || name || '\")' FROM pragma_table_info(?1)")
                    .bind(&name)
                    .fetch_all(pool)
                    .await
                    .unwrap();
            let select = format!("SELECT {} FROM \"{name}\" ORDER BY 1", columns.join(" || ' ' || "));
            let found = sqlx::query(safe(select)).fetch_all(pool).await.unwrap();
            rows.extend(found.iter().map(|row| row.get::<String, _>(0)));
        }
        dump.insert(name, rows);
    }
    dump
}

async fn adopt(pool: &SqlitePool) -> Adoption {
    migrate(pool, &Noon).await.unwrap().adopted.unwrap()
}

async fn text(pool: &SqlitePool, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}
