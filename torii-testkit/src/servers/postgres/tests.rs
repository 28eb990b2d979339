use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sqlx::{Connection as _, PgConnection};

use super::*;

async fn count(options: &PgConnectOptions, sql: &'static str) -> i64 {
    let mut connection = PgConnection::connect_with(options).await.unwrap();
    let count = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    count
}

const TABLES: &str = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";

#[tokio::test]
async fn a_database_is_up_to_date_and_nobody_elses() {
    let server = PostgresServer::shared();
    let (one, other) = (server.database().await, server.database().await);
    assert_ne!(one.url(), other.url());
    let mut connection = PgConnection::connect(&one.url()).await.unwrap();
    sqlx::raw_sql("INSERT INTO tenants (id, created_at, updated_at) VALUES ('acme', now(), now())")
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(count(&one.options(), "SELECT count(*) FROM tenants").await, 2);
    assert_eq!(count(&other.options(), "SELECT count(*) FROM tenants").await, 1);
    assert_eq!(count(&server.empty_database().await.options(), TABLES).await, 0);
}

#[tokio::test]
async fn a_database_ends_with_its_value_even_if_it_is_in_use() {
    let server = PostgresServer::shared();
    let database = server.database().await;
    let (options, role) = (database.options(), database.role().await);
    let _in_use = PgConnection::connect_with(&role).await.unwrap();
    drop(database);
    assert!(PgConnection::connect_with(&options).await.is_err());
    let mut connection = PgConnection::connect_with(&server.options).await.unwrap();
    let roles: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_roles WHERE rolname = $1")
        .bind(role.get_username())
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(roles, 0);
}

#[tokio::test]
async fn a_role_may_log_in_and_nothing_else() {
    let database = PostgresServer::shared().database().await;
    let role = database.role().await;
    assert_eq!(count(&role, "SELECT count(*) FROM pg_roles WHERE rolname = current_user AND NOT rolsuper").await, 1);
    let mut connection = PgConnection::connect_with(&role).await.unwrap();
    for sql in ["SELECT id FROM users", "CREATE DATABASE torii_test_forbidden", "CREATE ROLE torii_test_forbidden"] {
        assert!(sqlx::raw_sql(sql).execute(&mut connection).await.is_err(), "{sql}");
    }
}

const CHILD: &str = "TORII_TESTKIT_TEST_CHILD";

/// In a process that [`child`] started: starts a private server, tells where, and waits until the input ends.
fn serve_as_a_child() -> bool {
    let is_child = std::env::var_os(CHILD).is_some();
    if is_child {
        let server = PostgresServer::shared();
        println!("\nfolder:{}", server.options.get_socket().unwrap().display());
        std::io::stdin().lines().for_each(drop);
    }
    is_child
}

/// Runs a test of this file in a process of its own, outside any run of tests. Answers when the server is up.
fn child(test: &str) -> (Child, Server) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", &format!("servers::postgres::tests::{test}")])
        .env(CHILD, "yes")
        .env_remove(URL)
        .env_remove("NEXTEST_RUN_ID")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
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
