//! What laws expect of errors, links and tokens.

use std::fmt;

use chrono::TimeDelta;
use torii::{SecureToken, Session, TenantId, ToriiError, User};
use torii_core::{
    error::{Error, StorageError, StorageErrorKind},
    events::Event,
};

use crate::{Provider, world::World};

/// Where links in mails lead.
pub(super) const BASE: &str = "https://app.example/in";

/// A password that users change to.
pub(super) const NEW_PASSWORD: &str = "another correct horse battery staple";

/// Registers a user and signs in.
pub(super) async fn register_and_sign_in<P: Provider>(w: &World<P>, email: &str) -> (User, Session) {
    w.register(email).await;
    w.sign_in(email).await
}

/// Whether the token of a session still signs somebody in.
pub(super) async fn is_alive<P: Provider>(w: &World<P>, session: &Session) -> bool {
    let token = session.token.as_ref().expect("a session that just began carries its token");
    w.here.validate_session(token).await.unwrap().is_some()
}

/// Gives a user a passkey and an account at a provider.
pub(super) async fn add_identities<P: Provider>(w: &World<P>, user: &User) {
    let passkey = b"a credential of their own".to_vec();
    w.here.passkey().register_credential(&user.id, passkey, b"a public key".to_vec(), None).await.unwrap();
    w.here.oauth().link_account(&user.id, "elsewhere", "a subject of their own").await.unwrap();
}

/// How many passkeys and accounts at providers a user has.
pub(super) async fn identities<P: Provider>(w: &World<P>, user: &User) -> (usize, usize) {
    let passkeys = w.here.passkey().get_user_credentials(&user.id).await.unwrap().len();
    (passkeys, w.here.oauth().list_accounts_for_user(&user.id).await.unwrap().len())
}

/// How many users were reported as created here since this was last asked.
pub(super) fn created_users<P: Provider>(w: &World<P>) -> usize {
    let created = |(tenant, event): &(TenantId, Event)| tenant == w.tenant() && matches!(event, Event::UserCreated(_));
    w.events.take().iter().filter(|event| created(event)).count()
}

/// Texts that are no token: unknown, empty, malformed, a megabyte long.
pub(super) fn no_tokens() -> Vec<String> {
    let mut texts: Vec<_> =
        ["", " ", "unknown", "a.b.c", "' OR 1=1 --", "\0", "tok\u{e9}n \u{1f511}"].map(str::to_owned).into();
    texts.push("A".repeat(43));
    texts.push("A".repeat(1 << 20));
    texts
}

/// The smallest step of the clock.
pub(super) const TICK: TimeDelta = TimeDelta::microseconds(1);

/// The text of a token that was just issued.
pub(super) fn text(token: &SecureToken) -> &str {
    token.token().expect("a token that was just issued carries its text")
}

/// The typed error behind a refusal.
pub(super) fn cause(error: &ToriiError) -> Option<&Error> {
    match error {
        ToriiError::AuthError(detail) | ToriiError::StorageError(detail) => detail.error(),
        _ => None,
    }
}

/// Refused as an authentication error with this text.
#[track_caller]
pub(super) fn assert_refused<T: fmt::Debug>(result: Result<T, ToriiError>, text: &str) {
    match result {
        Err(ToriiError::AuthError(detail)) => assert_eq!(detail.as_str(), text),
        other => panic!("expected the refusal {text:?}, got {other:?}"),
    }
}

/// Failed as a storage error with this text.
#[track_caller]
pub(super) fn assert_failed<T: fmt::Debug>(result: Result<T, ToriiError>, text: &str) {
    match result {
        Err(ToriiError::StorageError(detail)) => assert_eq!(detail.as_str(), text),
        other => panic!("expected the failure {text:?}, got {other:?}"),
    }
}

/// Refused because input breaks a rule.
#[track_caller]
pub(super) fn assert_invalid<T: fmt::Debug>(result: Result<T, ToriiError>) {
    match &result {
        Err(error @ ToriiError::AuthError(_)) if matches!(cause(error), Some(Error::Validation(_))) => {}
        other => panic!("expected a validation error, got {other:?}"),
    }
}

/// Refused by a rule of the schema.
#[track_caller]
pub(super) fn assert_violation<T: fmt::Debug>(result: Result<T, ToriiError>, expected: StorageErrorKind) {
    match &result {
        Err(error @ ToriiError::StorageError(_)) => match cause(error) {
            Some(Error::Storage(StorageError::Failed { kind, .. })) if *kind == expected => {}
            other => panic!("expected {expected:?}, got {other:?}"),
        },
        other => panic!("expected {expected:?}, got {other:?}"),
    }
}
