//! MySQL and MariaDB: from an empty database to an old one.

use torii_testkit::servers::MysqlServer;

use super::support::*;

const V053: &str = include_str!("../../../migrations/tests/fixtures/legacy/v053-seaorm-mysql.sql");
const LATER: &str = include_str!("../../../migrations/tests/fixtures/legacy/main-seaorm-mysql.sql");

#[tokio::test]
async fn an_empty_database_becomes_well() {
    let database = MysqlServer::shared().empty_database().await;
    let url = database.url();
    assert_eq!(torii(&url, &["status"]).code, 1);
    assert_eq!(verify(&url, &[]).0, codes(&["no_schema"]));
    let (code, object) = json(&url, &["migrate", "--dry-run"]);
    assert_eq!((code, object["result"]["steps"].as_array().unwrap().len()), (0, 2));
    assert!(object["result"]["steps"][0]["sql"].as_str().unwrap().contains("CREATE TABLE"));
    assert_eq!(torii(&url, &["status"]).code, 1);
    assert_eq!(torii(&url, &["migrate", "--to", "1"]).code, 0);
    assert_eq!(torii(&url, &["status"]).code, 1);
    assert_eq!(torii(&url, &["migrate"]).code, 0);
    let (code, object) = json(&url, &["status"]);
    assert_eq!((code, object["engine"].as_str()), (0, Some("mysql")));
    assert!(object["result"]["row_level_security"].is_null());
    assert_eq!(verify(&url, &[]), (codes(&[]), codes(&[])));
    assert_eq!(verify(&url, &["--row-level-security"]).0, codes(&["no_row_level_security"]));
}

#[tokio::test]
async fn a_single_tenant_database_is_planned_taken_over_and_well() {
    for (fixture, version) in [(V053, "seaorm-0.5"), (LATER, "seaorm-0.6-preview")] {
        let database = MysqlServer::shared().empty_database().await;
        let url = database.url();
        on_mysql(&database.options(), fixture).await;
        let (code, object) = json(&url, &["status"]);
        assert_eq!((code, object["result"]["adoptable"].as_str()), (1, Some(version)), "{object:#}");
        let (code, object) = json(&url, &["migrate", "--dry-run"]);
        assert_eq!((code, object["result"]["adopts"].as_str()), (0, Some(version)));
        assert_eq!(torii(&url, &["status"]).code, 1);
        let (code, object) = json(&url, &["migrate"]);
        assert_eq!((code, object["result"]["adopted"]["from"].as_str()), (0, Some(version)));
        assert_eq!(torii(&url, &["status"]).code, 0);
        let (problems, _) = verify(&url, &[]);
        assert_eq!(problems, codes(&[]), "{version}");
        assert_eq!(torii(&url, &["rollback"]).code, 4);
        assert_drops_the_backup(&url);
        assert!(json(&url, &["status"]).1["result"]["adopted"]["backups"].as_array().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_url_without_a_database_is_refused() {
    let database = MysqlServer::shared().empty_database().await;
    let url = database.url().replace(database.name(), "");
    let (code, object) = json(&url, &["status"]);
    assert_eq!((code, object["error"]["kind"].as_str()), (4, Some("no_database")), "{object:#}");
}
