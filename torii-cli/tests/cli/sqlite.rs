//! SQLite: from a new file to an old one.

use sqlx::Connection as _;

use super::support::*;

const V053: &str = include_str!("../../../migrations/tests/fixtures/legacy/v053-sqlite.sql");
const LATER: &str = include_str!("../../../migrations/tests/fixtures/legacy/main-sqlite.sql");
const V053_SEAORM: &str = include_str!("../../../migrations/tests/fixtures/legacy/v053-seaorm-sqlite.sql");
const LATER_SEAORM: &str = include_str!("../../../migrations/tests/fixtures/legacy/main-seaorm-sqlite.sql");

const ALL: [(&str, &str); 4] = [
    (V053, "sqlx-0.5"),
    (LATER, "sqlx-0.6-preview"),
    (V053_SEAORM, "seaorm-0.5"),
    (LATER_SEAORM, "seaorm-0.6-preview"),
];

#[test]
fn a_file_that_is_missing_is_made_by_migrate_alone() {
    let file = File::missing();
    for arguments in [&["status"][..], &["verify"], &["migrate", "--dry-run"], &["rollback"]] {
        let (code, object) = json(&file.creating(), arguments);
        assert_eq!((code, object["error"]["kind"].as_str()), (3, Some("cannot_open")), "{object:#}");
    }
    assert_eq!(torii(&file.url(), &["migrate"]).code, 3);
    assert!(!file.path().exists());

    let (code, object) = json(&file.creating(), &["migrate"]);
    assert_eq!(code, 0);
    assert_eq!(object["result"]["version"], 2);
    assert_eq!(object["result"]["applied"].as_array().unwrap().len(), 2);
    assert_eq!(torii(&file.url(), &["status"]).code, 0);
    assert_eq!(verify(&file.url(), &[]), (codes(&[]), codes(&["journal_mode"])));
    // Once more is nothing.
    assert!(json(&file.url(), &["migrate"]).1["result"]["applied"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn an_empty_database_is_pending_and_a_dry_run_leaves_it_empty() {
    let file = File::with("VACUUM").await;
    let before = file.bytes();
    let (code, object) = json(&file.url(), &["status"]);
    assert_eq!(code, 1);
    let result = &object["result"];
    assert_eq!((&result["version"], &result["newest"], &result["up_to_date"]), (&0.into(), &2.into(), &false.into()));
    assert_eq!(result["pending"][0]["name"], "initial");
    assert!(result["server_version"].as_str().unwrap().starts_with("SQLite 3."));

    let run = torii(&file.url(), &["migrate", "--dry-run"]);
    assert_eq!(run.code, 0);
    assert!(run.out.contains("CREATE TABLE tenants") && run.out.contains("Nothing was changed"), "{}", run.out);
    let (_, object) = json(&file.url(), &["migrate", "--dry-run", "--to", "1"]);
    assert_eq!(object["result"]["steps"].as_array().unwrap().len(), 1);
    assert_eq!(verify(&file.url(), &[]).0, codes(&["no_schema"]));
    assert_eq!(file.bytes(), before);
}

#[tokio::test]
async fn it_can_stop_on_the_way_and_does_not_go_back() {
    let file = File::missing();
    let (code, object) = json(&file.creating(), &["migrate", "--to", "3"]);
    // There is no such version whatever the database is like.
    assert_eq!((code, object["error"]["kind"].as_str()), (2, Some("unknown_version")));
    assert!(!file.path().exists() || file.count("SELECT count(*) FROM sqlite_schema").await == 0);
    let run = torii(&file.creating(), &["migrate", "--to", "1"]);
    assert!(run.code == 0 && run.out.contains("version 1 is reached") && !run.out.contains("up to date"), "{run:?}");
    assert_eq!(json(&file.url(), &["status"]).1["result"]["version"], 1);
    assert_eq!(torii(&file.url(), &["status"]).code, 1);
    assert_eq!(verify(&file.url(), &[]).0, codes(&["pending", "no_default_tenant"]));
    assert_eq!(torii(&file.url(), &["migrate"]).code, 0);
    for arguments in [&["migrate", "--to", "1"][..], &["migrate", "--to", "1", "--dry-run"]] {
        let (code, object) = json(&file.url(), arguments);
        assert_eq!((code, object["error"]["kind"].as_str()), (4, Some("beyond_target")));
    }
}

#[tokio::test]
async fn a_single_tenant_database_is_planned_taken_over_and_well() {
    for (fixture, version) in ALL {
        let file = File::with(fixture).await;
        let before = file.bytes();
        let (code, object) = json(&file.url(), &["status"]);
        assert_eq!((code, object["result"]["adoptable"].as_str()), (1, Some(version)));
        assert_eq!(verify(&file.url(), &[]).0, codes(&["no_schema"]));
        assert_eq!(json(&file.url(), &["verify"]).1["result"]["checked"], serde_json::json!(["history"]));
        let run = torii(&file.url(), &["rollback"]);
        assert!(run.code == 0 && run.out.contains(version) && !run.out.contains("no tables"), "{run:?}");
        let (code, object) = json(&file.url(), &["migrate", "--dry-run"]);
        assert_eq!((code, object["result"]["adopts"].as_str()), (0, Some(version)));
        assert!(object["result"]["steps"].as_array().unwrap().len() > 5);
        assert_narrow(&torii(&file.url(), &["migrate", "--dry-run"]).out);
        assert_eq!(file.bytes(), before, "{version}");

        let (code, object) = json(&file.url(), &["migrate"]);
        assert_eq!(code, 0);
        assert_eq!(object["result"]["adopted"]["from"], version);
        let (code, object) = json(&file.url(), &["status"]);
        assert_eq!(code, 0);
        assert_eq!(object["result"]["adopted"]["from"], version);
        assert!(!object["result"]["adopted"]["backups"].as_array().unwrap().is_empty());
        let (problems, _) = verify(&file.url(), &[]);
        assert_eq!(problems, codes(&[]), "{version}");

        let (code, object) = json(&file.url(), &["rollback", "--yes"]);
        assert_eq!((code, object["error"]["kind"].as_str()), (4, Some("no_way_back")));
        assert_drops_the_backup(&file.url());
        let (_, object) = json(&file.url(), &["status"]);
        assert!(object["result"]["adopted"]["backups"].as_array().unwrap().is_empty());
    }
}

#[tokio::test]
async fn rows_that_nobody_can_answer_for_are_named_and_nothing_is_changed() {
    let file = File::with(LATER).await;
    file.execute("UPDATE users SET created_at = 'yesterday' WHERE id = (SELECT min(id) FROM users)").await;
    let before = file.bytes();
    let (code, object) = json(&file.url(), &["migrate", "--dry-run"]);
    assert_eq!((code, &object["result"]["refused"]), (4, &true.into()), "{object:#}");
    let findings = object["result"]["findings"].as_array().unwrap();
    assert!(
        findings.iter().any(|finding| finding["table"] == "users" && finding["handling"] == "refused"),
        "{findings:?}"
    );
    let (code, object) = json(&file.url(), &["migrate"]);
    assert_eq!((code, object["error"]["kind"].as_str()), (4, Some("dirty_data")));
    assert!(object["error"]["remedy"].is_string());
    assert_eq!(file.bytes(), before);
}

#[tokio::test]
async fn a_database_of_somebody_else_or_of_the_future_is_refused() {
    let file = File::with("CREATE TABLE users (nick TEXT)").await;
    for command in ["status", "migrate", "verify", "rollback"] {
        let (code, object) = json(&file.url(), &[command]);
        assert_eq!((code, object["error"]["kind"].as_str()), (4, Some("foreign_database")));
    }
    let file = File::migrated();
    file.execute("INSERT INTO _torii_schema VALUES (77, 'future', zeroblob(32), 'done', '2030-01-01T00:00:00+00:00', '2030-01-01T00:00:00+00:00')").await;
    for command in ["status", "migrate", "verify", "rollback"] {
        let (code, object) = json(&file.url(), &[command]);
        assert_eq!((code, object["error"]["kind"].as_str()), (4, Some("newer_database")));
    }
}

#[tokio::test]
async fn a_writer_that_does_not_end_is_waited_for_no_longer_than_was_said() {
    let file = File::with("VACUUM").await;
    let mut other = file.connection().await;
    let transaction = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let (code, object) = json(&file.url(), &["migrate", "--lock-timeout", "0"]);
    assert_eq!((code, object["error"]["kind"].as_str()), (5, Some("locked")));
    assert_eq!(torii(&file.url(), &["status"]).code, 1);
    let (code, object) = json(&File::missing().creating(), &["migrate", "--lock-timeout", "86400"]);
    assert_eq!(code, 0, "{object:#}");
    transaction.rollback().await.unwrap();
    assert_eq!(torii(&file.url(), &["migrate", "--lock-timeout", "0"]).code, 0);
}

/// With a write-ahead log too, in which the last changes are.
#[tokio::test]
async fn verifying_changes_nothing() {
    let file = File::migrated();
    file.execute("PRAGMA journal_mode = WAL").await;
    let mut open = file.connection().await;
    sqlx::raw_sql("UPDATE tenants SET name = 'here'").execute(&mut open).await.unwrap();
    let version = "PRAGMA data_version";
    let before: i64 = sqlx::query_scalar(version).fetch_one(&mut open).await.unwrap();
    let bytes = file.bytes();
    assert_eq!(verify(&file.url(), &[]), (codes(&[]), codes(&[])));
    assert_eq!(torii(&file.url(), &["status"]).code, 0);
    assert_eq!(sqlx::query_scalar::<_, i64>(version).fetch_one(&mut open).await.unwrap(), before);
    assert_eq!(file.bytes(), bytes);
}
