//! Two tenants in one browser, by path and by host.

mod support;

use axum::http::StatusCode;
use support::{ACME, ACME_HOST, GLOBEX, GLOBEX_HOST, PASSWORD, TestApp, path_of};

#[tokio::test]
async fn one_address_is_two_people_in_two_tenants() {
    let app = TestApp::start().await;
    for (acme, globex) in [(ACME, GLOBEX), (ACME_HOST, GLOBEX_HOST)] {
        let email = format!("john.{}@example.com", path_of(acme).len());
        let mut john = app.member(acme, &email).await;
        john.sign_up(globex, &email).await;
        john.sign_in(globex, &email, PASSWORD).await.is_sent_to(&path_of(globex));
        john.add_todo(acme, "water the plants").await;
        john.add_todo(globex, "count the money").await;

        // Both sessions live side by side, each with its own todos.
        let (in_acme, in_globex) = (john.get(acme).await.text, john.get(globex).await.text);
        assert!(in_acme.contains("water the plants") && !in_acme.contains("count the money"));
        assert!(in_globex.contains("count the money") && !in_globex.contains("water the plants"));
    }
}

#[tokio::test]
async fn a_session_of_one_tenant_is_nobodys_in_another() {
    let app = TestApp::start().await;
    let john = app.member(ACME, "john@example.com").await;
    let token = john.session("localhost", "acme").unwrap();

    // By path and by host, under either tenant's cookie name.
    for (base, host) in [(GLOBEX, "localhost"), (GLOBEX_HOST, "globex.localhost")] {
        for name in ["session_id.globex", "session_id.acme", "session_id"] {
            let mut thief = app.client();
            thief.cookies.insert((host.into(), name.into()), token.clone());
            thief.get(base).await.is_sent_to(&format!("{}/sign-in", path_of(base)).replace("//", "/"));
        }
        let mut thief = app.client();
        thief.headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        assert_eq!(thief.get(base).await.status, StatusCode::SEE_OTHER);
    }
    // The same token is good at the tenant's other address: it is the tenant that counts.
    let mut john = app.client();
    john.cookies.insert(("acme.localhost".into(), "session_id.acme".into()), token);
    assert_eq!(john.get(ACME_HOST).await.status, StatusCode::OK);
}

#[tokio::test]
async fn links_of_one_tenant_are_dead_in_another() {
    let app = TestApp::start().await;
    let mut john = app.client();
    john.post(&format!("{ACME}/magic-link"), &[("email", "john@example.com")]).await.is_sent_to("/t/acme/check-mail");
    let token = support::token_of(&john.mailed_link().await);

    let elsewhere = john.post(&format!("{GLOBEX}/magic-link/open"), &[("token", &token)]).await;
    assert_eq!(elsewhere.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(john.session("localhost", "globex").is_none());
    john.post(&format!("{ACME}/magic-link/open"), &[("token", &token)]).await.is_sent_to("/t/acme");
}

#[tokio::test]
async fn a_link_leads_to_the_address_it_was_asked_for_at() {
    let app = TestApp::start().await;
    let mut john = app.client();
    john.post(&format!("{ACME_HOST}/magic-link"), &[("email", "john@example.com")]).await.is_sent_to("/check-mail");
    assert!(john.mailed_link().await.starts_with("http://acme.localhost:3000/magic-link/open?token="));
    john.post(&format!("{ACME}/magic-link"), &[("email", "john@example.com")]).await.is_sent_to("/t/acme/check-mail");
    assert!(john.mailed_link().await.starts_with("http://localhost:3000/t/acme/magic-link/open?token="));
}

#[tokio::test]
async fn a_suspended_tenant_is_closed_and_opens_again() {
    let app = TestApp::start().await;
    let mut john = app.member(ACME, "john@example.com").await;
    let mut jane = app.member(GLOBEX, "jane@example.com").await;
    let mut operator = app.operator();
    let suspended = operator.post("http://localhost:3000/operator/suspend", &[("tenant", "acme")]).await;
    suspended.is_sent_to("/operator");

    assert_eq!(john.get(ACME).await.status, StatusCode::NOT_FOUND);
    assert_eq!(john.post(&format!("{ACME}/todos"), &[("title", "x")]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.client().sign_in(ACME_HOST, "john@example.com", PASSWORD).await.status, StatusCode::NOT_FOUND);
    assert_eq!(jane.get(GLOBEX).await.status, StatusCode::OK);

    operator.post("http://localhost:3000/operator/resume", &[("tenant", "acme")]).await.is_sent_to("/operator");
    assert_eq!(john.get(ACME).await.status, StatusCode::OK);
}

#[tokio::test]
async fn tenants_that_are_not_there_all_look_the_same() {
    let app = TestApp::start().await;
    let mut client = app.client();
    app.operator()
        .post("http://localhost:3000/operator/register", &[("tenant", "initech")])
        .await
        .is_sent_to("/operator");
    assert_eq!(client.get("http://localhost:3000/t/initech/sign-in").await.status, StatusCode::OK);
    app.operator()
        .post("http://localhost:3000/operator/suspend", &[("tenant", "initech")])
        .await
        .is_sent_to("/operator");

    let suspended = client.get("http://localhost:3000/t/initech/sign-in").await;
    for unknown in ["http://localhost:3000/t/nobody/sign-in", "http://localhost:3000/t/no%20body/sign-in"] {
        let page = client.get(unknown).await;
        assert_eq!((page.status, page.text), (StatusCode::NOT_FOUND, suspended.text.clone()), "{unknown}");
    }
    for host in ["http://nobody.localhost:3000/sign-in", "http://a.acme.localhost:3000/sign-in"] {
        assert_eq!(client.get(host).await.status, StatusCode::NOT_FOUND, "{host}");
    }
    // A tenant's host has no other tenants below it.
    assert_eq!(client.get("http://acme.localhost:3000/t/globex/sign-in").await.status, StatusCode::NOT_FOUND);
    assert_eq!(client.get("http://acme.localhost:3000/operator").await.status, StatusCode::NOT_FOUND);
}
