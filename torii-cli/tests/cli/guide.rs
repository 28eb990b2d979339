//! The statements of `docs/one-tenant-to-many.md` that are not compiled with its Rust.

use torii_testkit::servers::{MysqlServer, PostgresServer};

use super::support::*;

const GUIDE: &str = include_str!("../../../docs/one-tenant-to-many.md");

/// The piece of SQL in which `words` stand.
fn sql(words: &str) -> &'static str {
    let pieces = GUIDE.split("```sql\n").skip(1).filter_map(|piece| piece.split_once("```"));
    let mut found = pieces.map(|(piece, _)| piece).filter(|piece| piece.contains(words));
    found.next().filter(|_| found.next().is_none()).unwrap_or_else(|| panic!("{words}"))
}

const TODOS: &str = "CREATE TABLE todos (\n";

const USER: &str = "INSERT INTO users (id, email, email_key, created_at, updated_at) \
    VALUES ('usr_1', 'a@b.example', 'a@b.example', '2026-01-01', '2026-01-01'); \
    INSERT INTO tenants (id, created_at, updated_at) VALUES ('acme', '2026-01-01', '2026-01-01');";

const CROSSING: &str = "INSERT INTO todos (id, tenant_id, user_id, title) VALUES ('2', 'acme', 'usr_1', 'steal')";

#[tokio::test]
async fn on_postgres_a_table_gets_its_tenant_and_a_customer_moves() {
    let database = PostgresServer::shared().database().await;
    let (url, options, pool) = (database.url(), database.options(), database.pool());
    on_postgres(&options, sql(TODOS)).await;
    on_postgres(&options, USER).await;
    on_postgres(&options, "INSERT INTO todos VALUES ('1', 'usr_1', 'buy')").await;
    // One by one: an index that is built beside running writes cannot be in a transaction.
    for statement in sql("CREATE INDEX CONCURRENTLY").split_inclusive(";\n") {
        on_postgres(&options, statement).await;
    }
    assert!(sqlx::query(CROSSING).execute(&pool).await.is_err());

    on_postgres(
        &options,
        "INSERT INTO oauth_accounts (provider, subject, user_id, created_at, updated_at) VALUES ('p', 's', 'usr_1', now(), now()); \
         INSERT INTO passkeys (credential_id, user_id, public_key, created_at, updated_at) VALUES ('1', 'usr_1', '1', now(), now()); \
         INSERT INTO sessions (token_digest, user_id, created_at, updated_at, expires_at) VALUES (sha256('1'), 'usr_1', now(), now(), now()); \
         INSERT INTO lockouts (email_key, failures, window_started_at) VALUES ('a@b.example', 1, now()); \
         CREATE TABLE moving (id TEXT)",
    )
    .await;
    on_postgres(&options, "INSERT INTO moving VALUES ('usr_1')").await;
    on_postgres(&options, sql("WITH accounts AS")).await;
    let moved = "SELECT count(*) FROM users JOIN todos ON user_id = users.id JOIN oauth_accounts AS o USING (user_id) \
        JOIN passkeys AS p USING (user_id) WHERE (users.tenant_id, todos.tenant_id, o.tenant_id, p.tenant_id) = ('acme', 'acme', 'acme', 'acme')";
    assert_eq!(sqlx::query_scalar::<_, i64>(moved).fetch_one(&pool).await.unwrap(), 1);
    let left = "SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM lockouts)";
    assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_one(&pool).await.unwrap(), 0);
    assert_eq!(verify(&url, &[]).0, codes(&[]));
}

#[tokio::test]
async fn on_mysql_a_table_gets_its_tenant() {
    let database = MysqlServer::shared().database().await;
    let options = database.options();
    let exact = "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin";
    on_mysql(&options, &sql(TODOS).replace("TEXT", exact)).await;
    on_mysql(&options, USER).await;
    on_mysql(&options, "INSERT INTO todos VALUES ('1', 'usr_1', 'buy')").await;
    on_mysql(&options, sql("ascii_bin")).await;
    assert!(sqlx::query(CROSSING).execute(&database.pool()).await.is_err());
    on_mysql(&options, &CROSSING.replace("acme", "default")).await;
}
