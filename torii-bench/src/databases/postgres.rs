//! PostgreSQL, with row-level security and without.

use sqlx::{ConnectOptions as _, PgPool, postgres::PgConnectOptions};
use torii::{ToriiBuilder, postgres::PostgresRepositoryProvider};
use torii_testkit::servers::{PostgresDatabase, PostgresServer};

use super::{Filled, Seed, TableSize, USER_AGENT, times};
use crate::Result;

const TENANTS: &str = "\
    INSERT INTO tenants (id, created_at, updated_at) \
    SELECT CASE i WHEN 1 THEN 'acme-corp' ELSE 'tenant-' || i END, $2, $2 FROM generate_series(1, $1 - 1) AS i";

/// Ids as long as torii's own, and in no order.
const USERS: &str = "\
    INSERT INTO users (tenant_id, id, email, email_key, password_hash, created_at, updated_at) \
    SELECT CASE i % $1 WHEN 0 THEN 'default' WHEN 1 THEN 'acme-corp' ELSE 'tenant-' || (i % $1) END, \
        'usr_' || left(md5(i::text), 17), email, email, $3, $2, $2 \
    FROM generate_series(0, $4 - 1) AS i, LATERAL (SELECT 'user' || (i / $1) || '@example.com') AS u (email)";

const SESSIONS: &str = "\
    INSERT INTO sessions (tenant_id, token_digest, user_id, user_agent, ip_address, created_at, updated_at, expires_at) \
    SELECT tenant_id, sha256(id::bytea), id, $3, '203.0.113.7', $1, $1, $2 FROM users";

/// Everything to everybody, in a database that is thrown away.
pub(crate) const GRANT: &str = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO PUBLIC";

const SIZES: &str = "\
    SELECT relname::text, reltuples::bigint, pg_total_relation_size(oid) FROM pg_class \
    WHERE relnamespace = 'public'::regnamespace AND relname IN ('tenants', 'users', 'sessions') ORDER BY relname";

/// A database, and how the application's role connects to it.
pub(crate) struct Server {
    pub(crate) options: PgConnectOptions,
    pub(crate) admin: PgPool,
    // Dropped last: it drops the database.
    _database: PostgresDatabase,
}

/// A database with `seed` in it. The library's role owns nothing, as it should.
pub(crate) async fn filled(
    seed: &Seed,
    row_level_security: bool,
) -> Result<Filled<PostgresRepositoryProvider, Server>> {
    let database = PostgresServer::shared().database().await;
    let admin = database.pool();
    let (now, end) = times();
    sqlx::query(TENANTS).bind(seed.all_tenants()).bind(now).execute(&admin).await?;
    let users = sqlx::query(USERS).bind(seed.all_tenants()).bind(now).bind(&seed.hash).bind(i64::from(seed.users));
    users.execute(&admin).await?;
    sqlx::query(SESSIONS).bind(now).bind(end).bind(USER_AGENT).execute(&admin).await?;
    sqlx::query(GRANT).execute(&admin).await?;
    if row_level_security {
        torii_migration::postgres::enable_row_level_security(&admin).await?;
    }
    sqlx::query("VACUUM ANALYZE").execute(&admin).await?;
    let options = database.role().await;
    let builder = ToriiBuilder::new().with_postgres(options.to_url_lossy().as_str()).await?;
    let torii = builder.row_level_security(row_level_security).build().await?;
    Ok(Filled { torii, database: Server { options, admin, _database: database } })
}

/// How large its tables are.
pub(crate) async fn sizes(filled: &Filled<PostgresRepositoryProvider, Server>) -> Result<Vec<TableSize>> {
    let found: Vec<(String, i64, i64)> = sqlx::query_as(SIZES).fetch_all(&filled.database.admin).await?;
    Ok(found.into_iter().map(|(table, rows, bytes)| TableSize { table, rows, bytes }).collect())
}
