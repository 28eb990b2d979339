//! Signing up, in and out, links in mails, and what goes wrong on the way.

mod support;

use axum::http::StatusCode;
use chrono::TimeDelta;
use support::{ACME, PASSWORD, TestApp, token_of};

#[tokio::test]
async fn signing_up_tells_nobody_whether_the_address_was_taken() {
    let app = TestApp::start().await;
    app.member(ACME, "john@example.com").await;
    let mut client = app.client();

    let mut answers = Vec::new();
    for email in ["john@example.com", "new@example.com"] {
        let page = client.post(&format!("{ACME}/sign-up"), &[("email", email), ("password", "another password")]).await;
        assert!(client.session("localhost", "acme").is_none());
        answers.push((page.status, page.location(), page.text));
    }
    assert_eq!(answers[0], answers[1]);

    // The owner is told by mail, with a link that signs in; the password stays as it was.
    let mails = client.get("http://localhost:3000/dev/outbox").await.values_of("href=");
    assert!(mails.iter().any(|link| link.contains("/magic-link/open?token=")));
    client.sign_in(ACME, "john@example.com", "another password").await;
    assert!(client.session("localhost", "acme").is_none());
    client.sign_in(ACME, "john@example.com", PASSWORD).await.is_sent_to("/t/acme");
}

#[tokio::test]
async fn nobody_is_signed_in_before_the_address_is_proven() {
    let app = TestApp::start().await;
    let mut client = app.client();
    client.post(&format!("{ACME}/sign-up"), &[("email", "john@example.com"), ("password", PASSWORD)]).await;
    client.sign_in(ACME, "john@example.com", PASSWORD).await.is_sent_to("/t/acme/check-mail");
    assert!(client.session("localhost", "acme").is_none());
    let page = client.get(&format!("{ACME}/check-mail")).await;
    assert!(page.text.contains("not confirmed yet"));

    // Signing up again does not confirm a password that somebody else may have chosen: the link takes it away.
    client.post(&format!("{ACME}/sign-up"), &[("email", "john@example.com"), ("password", "the owner's own")]).await;
    let link = client.mailed_link().await;
    client.post(&format!("{ACME}/magic-link/open"), &[("token", &token_of(&link))]).await.is_sent_to("/t/acme");
    let page = app.client().sign_in(ACME, "john@example.com", PASSWORD).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_magic_link_works_once_and_only_by_its_button() {
    let app = TestApp::start().await;
    let mut client = app.client();
    let mut answers = Vec::new();
    app.member(ACME, "john@example.com").await;
    for email in ["nobody@example.com", "john@example.com"] {
        let page = client.post(&format!("{ACME}/magic-link"), &[("email", email)]).await;
        answers.push((page.status, page.location(), page.text));
    }
    assert_eq!(answers[0], answers[1]);

    let link = client.mailed_link().await;
    for _ in 0..2 {
        let page = client.get(&link).await;
        assert!(page.status == StatusCode::OK && page.hidden("token") == [token_of(&link)]);
        assert!(client.session("localhost", "acme").is_none());
    }
    client.post(&format!("{ACME}/magic-link/open"), &[("token", &token_of(&link))]).await.is_sent_to("/t/acme");
    assert!(client.get(ACME).await.text.contains("john@example.com"));

    let again = app.client().post(&format!("{ACME}/magic-link/open"), &[("token", &token_of(&link))]).await;
    assert!(again.status == StatusCode::UNPROCESSABLE_ENTITY && again.text.contains("works no more"));
}

#[tokio::test]
async fn a_link_ends_with_its_time() {
    let app = TestApp::start().await;
    let mut client = app.client();
    client.post(&format!("{ACME}/magic-link"), &[("email", "john@example.com")]).await;
    let link = client.mailed_link().await;
    app.clock.advance(TimeDelta::minutes(16));
    let page = client.post(&format!("{ACME}/magic-link/open"), &[("token", &token_of(&link))]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_new_password_ends_every_session() {
    let app = TestApp::start().await;
    let mut john = app.member(ACME, "john@example.com").await;
    let mut other = app.client();
    let mut answers = Vec::new();
    for email in ["nobody@example.com", "john@example.com"] {
        let page = other.post(&format!("{ACME}/forgot-password"), &[("email", email)]).await;
        answers.push((page.status, page.location(), page.text));
    }
    assert_eq!(answers[0], answers[1]);

    let link = other.mailed_link().await;
    let token = token_of(&link);
    assert!(other.get(&link).await.text.contains("New password"));
    let reset = format!("{ACME}/reset-password");
    let short = other.post(&reset, &[("token", &token), ("password", "short")]).await;
    assert!(short.status == StatusCode::UNPROCESSABLE_ENTITY && short.text.contains("at least 8 characters"));
    other.post(&reset, &[("token", &token), ("password", "a quite new password")]).await.is_sent_to("/t/acme/sign-in");

    john.get(ACME).await.is_sent_to("/t/acme/sign-in");
    assert_eq!(other.get(&link).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other.sign_in(ACME, "john@example.com", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    other.sign_in(ACME, "john@example.com", "a quite new password").await.is_sent_to("/t/acme");
}

#[tokio::test]
async fn a_form_keeps_what_was_typed_but_for_the_password() {
    let app = TestApp::start().await;
    let mut client = app.client();
    let typed = "john.example.com \"><script>";
    let fields = [("email", typed), ("password", "a secret nobody sees")];
    for page in ["sign-up", "sign-in"] {
        let page = client.post(&format!("{ACME}/{page}"), &fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.text.contains("This is no e-mail address") && page.text.contains(r#"aria-invalid="true""#));
        assert!(page.text.contains("john.example.com &#34;&#62;&#60;script&#62;"));
        assert!(!page.text.contains("a secret nobody sees") && !page.text.contains("<script"));
    }
    let page = client.post(&format!("{ACME}/sign-up"), &[("email", "john@example.com"), ("password", "short")]).await;
    assert!(page.text.contains("at least 8 characters") && page.text.contains("john@example.com"));
    // A form without its fields is a form with empty ones.
    let page = client.post(&format!("{ACME}/sign-up"), &[]).await;
    assert!(page.text.contains("Enter your e-mail address") && page.text.contains("Choose a password"));
}

#[tokio::test]
async fn wrong_passwords_lock_and_say_so_for_any_address() {
    let app = TestApp::start().await;
    app.member(ACME, "john@example.com").await;
    for email in ["john@example.com", "nobody@example.com"] {
        let mut client = app.client();
        for _ in 0..5 {
            client.sign_in(ACME, email, "a wrong password").await;
        }
        let page = client.sign_in(ACME, email, PASSWORD).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(page.text.contains("Try again in 15 minutes"), "{}", page.text);
    }
}

#[tokio::test]
async fn signing_in_leads_back_to_pages_of_the_tenant_only() {
    let app = TestApp::start().await;
    let mut client = app.client();
    client.sign_up(ACME, "john@example.com").await;
    client.get(&format!("{ACME}/sessions")).await.is_sent_to("/t/acme/sign-in?next=%2Ft%2Facme%2Fsessions");

    let targets = [
        ("/t/acme/sessions", "/t/acme/sessions"),
        ("https://evil.example", "/t/acme"),
        ("//evil.example", "/t/acme"),
        ("/\\evil.example", "/t/acme"),
        ("/t/acme.evil.example", "/t/acme"),
        ("/t/globex", "/t/acme"),
        ("/t/acme/../globex", "/t/acme"),
        ("/t/acme/%2e%2e/globex", "/t/acme"),
        ("/operator", "/t/acme"),
    ];
    for (next, target) in targets {
        let fields = [("email", "john@example.com"), ("password", PASSWORD), ("next", next)];
        client.post(&format!("{ACME}/sign-in"), &fields).await.is_sent_to(target);
    }
}

#[tokio::test]
async fn what_was_done_is_said_once() {
    let app = TestApp::start().await;
    let mut john = app.member(ACME, "john@example.com").await;
    john.add_todo(ACME, "water the plants").await;
    assert!(john.get(ACME).await.text.contains(r#"role="status">Added."#));
    assert!(!john.get(ACME).await.text.contains(r#"role="status""#));
    // A link from outside cannot put words there.
    assert!(!john.get(&format!("{ACME}?notice=PasswordChanged")).await.text.contains(r#"role="status""#));
}
