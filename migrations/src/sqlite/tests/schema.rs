//! Rules that hold for every table, so that the next one keeps them too.

use std::collections::BTreeMap;

use super::*;
use crate::sqlite::migrate;

/// The columns of every index, primary keys included, by table and index.
async fn indexes(pool: &SqlitePool) -> BTreeMap<(String, String), Vec<String>> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT t.name, i.name, c.name FROM sqlite_schema AS t, pragma_index_list(t.name) AS i, \
         pragma_index_info(i.name) AS c WHERE t.type = 'table' ORDER BY t.name, i.name, c.seqno",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut indexes = BTreeMap::<_, Vec<_>>::new();
    for (table, index, column) in rows {
        indexes.entry((table, index)).or_default().push(column);
    }
    indexes
}

async fn migrated() -> (Scratch, SqlitePool) {
    let scratch = Scratch::new();
    let pool = scratch.pool();
    migrate(&pool, &Noon).await.unwrap();
    (scratch, pool)
}

#[tokio::test]
async fn every_index_begins_with_the_tenant_or_is_for_the_sweep() {
    let (_scratch, pool) = migrated().await;
    let indexes = indexes(&pool).await;
    assert!(indexes.len() > 15);
    for ((table, index), columns) in indexes {
        let is_id = ["tenants", "users"].contains(&table.as_str()) && columns == ["id"];
        assert!(columns[0] == "tenant_id" || columns == ["expires_at"] || is_id, "{table}.{index}: {columns:?}");
    }
}

#[tokio::test]
async fn no_index_repeats_another() {
    let (_scratch, pool) = migrated().await;
    let indexes = indexes(&pool).await;
    for ((table, index), columns) in &indexes {
        for ((other_table, other), other_columns) in &indexes {
            assert!(
                table != other_table || index == other || !other_columns.starts_with(columns),
                "{table}: {other} begins as {index} does"
            );
        }
    }
}

#[tokio::test]
async fn every_table_is_strict_and_without_rowid_where_its_key_is_composite() {
    let (_scratch, pool) = migrated().await;
    let tables: Vec<(String, bool, bool, i64)> = sqlx::query_as(
        "SELECT name, strict, wr, (SELECT count(*) FROM pragma_table_info(t.name) WHERE pk > 0) \
         FROM pragma_table_list AS t WHERE schema = 'main' AND name NOT LIKE 'sqlite%'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(tables.len(), 11);
    for (name, strict, without_rowid, key_columns) in tables {
        assert!(strict, "{name}");
        assert!(without_rowid || key_columns == 1, "{name}");
    }
}

#[tokio::test]
async fn every_row_belongs_to_a_tenant() {
    let (_scratch, pool) = migrated().await;
    let tables: Vec<(String, i64, i64, i64)> = sqlx::query_as(
        "SELECT name, \
             (SELECT count(*) FROM pragma_table_info(t.name) \
                 WHERE name = 'tenant_id' AND \"notnull\" AND dflt_value = '''default'''), \
             (SELECT count(*) FROM pragma_foreign_key_list(t.name) \
                 WHERE \"table\" = 'tenants' AND \"from\" = 'tenant_id' AND on_delete = 'CASCADE'), \
             (SELECT count(*) FROM pragma_table_info(t.name) WHERE name = 'user_id') \
                 - (SELECT count(*) FROM pragma_foreign_key_list(t.name) \
                     WHERE \"table\" = 'users' AND \"from\" = 'user_id' AND on_delete = 'CASCADE') \
         FROM sqlite_schema AS t WHERE type = 'table' AND name NOT IN ('tenants', '_torii_schema')",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(tables.len(), 9);
    for (name, tenant_columns, tenant_keys, users_without_key) in tables {
        assert_eq!((tenant_columns, tenant_keys, users_without_key), (1, 1, 0), "{name}");
    }
}

#[tokio::test]
async fn there_are_no_triggers_and_no_sequences() {
    let (_scratch, pool) = migrated().await;
    let others = "SELECT count(*) FROM sqlite_schema WHERE type NOT IN ('table', 'index') OR name = 'sqlite_sequence'";
    assert_eq!(count(&pool, others).await, 0);
}
