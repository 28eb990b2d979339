//! Databases of older versions.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sqlx::Row as _;

use super::*;
use crate::{
    Adoption, MigrationError, OlderVersion,
    mysql::{legacy::safe, migrate, migrate_with, plan, status},
};

mod accounts;
mod application;
mod backup;
mod crash;
mod dirty;
mod fixtures;
mod in_use;
mod text;
mod undo;

const V053: &str = include_str!("../../../tests/fixtures/legacy/v053-seaorm-mysql.sql");
const LATER: &str = include_str!("../../../tests/fixtures/legacy/main-seaorm-mysql.sql");

const ALL: [(&str, OlderVersion); 2] = [(V053, OlderVersion::SeaOrm05), (LATER, OlderVersion::SeaOrm06Preview)];

/// Ada and Grace of the older fixture.
const ADA: &str = "usr_2sfrVTFkRAMmGhBRq";

/// A database as an older version left it, with `more` done to it.
async fn old(fixture: &str, more: &str) -> (MysqlDatabase, MySqlPool) {
    let (database, pool) = empty().await;
    load(&database, fixture).await;
    if !more.is_empty() {
        load(&database, more).await;
    }
    (database, pool)
}

/// Runs a file on a connection of its own, whose settings it may change.
async fn load(database: &MysqlDatabase, sql: &str) {
    let mut connection = MySqlConnection::connect_with(&database.options()).await.unwrap();
    sqlx::raw_sql(safe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Every table: how it is made, and its rows. But for where the numbering of rows goes on, and the numbers of the log of wrong
/// passwords: numbers that were drawn and not used are gone.
async fn dump(pool: &MySqlPool) -> BTreeMap<String, Vec<String>> {
    let mut dump = BTreeMap::new();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT CAST(table_name AS CHAR) FROM information_schema.tables WHERE table_schema = DATABASE() \
         AND table_type = 'BASE TABLE'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    for table in tables {
        let made = sqlx::query(safe(format!("SHOW CREATE TABLE `{table}`"))).fetch_one(pool).await.unwrap();
        let made: String = made.get(1);
        let mut rows =
            vec![made.split(' ').filter(|word| !word.starts_with("AUTO_INCREMENT=")).collect::<Vec<_>>().join(" ")];
        let columns: Vec<String> = sqlx::query_scalar(
            "SELECT CAST(CONCAT('COALESCE(HEX(`', column_name, '`), \\'-\\')') AS CHAR) FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND table_name = ? AND extra <> 'auto_increment' ORDER BY ordinal_position",
        )
        .bind(&table)
        .fetch_all(pool)
        .await
        .unwrap();
        let select = format!("SELECT CAST(CONCAT_WS(' ', {}) AS CHAR) FROM `{table}` ORDER BY 1", columns.join(", "));
        rows.extend(sqlx::query_scalar::<_, String>(safe(select)).fetch_all(pool).await.unwrap());
        dump.insert(table, rows);
    }
    dump
}

async fn adopt(pool: &MySqlPool) -> Adoption {
    migrate(pool, &Noon).await.unwrap().adopted.unwrap()
}

async fn text(pool: &MySqlPool, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

/// Has the server end the session at the statement with this number.
fn ending_at(number: usize) -> MigrateOptions {
    let seen = AtomicUsize::new(0);
    let mut options = MigrateOptions::new();
    options.kill = Some(Arc::new(move || seen.fetch_add(1, Ordering::SeqCst) == number));
    options
}
