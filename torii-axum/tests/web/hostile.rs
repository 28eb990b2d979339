//! What nobody means well with.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Value, json};
use torii_axum::{AuthSettings, LinkConfig, RateLimit};
use torii_testkit::world::PASSWORD;

use crate::app::{App, EMAIL, credentials, token_of};

const SECRET: &str = "correct horse battery staple 4711";

#[tokio::test]
async fn bodies_have_a_bound() {
    let settings = || AuthSettings::new().with_links(LinkConfig::new("https://app.example"));
    let app = App::single_with(settings()).await;
    let body = |length: usize| json!({ "email": "a".repeat(length), "password": PASSWORD });
    let limit = AuthSettings::BODY_LIMIT;
    app.post("/auth/login", body(limit)).await.refused(413, "The body is too large");
    app.post("/auth/login", body(limit / 2)).await.refused(401, "Invalid credentials");
    let small = App::single_with(settings().with_body_limit(64)).await;
    small.post("/auth/login", credentials()).await.refused(413, "The body is too large");
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_told_without_it() {
    let app = App::single().await;
    let malformed = [format!("{{\"password\":\"{SECRET}\""), SECRET.to_owned(), String::new(), "\u{0}".to_owned()];
    for body in malformed {
        let answer = app.ask("POST", "/auth/login").body("application/json", body).send().await;
        answer.refused(400, "The body is not valid JSON");
        assert!(!answer.text.contains("4711"));
    }
    for body in [
        json!({ "email": EMAIL, "password": [SECRET] }),
        json!({ "email": EMAIL, "passwort": SECRET }),
        json!(SECRET),
        json!([]),
        json!({ "email": { "password": SECRET }, "password": SECRET }),
    ] {
        let answer = app.post("/auth/login", body).await;
        answer.refused(422, "A field is missing or has the wrong type");
        assert!(!answer.text.contains("4711"));
    }
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let answer = app.ask("POST", "/auth/login").body("application/json", deep).send().await;
    answer.refused(422, "A field is missing or has the wrong type");
    // Fields that nobody asked for are nobody's business.
    app.post("/auth/login", json!({ "email": EMAIL, "password": PASSWORD, "admin": true }))
        .await
        .refused(401, "Invalid credentials");
}

fn hostile_texts() -> Vec<String> {
    let texts = [
        "",
        " ",
        "\u{0}",
        "\u{202e}moc.live",
        "' OR 1=1 --",
        "\"; DROP TABLE users; --",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "%00%0d%0aSet-Cookie: a=b",
        "\r\nSet-Cookie: a=b",
        "../../../etc/passwd",
        "a@b\u{0}.c",
        "\u{1f980}",
        "a.b.c",
        "eyJhbGciOiJub25lIn0.e30.",
    ];
    texts.map(str::to_owned).into_iter().chain(["a".repeat(10_000), "\u{1f980}".repeat(3_000)]).collect()
}

/// Whatever is sent, the answer is a refusal and not a failure.
#[tokio::test]
async fn hostile_text_gets_a_client_error() {
    let app = App::tenants().await;
    let (_, session) = app.signed_in().await;
    let bearer = token_of(&session);
    for text in hostile_texts() {
        let requests: [(&str, Value); 10] = [
            ("/auth/register", json!({ "email": text, "password": text })),
            ("/auth/login", json!({ "email": text, "password": text })),
            ("/auth/login", json!({ "email": EMAIL, "password": text })),
            ("/auth/magic-link", json!({ "email": text })),
            ("/auth/magic-link/verify", json!({ "token": text })),
            ("/auth/password/reset/confirm", json!({ "token": text, "new_password": PASSWORD })),
            ("/auth/password", json!({ "old_password": text, "new_password": text })),
            ("/auth/email/verify", json!({ "token": text })),
            ("/auth/passkeys/register/finish", json!({ "ceremony_id": text, "response": text, "name": text })),
            ("/auth/passkeys/authenticate/finish", json!({ "ceremony_id": text, "response": { "id": text } })),
        ];
        for (path, body) in requests {
            let answer = app.ask("POST", path).bearer(&bearer).json(&body).send().await;
            assert!((400..500).contains(&answer.status), "{path} {text:?}: {answer:?}");
            assert_eq!(answer.json()["code"], answer.status);
            assert_eq!(answer.set_cookies(), [""; 0]);
        }
        let reset = app.post("/auth/password/reset/request", json!({ "email": text })).await;
        assert_eq!(reset.status, 200, "{text:?}");
        let encoded: String = text.bytes().take(200).map(|byte| format!("%{byte:02X}")).collect();
        for path in ["/auth/oauth/accounts/", "/auth/passkeys/"] {
            let answer = app.ask("DELETE", &format!("{path}{encoded}")).bearer(&bearer).send().await;
            // Removing what is not there is done already.
            assert!(answer.status < 500, "{path} {text:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn hostile_headers_sign_nobody_in() {
    let app = App::single().await;
    for text in hostile_texts() {
        let printable: String = text.chars().filter(|character| !character.is_control()).collect();
        app.ask("GET", "/auth/user").bearer(&printable).send().await.refused(401, "Unauthorized");
        app.ask("GET", "/auth/user")
            .cookie(&format!("session_id={printable}"))
            .send()
            .await
            .refused(401, "Unauthorized");
        assert_eq!(app.ask("GET", "/maybe").bearer(&printable).send().await.ok().text, "nobody");
    }
    let answer = app.ask("POST", "/auth/login").header("user-agent", "\u{e9}").json(&credentials()).send().await;
    assert_eq!((answer.status, answer.text.as_str()), (400, "Invalid user agent header"));
}

#[tokio::test]
async fn one_address_cannot_try_for_ever() {
    let limit = RateLimit::new(NonZeroU32::new(3).unwrap(), Duration::from_secs(3600));
    let app = App::tenants_with(|torii| torii, |settings| settings.with_rate_limit(limit)).await;
    let login = |address: &str, host: &str| {
        app.ask("POST", "/auth/login").host(host).at_address(address).json(&credentials()).send()
    };
    for _ in 0..3 {
        login("192.0.2.1", crate::app::HERE).await.refused(401, "Invalid credentials");
    }
    let limited = login("192.0.2.1", crate::app::HERE).await;
    limited.refused(429, "Too many requests");
    let seconds: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&seconds), "{seconds}");
    // All of these routes count together, and nobody else does.
    let reset = app.ask("POST", "/auth/password/reset/request").at_address("192.0.2.1");
    reset.json(&json!({ "email": EMAIL })).send().await.refused(429, "Too many requests");
    login("192.0.2.2", crate::app::HERE).await.refused(401, "Invalid credentials");
    login("192.0.2.1", crate::app::NEXT_DOOR).await.refused(401, "Invalid credentials");
    app.ask("GET", "/auth/user").at_address("192.0.2.1").send().await.refused(401, "Unauthorized");
    // Where the address is not known, that is found before it is needed.
    app.post("/auth/login", credentials()).await.refused(500, "Internal server error");
}
