use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sqlx::{Connection as _, MySqlConnection};

use super::*;

async fn count(options: &MySqlConnectOptions, sql: &'static str) -> i64 {
    let mut connection = MySqlConnection::connect_with(options).await.unwrap();
    let count = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    count
}

const TABLES: &str = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()";

#[tokio::test]
async fn a_database_is_up_to_date_and_nobody_elses() {
    let server = MysqlServer::shared();
    let (one, other) = (server.database().await, server.database().await);
    assert_ne!(one.url(), other.url());
    let mut connection = MySqlConnection::connect(&one.url()).await.unwrap();
    sqlx::raw_sql("INSERT INTO tenants (id, created_at, updated_at) VALUES ('acme', NOW(6), NOW(6))")
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(count(&one.options(), "SELECT COUNT(*) FROM tenants").await, 2);
    assert_eq!(count(&other.options(), "SELECT COUNT(*) FROM tenants").await, 1);
    assert_eq!(count(&server.empty_database().await.options(), TABLES).await, 0);
}

/// As in many databases that were not made for torii.
#[tokio::test]
async fn a_database_has_another_character_set_on_purpose() {
    let database = MysqlServer::shared().empty_database().await;
    let latin1 = "SELECT @@character_set_database = 'latin1' AND @@collation_database = 'latin1_swedish_ci'";
    assert_eq!(count(&database.options(), latin1).await, 1);
}

#[tokio::test]
async fn a_database_ends_with_its_value_even_if_it_is_in_use() {
    let server = MysqlServer::shared();
    let database = server.database().await;
    let (options, account) = (database.options(), database.account("SELECT").await);
    let mut in_use = MySqlConnection::connect_with(&options).await.unwrap();
    let mut transaction = in_use.begin().await.unwrap();
    sqlx::query("SELECT id FROM tenants").fetch_all(&mut *transaction).await.unwrap();
    drop(database);
    assert!(MySqlConnection::connect_with(&options).await.is_err());
    let mut connection = MySqlConnection::connect_with(&server.options).await.unwrap();
    let accounts: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM mysql.user WHERE user = ?")
        .bind(account.get_username())
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(accounts, 0);
}

#[tokio::test]
async fn an_account_may_do_what_it_was_made_for_and_nothing_else() {
    let server = MysqlServer::shared();
    let (database, other) = (server.database().await, server.database().await);
    let account = database.account("SELECT").await;
    assert_eq!(count(&account, "SELECT COUNT(*) FROM tenants").await, 1);
    let mut connection = MySqlConnection::connect_with(&account).await.unwrap();
    for sql in ["DELETE FROM tenants", "CREATE DATABASE torii_test_forbidden", "CREATE USER torii_test_forbidden"] {
        assert!(sqlx::raw_sql(sql).execute(&mut connection).await.is_err(), "{sql}");
    }
    assert!(MySqlConnection::connect_with(&account.database(other.name())).await.is_err());
}

const CHILD: &str = "TORII_TESTKIT_TEST_CHILD";

/// In a process that [`child`] started: starts a private server, tells where, and waits until the input ends.
fn serve_as_a_child() -> bool {
    let is_child = std::env::var_os(CHILD).is_some();
    if is_child {
        let server = MysqlServer::shared();
        println!("\nfolder:{}", server.options.get_socket().unwrap().parent().unwrap().display());
        std::io::stdin().lines().for_each(drop);
    }
    is_child
}

/// Runs a test of this file in a process of its own, outside any run of tests. Answers when the server is up.
fn child(test: &str) -> (Child, Server) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", &format!("servers::mysql::tests::{test}")])
        .env(CHILD, "yes")
        .env_remove(URL)
        .env_remove("NEXTEST_RUN_ID")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let folder = lines.filter_map(|line| line.strip_prefix("folder:").map(PathBuf::from)).next().unwrap();
    let id = fs::read_to_string(folder.join("server.pid")).unwrap().trim().to_owned();
    (child, Server { folder, id })
}

struct Server {
    folder: PathBuf,
    id: String,
}

impl Server {
    fn is_alive(&self) -> bool {
        let question = ["-c", "kill -0 \"$1\"", "sh", &self.id];
        Command::new("sh").args(question).stderr(Stdio::null()).status().unwrap().success()
    }

    /// Waits for its end, and for that of its files and of what the run shared.
    fn ends(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.folder.parent().unwrap().exists() || self.is_alive() {
            assert!(Instant::now() < deadline, "{} goes on in {}", self.id, self.folder.display());
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_private_server_ends_with_a_process_that_is_killed() {
    if serve_as_a_child() {
        return;
    }
    let (mut child, server) = child("a_private_server_ends_with_a_process_that_is_killed");
    assert!(server.is_alive());
    child.kill().unwrap();
    child.wait().unwrap();
    server.ends();
}

#[test]
fn a_private_server_ends_with_a_test_that_panics() {
    assert!(!serve_as_a_child(), "as a test that fails");
    let (mut child, server) = child("a_private_server_ends_with_a_test_that_panics");
    assert!(server.is_alive());
    drop(child.stdin.take());
    assert!(!child.wait().unwrap().success());
    server.ends();
}
