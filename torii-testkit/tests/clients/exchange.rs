//! What one client writes, and another uses.

use std::sync::Arc;

use chrono::TimeDelta;
use torii::{MetadataPatch, Session, Torii, User};
use torii_core::{
    RepositoryProvider,
    password::{HashingConfig, PasswordHasher},
};
use torii_testkit::Provider;

pub(crate) const NAMED: &str = "acme-corp";

const PASSWORD: &str = "correct horse battery staple";
const NEW_PASSWORD: &str = "another correct horse battery staple";
const WRONG_PASSWORD: &str = "incorrect horse battery staple";

/// What both clients have in common but the database.
pub(crate) struct Exchange {
    hasher: PasswordHasher,
}

impl Default for Exchange {
    fn default() -> Self {
        Self { hasher: PasswordHasher::new(HashingConfig::insecure_fast_for_tests()).unwrap() }
    }
}

impl Exchange {
    pub(crate) fn torii<P: RepositoryProvider>(&self, provider: P) -> Torii<P> {
        Torii::new(Arc::new(provider)).with_password_hasher(self.hasher.clone())
    }

    /// Everything that `writer` can write and `reader` can use, for a user with an address that is new to both.
    pub(crate) async fn goes_from<A: Provider, B: Provider, S>(
        &self,
        writer: &Torii<A, S>,
        reader: &Torii<B, S>,
        email: &str,
    ) {
        let user = writer.register_user(email, PASSWORD).await.unwrap();
        reads_a_user(writer, reader, &user).await;
        uses_sessions(writer, reader, email).await;
        uses_identities(writer, reader, &user).await;
        counts_attempts(writer, reader, email).await;
        // At last: it changes the password.
        uses_mail_tokens(writer, reader, &user).await;
        writer.delete_user(&user.id).await.unwrap();
        assert_eq!(reader.get_user(&user.id).await.unwrap(), None);
    }
}

async fn reads_a_user<A: Provider, B: Provider, S>(writer: &Torii<A, S>, reader: &Torii<B, S>, user: &User) {
    assert_eq!(reader.get_user(&user.id).await.unwrap().as_ref(), Some(user));
    assert_eq!(reader.get_user_by_email(&user.email.to_uppercase()).await.unwrap().as_ref(), Some(user));
    let taken = reader.password().try_register(&user.email, PASSWORD, None).await.unwrap();
    assert!(!taken.is_created());
    let updated = reader.update_user(&User { name: Some("\u{1f511} Ann".into()), ..user.clone() }).await.unwrap();
    assert_eq!(writer.get_user(&user.id).await.unwrap(), Some(updated));

    let metadata = r#"{"plan":"pro","seats":5,"ratio":0.1}"#.parse().unwrap();
    writer.set_user_metadata(&user.id, &metadata).await.unwrap();
    assert_eq!(reader.user_metadata(&user.id).await.unwrap(), Some(metadata));
    let patch = MetadataPatch::new(serde_json::json!({"seats": 6, "ratio": null})).unwrap();
    reader.merge_user_metadata(&user.id, &patch).await.unwrap();
    let merged = r#"{"plan":"pro","seats":6}"#.parse().unwrap();
    assert_eq!(writer.user_metadata(&user.id).await.unwrap(), Some(merged));
}

async fn uses_sessions<A: Provider, B: Provider, S>(writer: &Torii<A, S>, reader: &Torii<B, S>, email: &str) {
    let agent = Some("Browser".to_owned());
    let (user, session) = reader.authenticate(email, PASSWORD, agent, None).await.unwrap();
    let token = session.token.as_ref().unwrap();
    let (owner, found) = writer.authenticate_session(token).await.unwrap().unwrap();
    assert_eq!((owner, as_text(&found)), (user.clone(), as_text(&session)));
    let session = writer.refresh_session(token).await.unwrap();
    assert!(reader.validate_session(token).await.unwrap().is_none());
    let token = session.token.as_ref().unwrap();
    assert_eq!(as_text(&reader.validate_session(token).await.unwrap().unwrap()), as_text(&session));
    assert_eq!(reader.list_user_sessions(&user.id).await.unwrap().len(), 1);
    reader.revoke_session(token).await.unwrap();
    assert!(writer.validate_session(token).await.unwrap().is_none());
}

/// Everything that is known of a session.
fn as_text(session: &Session) -> String {
    format!("{session:?}")
}

async fn uses_identities<A: Provider, B: Provider, S>(writer: &Torii<A, S>, reader: &Torii<B, S>, user: &User) {
    let id = &user.id;
    let user = || async { reader.get_user(id).await.unwrap() };
    let (subject, credential) = (id.as_str(), id.as_str().as_bytes());
    writer.oauth().link_account(id, "github", subject).await.unwrap();
    assert_eq!(reader.oauth().find_user("github", subject).await.unwrap(), user().await);
    let accounts = reader.oauth().list_accounts_for_user(id).await.unwrap();
    assert_eq!(writer.oauth().list_accounts_for_user(id).await.unwrap(), accounts);
    writer.oauth().store_pkce_verifier("state", "verifier", TimeDelta::hours(1)).await.unwrap();
    assert_eq!(reader.oauth().get_pkce_verifier("state").await.unwrap().as_deref(), Some("verifier"));
    assert_eq!(writer.oauth().get_pkce_verifier("state").await.unwrap(), None, "it works once");

    let key = vec![0, 0xff, 0x7f];
    writer.passkey().register_credential(id, credential.to_vec(), key, Some("a key".into())).await.unwrap();
    let passkeys = writer.passkey().get_user_credentials(id).await.unwrap();
    assert_eq!(reader.passkey().get_user_credentials(id).await.unwrap(), passkeys);
    let (owner, _) = reader.passkey().authenticate(credential, None, None).await.unwrap();
    assert_eq!(Some(owner), user().await);
}

/// Both count in one place, and what counts leads to one lock.
async fn counts_attempts<A: Provider, B: Provider, S>(writer: &Torii<A, S>, reader: &Torii<B, S>, email: &str) {
    for _ in 0..2 {
        writer.authenticate(email, WRONG_PASSWORD, None, None).await.unwrap_err();
        reader.authenticate(&email.to_uppercase(), WRONG_PASSWORD, None, None).await.unwrap_err();
    }
    for failed_attempts in [
        writer.get_lockout_status(email).await.unwrap().failed_attempts,
        reader.get_lockout_status(email).await.unwrap().failed_attempts,
    ] {
        assert_eq!(failed_attempts, 4);
    }
    writer.authenticate(email, WRONG_PASSWORD, None, None).await.unwrap_err();
    assert!(reader.authenticate(email, PASSWORD, None, None).await.is_err(), "it is locked");
    let status = writer.get_lockout_status(email).await.unwrap();
    assert_eq!(reader.get_lockout_status(email).await.unwrap().locked_until, status.locked_until);
    assert!(reader.unlock_account(email).await.unwrap());
    let (_, session) = writer.authenticate(email, PASSWORD, None, None).await.unwrap();
    reader.revoke_session(session.token.as_ref().unwrap()).await.unwrap();
}

async fn uses_mail_tokens<A: Provider, B: Provider, S>(writer: &Torii<A, S>, reader: &Torii<B, S>, user: &User) {
    let token = writer.send_verification_email(&user.id, "https://app.example/in").await.unwrap();
    assert!(reader.verify_email_token(token.token().unwrap()).await.unwrap().is_email_verified());
    assert!(writer.verify_email_token(token.token().unwrap()).await.is_err(), "it works once");

    let older = writer.magic_link().generate_token(&user.email).await.unwrap();
    let token = reader.magic_link().generate_token(&user.email).await.unwrap();
    assert!(
        reader.magic_link().authenticate(older.token().unwrap(), None, None).await.is_err(),
        "there is a newer one"
    );
    let (owner, session) = writer.magic_link().authenticate(token.token().unwrap(), None, None).await.unwrap();
    assert_eq!(owner.id, user.id);
    assert!(reader.validate_session(session.token.as_ref().unwrap()).await.unwrap().is_some());

    let token = writer.password().issue_reset_token(&user.email).await.unwrap().unwrap();
    assert!(reader.password().reset_password_verify_token(token.token().unwrap()).await.unwrap());
    reader.password().reset_password_complete(token.token().unwrap(), NEW_PASSWORD).await.unwrap();
    assert!(writer.validate_session(session.token.as_ref().unwrap()).await.unwrap().is_none());
    assert!(writer.authenticate(&user.email, PASSWORD, None, None).await.is_err());
    writer.authenticate(&user.email, NEW_PASSWORD, None, None).await.unwrap();
}
