//! Every route, with every kind of credential of the tenant next door.
//!
//! The list is the router's own, so a route that is added later fails here until somebody says what it should be asked.

use serde_json::{Value, json};
use torii::JwtConfig;
use torii_axum::{Access, Endpoint};
use torii_testkit::{
    authenticator::SoftAuthenticator,
    world::{
        CREDENTIAL_ID, MAGIC_LINK, NEIGHBOUR_PASSWORD, OAUTH_PROVIDER, RESET_TOKEN, SESSION_TOKEN, VERIFICATION_TOKEN,
    },
};

use crate::app::{Answer, App, Ask, EMAIL, HERE, NEW_PASSWORD, NEXT_DOOR, keys, token_of};

/// What comes from next door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credential {
    None,
    /// In the cookie that it was set in.
    ItsOwnCookie,
    /// In the cookie of the tenant that is asked.
    OurCookie,
    Bearer,
}

const CREDENTIALS: [Credential; 4] =
    [Credential::None, Credential::ItsOwnCookie, Credential::OurCookie, Credential::Bearer];

impl Credential {
    fn of(self, token: &str, ask: Ask) -> Ask {
        match self {
            Self::None => ask,
            Self::ItsOwnCookie => ask.cookie(&format!("__Host-session_id.neighbour={token}")),
            Self::OurCookie => ask.cookie(&format!("__Host-session_id.acme-corp={token}")),
            Self::Bearer => ask.bearer(token),
        }
    }
}

/// What a route is asked: path and body, with what is known next door.
fn question(endpoint: &Endpoint, ceremony: &Value) -> (String, Value) {
    let neighbour = json!({ "email": EMAIL, "password": NEIGHBOUR_PASSWORD });
    let path = endpoint.path;
    let body = match (endpoint.method.as_str(), path) {
        ("GET", "/health" | "/user" | "/session" | "/sessions" | "/oauth/accounts" | "/passkeys") => Value::Null,
        ("POST" | "DELETE", "/logout") | ("DELETE", "/session" | "/sessions" | "/sessions/{id}") => Value::Null,
        ("PATCH", "/passkeys/{id}") => json!({ "name": "Ours" }),
        ("DELETE", "/oauth/accounts/{provider}" | "/passkeys/{id}") => Value::Null,
        ("POST", "/email/verify/request" | "/passkeys/register/start" | "/passkeys/authenticate/start") => Value::Null,
        ("POST", "/register" | "/login") => neighbour,
        ("POST", "/magic-link" | "/password/reset/request") => json!({ "email": EMAIL }),
        ("POST", "/password") => json!({ "old_password": NEIGHBOUR_PASSWORD, "new_password": NEW_PASSWORD }),
        ("POST", "/magic-link/verify") => json!({ "token": MAGIC_LINK }),
        ("POST", "/password/reset/verify") => json!({ "token": RESET_TOKEN }),
        ("POST", "/password/reset/confirm") => json!({ "token": RESET_TOKEN, "new_password": NEW_PASSWORD }),
        ("POST", "/email/verify") => json!({ "token": VERIFICATION_TOKEN }),
        ("POST", "/passkeys/register/finish" | "/passkeys/authenticate/finish") => ceremony.clone(),
        (method, path) => panic!("say what {method} {path} is to be asked"),
    };
    let credential_id = "Y3JlZGVudGlhbC0x";
    assert_eq!(CREDENTIAL_ID, b"credential-1");
    (format!("/auth{}", path.replace("{provider}", OAUTH_PROVIDER).replace("{id}", credential_id)), body)
}

fn endpoints(app: &App) -> Vec<Endpoint> {
    torii_axum::routes(app.torii.clone()).with_settings(app.settings.clone()).endpoints()
}

/// Whether an answer is what a stranger gets.
fn assert_stranger(endpoint: &Endpoint, credential: Credential, answer: &Answer) {
    let context = format!("{} {} with {credential:?}: {answer:?}", endpoint.method, endpoint.path);
    match (endpoint.access, endpoint.path) {
        (Access::Operator, _) => assert_eq!(answer.status, 200, "{context}"),
        // An answer about a cookie that signs nobody in.
        (Access::User, "/session") if credential == Credential::OurCookie || credential == Credential::Bearer => {
            assert_eq!(answer.status, 404, "{context}");
        }
        (Access::User, _) => assert_eq!(answer.status, 401, "{context}"),
        (Access::TokenHolder, "/password/reset/verify") => assert_eq!(answer.json(), json!({ "valid": false })),
        (Access::TokenHolder, _) => assert_eq!(answer.status, 401, "{context}"),
        (Access::Anybody, "/login") => assert_eq!(answer.status, 401, "{context}"),
        // Here the address is new, or nobody's.
        (Access::Anybody, "/register" | "/magic-link" | "/password/reset/request") => {
            assert_eq!(keys(&answer.json()), ["message"], "{context}");
        }
        (Access::Anybody, "/passkeys/authenticate/start") => assert_eq!(answer.status, 200, "{context}"),
        (Access::Anybody, "/logout" | "/session") => assert_eq!(answer.status, 200, "{context}"),
        (access, path) => panic!("say what a stranger gets from {path}, which is for {access:?}"),
    }
    assert!(!answer.text.contains("\"neighbour\""), "{context}");
}

async fn deny_everything(app: &App, token: &str) {
    // It is good where it belongs.
    let at_home = app.ask("GET", "/auth/user").host(NEXT_DOOR).bearer(token).send().await.ok();
    assert_eq!(at_home.json()["user"]["tenant_id"], "neighbour");

    let endpoints = endpoints(app);
    assert_eq!(endpoints.len(), 28, "{endpoints:?}");
    for endpoint in &endpoints {
        for credential in CREDENTIALS {
            let ceremony = ceremony_next_door(app, token, endpoint.path).await;
            // Beginning one is a challenge more next door, and nothing to be surprised at.
            app.world.expect_neighbour_as_it_is_now().await;
            let (path, body) = question(endpoint, &ceremony);
            let ask = app.ask(endpoint.method.as_str(), &path).host(HERE);
            let ask = if body.is_null() { ask } else { ask.json(&body) };
            let answer = credential.of(token, ask).send().await;
            assert_stranger(endpoint, credential, &answer);
            app.world.assert_neighbour_unchanged().await;
            forget_everybody(app).await;
        }
    }
    // And still is.
    app.ask("GET", "/auth/user").host(NEXT_DOOR).bearer(token).send().await.ok();
}

/// Who registered here by the way makes the next answer no other.
async fn forget_everybody(app: &App) {
    for user in app.here().list_users().await.unwrap() {
        app.here().delete_user(&user.id).await.unwrap();
    }
    app.here().unlock_account(EMAIL).await.unwrap();
}

/// A ceremony that was begun next door, answered as it should be.
async fn ceremony_next_door(app: &App, token: &str, path: &str) -> Value {
    let origin = format!("https://{NEXT_DOOR}");
    let mut authenticator = SoftAuthenticator::default();
    let start = async |path: &str| {
        let ask = app.ask("POST", path).host(NEXT_DOOR).bearer(token);
        ask.send().await.ok().json()
    };
    let answer = |begun: &Value, response: String| {
        let response: Value = serde_json::from_str(&response).unwrap();
        json!({ "ceremony_id": begun["ceremony_id"], "response": response })
    };
    match path {
        "/passkeys/register/finish" => {
            let begun = start("/auth/passkeys/register/start").await;
            let response = authenticator.register(&begun["options"], &origin);
            answer(&begun, response)
        }
        "/passkeys/authenticate/finish" => {
            let begun = start("/auth/passkeys/register/start").await;
            let made = answer(&begun, authenticator.register(&begun["options"], &origin));
            let registered = app.ask("POST", "/auth/passkeys/register/finish").host(NEXT_DOOR).bearer(token);
            assert_eq!(registered.json(&made).send().await.status, 201);
            let begun = start("/auth/passkeys/authenticate/start").await;
            answer(&begun, authenticator.authenticate(&begun["options"], &origin))
        }
        _ => Value::Null,
    }
}

#[tokio::test]
async fn every_route_denies_every_credential_of_another_tenant() {
    let app = App::tenants().await;
    deny_everything(&app, SESSION_TOKEN).await;
}

#[tokio::test]
async fn every_route_denies_signed_tokens_of_another_tenant() {
    let jwt = JwtConfig::new_hs256(vec![7; 32]).unwrap();
    let app = App::tenants_with(|torii| torii.with_jwt_sessions(jwt), |settings| settings).await;
    let neighbour = app.torii.with_tenant("neighbour");
    let user = neighbour.get_user_by_email(EMAIL).await.unwrap().unwrap();
    let session = neighbour.create_session(&user.id, None, None).await.unwrap();
    let token = token_of(&session);
    assert_eq!(token.split('.').count(), 3);
    deny_everything(&app, &token).await;
}

/// The matrix would hold of a router that denies everybody.
#[tokio::test]
async fn no_route_denies_its_own_users() {
    let app = App::tenants().await;
    let (_, session) = app.signed_in().await;
    let token = token_of(&session);
    for endpoint in endpoints(&app).iter().filter(|endpoint| endpoint.access == Access::User) {
        // This one would end the session that the others need.
        let (path, _) = question(endpoint, &Value::Null);
        if (endpoint.method.as_str(), endpoint.path) == ("DELETE", "/sessions") {
            continue;
        }
        for credential in [Credential::OurCookie, Credential::Bearer] {
            let ask = credential.of(&token, app.ask(endpoint.method.as_str(), &path));
            let answer = ask.json(&json!({})).send().await;
            assert_ne!(answer.status, 401, "{endpoint:?} {answer:?}");
            // The session that is named by this path is none.
            if endpoint.path != "/sessions/{id}" {
                assert_ne!(answer.json()["error"], "Session not found", "{endpoint:?} {answer:?}");
            }
        }
    }
    app.ask("DELETE", "/auth/sessions").bearer(&token).send().await.ok();
}

/// Behind middleware of the whole application too: whoever was found for one tenant is nobody for the next.
#[tokio::test]
async fn extractors_deny_another_tenant() {
    let app = App::tenants().await;
    for credential in CREDENTIALS {
        let ask = |path: &str| credential.of(SESSION_TOKEN, app.ask("GET", path));
        ask("/me").send().await.refused(401, "Unauthorized");
        assert_eq!(ask("/maybe").send().await.ok().text, "nobody");
        assert_eq!(ask("/users").send().await.ok().text, "0");
    }
}
