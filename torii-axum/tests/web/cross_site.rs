//! Requests that other sites cause.

use axum::http::Method;
use serde_json::json;
use torii_axum::{AuthSettings, LinkConfig, routes};
use torii_testkit::world::PASSWORD;

use crate::app::{App, Ask, EMAIL, HERE, NEXT_DOOR, credentials, token_of};

#[tokio::test]
async fn every_route_that_changes_something_refuses_other_sites() {
    let app = App::tenants().await;
    let (user, session) = app.signed_in().await;
    let cookie = format!("__Host-session_id.acme-corp={}", token_of(&session));
    let alone = routes(app.torii.clone()).with_settings(app.settings.clone()).build();
    let endpoints = routes(app.torii.clone()).with_settings(app.settings.clone()).endpoints();
    let changing: Vec<_> = endpoints.iter().filter(|endpoint| endpoint.method != Method::GET).collect();
    assert!(changing.len() >= 18, "{changing:?}");
    for endpoint in changing {
        let path = format!("/auth{}", endpoint.path.replace(['{', '}'], ""));
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "nonsense"),
            ("origin", "https://evil.example"),
            ("origin", "https://neighbour.app.example"),
            ("origin", "https://acme-corp.app.example.evil.example"),
            ("origin", "https://acme-corp.app.example:8443"),
            ("origin", "null"),
        ] {
            // With the application's middleware around them, and alone.
            for (router, path) in [(&app.router, path.as_str()), (&alone, path.trim_start_matches("/auth"))] {
                let ask = Ask::new(router.clone(), endpoint.method.as_str(), path).host(HERE).cookie(&cookie);
                let ask = ask.header(name, value).json(&credentials());
                ask.send().await.refused(403, "Cross-site request refused");
            }
        }
    }
    assert_eq!(app.here().list_user_sessions(&user.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_applications_own_pages_may_change_things() {
    let app = App::tenants().await;
    app.world.register(EMAIL).await;
    let login = |headers: &[(&'static str, &str)]| {
        let ask = app.ask("POST", "/auth/login").json(&credentials());
        headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value)).send()
    };
    login(&[]).await.ok();
    login(&[("sec-fetch-site", "same-origin")]).await.ok();
    login(&[("sec-fetch-site", "none")]).await.ok();
    login(&[("origin", "https://acme-corp.app.example")]).await.ok();
    login(&[("origin", "http://ACME-corp.app.example")]).await.ok();
    // What the browser says of the site decides.
    login(&[("sec-fetch-site", "same-origin"), ("origin", "null")]).await.ok();
    let contradicting = [("sec-fetch-site", "cross-site"), ("origin", "https://acme-corp.app.example")];
    login(&contradicting).await.refused(403, "Cross-site request refused");
    let twice = [("origin", "https://acme-corp.app.example"), ("origin", "https://evil.example")];
    login(&twice).await.refused(403, "Cross-site request refused");
}

#[tokio::test]
async fn a_bearer_token_is_sent_on_purpose() {
    let app = App::tenants().await;
    let (_, session) = app.signed_in().await;
    let ask = app.ask("POST", "/auth/logout").header("sec-fetch-site", "cross-site").bearer(&token_of(&session));
    ask.send().await.ok();
}

#[tokio::test]
async fn trusted_origins_may_change_things() {
    let set = |settings: AuthSettings| settings.with_trusted_origins(["https://Front.example/"]);
    let app = App::tenants_with(|torii| torii, set).await;
    app.world.register(EMAIL).await;
    let login = |origin: &str| {
        let ask = app.ask("POST", "/auth/login").header("sec-fetch-site", "cross-site").header("origin", origin);
        ask.json(&credentials()).send()
    };
    login("https://front.example").await.ok();
    login("https://front.example.evil.example").await.refused(403, "Cross-site request refused");
}

#[tokio::test]
async fn the_applications_own_routes_are_protected_too() {
    let app = App::tenants().await;
    let ask = |site: &str| app.ask("POST", "/users").header("sec-fetch-site", site).send();
    ask("same-origin").await.ok();
    ask("cross-site").await.refused(403, "Cross-site request refused");
    app.ask("GET", "/users").header("sec-fetch-site", "cross-site").send().await.ok();
}

#[tokio::test]
async fn a_page_of_another_site_cannot_sign_a_visitor_in() {
    // Without Sec-Fetch-Site and Origin there is still the type of the body, which forms of other sites cannot send.
    let app = App::single_with(AuthSettings::new().with_links(LinkConfig::new("https://app.example"))).await;
    app.world.register(EMAIL).await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let ask = app.ask("POST", "/auth/login").body(content_type, credentials().to_string());
        ask.send().await.refused(415, "The body must be application/json");
    }
    let no_type = Ask::new(app.router.clone(), "POST", "/auth/login").host("app.example");
    no_type.send().await.refused(415, "The body must be application/json");
}

#[tokio::test]
async fn hosts_are_compared_as_a_browser_writes_them() {
    let app = App::single().await;
    app.world.register(EMAIL).await;
    for (host, origin, fits) in [
        ("localhost:3000", "http://localhost:3000", true),
        ("localhost:3000", "http://localhost", false),
        ("[::1]:3000", "http://[::1]:3000", true),
        (HERE, "https://neighbour.app.example", false),
        (NEXT_DOOR, "https://neighbour.app.example", true),
    ] {
        let ask = app.ask("POST", "/auth/login").host(host).header("origin", origin);
        let answer = ask.json(&json!({ "email": EMAIL, "password": PASSWORD })).send().await;
        assert_eq!(answer.status, if fits { 200 } else { 403 }, "{host} {origin}");
    }
}
