//! Row-level security, as `torii verify --row-level-security` sees it.

use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use torii_testkit::servers::{PostgresDatabase, PostgresServer};

use super::support::*;

const EXPECTED: [&str; 1] = ["--row-level-security"];

/// A database behind policies, and a role that owns nothing.
async fn behind_policies() -> (PostgresDatabase, PgConnectOptions) {
    let database = PostgresServer::shared().database().await;
    torii_migration::postgres::enable_row_level_security(&database.pool()).await.unwrap();
    let role = database.role().await;
    on_postgres(&database.options(), "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO PUBLIC")
        .await;
    (database, role)
}

fn url(options: &PgConnectOptions) -> String {
    options.to_url_lossy().to_string()
}

#[tokio::test]
async fn where_it_is_off_that_is_a_problem_only_if_it_is_expected() {
    let database = PostgresServer::shared().database().await;
    assert_eq!(verify(&database.url(), &[]), (codes(&[]), codes(&[])));
    assert_eq!(verify(&database.url(), &EXPECTED).0, codes(&["row_level_security_off"]));
}

#[tokio::test]
async fn the_role_of_the_application_is_well_and_sees_no_rows() {
    let (database, role) = behind_policies().await;
    assert_eq!(verify(&url(&role), &EXPECTED), (codes(&[]), codes(&["rows_not_checked"])));
    // Nobody said that rows would be hidden.
    assert_eq!(verify(&url(&role), &[]).0, codes(&["rows_not_checked"]));
    let (code, object) = json(&url(&role), &["status"]);
    assert_eq!((code, &object["result"]["row_level_security"]["state"]), (0, &"on".into()));
    assert_eq!(object["result"]["row_level_security"]["binds_role"], true);
    // The owner is a superuser here: it sees the rows, and is no role for an application.
    assert_eq!(verify(&database.url(), &[]), (codes(&[]), codes(&[])));
    assert_eq!(verify(&database.url(), &EXPECTED).0, codes(&["role_is_superuser"]));
}

#[tokio::test]
async fn a_role_that_no_policy_binds_is_named() {
    let (database, role) = behind_policies().await;
    let name = role.get_username().to_owned();
    on_postgres(&database.options(), &format!("ALTER ROLE {name} BYPASSRLS")).await;
    assert_eq!(verify(&url(&role), &EXPECTED).0, codes(&["role_bypasses"]));
    on_postgres(&database.options(), &format!("ALTER ROLE {name} NOBYPASSRLS; ALTER TABLE users OWNER TO {name}"))
        .await;
    assert_eq!(verify(&url(&role), &EXPECTED).0, codes(&["role_is_owner"]));
    on_postgres(&database.options(), "ALTER TABLE users OWNER TO CURRENT_USER").await;
    on_postgres(&database.options(), "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC").await;
    assert_eq!(verify(&url(&role), &EXPECTED).0, codes(&["forbidden_function"]));
}

#[tokio::test]
async fn policies_that_somebody_changed_are_noticed() {
    for (sql, expected) in [
        ("ALTER TABLE users NO FORCE ROW LEVEL SECURITY", &["unprotected_tables"][..]),
        ("ALTER TABLE sessions DISABLE ROW LEVEL SECURITY", &["unprotected_tables"]),
        ("DROP POLICY torii_tenant ON passkeys", &["missing_policy"]),
        // Its comment tells the revision.
        ("DROP POLICY torii_tenant ON tenants", &["missing_policy"]),
        ("COMMENT ON POLICY torii_tenant ON tenants IS NULL", &[]),
        (
            "DROP POLICY torii_tenant ON users; ALTER TABLE lockouts NO FORCE ROW LEVEL SECURITY",
            &["missing_policy", "unprotected_tables"],
        ),
        (
            "ALTER POLICY torii_tenant ON users USING (tenant_id = current_setting('torii.tenant_id', true) OR true)",
            &["altered_policy"],
        ),
        ("CREATE POLICY mine ON users USING (true)", &["foreign_policy"]),
        ("CREATE POLICY mine ON users AS RESTRICTIVE USING (true)", &[]),
        ("DROP FUNCTION torii_find_session_v1(text, timestamptz, bytea)", &["missing_function"]),
        ("ALTER FUNCTION torii_find_session_v1(text, timestamptz, bytea) SECURITY DEFINER", &["altered_function"]),
        (
            "ALTER FUNCTION torii_find_session_v1(text, timestamptz, bytea) SET search_path = pg_temp",
            &["altered_function"],
        ),
    ] {
        let (database, _) = behind_policies().await;
        on_postgres(&database.options(), sql).await;
        assert_eq!(verify(&database.url(), &[]).0, codes(expected), "{sql}");
        // Each is said once.
        let (_, object) = json(&database.url(), &["verify"]);
        assert_eq!(object["result"]["problems"], expected.len(), "{sql}: {object:#}");
        assert_eq!(
            object["result"]["checked"],
            serde_json::json!(["history", "schema", "rows", "row_level_security", "server"])
        );
        let is_broken =
            expected.iter().any(|code| matches!(*code, "missing_policy" | "unprotected_tables" | "missing_function"));
        let (_, object) = json(&database.url(), &["status"]);
        assert_eq!(object["result"]["row_level_security"]["state"], if is_broken { "partly" } else { "on" }, "{sql}");
    }
}
