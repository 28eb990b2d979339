//! Passkeys over HTTP.

use serde_json::{Value, json};
use torii_testkit::authenticator::SoftAuthenticator;

use crate::app::{App, EMAIL, HERE, keys, token_of};

const ORIGIN: &str = "https://acme-corp.app.example";

async fn register(app: &App, token: &str, authenticator: &mut SoftAuthenticator) -> Value {
    let begun = app.ask("POST", "/auth/passkeys/register/start").bearer(token).send().await.ok().json();
    let response: Value = serde_json::from_str(&authenticator.register(&begun["options"], ORIGIN)).unwrap();
    json!({ "ceremony_id": begun["ceremony_id"], "response": response, "name": "Phone" })
}

#[tokio::test]
async fn a_passkey_is_registered_signs_in_and_is_deleted() {
    let app = App::tenants().await;
    let (_, session) = app.signed_in().await;
    let (token, mut authenticator) = (token_of(&session), SoftAuthenticator::default());
    let finish = register(&app, &token, &mut authenticator).await;
    let ask = |method, path: &str| app.ask(method, path).bearer(&token);
    let registered = ask("POST", "/auth/passkeys/register/finish").json(&finish).send().await;
    assert_eq!(registered.status, 201, "{registered:?}");
    let passkey = registered.json()["passkey"].clone();
    assert_eq!(keys(&passkey), ["created_at", "id", "last_used_at", "name"]);
    assert_eq!(passkey["name"], "Phone");
    // A ceremony works once.
    let again = ask("POST", "/auth/passkeys/register/finish").json(&finish).send().await;
    again.refused(401, "Invalid passkey credential");

    let begun = app.ask("POST", "/auth/passkeys/authenticate/start").send().await.ok().json();
    let response = authenticator.authenticate(&begun["options"], ORIGIN);
    let response: Value = serde_json::from_str(&response).unwrap();
    let sign_in = json!({ "ceremony_id": begun["ceremony_id"], "response": response });
    let answer = app.post("/auth/passkeys/authenticate/finish", sign_in.clone()).await.ok();
    assert_eq!(answer.json()["user"]["email"], EMAIL);
    app.ask("GET", "/me").cookie(&answer.cookie()).send().await.ok();
    app.post("/auth/passkeys/authenticate/finish", sign_in).await.refused(401, "Invalid passkey credential");

    let list = ask("GET", "/auth/passkeys").send().await.ok().json();
    assert_eq!(list["passkeys"][0]["id"], passkey["id"]);
    assert!(list["passkeys"][0]["last_used_at"].is_string());
    let path = format!("/auth/passkeys/{}", passkey["id"].as_str().unwrap());
    ask("DELETE", &path).send().await.ok();
    ask("DELETE", &path).send().await.refused(404, "Not found");
    assert_eq!(ask("GET", "/auth/passkeys").send().await.ok().json(), json!({ "passkeys": [] }));
}

#[tokio::test]
async fn only_its_owner_renames_and_deletes_a_passkey() {
    let app = App::tenants().await;
    let (_, session) = app.signed_in().await;
    let mut authenticator = SoftAuthenticator::default();
    let finish = register(&app, &token_of(&session), &mut authenticator).await;
    let ask = app.ask("POST", "/auth/passkeys/register/finish").bearer(&token_of(&session)).json(&finish);
    let id = ask.send().await.json()["passkey"]["id"].as_str().unwrap().to_owned();
    app.world.register("jim@example.com").await;
    let stranger = token_of(&app.world.sign_in("jim@example.com").await.1);
    let delete = app.ask("DELETE", &format!("/auth/passkeys/{id}")).bearer(&stranger);
    delete.send().await.refused(404, "Not found");
    let rename = |token: &str, name: Value| {
        app.ask("PATCH", &format!("/auth/passkeys/{id}")).bearer(token).json(&json!({ "name": name })).send()
    };
    rename(&stranger, json!("Theirs")).await.refused(404, "Not found");
    rename(&token_of(&session), json!("Phone")).await.ok();
    rename(&token_of(&session), json!("a\u{7}b")).await.refused(400, "Invalid name");
    let list = app.ask("GET", "/auth/passkeys").bearer(&token_of(&session)).send().await.ok().json();
    assert_eq!((&list["passkeys"][0]["id"], &list["passkeys"][0]["name"]), (&json!(id), &json!("Phone")));
    assert_eq!(list["passkeys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn another_origin_registers_nothing() {
    let app = App::tenants().await;
    let (_, session) = app.signed_in().await;
    let token = token_of(&session);
    let begun = app.ask("POST", "/auth/passkeys/register/start").host(HERE).bearer(&token).send().await.ok().json();
    let response = SoftAuthenticator::default().register(&begun["options"], "https://neighbour.app.example");
    let response: Value = serde_json::from_str(&response).unwrap();
    let finish = json!({ "ceremony_id": begun["ceremony_id"], "response": response });
    let answer = app.ask("POST", "/auth/passkeys/register/finish").bearer(&token).json(&finish).send().await;
    answer.refused(401, "Invalid passkey credential");
}

#[tokio::test]
async fn without_a_relying_party_there_are_no_ceremonies() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    app.ask("GET", "/auth/passkeys").bearer(&token_of(&session)).send().await.ok();
    assert_eq!(app.ask("POST", "/auth/passkeys/authenticate/start").send().await.status, 404);
}
