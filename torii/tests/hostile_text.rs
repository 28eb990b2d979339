//! Whatever text comes in where a token, an address, a name of a tenant or a provider belongs: an answer, never a panic, and nothing
//! written.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod common;

use chrono::Duration;
use common::{EMAIL, Fixture, PASSWORD};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use torii::{OAuthIdentity, SessionToken, UserId};

/// Text of every kind: printable, ASCII with its control characters, shaped like tokens, JWTs and addresses.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,80}",
        "[\\x00-\\x7f]{0,80}",
        "[A-Za-z0-9_-]{43}",
        "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}",
        "\\PC{0,20}@\\PC{0,20}\\.\\PC{0,5}",
    ]
}

#[test]
fn no_text_opens_anything_or_panics() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = runtime.block_on(async {
        let fixture = Fixture::open().await;
        fixture.register(EMAIL).await;
        fixture
    });
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 256, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let outcome = runner.run(&(text(), text()), |(text, other)| {
        runtime.block_on(try_everything(&fixture, &text, &other));
        Ok(())
    });
    outcome.unwrap();
}

async fn try_everything(fixture: &Fixture, text: &str, other: &str) {
    let acme = &fixture.acme;
    let token = SessionToken::new(text);
    assert!(acme.validate_session(&token).await.unwrap().is_none());
    assert!(acme.authenticate_session(&token).await.unwrap().is_none());
    assert!(acme.get_session(&token).await.is_err());
    assert!(acme.refresh_session(&token).await.is_err());
    acme.revoke_session(&token).await.unwrap();

    assert!(!acme.check_email_verification_token(text).await.unwrap());
    assert!(acme.verify_email_token(text).await.is_err());
    assert!(!acme.password().reset_password_verify_token(text).await.unwrap());
    assert!(acme.password().reset_password_complete(text, PASSWORD).await.is_err());
    assert!(acme.magic_link().authenticate(text, None, None).await.is_err());
    assert!(acme.oauth().get_pkce_verifier(text).await.unwrap().is_none());
    assert!(acme.passkey().get_credential(text.as_bytes()).await.unwrap().is_none());
    assert!(acme.passkey().authenticate(text.as_bytes(), None, None).await.is_err());

    assert!(acme.get_user(&UserId::new(text)).await.unwrap().is_none());
    assert!(acme.authenticate(text, other, Some(text.to_owned()), Some(other.to_owned())).await.is_err());
    assert!(!acme.get_lockout_status(text).await.unwrap().is_locked || text.trim().eq_ignore_ascii_case(EMAIL));
    acme.password().reset_password_initiate(text, other).await.err();
    let identity = OAuthIdentity {
        provider: text.to_owned(),
        subject: other.to_owned(),
        email: EMAIL.to_owned(),
        email_verified: Some(true),
        name: Some(other.to_owned()),
    };
    // The address belongs to a user who has not proven it.
    assert!(acme.oauth().get_or_create_user_with(&identity).await.is_err());
    acme.unlock_account(text).await.unwrap();

    let elsewhere = fixture.torii.with_tenant(text);
    let is_id = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    assert_eq!(elsewhere.count_users().await.is_ok(), is_id);
    assert_eq!(acme.list_users().await.unwrap().len(), 1);
    fixture.clock.advance(Duration::minutes(16));
}
