//! The page, and the handlers of `api.rs`.

use axum::http::header;
use serde_json::{Value, json};

use crate::{EMAIL, TestApp, client::Answer, credentials};

/// What the page's script is told.
fn data_of(page: &Answer) -> Value {
    assert_eq!(page.status, 200);
    let (_, block) = page.text.split_once("id=\"data\">").unwrap();
    serde_json::from_str(block.split_once("</script>").unwrap().0).unwrap()
}

#[tokio::test]
async fn the_page_knows_who_is_there_and_how() {
    let app = TestApp::start().await;
    let nobody = data_of(&app.client().get("/").await);
    assert_eq!(nobody, json!({ "authenticated": false, "user": null, "auth_source": "None" }));

    let mut john = app.member().await;
    let data = data_of(&john.get("/").await);
    assert_eq!((&data["user"]["email"], &data["auth_source"]), (&json!(EMAIL), &json!("cookie")));
    john.bearer = john.cookie.take().map(|cookie| cookie.split_once('=').unwrap().1.to_owned());
    assert_eq!(data_of(&john.get("/").await)["auth_source"], "Bearer");
    for file in ["/page.js", "/page.css"] {
        assert_eq!(john.get(file).await.status, 200);
    }
}

#[tokio::test]
async fn what_a_user_wrote_does_not_break_out_of_the_page() {
    let app = TestApp::start().await;
    let hostile = "</script><script>alert(1)</script>";
    let address = format!("{hostile}@example.com");
    let refused = app.client().post("/auth/register", json!({ "email": address, "password": "a long one" })).await;
    assert_eq!(refused.status, 400);

    let name = Some(hostile);
    app.state.torii.password().register_with_name(EMAIL, crate::PASSWORD, name).await.unwrap();
    let mut john = app.client();
    john.post("/auth/login", credentials(crate::PASSWORD)).await;
    let page = john.get("/").await;
    assert_eq!(data_of(&page)["user"]["name"], hostile);
    assert!(!page.text.contains("<script>alert"), "{}", page.text);
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("script-src 'self';"), "{policy}");
}

#[tokio::test]
async fn handlers_get_the_user_they_ask_for() {
    let app = TestApp::start().await;
    let mut nobody = app.client();
    let public = nobody.get("/public").await.json();
    assert!(public["message"].is_string() && public["timestamp"].is_string(), "{public}");
    let refused = nobody.get("/protected").await;
    assert_eq!((refused.status, refused.json()), (401, json!({ "error": "Unauthorized", "code": 401 })));
    let optional = nobody.get("/optional").await.json();
    assert_eq!((&optional["authenticated"], &optional["user"]), (&json!(false), &Value::Null));

    let mut john = app.member().await;
    for path in ["/protected", "/optional"] {
        let answer = john.get(path).await;
        let user = &answer.json()["user"];
        assert_eq!((&user["email"], &user["email_verified"]), (&json!(EMAIL), &json!(false)));
        assert!(user["id"].is_string() && user["created_at"].is_string());
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    }
    assert_eq!(john.get("/optional").await.json()["authenticated"], true);
}

#[tokio::test]
async fn tokens_are_shown_as_they_were_sent() {
    let app = TestApp::start().await;
    let mut client = app.client();
    for path in ["/bearer-only", "/token-info"] {
        let answer = client.get(path).await;
        let (token, received) = (&answer.json()["token"], &answer.json()["token_received"]);
        assert_eq!((answer.status, token, received), (200, &Value::Null, &json!(false)));
    }
    client.cookie = Some("session_id=from-the-cookie".to_owned());
    assert_eq!(client.get("/bearer-only").await.json()["token"], Value::Null);
    assert_eq!(client.get("/token-info").await.json()["token"], "from-the-cookie");
    client.bearer = Some("nobodys".to_owned());
    for path in ["/bearer-only", "/token-info"] {
        assert_eq!(client.get(path).await.json()["token"], "nobodys");
    }
    assert_eq!(client.get("/protected").await.status, 401);
}
