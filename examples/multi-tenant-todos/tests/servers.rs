//! The same on database servers.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod support;

use axum::http::StatusCode;
use multi_tenant_todos::{address::PublicUrl, config::Database};
use support::{ACME, GLOBEX, PASSWORD, TestApp};
use torii_testkit::servers::{MysqlServer, PostgresServer};

#[tokio::test]
async fn tenants_and_their_todos_are_apart_on_postgresql() {
    let database = PostgresServer::shared().empty_database().await;
    tenants_and_their_todos_are_apart(&database.url()).await;

    // The database refuses a todo of a user of another tenant, too.
    let pool = database.pool();
    let (user,): (String,) = sqlx::query_as("SELECT user_id FROM todos").fetch_one(&pool).await.unwrap();
    let crossing = "INSERT INTO todos VALUES ('globex', $1, 'planted', 'planted', false, '2026-01-01')";
    let refused = sqlx::query(crossing).bind(&user).execute(&pool).await.unwrap_err();
    assert!(refused.as_database_error().unwrap().is_foreign_key_violation());
    pool.close().await;
}

#[tokio::test]
async fn tenants_and_their_todos_are_apart_on_mariadb() {
    let database = MysqlServer::shared().empty_database().await;
    tenants_and_their_todos_are_apart(&database.url()).await;

    let pool = database.pool();
    let (user,): (String,) = sqlx::query_as("SELECT user_id FROM todos").fetch_one(&pool).await.unwrap();
    let crossing = "INSERT INTO todos VALUES ('globex', ?, 'planted', 'planted', false, '2026-01-01')";
    let refused = sqlx::query(crossing).bind(&user).execute(&pool).await.unwrap_err();
    assert!(refused.as_database_error().unwrap().is_foreign_key_violation());
    pool.close().await;
}

async fn tenants_and_their_todos_are_apart(url: &str) {
    let app = TestApp::start_on(&Database::Url(url.into()), PublicUrl::localhost(3000)).await;
    let mut john = app.member(ACME, "john@example.com").await;
    john.sign_up(GLOBEX, "john@example.com").await;
    john.sign_in(GLOBEX, "john@example.com", PASSWORD).await.is_sent_to("/t/globex");
    john.add_todo(ACME, "water the plants").await;
    let page = john.get(ACME).await;
    assert!(page.text.contains("water the plants"));
    assert!(john.get(GLOBEX).await.text.contains("Nothing to do"));

    let id = &page.hidden("id")[0];
    let fields = [("id", id.as_str()), ("done", "true")];
    assert_eq!(john.post(&format!("{GLOBEX}/todos/done"), &fields).await.status, StatusCode::NOT_FOUND);
    john.post(&format!("{ACME}/todos/done"), &fields).await.is_sent_to("/t/acme");
    assert!(john.get(ACME).await.text.contains("All done."));

    // A session is ended from the list there as well.
    let own = john.get(&format!("{ACME}/sessions")).await.hidden("id");
    let mut phone = app.client();
    phone.sign_in(ACME, "john@example.com", PASSWORD).await.is_sent_to("/t/acme");
    let all = john.get(&format!("{ACME}/sessions")).await.hidden("id");
    let other = all.iter().find(|id| !own.contains(id)).unwrap();
    john.post(&format!("{ACME}/sessions/end"), &[("id", other)]).await.is_sent_to("/t/acme/sessions");
    phone.get(ACME).await.is_sent_to("/t/acme/sign-in");
}
