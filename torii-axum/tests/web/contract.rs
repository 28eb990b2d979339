//! What existing clients see: status, JSON, and what the corrections changed.

use serde_json::json;
use torii::SessionToken;
use torii_testkit::world::PASSWORD;

use crate::app::{App, EMAIL, NEW_PASSWORD, WRONG_PASSWORD, credentials, keys, token_of};

const USER: [&str; 8] =
    ["created_at", "email", "email_verified_at", "id", "locked_at", "name", "tenant_id", "updated_at"];
const SESSION: [&str; 8] =
    ["created_at", "expires_at", "ip_address", "tenant_id", "token", "updated_at", "user_agent", "user_id"];

#[tokio::test]
async fn health_says_its_version() {
    let app = App::single().await;
    let health = app.ask("GET", "/auth/health").send().await.ok();
    assert_eq!(health.json(), json!({ "status": "healthy", "version": env!("CARGO_PKG_VERSION") }));
}

#[tokio::test]
async fn signing_in_gives_user_session_and_cookie() {
    let app = App::single().await;
    app.world.register(EMAIL).await;
    let answer = app.login(PASSWORD).await.ok();
    let body = answer.json();
    assert_eq!(keys(&body), ["session", "user"]);
    assert_eq!(keys(&body["user"]), USER);
    assert_eq!(keys(&body["session"]), SESSION);
    let token = body["session"]["token"].as_str().unwrap();
    assert_eq!(answer.cookie(), format!("session_id={token}"));
    // Either credential does.
    for ask in [app.ask("GET", "/auth/user").bearer(token), app.ask("GET", "/auth/user").cookie(&answer.cookie())] {
        let user = ask.send().await.ok().json();
        assert_eq!(user, json!({ "user": body["user"] }));
    }
    let session = app.ask("GET", "/auth/session").cookie(&answer.cookie()).send().await.ok().json();
    assert_eq!(keys(&session), ["session"]);
    assert_eq!(session["session"]["token"], token);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_alike() {
    let app = App::single().await;
    app.world.register(EMAIL).await;
    let wrong = app.login(WRONG_PASSWORD).await;
    let unknown = app.post("/auth/login", json!({ "email": "nobody@example.com", "password": PASSWORD })).await;
    wrong.refused(401, "Invalid credentials");
    assert_eq!(wrong.text, unknown.text);
    assert_eq!(wrong.set_cookies(), [""; 0]);
}

#[tokio::test]
async fn a_locked_address_says_when_to_come_back() {
    let app = App::single().await;
    app.world.register(EMAIL).await;
    for _ in 0..4 {
        app.login(WRONG_PASSWORD).await.refused(401, "Invalid credentials");
    }
    app.login(WRONG_PASSWORD).await;
    let locked = app.login(PASSWORD).await;
    locked.refused(429, "Account is temporarily locked");
    let seconds = locked.json()["retry_after_seconds"].as_i64().unwrap();
    assert!((1..=900).contains(&seconds), "{seconds}");
    assert_eq!(locked.header("retry-after"), Some(seconds.to_string().as_str()));
}

#[tokio::test]
async fn nobody_is_unauthorized() {
    let app = App::single().await;
    for (method, path) in [("GET", "/auth/user"), ("GET", "/auth/session"), ("POST", "/auth/password")] {
        app.ask(method, path).send().await.refused(401, "Unauthorized");
    }
    app.ask("GET", "/auth/user").bearer("unknown").send().await.refused(401, "Unauthorized");
    app.ask("GET", "/auth/session").cookie("session_id=unknown").send().await.refused(404, "Session not found");
}

#[tokio::test]
async fn a_bearer_token_goes_before_the_cookie() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    let cookie = format!("session_id={}", token_of(&session));
    app.ask("GET", "/auth/user").cookie(&cookie).bearer("unknown").send().await.refused(401, "Unauthorized");
    // But for this one, which has always been about the cookie.
    app.ask("GET", "/auth/session").cookie(&cookie).bearer("unknown").send().await.ok();
    // What is no bearer token hides no cookie.
    app.ask("GET", "/auth/user").cookie(&cookie).header("authorization", "Basic am9obg==").send().await.ok();
}

#[tokio::test]
async fn signing_out_ends_what_the_request_presents() {
    let app = App::single().await;
    app.world.register(EMAIL).await;
    for (method, path) in [("POST", "/auth/logout"), ("DELETE", "/auth/logout"), ("DELETE", "/auth/session")] {
        for by_cookie in [true, false] {
            let (_, session) = app.world.sign_in(EMAIL).await;
            let token = token_of(&session);
            let ask = app.ask(method, path);
            let ask = if by_cookie { ask.cookie(&format!("session_id={token}")) } else { ask.bearer(&token) };
            let answer = ask.send().await.ok();
            assert_eq!(answer.json(), json!({ "message": "Successfully logged out" }));
            assert!(
                app.here().validate_session(&SessionToken::new(&token)).await.unwrap().is_none(),
                "{method} {path}"
            );
            assert_eq!(answer.set_cookies().len(), usize::from(by_cookie));
        }
    }
    // Whoever is not signed in is signed out already.
    let answer = app.ask("POST", "/auth/logout").send().await.ok();
    assert_eq!(answer.set_cookies(), [""; 0]);
    app.ask("POST", "/auth/logout").cookie("session_id=unknown").send().await.ok();
}

#[tokio::test]
async fn changing_the_password_needs_no_outer_middleware() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    let alone = torii_axum::create_router(app.torii.clone(), Default::default(), None);
    let change = |old: &str| {
        crate::app::Ask::new(alone.clone(), "POST", "/password")
            .bearer(&token_of(&session))
            .json(&json!({ "old_password": old, "new_password": NEW_PASSWORD }))
    };
    // Wrong, it is the caller's mistake and not the server's.
    change(WRONG_PASSWORD).send().await.refused(401, "Invalid credentials");
    let answer = change(PASSWORD).send().await.ok();
    assert_eq!(answer.json(), json!({ "message": "Password changed successfully" }));
    // Every session has ended.
    app.ask("GET", "/auth/user").bearer(&token_of(&session)).send().await.refused(401, "Unauthorized");
    app.login(NEW_PASSWORD).await.ok();
}

#[tokio::test]
async fn bad_input_is_told_in_the_shape_of_every_refusal() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    let register = |email: &str, password: &str| json!({ "email": email, "password": password });
    app.post("/auth/register", register("no address", PASSWORD)).await.refused(400, "Invalid email address");
    let short = "Password must be at least 8 characters long";
    app.post("/auth/register", register("new@example.com", "short")).await.refused(400, short);
    app.post("/auth/register", register("new@example.com", "")).await.refused(400, "Password is required");
    app.post("/auth/magic-link", json!({ "email": "no address" })).await.refused(400, "Invalid email address");
    let weak = json!({ "old_password": PASSWORD, "new_password": "short" });
    app.ask("POST", "/auth/password").bearer(&token_of(&session)).json(&weak).send().await.refused(400, short);
}

#[tokio::test]
async fn a_password_is_reset_by_mail() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    app.world.mails().await;
    let asked = json!({ "message": "If an account with that email exists, a password reset link has been sent." });
    let unknown = app.post("/auth/password/reset/request", json!({ "email": "nobody@example.com" })).await.ok();
    assert_eq!(unknown.json(), asked);
    assert_eq!(app.mailed_links().await, [""; 0]);
    let known = app.post("/auth/password/reset/request", json!({ "email": EMAIL })).await.ok();
    assert_eq!(known.json(), asked);
    let token = app.mailed_token().await;

    let verify = |token: &str| app.post("/auth/password/reset/verify", json!({ "token": token }));
    assert_eq!(verify("unknown").await.ok().json(), json!({ "valid": false }));
    assert_eq!(verify(&token).await.ok().json(), json!({ "valid": true }));
    let confirm =
        |password: &str| app.post("/auth/password/reset/confirm", json!({ "token": token, "new_password": password }));
    confirm("short").await.refused(400, "Password must be at least 8 characters long");
    let answer = confirm(NEW_PASSWORD).await.ok();
    assert_eq!(keys(&answer.json()), ["user"]);
    assert_eq!(answer.set_cookies(), [""; 0]);
    confirm(NEW_PASSWORD).await.refused(401, "Invalid credentials");
    app.ask("GET", "/auth/user").bearer(&token_of(&session)).send().await.refused(401, "Unauthorized");
}

#[tokio::test]
async fn a_magic_link_signs_in_once() {
    let app = App::single().await;
    let answer = app.post("/auth/magic-link", json!({ "email": EMAIL })).await.ok();
    assert_eq!(answer.json(), json!({ "message": "Magic link sent to your email" }));
    let token = app.mailed_token().await;
    // A mail scanner that follows the link uses nothing up.
    assert_eq!(app.ask("GET", &format!("/auth/magic-link/verify?token={token}")).send().await.status, 405);
    let answer = app.post("/auth/magic-link/verify", json!({ "token": token })).await.ok();
    assert_eq!(keys(&answer.json()), ["session", "user"]);
    app.ask("GET", "/auth/user").cookie(&answer.cookie()).send().await.ok();
    app.post("/auth/magic-link/verify", json!({ "token": token })).await.refused(401, "Invalid credentials");
}

#[tokio::test]
async fn an_address_is_proven_by_mail() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    app.world.mails().await;
    app.ask("POST", "/auth/email/verify/request").send().await.refused(401, "Unauthorized");
    app.ask("POST", "/auth/email/verify/request").bearer(&token_of(&session)).send().await.ok();
    let token = app.mailed_token().await;
    let answer = app.post("/auth/email/verify", json!({ "token": token })).await.ok();
    assert!(answer.json()["user"]["email_verified_at"].is_string());
    app.post("/auth/email/verify", json!({ "token": token })).await.refused(401, "Invalid credentials");
}

#[tokio::test]
async fn oauth_accounts_are_listed_and_unlinked() {
    let app = App::single().await;
    let (user, session) = app.signed_in().await;
    app.here().oauth().link_account(&user.id, "gitlab", "john-1").await.unwrap();
    let ask = |method, path: &str| app.ask(method, path).bearer(&token_of(&session));
    let accounts = ask("GET", "/auth/oauth/accounts").send().await.ok().json();
    assert_eq!(accounts["accounts"][0]["provider"], "gitlab");
    assert_eq!(keys(&accounts["accounts"][0]), ["created_at", "provider", "subject"]);
    ask("DELETE", "/auth/oauth/accounts/gitlab").send().await.ok();
    assert_eq!(ask("GET", "/auth/oauth/accounts").send().await.ok().json(), json!({ "accounts": [] }));
    // The last way to sign in stays.
    app.here().password().remove_password(&user.id).await.unwrap();
    app.here().oauth().link_account(&user.id, "gitlab", "john-1").await.unwrap();
    let last = ask("DELETE", "/auth/oauth/accounts/gitlab").send().await;
    last.refused(409, "Cannot remove last authentication method");
}

#[tokio::test]
async fn answers_never_carry_the_digest_of_a_token() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    let digest = session.token_hash.clone();
    assert_eq!(digest.len(), 64);
    for path in ["/auth/session", "/auth/sessions", "/auth/user"] {
        let answer = app.ask("GET", path).cookie(&format!("session_id={}", token_of(&session))).send().await.ok();
        assert!(!answer.text.contains(&digest) && !answer.text.contains("token_hash"), "{answer:?}");
    }
    let answer = app.post("/auth/login", credentials()).await.ok();
    assert!(!answer.text.contains("token_hash"), "{answer:?}");
}

#[tokio::test]
async fn every_answer_is_kept_by_no_cache() {
    let app = App::single().await;
    app.world.register(EMAIL).await;
    for answer in [
        app.ask("GET", "/auth/health").send().await,
        app.login(PASSWORD).await,
        app.login(WRONG_PASSWORD).await,
        app.ask("GET", "/auth/user").send().await,
        app.ask("GET", "/auth/login").send().await,
        app.ask("POST", "/auth/logout").send().await,
    ] {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    }
}
