//! Every way in, and out again.

use serde_json::json;
use torii::MailerConfig;
use torii_mailer::config::{TlsType, TransportConfig};

use crate::{
    EMAIL, NEW_PASSWORD, ORIGIN, PASSWORD, TestApp,
    client::Client,
    credentials, link_in, parts_of,
    smtp::{Manner, SmtpServer},
};

#[tokio::test]
async fn registering_signs_a_new_user_in() {
    let app = TestApp::start().await;
    let mut john = app.client();
    let registered = john.post("/auth/register", credentials(PASSWORD)).await;
    assert_eq!(registered.status, 200);
    assert!(registered.json()["message"].is_string());
    assert_eq!(john.get("/auth/user").await.json()["user"]["email"], EMAIL);

    let mut eve = app.client();
    let again = eve.post("/auth/register", credentials("a guess of somebody's")).await;
    assert_eq!((again.status, again.text), (200, registered.text));
    assert!(eve.cookie.is_none());
}

#[tokio::test]
async fn a_password_signs_in_by_cookie_and_by_token() {
    let app = TestApp::start().await;
    app.member().await;
    let mut john = app.client();
    let wrong = john.post("/auth/login", credentials("wrong")).await;
    assert_eq!((wrong.status, wrong.json()), (401, json!({ "error": "Invalid credentials", "code": 401 })));

    let login = john.post("/auth/login", credentials(PASSWORD)).await;
    assert_eq!(login.status, 200);
    assert_eq!(john.get("/protected").await.status, 200);

    let mut program = app.client();
    program.bearer = Some(login.json()["session"]["token"].as_str().unwrap().to_owned());
    assert_eq!(program.get("/protected").await.json()["user"]["email"], EMAIL);

    assert_eq!(john.post("/auth/logout", json!({})).await.status, 200);
    assert!(john.cookie.is_none());
    assert_eq!(program.get("/protected").await.status, 401, "it was the same session");
}

#[tokio::test]
async fn a_magic_link_signs_in_once() {
    let app = TestApp::start().await;
    let mut john = app.client();
    assert_eq!(john.post("/auth/magic-link", json!({ "email": EMAIL })).await.status, 200);
    let (token, path) = parts_of(&app.mailed_link("Sign in to Your App").await);
    assert!(path.starts_with("/magic-link/verify?"), "{path}");

    // Mail scanners follow links too: that uses nothing up.
    assert_eq!(john.get(&path).await.status, 200);
    assert_eq!(john.post("/auth/magic-link/verify", json!({ "token": token })).await.status, 200);
    assert_eq!(john.get("/protected").await.json()["user"]["email_verified"], true);
    assert_eq!(app.client().post("/auth/magic-link/verify", json!({ "token": token })).await.status, 401);
}

#[tokio::test]
async fn a_password_is_reset_by_mail() {
    let app = TestApp::start().await;
    let mut john = app.member().await;
    let asked = app.client().post("/auth/password/reset/request", json!({ "email": EMAIL })).await;
    let unknown = app.client().post("/auth/password/reset/request", json!({ "email": "nobody@example.com" })).await;
    assert_eq!((asked.status, &asked.text), (200, &unknown.text));

    let (token, path) = parts_of(&app.mailed_link("Reset your Your App password").await);
    assert!(path.starts_with("/password/reset?"), "{path}");
    reset(&mut app.client(), &token, &path).await;
    assert_eq!(john.get("/protected").await.status, 401, "all sessions end");
}

#[tokio::test]
async fn a_reset_goes_through_a_mail_server() {
    let server = SmtpServer::start(Manner::default()).await;
    let transport = TransportConfig::Smtp {
        host: "127.0.0.1".to_owned(),
        port: Some(server.port),
        username: None,
        password: None,
        tls: Some(TlsType::None),
    };
    let mailer = MailerConfig { transport, app_name: "Acme".to_owned(), ..MailerConfig::default() };
    let state = axum_example::open("sqlite::memory:", mailer).await.unwrap();
    let mut john = Client::new(axum_example::app(state.clone(), ORIGIN));
    john.post("/auth/register", credentials(PASSWORD)).await;
    john.post("/auth/password/reset/request", json!({ "email": EMAIL })).await;

    state.torii.flush_mail().await;
    let delivered = server.take();
    assert!(delivered.iter().all(|mail| mail.to == [EMAIL] && mail.from == "noreply@example.com"), "{delivered:?}");
    let links: Vec<_> = delivered.iter().filter_map(|mail| link_in(&mail.data, "Reset your Acme password")).collect();
    let [link] = &links[..] else { panic!("{links:?}") };
    let (token, path) = parts_of(link);
    reset(&mut john, &token, &path).await;
}

/// Follows a link that resets the password.
async fn reset(client: &mut Client, token: &str, path: &str) {
    assert_eq!(client.get(path).await.status, 200);
    let valid = client.post("/auth/password/reset/verify", json!({ "token": token })).await;
    assert_eq!(valid.json(), json!({ "valid": true }));
    let confirm = json!({ "token": token, "new_password": NEW_PASSWORD });
    assert_eq!(client.post("/auth/password/reset/confirm", confirm.clone()).await.status, 200);
    assert_eq!(client.post("/auth/password/reset/confirm", confirm).await.status, 401, "it works once");
    assert_eq!(client.post("/auth/login", credentials(PASSWORD)).await.status, 401);
    assert_eq!(client.post("/auth/login", credentials(NEW_PASSWORD)).await.status, 200);
}
