//! The command line, and databases that are out of reach.

use serde_json::Value;
use torii_testkit::servers::{MysqlServer, PostgresServer};

use super::support::*;

const SECRET: &str = "hunter2-of-app";

/// However it is run, the password is in nothing that is written.
fn without_secret(run: &Run) {
    assert!(!run.out.contains("hunter2") && !run.err.contains("hunter2"), "{run:?}");
}

#[test]
fn help_and_version_are_well() {
    for arguments in [["--help"], ["--version"]] {
        let run = torii(&format!("postgres://app:{SECRET}@localhost/app"), &arguments);
        assert_eq!((run.code, run.err.as_str()), (0, ""));
        without_secret(&run);
    }
    let help = torii("", &["migrate", "--help"]).out;
    assert!(help.contains("--dry-run") && help.contains("--drop-backup"), "{help}");
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
}

#[test]
fn wrong_usage_says_so() {
    for (url, arguments) in [
        ("", &["status"][..]),
        ("oracle://localhost/app", &["status"]),
        (SECRET, &["status"]),
        ("sqlite://app.db", &[]),
        ("sqlite://app.db", &["destroy"]),
        ("sqlite://app.db", &["migrate", "--to", "newest"]),
        ("sqlite://app.db", &["status", "--connect-timeout", "0"]),
        ("sqlite://app.db", &["migrate", "--lock-timeout", "3000000"]),
        ("sqlite://app.db", &["rollback", "--lock-timeout", "86401"]),
        ("sqlite://app.db", &["status", "postgres://app:hunter2-of-app@localhost/app"]),
        ("sqlite://app.db", &["status", "--databas-url=postgres://app:hunter2-of-app@localhost/app"]),
        ("sqlite://app.db", &["postgres://app:hunter2-of-app@localhost/app"]),
        ("postgres://app:hunter2/of@localhost/app", &["status"]),
    ] {
        let run = torii(url, arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
        assert!(run.out.is_empty() && !run.err.is_empty());
        without_secret(&run);
    }
}

#[test]
fn a_failure_is_an_object_too() {
    let (code, object) = json("", &["status"]);
    assert_eq!(code, 2);
    assert_eq!(object["error"]["kind"], "no_database_url");
    assert_eq!(object["database"], Value::Null);
    let (code, object) = json("sqlite:///no/such/folder/app.db", &["verify"]);
    assert_eq!(code, 3);
    assert_eq!(object["error"]["kind"], "cannot_open");
    assert_eq!(object["database"], "sqlite:///no/such/folder/app.db");
}

#[test]
fn an_unreachable_server_is_no_connection() {
    for url in ["postgres://app:hunter2-of-app@127.0.0.1:1/app", "mysql://app:hunter2-of-app@127.0.0.1:1/app"] {
        for command in ["migrate", "status", "verify", "rollback"] {
            let run = torii(url, &[command]);
            assert_eq!(run.code, 3, "{run:?}");
            assert!(run.err.contains("Cannot connect"), "{run:?}");
            without_secret(&run);
        }
        let (code, object) = json(url, &["status"]);
        assert_eq!(code, 3);
        assert_eq!(object["error"]["kind"], "no_connection");
        let shown = object["database"].as_str().unwrap();
        assert!(shown.contains("app:***@127.0.0.1"), "{shown}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_not_repeated() {
    use sqlx::ConnectOptions as _;
    let postgres = PostgresServer::shared().empty_database().await;
    let role = postgres.role().await.password(SECRET).to_url_lossy().to_string();
    let mysql = MysqlServer::shared().empty_database().await;
    let (scheme, rest) =
        mysql.url().split_once("://").map(|(scheme, rest)| (scheme.to_owned(), rest.to_owned())).unwrap();
    let account = format!("{scheme}://root:{SECRET}@{}", rest.split_once('@').unwrap().1);
    for url in [role, account] {
        assert!(url.contains("hunter2"));
        let run = torii(&url, &["status"]);
        assert_eq!(run.code, 3, "{run:?}");
        without_secret(&run);
        let run = torii(&url, &["verify", "--json"]);
        assert_eq!(run.code, 3, "{run:?}");
        without_secret(&run);
    }
}

#[tokio::test]
async fn a_right_password_is_not_shown_either() {
    use sqlx::ConnectOptions as _;
    let database = PostgresServer::shared().database().await;
    let options = database.role().await;
    on_postgres(&database.options(), "GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC").await;
    let url = options.to_url_lossy().to_string();
    let password = url.split(['/', '@']).nth(2).and_then(|user| user.split_once(':')).unwrap().1;
    assert!(password.len() > 20);
    for arguments in
        [&["status"][..], &["verify"], &["verify", "--row-level-security", "--json"], &["migrate"], &["rollback"]]
    {
        let run = torii(&url, arguments);
        assert!(!run.out.is_empty() || !run.err.is_empty());
        assert!(!run.out.contains(password) && !run.err.contains(password), "{run:?}");
    }
}
