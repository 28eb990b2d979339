//! The database.

use chrono::Duration;
use torii::RelyingParty;

use crate::{
    common::{EMAIL, Fixture, LINK, ORIGIN, PASSWORD, token_of},
    looked_for::Secrets,
    samples::{TOKEN, VERIFIER},
};

/// A copy of the database opens no account: it holds digests of tokens, and hashes of passwords.
#[tokio::test]
async fn the_database_holds_no_token_and_no_password() {
    let fixture = Fixture::open().await;
    let mut secrets = Secrets::default();
    secrets.add("a password", PASSWORD);
    let user = fixture.register(EMAIL).await;
    let (_, session) = fixture.sign_in(EMAIL).await;
    let acme = &fixture.acme;
    secrets.add("a session's token", token_of(&session).expose_secret());
    secrets
        .add("a refreshed token", token_of(&acme.refresh_session(&token_of(&session)).await.unwrap()).expose_secret());
    secrets.add("a link's token", acme.magic_link().generate_token(EMAIL).await.unwrap().token().unwrap());
    secrets.add("a reset token", acme.password().issue_reset_token(EMAIL).await.unwrap().unwrap().token().unwrap());
    secrets.add("a verification token", acme.send_verification_email(&user.id, LINK).await.unwrap().token().unwrap());
    acme.oauth().store_pkce_verifier(TOKEN, VERIFIER, Duration::minutes(5)).await.unwrap();
    secrets.add("an OAuth state", TOKEN);
    let app = RelyingParty::new("app.example", [ORIGIN], "App").unwrap();
    secrets.add("a ceremony's id", &acme.passkey().start_authentication(&app).await.unwrap().ceremony_id);
    // Everything that was ever written, in the database and its log.
    for name in ["torii.db", "torii.db-wal"] {
        let bytes = std::fs::read(fixture.file().with_file_name(name)).unwrap();
        assert!(!bytes.is_empty());
        secrets.assert_hidden_in(name, &String::from_utf8_lossy(&bytes));
    }
}
