//! Where links in mails lead, and where browsers are sent.

use serde_json::json;
use torii_axum::{AuthSettings, LinkConfig, create_router};

use crate::app::{App, Ask, EMAIL, HERE, NEXT_DOOR};

#[tokio::test]
async fn the_host_of_a_request_is_in_no_link() {
    let app = App::single().await;
    app.world.register(EMAIL).await;
    app.world.mails().await;
    for (path, link) in [
        ("/auth/password/reset/request", "https://app.example/auth/password/reset?token="),
        ("/auth/magic-link", "https://app.example/auth/magic-link/verify?token="),
    ] {
        let ask = app.ask("POST", path).host("evil.example").header("x-forwarded-host", "evil.example");
        ask.header("forwarded", "host=evil.example").json(&json!({ "email": EMAIL })).send().await.ok();
        let links = app.mailed_links().await;
        assert!(links.len() == 1 && links[0].starts_with(link), "{links:?}");
    }
}

#[tokio::test]
async fn links_lead_to_the_tenant_they_are_for() {
    let app = App::tenants().await;
    for (host, link) in [
        (HERE, "https://acme-corp.app.example/auth/magic-link/verify?token="),
        (NEXT_DOOR, "https://neighbour.app.example/auth/magic-link/verify?token="),
    ] {
        let ask = app.ask("POST", "/auth/magic-link").host(&format!("{host}:8443"));
        ask.json(&json!({ "email": EMAIL })).send().await.ok();
        let links = app.mailed_links().await;
        assert!(links.len() == 1 && links[0].starts_with(link), "{links:?}");
    }
}

#[tokio::test]
async fn links_lead_where_the_application_says() {
    let settings =
        AuthSettings::new().with_links(LinkConfig::new("https://pages.example/").with_path_prefix("/account"));
    let app = App::single_with(settings).await;
    app.post("/auth/magic-link", json!({ "email": EMAIL })).await.ok();
    let links = app.mailed_links().await;
    assert!(links[0].starts_with("https://pages.example/account/magic-link/verify?token="), "{links:?}");
}

#[test]
fn links_are_what_they_always_were() {
    let links = LinkConfig::new("http://localhost:3000//");
    assert_eq!(links.magic_link_url("t"), "http://localhost:3000/auth/magic-link/verify?token=t");
    let links = links.with_path_prefix("");
    assert_eq!(links.password_reset_url("t"), "http://localhost:3000/password/reset?token=t");
    assert_eq!(links.email_verification_url("t"), "http://localhost:3000/email/verify?token=t");
}

#[tokio::test]
async fn without_links_no_mail_is_sent() {
    let app = App::single().await;
    app.world.register(EMAIL).await;
    app.world.mails().await;
    let router = create_router(app.torii.clone(), Default::default(), None);
    for path in ["/password/reset/request", "/magic-link"] {
        let ask = Ask::new(router.clone(), "POST", path).json(&json!({ "email": EMAIL }));
        ask.send().await.refused(500, "Internal server error");
    }
    assert_eq!(app.mailed_links().await, [""; 0]);
}
