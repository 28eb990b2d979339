//! `torii rollback`.

use sqlx::{ConnectOptions as _, Connection as _};
use torii_testkit::servers::{MysqlServer, PostgresServer};

use super::support::*;

const TABLES: &str = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'";

#[tokio::test]
async fn it_shows_first_and_then_leaves_nothing() {
    let file = File::migrated();
    let before = file.bytes();
    let (code, object) = json(&file.url(), &["rollback"]);
    assert_eq!((code, &object["result"]["dry_run"]), (0, &true.into()));
    assert_eq!(object["result"]["drops"].as_array().unwrap().len(), 11);
    assert_eq!(file.bytes(), before);
    let run = torii(&file.url(), &["rollback"]);
    assert!(run.out.contains("Nothing was changed"), "{}", run.out);
    assert_narrow(&run.out);

    assert_eq!(torii(&file.url(), &["rollback", "--yes"]).code, 0);
    assert_eq!(file.count(TABLES).await, 0);
    // There is nothing left, and a new beginning is possible.
    assert_eq!(torii(&file.url(), &["rollback", "--yes"]).code, 0);
    assert_eq!(torii(&file.url(), &["migrate"]).code, 0);
}

#[tokio::test]
async fn half_of_the_schema_goes_too() {
    let file = File::missing();
    assert_eq!(torii(&file.creating(), &["migrate", "--to", "1"]).code, 0);
    assert_eq!(torii(&file.url(), &["rollback", "--yes"]).code, 0);
    assert_eq!(file.count(TABLES).await, 0);
}

/// Each of these is something that would be lost or broken, and is named.
#[tokio::test]
async fn it_refuses_what_would_lose_something() {
    for (sql, reason) in [
        (
            "INSERT INTO users (id, email, email_key, created_at, updated_at) VALUES ('usr_1', 'a@b.example', 'a@b.example', 'x', 'x')",
            "the table users is not empty",
        ),
        ("INSERT INTO tenants (id, created_at, updated_at) VALUES ('acme', 'x', 'x')", "more than the default tenant"),
        ("UPDATE tenants SET status = 'suspended'", "more than the default tenant"),
        ("UPDATE tenants SET settings = '{\"a\": 1}'", "more than the default tenant"),
        (
            "INSERT INTO failed_login_attempts (email, attempted_at) VALUES ('a@b.example', 'x')",
            "the table failed_login_attempts is not empty",
        ),
        (
            "CREATE TABLE todos (id INTEGER PRIMARY KEY, user_id TEXT REFERENCES users (id))",
            "the table todos refers to users",
        ),
        ("CREATE VIEW people AS SELECT id FROM users", "the view people may use users"),
        ("CREATE TRIGGER hello AFTER INSERT ON users BEGIN SELECT 1; END", "the trigger hello may use users"),
        ("ALTER TABLE users ADD COLUMN nick TEXT", "the column users.nick is not torii's"),
        ("DROP TABLE lockouts", "the table lockouts is missing"),
        (
            "INSERT INTO _torii_schema VALUES (3, 'future', zeroblob(32), 'done', '2030-01-01T00:00:00+00:00', '2030-01-01T00:00:00+00:00')",
            "newer version",
        ),
    ] {
        let file = File::migrated();
        file.execute(sql).await;
        let before = file.bytes();
        for arguments in [&["rollback"][..], &["rollback", "--yes"]] {
            let (code, object) = json(&file.url(), arguments);
            assert_eq!(code, 4, "{sql}: {object:#}");
            assert!(object["error"]["message"].as_str().unwrap().contains(reason), "{sql}: {object:#}");
        }
        assert_eq!(file.bytes(), before, "{sql}");
    }
}

/// What an account may not see, it may not call absent.
#[tokio::test]
async fn on_mysql_an_account_that_does_not_see_everything_drops_nothing() {
    let database = MysqlServer::shared().database().await;
    let reasons = async |privileges: &'static str| {
        let url = database.account(privileges).await.to_url_lossy().to_string();
        let (code, object) = json(&url, &["rollback"]);
        assert_eq!(code == 4, object["error"].is_object(), "{object:#}");
        object["error"]["reasons"].to_string()
    };
    assert_eq!(reasons("SELECT, DROP, LOCK TABLES, TRIGGER").await, "null");
    assert!(reasons("SELECT, DROP, LOCK TABLES").await.contains("the right TRIGGER"));
    on_mysql(&database.options(), "CREATE VIEW harmless AS SELECT 1 AS one").await;
    assert!(reasons("SELECT, DROP, LOCK TABLES, TRIGGER").await.contains("harmless uses is hidden"));
    assert_eq!(reasons("SELECT, DROP, LOCK TABLES, TRIGGER, SHOW VIEW").await, "null");
}

#[tokio::test]
async fn it_waits_for_others_no_longer_than_was_said() {
    let assert_locked = |url: &str| {
        let (code, object) = json(url, &["rollback", "--yes", "--lock-timeout", "0"]);
        assert_eq!((code, object["error"]["kind"].as_str()), (5, Some("locked")), "{object:#}");
        assert!(object["error"]["remedy"].as_str().unwrap().contains("--lock-timeout"));
    };
    let file = File::migrated();
    let mut other = file.connection().await;
    let transaction = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    assert_locked(&file.url());
    transaction.rollback().await.unwrap();

    let database = PostgresServer::shared().database().await;
    let mut transaction = database.pool().begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE users IN ACCESS SHARE MODE").execute(&mut *transaction).await.unwrap();
    assert_locked(&database.url());
    transaction.rollback().await.unwrap();

    let database = MysqlServer::shared().database().await;
    let mut transaction = database.pool().begin().await.unwrap();
    sqlx::raw_sql("SELECT * FROM users").execute(&mut *transaction).await.unwrap();
    assert_locked(&database.url());
    transaction.rollback().await.unwrap();
    assert_eq!(torii(&database.url(), &["rollback", "--yes"]).code, 0);
}

const LOCKOUT: &str = "INSERT INTO lockouts (email_key, failures, window_started_at) VALUES ('a', 1, '2026-01-01')";

/// Runs the command, and commits what was written before as soon as it waits for it.
async fn in_use<F: AsyncFnMut() -> bool>(url: String, mut waits: F, commit: impl Future<Output = ()>) {
    let command = std::thread::spawn(move || json(&url, &["rollback", "--yes"]));
    while !waits().await {
        assert!(!command.is_finished(), "it did not wait");
    }
    commit.await;
    let (code, object) = command.join().unwrap();
    assert_eq!((code, object["error"]["kind"].as_str()), (4, Some("in_use")), "{object:#}");
}

/// Whatever the isolation of the role's transactions is.
#[tokio::test]
async fn postgres_keeps_what_is_written_while_it_waits() {
    let database = PostgresServer::shared().database().await;
    let pool = database.pool();
    let mut transaction = pool.begin().await.unwrap();
    sqlx::raw_sql(LOCKOUT).execute(&mut *transaction).await.unwrap();
    const WAITS: &str = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'lockouts'::regclass \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";
    let waits = async || sqlx::query_scalar(WAITS).fetch_one(&pool).await.unwrap();
    let url = with_setting(&database.url(), "default_transaction_isolation", "serializable");
    in_use(url, waits, async { transaction.commit().await.unwrap() }).await;
    assert_eq!(sqlx::query_scalar::<_, i64>("SELECT count(*) FROM lockouts").fetch_one(&pool).await.unwrap(), 1);
}

#[tokio::test]
async fn mysql_keeps_what_is_written_while_it_waits() {
    let database = MysqlServer::shared().database().await;
    let pool = database.pool();
    let mut transaction = pool.begin().await.unwrap();
    sqlx::raw_sql(LOCKOUT).execute(&mut *transaction).await.unwrap();
    const WAITS: &str =
        "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND state LIKE 'Waiting for table%'";
    let waits = async || sqlx::query_scalar::<_, i64>(WAITS).fetch_one(&pool).await.unwrap() > 0;
    in_use(database.url(), waits, async { transaction.commit().await.unwrap() }).await;
    assert_eq!(sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM lockouts").fetch_one(&pool).await.unwrap(), 1);
}

#[tokio::test]
async fn postgres_goes_back_only_without_loss() {
    let database = PostgresServer::shared().database().await;
    let url = database.url();
    let reason = |arguments: &[&str]| {
        let (code, object) = json(&url, arguments);
        assert_eq!(code, 4, "{object:#}");
        object["error"]["reasons"].to_string()
    };
    let options = database.options();
    on_postgres(
        &options,
        "CREATE TABLE todos (user_id TEXT REFERENCES users (id)); CREATE VIEW people AS SELECT id FROM users",
    )
    .await;
    let reasons = reason(&["rollback", "--yes"]);
    assert!(reasons.contains("table todos refers to users") && reasons.contains("view people uses users"), "{reasons}");
    on_postgres(&options, "DROP VIEW people; DROP TABLE todos; INSERT INTO lockouts (email_key, failures, window_started_at) VALUES ('a', 1, now())").await;
    assert!(reason(&["rollback", "--yes"]).contains("the table lockouts is not empty"));
    on_postgres(&options, "DELETE FROM lockouts").await;
    torii_migration::postgres::enable_row_level_security(&database.pool()).await.unwrap();
    assert!(reason(&["rollback", "--yes"]).contains("row-level security is on"));
    torii_migration::postgres::disable_row_level_security(&database.pool()).await.unwrap();

    assert_eq!(torii(&url, &["rollback"]).code, 0);
    assert_eq!(torii(&url, &["status"]).code, 0);
    assert_eq!(torii(&url, &["rollback", "--yes"]).code, 0);
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        .fetch_one(&database.pool())
        .await
        .unwrap();
    assert_eq!(tables, 0);
}

#[tokio::test]
async fn mysql_goes_back_only_without_loss() {
    let database = MysqlServer::shared().database().await;
    let url = database.url();
    let options = database.options();
    on_mysql(&options, "CREATE VIEW people AS SELECT id FROM users; INSERT INTO tenants (id, created_at, updated_at) VALUES ('acme', NOW(6), NOW(6))").await;
    let (code, object) = json(&url, &["rollback", "--yes"]);
    assert_eq!(code, 4, "{object:#}");
    let reasons = object["error"]["reasons"].to_string();
    assert!(reasons.contains("more than the default tenant") && reasons.contains("people may use them"), "{reasons}");
    on_mysql(&options, "DROP VIEW people; DELETE FROM tenants WHERE id = 'acme'").await;
    assert_eq!(torii(&url, &["rollback"]).code, 0);
    assert_eq!(torii(&url, &["status"]).code, 0);
    assert_eq!(torii(&url, &["rollback", "--yes"]).code, 0);
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE()")
            .fetch_one(&database.pool())
            .await
            .unwrap();
    assert_eq!(tables, 0);
}
