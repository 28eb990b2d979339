//! MariaDB, or MySQL where `TORII_TEST_MYSQL_URL` leads to one, through SeaORM.

use sqlx::MySqlConnection;
use torii::{ToriiBuilder, seaorm::SeaORMRepositoryProvider};
use torii_testkit::servers::{MysqlDatabase, MysqlServer};

use super::{Filled, Seed, TableSize, USER_AGENT, times};
use crate::Result;

/// Both stop recursion after 1,000 rows otherwise, and each reads the comment that is written for it.
const SETTINGS: &str = "\
    SET /*M!100202 SESSION max_recursive_iterations = 4294967295, */ \
    /*!80003 SESSION cte_max_recursion_depth = 4294967295, */ SESSION time_zone = '+00:00'";

const TENANTS: &str = "\
    INSERT INTO tenants (id, created_at, updated_at) \
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1) \
    SELECT CASE i WHEN 1 THEN 'acme-corp' ELSE CONCAT('tenant-', i) END, ?, ? FROM n";

/// Ids as long as torii's own, and in no order.
const USERS: &str = "\
    INSERT INTO users (tenant_id, id, email, email_key, password_hash, created_at, updated_at) \
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1), \
    u (i, tenant, email) AS (SELECT i, i % ?, CONCAT('user', i DIV ?, '@example.com') FROM n) \
    SELECT CASE tenant WHEN 0 THEN 'default' WHEN 1 THEN 'acme-corp' ELSE CONCAT('tenant-', tenant) END, \
        CONCAT('usr_', LEFT(MD5(i), 17)), email, email, ?, ?, ? FROM u";

const SESSIONS: &str = "\
    INSERT INTO sessions (tenant_id, token_digest, user_id, user_agent, ip_address, created_at, updated_at, expires_at) \
    SELECT tenant_id, UNHEX(SHA2(id, 256)), id, ?, '203.0.113.7', ?, ?, ? FROM users";

const SIZES: &str = "\
    SELECT CAST(table_name AS CHAR), CAST(table_rows AS SIGNED), CAST(data_length + index_length AS SIGNED) \
    FROM information_schema.tables \
    WHERE table_schema = DATABASE() AND table_name IN ('tenants', 'users', 'sessions') ORDER BY table_name";

/// A database with `seed` in it.
pub(crate) async fn filled(seed: &Seed) -> Result<Filled<SeaORMRepositoryProvider, MysqlDatabase>> {
    let database = MysqlServer::shared().database().await;
    let pool = database.pool();
    let mut connection = pool.acquire().await?;
    fill(&mut connection, seed).await?;
    drop(connection);
    pool.close().await;
    let torii = ToriiBuilder::new().with_seaorm(&database.url()).await?.build().await?;
    Ok(Filled { torii, database })
}

async fn fill(connection: &mut MySqlConnection, seed: &Seed) -> Result<()> {
    // A `DateTime<Utc>` would be sent as a TIMESTAMP.
    let (now, end) = times();
    let (now, end) = (now.naive_utc(), end.naive_utc());
    let (tenants, users) = (seed.all_tenants(), i64::from(seed.users));
    sqlx::raw_sql(SETTINGS).execute(&mut *connection).await?;
    sqlx::query(TENANTS).bind(tenants).bind(now).bind(now).execute(&mut *connection).await?;
    let insert = sqlx::query(USERS).bind(users).bind(tenants).bind(tenants);
    insert.bind(&seed.hash).bind(now).bind(now).execute(&mut *connection).await?;
    let insert = sqlx::query(SESSIONS).bind(USER_AGENT).bind(now).bind(now).bind(end);
    insert.execute(&mut *connection).await?;
    sqlx::raw_sql("ANALYZE TABLE tenants, users, sessions").execute(connection).await?;
    Ok(())
}

/// How large its tables are. InnoDB estimates its rows.
pub(crate) async fn sizes(filled: &Filled<SeaORMRepositoryProvider, MysqlDatabase>) -> Result<Vec<TableSize>> {
    let pool = filled.database.pool();
    let found: Vec<(String, i64, i64)> = sqlx::query_as(SIZES).fetch_all(&pool).await?;
    pool.close().await;
    Ok(found.into_iter().map(|(table, rows, bytes)| TableSize { table, rows, bytes }).collect())
}
