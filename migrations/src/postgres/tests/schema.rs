//! Rules that hold for every table, so that the next one keeps them too.

use std::collections::BTreeMap;

use super::*;

/// The columns of every index, primary keys included, by table and index; those of the GIN index apart.
async fn indexes(pool: &PgPool, method: &'static str) -> BTreeMap<(String, String), Vec<String>> {
    let rows: Vec<(String, String, Vec<String>)> = sqlx::query_as(
        "SELECT t.relname::text, c.relname::text, \
             ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnkeyatts) AS k ORDER BY k) \
         FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_class AS t ON t.oid = i.indrelid \
             JOIN pg_am AS m ON m.oid = c.relam \
         WHERE c.relnamespace = current_schema()::regnamespace AND m.amname = $1",
    )
    .bind(method)
    .fetch_all(pool)
    .await
    .unwrap();
    rows.into_iter().map(|(table, index, columns)| ((table, index), columns)).collect()
}

#[tokio::test]
async fn every_index_begins_with_the_tenant_or_is_for_the_sweep() {
    let (_database, pool) = migrated().await;
    let found = indexes(&pool, "btree").await;
    assert!(found.len() > 15);
    for ((table, index), columns) in found {
        let is_id = match table.as_str() {
            "tenants" | "users" | "failed_login_attempts" => columns == ["id"],
            "_torii_schema" => columns == ["version"],
            _ => false,
        };
        assert!(columns[0] == "tenant_id" || columns == ["expires_at"] || is_id, "{table}.{index}: {columns:?}");
    }
    let gin = indexes(&pool, "gin").await;
    assert_eq!(
        gin.into_iter().collect::<Vec<_>>(),
        [(("users".to_owned(), "users_metadata".to_owned()), vec!["metadata".to_owned()])]
    );
}

/// Under row-level security, a query that calls a function before it compares does not use its index.
#[tokio::test]
async fn no_index_is_on_an_expression_and_none_is_partial() {
    let (_database, pool) = migrated().await;
    let others = "SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid \
        WHERE c.relnamespace = current_schema()::regnamespace AND (indexprs IS NOT NULL OR indpred IS NOT NULL)";
    assert_eq!(count(&pool, others).await, 0);
}

#[tokio::test]
async fn no_index_repeats_another() {
    let (_database, pool) = migrated().await;
    let indexes = indexes(&pool, "btree").await;
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
async fn every_row_belongs_to_a_tenant() {
    let (_database, pool) = migrated().await;
    let tables: Vec<(String, i64, i64, i64)> = sqlx::query_as(
        "SELECT relname::text, \
             (SELECT count(*) FROM pg_attribute JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum \
                 JOIN pg_collation AS l ON l.oid = attcollation \
                 WHERE attrelid = t.oid AND attname = 'tenant_id' AND attnotnull AND collname = 'C' \
                     AND format_type(atttypid, atttypmod) = 'character varying(64)' \
                     AND pg_get_expr(adbin, adrelid) = '''default''::character varying'), \
             (SELECT count(*) FROM pg_constraint WHERE conrelid = t.oid AND pg_get_constraintdef(oid) \
                 = 'FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE'), \
             (SELECT count(*) FROM pg_attribute WHERE attrelid = t.oid AND attname = 'user_id') \
                 - (SELECT count(*) FROM pg_constraint WHERE conrelid = t.oid AND pg_get_constraintdef(oid) \
                     = 'FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, id) ON DELETE CASCADE') \
         FROM pg_class AS t WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' \
             AND relname NOT IN ('tenants', '_torii_schema')",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(tables.len(), 9);
    for (name, tenant_columns, tenant_keys, users_without_key) in tables {
        assert_eq!((tenant_columns, tenant_keys, users_without_key), (1, 1, 0), "{name}");
    }
}

/// Another collation costs time, and an upgrade of the system's locale data corrupts indexes over it.
#[tokio::test]
async fn every_text_in_a_key_is_compared_by_bytes() {
    let (_database, pool) = migrated().await;
    let otherwise = "SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid \
            JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
            JOIN pg_collation AS l ON l.oid = a.attcollation \
        WHERE c.relnamespace = current_schema()::regnamespace";
    assert!(count(&pool, otherwise).await > 15);
    let otherwise = "SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid \
            JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
            JOIN pg_collation AS l ON l.oid = a.attcollation \
        WHERE c.relnamespace = current_schema()::regnamespace AND l.collname <> 'C'";
    assert_eq!(count(&pool, otherwise).await, 0);
}

#[tokio::test]
async fn columns_have_the_native_types() {
    let (_database, pool) = migrated().await;
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns \
         WHERE table_schema = current_schema()",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    for (table, column, data_type) in columns {
        let expected = match column.as_str() {
            _ if column.ends_with("_at") || column == "locked_until" => "timestamp with time zone",
            "settings" | "metadata" => "jsonb",
            "token_digest" | "state_digest" | "challenge_id" | "credential_id" | "public_key" | "checksum" => "bytea",
            "sign_count" | "failures" | "version" => "bigint",
            "id" if table == "failed_login_attempts" => "bigint",
            "id" if table == "tenants" => "character varying",
            "tenant_id" => "character varying",
            _ => "text",
        };
        assert_eq!(data_type, expected, "{table}.{column}");
    }
}

#[tokio::test]
async fn there_are_no_triggers_no_extensions_and_one_sequence() {
    let (_database, pool) = migrated().await;
    assert_eq!(count(&pool, "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal").await, 0);
    assert_eq!(count(&pool, "SELECT count(*) FROM pg_extension WHERE extname <> 'plpgsql'").await, 0);
    let sequences: Vec<String> =
        sqlx::query_scalar("SELECT sequencename::text FROM pg_sequences").fetch_all(&pool).await.unwrap();
    assert_eq!(sequences, ["failed_login_attempts_id_seq"]);
}

#[tokio::test]
async fn metadata_is_found_by_its_index() {
    let (_database, pool) = migrated().await;
    let mut connection = pool.acquire().await.unwrap();
    sqlx::raw_sql("SET enable_seqscan = off").execute(&mut *connection).await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar("EXPLAIN SELECT id FROM users WHERE metadata @> '{\"plan\": \"pro\"}'")
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    assert!(plan.iter().any(|line| line.contains("users_metadata")), "{plan:?}");
}
