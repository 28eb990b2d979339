//! The session cookie.

use axum::{Router, middleware::from_fn_with_state, routing::get};
use chrono::Duration;
use torii_axum::{
    AuthSettings, AuthUser, CookieConfig, CookieSameSite, LinkConfig, SessionTokenFromCookie, auth_middleware,
    create_router,
};
use torii_testkit::world::PASSWORD;

use crate::app::{App, Ask, Db, EMAIL, HERE, credentials, development, token_of};

fn with_cookie(cookie: CookieConfig) -> AuthSettings {
    AuthSettings::new().with_links(LinkConfig::new("https://app.example")).with_cookie(cookie)
}

async fn attributes(app: &App) -> String {
    let cookies = app.login(PASSWORD).await.ok().set_cookies();
    assert_eq!(cookies.len(), 1);
    cookies[0].split_once("; ").unwrap().1.to_owned()
}

#[tokio::test]
async fn it_is_set_as_it_always_was() {
    let app = App::single().await;
    app.world.register(EMAIL).await;
    let cookies = app.login(PASSWORD).await.ok().set_cookies();
    let (value, attributes) = cookies[0].split_once("; ").unwrap();
    let (name, token) = value.split_once('=').unwrap();
    assert_eq!((name, token.len()), ("session_id", 43));
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000");
}

#[tokio::test]
async fn it_is_set_as_configured() {
    for (cookie, expected) in [
        (CookieConfig::development(), "HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000"),
        (
            CookieConfig::new("sid").same_site(CookieSameSite::Strict).path("/app").with_max_age(Duration::hours(1)),
            "HttpOnly; SameSite=Strict; Secure; Path=/app; Max-Age=3600",
        ),
        (
            CookieConfig::default().http_only(false).same_site(CookieSameSite::None).with_max_age(Duration::hours(-1)),
            "SameSite=None; Secure; Path=/; Max-Age=0",
        ),
    ] {
        let app = App::single_with(with_cookie(cookie)).await;
        app.world.register(EMAIL).await;
        assert_eq!(attributes(&app).await, expected);
    }
}

#[tokio::test]
async fn the_configured_name_is_honoured_everywhere() {
    let app = App::single_with(with_cookie(CookieConfig::new("sid"))).await;
    app.world.register(EMAIL).await;
    let cookie = app.login(PASSWORD).await.ok().cookie();
    assert!(cookie.starts_with("sid="), "{cookie}");
    for path in ["/auth/user", "/auth/session", "/me"] {
        app.ask("GET", path).cookie(&cookie).send().await.ok();
        // The name that was always read still is.
        app.ask("GET", path).cookie(&cookie.replace("sid=", "session_id=")).send().await.ok();
        assert_ne!(app.ask("GET", path).cookie(&cookie.replace("sid=", "other=")).send().await.status, 200);
    }
    let out = app.ask("POST", "/auth/logout").cookie(&cookie).send().await.ok();
    assert!(out.cookie().starts_with("sid="), "{out:?}");
    app.ask("GET", "/auth/user").cookie(&cookie).send().await.refused(401, "Unauthorized");
}

/// The way in which applications have always told extractors: an extension around everything.
#[tokio::test]
async fn the_name_in_an_extension_is_honoured_too() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    let token = |SessionTokenFromCookie(token): SessionTokenFromCookie| async move { token.is_some().to_string() };
    let router = Router::new()
        .route("/me", get(|AuthUser(user): AuthUser| async move { user.email }))
        .layer(from_fn_with_state(app.torii.clone(), auth_middleware::<std::sync::Arc<torii::Torii<Db>>, Db>))
        .route("/token", get(token))
        .layer(axum::Extension(CookieConfig::new("sid")));
    let cookie = format!("sid={}", token_of(&session));
    assert_eq!(Ask::new(router.clone(), "GET", "/me").cookie(&cookie).send().await.ok().text, EMAIL);
    assert_eq!(Ask::new(router, "GET", "/token").cookie(&cookie).send().await.ok().text, "true");
}

#[tokio::test]
async fn signing_out_removes_it_with_the_attributes_it_was_set_with() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    let cookie = format!("session_id={}", token_of(&session));
    let answer = app.ask("POST", "/auth/logout").cookie(&cookie).send().await.ok();
    let removal =
        "session_id=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(answer.set_cookies(), [removal]);
}

#[tokio::test]
async fn each_tenant_has_one_of_its_own() {
    let app = App::tenants().await;
    app.world.register(EMAIL).await;
    let cookies = app.login(PASSWORD).await.ok().set_cookies();
    let (value, attributes) = cookies[0].split_once("; ").unwrap();
    assert!(value.starts_with("__Host-session_id.acme-corp="), "{value}");
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000");
    // Both in one browser, in whatever order, and each finds its own.
    let both = format!("__Host-session_id.neighbour={}; {value}", torii_testkit::world::SESSION_TOKEN);
    for (host, tenant) in [(HERE, "acme-corp"), (crate::app::NEXT_DOOR, "neighbour")] {
        let answer = app.ask("GET", "/auth/user").host(host).cookie(&both).send().await.ok();
        assert_eq!(answer.json()["user"]["tenant_id"], tenant);
    }
    // Neither a bare name nor that of another tenant is read.
    let token = value.split_once('=').unwrap().1;
    for name in ["session_id", "session_id.acme-corp", "__Host-session_id", "__Host-session_id.neighbour"] {
        app.ask("GET", "/auth/user").cookie(&format!("{name}={token}")).send().await.refused(401, "Unauthorized");
    }
}

#[tokio::test]
async fn without_secure_there_is_no_host_prefix() {
    let set = |settings: AuthSettings| settings.with_cookie(CookieConfig::development());
    let app = App::tenants_with(|torii| torii, set).await;
    let cookie = app.post("/auth/register", credentials()).await.ok().cookie();
    assert!(cookie.starts_with("session_id.acme-corp="), "{cookie}");
    app.ask("GET", "/me").cookie(&cookie).send().await.ok();
}

#[tokio::test]
async fn a_planted_second_one_signs_nobody_in() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    let token = token_of(&session);
    let ask = |cookie: String| app.ask("GET", "/auth/user").cookie(&cookie).send();
    ask(format!("session_id={token}; session_id=planted")).await.refused(401, "Unauthorized");
    ask(format!("session_id=planted; session_id={token}")).await.refused(401, "Unauthorized");
    ask(format!("session_id={token}; a=b; session_id={token}")).await.ok();
    // Other cookies are nobody's business, whatever is in them.
    ask(format!("bad; =; \u{e9}=\u{e9}; session_id={token}; xsession_id=1")).await.ok();
}

#[tokio::test]
async fn tokens_can_be_kept_from_scripts() {
    let app = App::single_with(development().without_tokens_in_bodies()).await;
    app.world.register(EMAIL).await;
    let answer = app.login(PASSWORD).await.ok();
    let token = answer.cookie().split_once('=').unwrap().1.to_owned();
    assert!(!answer.text.contains(&token));
    let session = app.ask("GET", "/auth/session").cookie(&answer.cookie()).send().await.ok();
    assert!(!session.text.contains(&token));
}

#[tokio::test]
async fn a_router_that_cannot_refuse_repairs_same_site_none() {
    let app = App::single().await;
    app.world.register(EMAIL).await;
    let cookie = CookieConfig::development().same_site(CookieSameSite::None);
    let router = create_router(app.torii.clone(), cookie, None);
    let answer = Ask::new(router, "POST", "/login").json(&credentials()).send().await.ok();
    assert!(answer.set_cookies()[0].contains("SameSite=Lax"), "{answer:?}");
}
