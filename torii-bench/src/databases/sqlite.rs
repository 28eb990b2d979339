//! SQLite: a file with a write-ahead log.

use std::path::PathBuf;

use tempfile::TempDir;
use torii::{ToriiBuilder, sqlite::SqliteRepositoryProvider};

use super::{Filled, Seed, TableSize, USER_AGENT, times};
use crate::Result;

const TENANTS: &str = "\
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1) \
    INSERT INTO tenants (id, created_at, updated_at) \
    SELECT CASE i WHEN 1 THEN 'acme-corp' ELSE 'tenant-' || i END, ?2, ?2 FROM n";

/// Ids as long and as random as torii's own.
const USERS: &str = "\
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?4 - 1), \
    u (i, email) AS (SELECT i, 'user' || (i / ?1) || '@example.com' FROM n) \
    INSERT INTO users (tenant_id, id, email, email_key, password_hash, created_at, updated_at) \
    SELECT CASE i % ?1 WHEN 0 THEN 'default' WHEN 1 THEN 'acme-corp' ELSE 'tenant-' || (i % ?1) END, \
        'usr_' || substr(lower(hex(randomblob(9))), 1, 17), email, email, ?3, ?2, ?2 FROM u";

const SESSIONS: &str = "\
    INSERT INTO sessions (tenant_id, token_digest, user_id, user_agent, ip_address, created_at, updated_at, expires_at) \
    SELECT tenant_id, randomblob(32), id, ?3, '203.0.113.7', ?1, ?1, ?2 FROM users";

/// A table and its indexes are b-trees of their own; the table `dbstat` knows the pages of each.
const SIZES: &str = "\
    SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_schema ON sqlite_schema.name = dbstat.name \
    WHERE tbl_name IN ('tenants', 'users', 'sessions') GROUP BY tbl_name ORDER BY tbl_name";

/// The file of a database.
pub(crate) fn file(database: &TempDir) -> PathBuf {
    database.path().join("bench.db")
}

/// A database with `seed` in it.
pub(crate) async fn filled(seed: &Seed) -> Result<Filled<SqliteRepositoryProvider, TempDir>> {
    let database = tempfile::tempdir()?;
    let url = format!("sqlite://{}?mode=rwc", file(&database).display());
    let torii = ToriiBuilder::new().with_sqlite(&url).await?.apply_migrations(true).build().await?;
    let pool = torii.repositories().pool();
    let (now, end) = times();
    sqlx::query(TENANTS).bind(seed.all_tenants()).bind(now).execute(pool).await?;
    let users = sqlx::query(USERS).bind(seed.all_tenants()).bind(now).bind(&seed.hash).bind(seed.users);
    users.execute(pool).await?;
    sqlx::query(SESSIONS).bind(now).bind(end).bind(USER_AGENT).execute(pool).await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(pool).await?;
    Ok(Filled { torii, database })
}

/// How large its tables are.
pub(crate) async fn sizes(filled: &Filled<SqliteRepositoryProvider, TempDir>) -> Result<Vec<TableSize>> {
    let pool = filled.torii.repositories().pool();
    let found: Vec<(String, i64)> = sqlx::query_as(SIZES).fetch_all(pool).await?;
    let mut sizes = Vec::new();
    for (table, bytes) in found {
        let count = match table.as_str() {
            "tenants" => "SELECT count(*) FROM tenants",
            "users" => "SELECT count(*) FROM users",
            _ => "SELECT count(*) FROM sessions",
        };
        sizes.push(TableSize { table, bytes, rows: sqlx::query_scalar(count).fetch_one(pool).await? });
    }
    Ok(sizes)
}
