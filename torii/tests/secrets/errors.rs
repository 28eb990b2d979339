//! Errors.

use std::error::Error as StdError;

use chrono::Duration;
use torii::{JwtConfig, RelyingParty, Session, SessionToken, ToriiError};
use torii_core::error::{AuthError, CryptoError, Error, SessionError, StorageError};
use torii_mailer::{Email, Mailer, MemoryTransport};

use crate::{
    common::{EMAIL, Fixture, NEW_PASSWORD, ORIGIN, PASSWORD, WRONG_PASSWORD},
    samples::{CHALLENGE, HASH, JWT, KEY, TOKEN, VERIFIER, all_secrets, mail, smtp},
};

#[tokio::test]
async fn no_error_shows_a_secret() {
    let fixture = Fixture::open().await;
    let secrets = all_secrets();
    let hide = |place: &str, error: &dyn StdError| secrets.assert_hidden_in_error(place, error);
    let refused = |place: &str, outcome: Result<(), ToriiError>| {
        let error = outcome.expect_err(place);
        hide(place, &error);
    };
    let user = fixture.register(EMAIL).await;
    let acme = &fixture.acme;
    let jwt = fixture.again().with_jwt_sessions(JwtConfig::new_hs256(KEY.to_vec()).unwrap()).with_tenant("acme");

    for (place, token) in [("an opaque token", TOKEN), ("a JWT", JWT), ("three parts", &format!("{TOKEN}.{TOKEN}.x"))] {
        let token = SessionToken::new(token);
        refused(place, acme.get_session(&token).await.map(drop));
        refused(place, acme.refresh_session(&token).await.map(drop));
        refused(place, jwt.get_session(&token).await.map(drop));
        refused(place, jwt.refresh_session(&token).await.map(drop));
    }
    refused("a wrong password", acme.authenticate(EMAIL, WRONG_PASSWORD, None, None).await.map(drop));
    let change = acme.password().change_password(&user.id, WRONG_PASSWORD, NEW_PASSWORD).await;
    refused("a wrong old password", change);
    let long = PASSWORD.repeat(20);
    refused("a long password", acme.register_user("new@example.com", &long).await.map(drop));
    refused("a reset token", acme.password().reset_password_complete(TOKEN, NEW_PASSWORD).await.map(drop));
    refused("a magic link", acme.magic_link().authenticate(TOKEN, None, None).await.map(drop));
    refused("a verification token", acme.verify_email_token(TOKEN).await.map(drop));
    let app = RelyingParty::new("app.example", [ORIGIN], "App").unwrap();
    let answer = serde_json::json!({ "id": CHALLENGE, "response": { "clientDataJSON": CHALLENGE } }).to_string();
    let finish = acme.passkey().finish_authentication(&app, TOKEN, &answer, None, None).await;
    refused("a ceremony's id", finish.map(drop));
    let start = acme.passkey().start_authentication(&app).await.unwrap();
    let finish = acme.passkey().finish_authentication(&app, &start.ceremony_id, &answer, None, None).await;
    refused("a malformed answer", finish.map(drop));

    // The database refuses what it is given twice, and what it cannot read.
    let twice = async |token: &str| {
        use torii_core::repositories::SessionRepository;
        let provider = fixture.torii.repositories().for_tenant(user.tenant_id.clone());
        let session = Session::builder().token(SessionToken::new(token)).user_id(user.id.clone()).build().unwrap();
        provider.create(session.clone()).await.unwrap();
        provider.create(session).await.unwrap_err()
    };
    hide("a token stored twice", &twice(TOKEN).await);
    sqlx::query("UPDATE sessions SET expires_at = 'never'").execute(fixture.pool()).await.unwrap();
    refused("a damaged session", acme.get_session(&SessionToken::new(TOKEN)).await.map(drop));
    sqlx::query("UPDATE users SET created_at = 'never', password_hash = ?")
        .bind(HASH)
        .execute(fixture.pool())
        .await
        .unwrap();
    refused("a damaged user", acme.authenticate(EMAIL, PASSWORD, None, None).await.map(drop));
    fixture.pool().close().await;
    refused("no database", acme.get_session(&SessionToken::new(TOKEN)).await.map(drop));
    refused("no database", acme.register_user("new@example.com", PASSWORD).await.map(drop));
    refused("no database", acme.password().reset_password_complete(TOKEN, NEW_PASSWORD).await.map(drop));
    let store = acme.oauth().store_pkce_verifier(TOKEN, VERIFIER, Duration::minutes(5)).await;
    refused("no database", store);

    // Keys and mail servers.
    for config in [JwtConfig::new_rs256(KEY.to_vec(), KEY.to_vec()), JwtConfig::new_eddsa(KEY.to_vec(), KEY.to_vec())] {
        hide("a private key", &config.get_encoding_key().expect_err("it is no key"));
        hide("a public key", &config.get_decoding_key().expect_err("it is no key"));
    }
    hide("a short key", &JwtConfig::new_hs256(KEY[..31].to_vec()).unwrap_err());
    let mail = mail().build().unwrap();
    hide("SMTP", &smtp().build_transport().unwrap().send_email(mail.clone()).await.unwrap_err());
    let header = Email { headers: [("X-Token".to_owned(), format!("{TOKEN}\r\n"))].into(), ..mail };
    hide("a header", &MemoryTransport::new().send_email(header).await.unwrap_err());
    refused(
        "a link",
        torii_mailer::link_with_token("no url", TOKEN).map(drop).map_err(|error| {
            hide("a link", &error);
            ToriiError::AuthError(error.to_string().into())
        }),
    );
}

/// Every error of core that applications can get with a text from outside has a text that this library made.
#[test]
fn errors_keep_their_causes_apart() {
    let cause = || Box::new(std::io::Error::other(format!("the cause names {TOKEN}")));
    let kind = torii_core::error::StorageErrorKind::Other;
    let failed = StorageError::Failed { operation: "create session", kind, source: cause() };
    let corrupt = StorageError::Corrupt { table: "t", column: "c", row: "r".into(), source: cause() };
    for error in [failed, corrupt, StorageError::MigrationFailed { source: cause() }] {
        // What reaches a caller by `to_string()`, and from there a client, is not what the driver said.
        let error = ToriiError::from(Error::from(error));
        assert!(!error.to_string().contains(TOKEN), "{error}");
    }
    let plain: [Error; 3] = [
        AuthError::InvalidCredentials.into(),
        SessionError::NotFound.into(),
        CryptoError::PasswordHash("out of memory".into()).into(),
    ];
    for error in plain {
        all_secrets().assert_hidden_in_error("a plain error", &error);
    }
}
