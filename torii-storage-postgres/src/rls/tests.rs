use torii_testkit::servers::PostgresServer;

use super::*;
use crate::repositories::session::{FIND_BY_TOKEN, FIND_WITH_USER};

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// In the functions `$1` to `$3` are the same as in the statements, so that the texts can be held against each other.
#[tokio::test]
async fn the_functions_say_what_the_statements_say() {
    let database = PostgresServer::shared().database().await;
    let pool = database.pool();
    torii_migration::postgres::enable_row_level_security(&pool).await.unwrap();
    for (function, text) in
        [("torii_find_session_v1", FIND_BY_TOKEN), ("torii_find_session_and_user_v1", FIND_WITH_USER)]
    {
        let body: String = sqlx::query_scalar("SELECT prosrc FROM pg_proc WHERE proname = $1")
            .bind(function)
            .fetch_one(&pool)
            .await
            .unwrap();
        let expected = format!(
            "#variable_conflict use_column BEGIN PERFORM set_config('torii.tenant_id', $1, true); RETURN QUERY {}; END",
            words(text.statement)
        );
        assert_eq!(words(&body), expected);
        assert!(text.function.contains(&format!("FROM {function}($1, $2, $3)")));
    }
}

#[test]
fn a_transaction_is_bound_in_its_first_message() {
    let tenant = TenantId::from_static("acme-corp");
    let on = RowSecurity::default().switched(true);
    let begin = |access, reach| on.begin(&tenant, reach, access).as_str().to_owned();
    const ACME: &str = "SET LOCAL torii.tenant_id = 'acme-corp'; SET LOCAL torii.all_tenants = ''";
    const ALL: &str = "SET LOCAL torii.tenant_id = ''; SET LOCAL torii.all_tenants = 'on'";
    assert_eq!(begin(Access::Read, Reach::OneTenant), format!("BEGIN READ ONLY; {ACME}"));
    assert_eq!(begin(Access::Write, Reach::OneTenant), format!("BEGIN; {ACME}"));
    assert_eq!(begin(Access::Read, Reach::AllTenants), format!("BEGIN READ ONLY; {ALL}"));
    assert_eq!(begin(Access::Write, Reach::AllTenants), format!("BEGIN; {ALL}"));
    assert_eq!(RowSecurity::default().begin(&tenant, Reach::AllTenants, Access::Write).as_str(), "BEGIN");
}
