//! PostgreSQL: from an empty database to an old one.

use torii_testkit::servers::PostgresServer;

use super::support::*;

const V053: &str = include_str!("../../../migrations/tests/fixtures/legacy/v053-postgres.sql");
const LATER: &str = include_str!("../../../migrations/tests/fixtures/legacy/main-postgres.sql");
const V053_SEAORM: &str = include_str!("../../../migrations/tests/fixtures/legacy/v053-seaorm-postgres.sql");
const LATER_SEAORM: &str = include_str!("../../../migrations/tests/fixtures/legacy/main-seaorm-postgres.sql");

#[tokio::test]
async fn an_empty_database_becomes_well() {
    let database = PostgresServer::shared().empty_database().await;
    let url = database.url();
    assert_eq!(torii(&url, &["status"]).code, 1);
    assert_eq!(verify(&url, &[]).0, codes(&["no_schema"]));
    let (code, object) = json(&url, &["migrate", "--dry-run"]);
    assert_eq!((code, object["result"]["steps"].as_array().unwrap().len()), (0, 2));
    assert_eq!(torii(&url, &["status"]).code, 1);
    assert_eq!(torii(&url, &["migrate", "--to", "1"]).code, 0);
    assert_eq!(torii(&url, &["status"]).code, 1);
    assert_eq!(torii(&url, &["migrate"]).code, 0);
    let (code, object) = json(&url, &["status"]);
    assert_eq!(code, 0);
    assert_eq!(object["result"]["row_level_security"]["state"], "off");
    assert!(object["result"]["server_version"].as_str().unwrap().starts_with("PostgreSQL 1"));
    assert_eq!(verify(&url, &[]), (codes(&[]), codes(&[])));
    let (code, object) = json(&url, &["migrate", "--to", "1"]);
    assert_eq!((code, object["error"]["kind"].as_str()), (4, Some("beyond_target")));
}

#[tokio::test]
async fn a_single_tenant_database_is_planned_taken_over_and_well() {
    for (fixture, version) in [
        (V053, "sqlx-0.5"),
        (LATER, "sqlx-0.6-preview"),
        (V053_SEAORM, "seaorm-0.5"),
        (LATER_SEAORM, "seaorm-0.6-preview"),
    ] {
        let database = PostgresServer::shared().empty_database().await;
        let url = database.url();
        on_postgres(&database.options(), &for_postgres(fixture)).await;
        let tables = "SELECT string_agg(relname || relfilenode, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
        let before: String = sqlx::query_scalar(tables).fetch_one(&database.pool()).await.unwrap();
        let (code, object) = json(&url, &["status"]);
        assert_eq!((code, object["result"]["adoptable"].as_str()), (1, Some(version)));
        let (code, object) = json(&url, &["migrate", "--dry-run"]);
        assert_eq!((code, object["result"]["adopts"].as_str()), (0, Some(version)));
        assert_eq!(sqlx::query_scalar::<_, String>(tables).fetch_one(&database.pool()).await.unwrap(), before);

        let (code, object) = json(&url, &["migrate"]);
        assert_eq!((code, object["result"]["adopted"]["from"].as_str()), (0, Some(version)));
        assert_eq!(torii(&url, &["status"]).code, 0);
        let (problems, _) = verify(&url, &[]);
        assert_eq!(problems, codes(&[]), "{version}");
        let (code, object) = json(&url, &["rollback"]);
        assert_eq!(code, 4);
        assert!(object["error"]["message"].as_str().unwrap().contains("restore the copy"));
        assert_drops_the_backup(&url);
        assert!(json(&url, &["status"]).1["result"]["adopted"]["backups"].as_array().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_role_without_rights_migrates_nothing() {
    use sqlx::ConnectOptions as _;
    let database = PostgresServer::shared().empty_database().await;
    on_postgres(&database.options(), "REVOKE CREATE ON SCHEMA public FROM PUBLIC").await;
    let url = database.role().await.to_url_lossy().to_string();
    let (code, object) = json(&url, &["migrate"]);
    assert_eq!((code, object["error"]["kind"].as_str()), (4, Some("may_not_create")));
    let nowhere = with_setting(&database.url(), "search_path", "nowhere");
    let (code, object) = json(&nowhere, &["status"]);
    assert_eq!((code, object["error"]["kind"].as_str()), (4, Some("no_schema")));
}

/// A schema of its own, as torii beside an application's tables has.
#[tokio::test]
async fn a_schema_of_its_own_is_verified_there() {
    let database = PostgresServer::shared().empty_database().await;
    on_postgres(&database.options(), "CREATE SCHEMA auth; CREATE TABLE users (nick TEXT UNIQUE)").await;
    let url = with_setting(&database.url(), "search_path", "auth,public");
    assert_eq!(torii(&url, &["migrate"]).code, 0);
    assert_eq!(verify(&url, &[]), (codes(&[]), codes(&[])));
    on_postgres(&database.options(), "DROP INDEX auth.sessions_expires").await;
    assert_eq!(verify(&url, &[]).0, codes(&["missing_index"]));
}
