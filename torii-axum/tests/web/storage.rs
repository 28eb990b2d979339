//! A database that cannot be asked.

use serde_json::json;

use crate::app::{App, EMAIL, credentials, development, token_of};

#[tokio::test]
async fn a_database_that_cannot_be_asked_is_503_and_not_anonymous() {
    let app = App::single_with(development()).await;
    let (_, session) = app.signed_in().await;
    app.torii.repositories().pool().close().await;
    let cookie = format!("session_id={}", token_of(&session));
    for path in ["/auth/user", "/auth/session", "/me", "/maybe"] {
        app.ask("GET", path).cookie(&cookie).send().await.refused(503, "Service unavailable");
    }
    app.ask("GET", "/auth/health").send().await.refused(503, "Service unavailable");
    app.post("/auth/login", credentials()).await.refused(503, "Service unavailable");
    app.post("/auth/register", credentials()).await.refused(503, "Service unavailable");
    // Who asks for a reset learns nothing from it.
    app.post("/auth/password/reset/request", json!({ "email": EMAIL })).await.ok();
    // Nobody without a token needs the database.
    app.ask("GET", "/me").send().await.refused(401, "Unauthorized");
    assert_eq!(app.ask("GET", "/maybe").send().await.ok().text, "nobody");
}

#[tokio::test]
async fn a_sign_out_that_ended_nothing_says_so_and_forgets_the_cookie() {
    let app = App::single_with(development()).await;
    let (_, session) = app.signed_in().await;
    let alone = torii_axum::create_router(app.torii.clone(), Default::default(), None);
    app.torii.repositories().pool().close().await;
    let ask = crate::app::Ask::new(alone, "POST", "/logout").cookie(&format!("session_id={}", token_of(&session)));
    let answer = ask.send().await;
    answer.refused(503, "Service unavailable");
    assert!(answer.set_cookies()[0].contains("Max-Age=0"), "{answer:?}");
}

#[tokio::test]
async fn what_the_database_said_stays_inside() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    app.world.execute("ALTER TABLE sessions RENAME TO lost").await.unwrap();
    let answer = app.ask("GET", "/auth/user").bearer(&token_of(&session)).send().await;
    answer.refused(500, "Internal server error");
    assert!(!answer.text.contains("sessions"), "{answer:?}");
}
