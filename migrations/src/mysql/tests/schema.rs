//! Rules that hold for every table, so that the next one keeps them too.

use std::collections::BTreeMap;

use super::*;

/// The columns of every index, primary keys included, by table and index.
async fn indexes(pool: &MySqlPool) -> BTreeMap<(String, String), Vec<String>> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT CAST(table_name AS CHAR), CAST(index_name AS CHAR), CAST(column_name AS CHAR) \
         FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1, 2, seq_in_index",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut indexes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (table, index, column) in rows {
        indexes.entry((table, index)).or_default().push(column);
    }
    indexes
}

#[tokio::test]
async fn every_index_begins_with_the_tenant_or_is_for_the_sweep() {
    let (_database, pool) = migrated().await;
    let found = indexes(&pool).await;
    assert!(found.len() > 15);
    for ((table, index), columns) in found {
        let is_id = match table.as_str() {
            "tenants" | "users" | "failed_login_attempts" => columns == ["id"],
            "_torii_schema" => columns == ["version"],
            _ => false,
        };
        assert!(columns[0] == "tenant_id" || columns == ["expires_at"] || is_id, "{table}.{index}: {columns:?}");
    }
}

/// The server makes an index of its own for a foreign key that has none.
#[tokio::test]
async fn no_index_repeats_another() {
    let (_database, pool) = migrated().await;
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
async fn no_index_is_on_the_beginning_of_a_value() {
    let (_database, pool) = migrated().await;
    let prefixes =
        "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND sub_part IS NOT NULL";
    assert_eq!(count(&pool, prefixes).await, 0);
}

#[tokio::test]
async fn every_row_belongs_to_a_tenant() {
    let (_database, pool) = migrated().await;
    let tables: Vec<(String, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT CAST(table_name AS CHAR), \
             (SELECT COUNT(*) FROM information_schema.columns AS c WHERE c.table_schema = DATABASE() \
                 AND c.table_name = t.table_name AND column_name = 'tenant_id' AND is_nullable = 'NO' \
                 AND column_type = 'varchar(64)' AND collation_name = 'ascii_bin' \
                 AND REPLACE(column_default, '''', '') = 'default'), \
             (SELECT COUNT(*) FROM information_schema.key_column_usage AS k WHERE k.table_schema = DATABASE() \
                 AND k.table_name = t.table_name AND k.referenced_table_name = 'tenants' \
                 AND column_name = 'tenant_id' AND referenced_column_name = 'id'), \
             (SELECT COUNT(*) FROM information_schema.columns AS c WHERE c.table_schema = DATABASE() \
                 AND c.table_name = t.table_name AND column_name = 'user_id'), \
             (SELECT COUNT(*) FROM information_schema.key_column_usage AS k WHERE k.table_schema = DATABASE() \
                 AND k.table_name = t.table_name AND k.referenced_table_name = 'users' \
                 AND (column_name, referenced_column_name) IN (('tenant_id', 'tenant_id'), ('user_id', 'id'))) \
         FROM information_schema.tables AS t \
         WHERE table_schema = DATABASE() AND table_name NOT IN ('tenants', '_torii_schema')",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(tables.len(), 9);
    for (name, tenant_columns, tenant_keys, user_columns, user_keys) in tables {
        assert_eq!((tenant_columns, tenant_keys, user_keys), (1, 1, 2 * user_columns), "{name}");
    }
    let not_cascading = "SELECT COUNT(*) FROM information_schema.referential_constraints \
        WHERE constraint_schema = DATABASE() AND delete_rule <> 'CASCADE'";
    assert_eq!(count(&pool, not_cascading).await, 0);
}

#[tokio::test]
async fn every_table_names_its_engine_and_every_text_its_collation() {
    let (_database, pool) = migrated().await;
    let tables: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT CAST(table_name AS CHAR), CAST(engine AS CHAR), CAST(row_format AS CHAR) \
         FROM information_schema.tables WHERE table_schema = DATABASE()",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(tables.len(), 11);
    for (name, engine, row_format) in tables {
        assert_eq!((engine.as_str(), row_format.to_lowercase().as_str()), ("InnoDB", "dynamic"), "{name}");
    }
    let texts: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR), CAST(collation_name AS CHAR) \
         FROM information_schema.columns WHERE table_schema = DATABASE() AND collation_name IS NOT NULL",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    for (table, column, collation) in texts {
        let by_bytes = match column.as_str() {
            "tenant_id" => collation == "ascii_bin",
            "id" if table == "tenants" => collation == "ascii_bin",
            "settings" | "metadata" => collation == "utf8mb4_bin",
            _ if table == "_torii_schema" => collation == "utf8mb4_bin",
            _ => ["utf8mb4_nopad_bin", "utf8mb4_0900_bin"].contains(&collation.as_str()),
        };
        assert!(by_bytes, "{table}.{column}: {collation}");
    }
}

#[tokio::test]
async fn columns_have_the_native_types() {
    let (_database, pool) = migrated().await;
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR), CAST(column_type AS CHAR) \
         FROM information_schema.columns WHERE table_schema = DATABASE()",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    for (table, column, column_type) in columns {
        let expected: &[&str] = match column.as_str() {
            _ if column.ends_with("_at") || column == "locked_until" => &["datetime(6)"],
            // MariaDB keeps JSON as text, and checks it.
            "settings" | "metadata" => &["json", "longtext"],
            "token_digest" | "state_digest" | "challenge_id" | "checksum" => &["binary(32)"],
            "credential_id" => &["varbinary(1023)"],
            "public_key" => &["blob"],
            // MySQL no longer tells how wide an integer is shown.
            "sign_count" | "failures" | "version" => &["bigint", "bigint(20)"],
            "id" if table == "failed_login_attempts" => &["bigint", "bigint(20)"],
            "tenant_id" => &["varchar(64)"],
            "id" if table == "tenants" => &["varchar(64)"],
            "id" | "user_id" | "email" | "email_key" | "provider" | "subject" => &["varchar(255)"],
            "name" if table == "_torii_schema" => &["varchar(255)"],
            "status" | "state" => &["varchar(16)"],
            "purpose" => &["varchar(32)"],
            "challenge" => &["mediumtext"],
            _ => &["text"],
        };
        assert!(expected.contains(&column_type.as_str()), "{table}.{column}: {column_type}");
    }
}

#[tokio::test]
async fn there_are_no_triggers_and_one_sequence() {
    let (_database, pool) = migrated().await;
    assert_eq!(
        count(&pool, "SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()").await,
        0
    );
    let numbered: Vec<String> = sqlx::query_scalar(
        "SELECT CAST(table_name AS CHAR) FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND extra LIKE '%auto_increment%'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(numbered, ["failed_login_attempts"]);
}
