//! Registering over HTTP.

use serde_json::json;
use torii_axum::{AuthSettings, LinkConfig, RegistrationMode};
use torii_testkit::world::PASSWORD;

use crate::app::{App, EMAIL, WRONG_PASSWORD, credentials};

const ANSWER: &str = "If your email is valid, you will receive a confirmation shortly.";

#[tokio::test]
async fn a_new_user_is_signed_in() {
    let app = App::single().await;
    let answer = app.post("/auth/register", credentials()).await.ok();
    assert_eq!(answer.json(), json!({ "message": ANSWER }));
    let me = app.ask("GET", "/me").cookie(&answer.cookie()).send().await.ok();
    assert_eq!(me.text, EMAIL);
}

#[tokio::test]
async fn registering_a_taken_address_signs_nobody_in() {
    let app = App::single().await;
    app.world.register(EMAIL).await;
    let attack = json!({ "email": EMAIL, "password": WRONG_PASSWORD });
    let answer = app.post("/auth/register", attack.clone()).await.ok();
    assert_eq!(answer.json(), json!({ "message": ANSWER }));
    assert_eq!(answer.set_cookies(), [""; 0]);
    // It is a guess like any other, and counts as one.
    for _ in 0..4 {
        assert_eq!(app.post("/auth/register", attack.clone()).await.ok().text, answer.text);
    }
    app.login(PASSWORD).await.refused(429, "Account is temporarily locked");
    let locked = app.post("/auth/register", credentials()).await.ok();
    assert_eq!((locked.text.as_str(), locked.set_cookies().len()), (answer.text.as_str(), 0));
}

#[tokio::test]
async fn the_owner_who_registers_again_is_signed_in() {
    let app = App::single().await;
    app.world.register(EMAIL).await;
    let answer = app.post("/auth/register", credentials()).await.ok();
    assert_eq!(answer.json(), json!({ "message": ANSWER }));
    app.ask("GET", "/auth/user").cookie(&answer.cookie()).send().await.ok();
}

#[tokio::test]
async fn before_the_address_is_proven_nobody_gets_a_session_by_password() {
    let settings = AuthSettings::new().with_links(LinkConfig::new("https://app.example"));
    let app = App::single_with(settings.with_registration(RegistrationMode::VerifiesFirst)).await;
    let new = app.post("/auth/register", credentials()).await.ok();
    let link = app.mailed_links().await;
    let taken = app.post("/auth/register", credentials()).await.ok();
    assert_eq!((new.status, &new.text, new.set_cookies()), (taken.status, &taken.text, taken.set_cookies()));
    assert_eq!(new.set_cookies(), [""; 0]);
    assert_eq!(app.mailed_links().await, [""; 0]);

    app.login(WRONG_PASSWORD).await.refused(401, "Invalid credentials");
    let early = app.login(PASSWORD).await;
    early.refused(403, "Email not verified");
    assert_eq!(early.set_cookies(), [""; 0]);
    let user = app.here().get_user_by_email(EMAIL).await.unwrap().unwrap();
    assert_eq!(app.here().list_user_sessions(&user.id).await.unwrap().len(), 0);

    assert!(link[0].starts_with("https://app.example/auth/email/verify?token="), "{link:?}");
    let token = link[0].split_once("token=").unwrap().1;
    app.post("/auth/email/verify", json!({ "token": token })).await.ok();
    app.login(PASSWORD).await.ok();
}
