//! Logs.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::Duration;
use torii::{
    BruteForceProtectionConfig, JwtConfig, MailerConfig, PasskeyCeremony, RelyingParty, Session, SessionToken,
    TenantScope, Torii,
};
use torii_mailer::{Email, Mailer, MailerError, config::TransportConfig};
use tracing_subscriber::layer::SubscriberExt;

use crate::{
    common::{Db, EMAIL, Fixture, LINK, NEW_PASSWORD, ORIGIN, PASSWORD, SoftAuthenticator, WRONG_PASSWORD, token_of},
    log::Log,
    looked_for::Secrets,
    samples::{JWT, KEY, TOKEN, VERIFIER, all_secrets, mail, smtp},
};

/// Refuses every mail for good.
struct Refusing;

#[async_trait]
impl Mailer for Refusing {
    async fn send_email(&self, _email: Email) -> Result<(), MailerError> {
        Err(MailerError::Config("no mail today".into()))
    }
}

/// The tokens in the links of the mails that were sent.
async fn tokens_in_mails(fixture: &Fixture) -> Vec<String> {
    fixture.acme.flush_mail().await;
    let texts = fixture.outbox.take().into_iter().filter_map(|mail| mail.text_body);
    let token = |text: String| Some(text.split_once("token=")?.1.chars().take(43).collect());
    texts.filter_map(token).collect()
}

async fn add_hashes(fixture: &Fixture, secrets: &mut Secrets) {
    let hashes: Vec<String> = sqlx::query_scalar("SELECT password_hash FROM users WHERE password_hash IS NOT NULL")
        .fetch_all(fixture.pool())
        .await
        .unwrap();
    for hash in hashes {
        secrets.add("a password hash", &hash);
    }
}

/// Every flow once, with what goes wrong in it.
async fn every_flow(fixture: &Fixture, acme: &TenantScope<Db>, email: &str, secrets: &mut Secrets) {
    let session = |secrets: &mut Secrets, session: &Session| {
        secrets.add_token("a session's token", token_of(session).expose_secret());
        token_of(session)
    };
    let passwords = acme.password();
    let user = acme.register_user(email, PASSWORD).await.unwrap();
    acme.register_user(email, NEW_PASSWORD).await.unwrap();
    add_hashes(fixture, secrets).await;
    acme.authenticate(email, WRONG_PASSWORD, None, None).await.unwrap_err();
    acme.authenticate("nobody@example.com", PASSWORD, None, None).await.unwrap_err();
    let (_, begun) = acme.authenticate(email, PASSWORD, None, None).await.unwrap();
    let token = session(secrets, &begun);
    acme.authenticate_session(&token).await.unwrap().unwrap();
    let token = session(secrets, &acme.refresh_session(&token).await.unwrap());
    acme.list_user_sessions(&user.id).await.unwrap();
    acme.delete_session(&token).await.unwrap();
    acme.get_session(&SessionToken::new(TOKEN)).await.unwrap_err();
    acme.get_session(&SessionToken::new(JWT)).await.unwrap_err();

    passwords.change_password(&user.id, WRONG_PASSWORD, NEW_PASSWORD).await.unwrap_err();
    passwords.change_password(&user.id, PASSWORD, NEW_PASSWORD).await.unwrap();
    add_hashes(fixture, secrets).await;
    passwords.reset_password_initiate(email, LINK).await.unwrap();
    passwords.reset_password_initiate("nobody@example.com", LINK).await.unwrap();
    let reset = passwords.issue_reset_token(email).await.unwrap().unwrap();
    secrets.add_token("a reset token", reset.token().unwrap());
    passwords.reset_password_complete(TOKEN, PASSWORD).await.unwrap_err();
    passwords.reset_password_complete(reset.token().unwrap(), PASSWORD).await.unwrap();
    passwords.set_password(&user.id, PASSWORD).await.unwrap();
    add_hashes(fixture, secrets).await;

    let verification = acme.send_verification_email(&user.id, LINK).await.unwrap();
    secrets.add_token("a verification token", verification.token().unwrap());
    acme.verify_email_token(TOKEN).await.unwrap_err();
    acme.verify_email_token(verification.token().unwrap()).await.unwrap();
    for email in [email, &format!("new.{email}")] {
        let link = acme.magic_link().send_link(email, LINK).await.unwrap();
        secrets.add_token("a magic link", link.token().unwrap());
        let (_, begun) = acme.magic_link().authenticate(link.token().unwrap(), None, None).await.unwrap();
        session(secrets, &begun);
        acme.magic_link().authenticate(link.token().unwrap(), None, None).await.unwrap_err();
    }

    acme.oauth().store_pkce_verifier(TOKEN, VERIFIER, Duration::minutes(5)).await.unwrap();
    assert_eq!(acme.oauth().get_pkce_verifier(TOKEN).await.unwrap().as_deref(), Some(VERIFIER));
    assert!(acme.oauth().get_pkce_verifier(TOKEN).await.unwrap().is_none());
    let (_, begun) = acme.oauth().authenticate("github", email, email, None, None, None).await.unwrap();
    session(secrets, &begun);

    let (app, mut authenticator) =
        (RelyingParty::new("app.example", [ORIGIN], "App").unwrap(), SoftAuthenticator::default());
    let ceremony = |secrets: &mut Secrets, start: &PasskeyCeremony| {
        secrets.add_token("a ceremony's id", &start.ceremony_id);
        secrets.add("a challenge", start.options["challenge"].as_str().unwrap());
    };
    let start = acme.passkey().start_registration(&app, &user.id).await.unwrap();
    ceremony(secrets, &start);
    let answer = authenticator.register(&start.options, ORIGIN);
    acme.passkey().finish_registration(&app, &user.id, &start.ceremony_id, &answer, None).await.unwrap();
    for attempt in 0..2 {
        let start = acme.passkey().start_authentication(&app).await.unwrap();
        ceremony(secrets, &start);
        authenticator.behaviour.corrupt_signature = attempt == 1;
        let answer = authenticator.authenticate(&start.options, ORIGIN);
        let finished = acme.passkey().finish_authentication(&app, &start.ceremony_id, &answer, None, None).await;
        match finished {
            Ok((_, begun)) => drop(session(secrets, &begun)),
            Err(error) => {
                assert_eq!((attempt, error.to_string().as_str()), (1, "Auth error: Invalid passkey credential"))
            }
        }
    }

    // Until the address is locked.
    for _ in 0..6 {
        acme.authenticate(email, WRONG_PASSWORD, None, None).await.unwrap_err();
    }
    if let Ok((_, begun)) = acme.authenticate(email, PASSWORD, None, None).await {
        session(secrets, &begun);
    }
    acme.unlock_account(email).await.unwrap();
    acme.cleanup_expired().await.unwrap();
    acme.delete_sessions_for_user(&user.id).await.unwrap();
    acme.delete_user(&user.id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_shows_a_secret() {
    let log = Log::default();
    // For the whole process: SQLite's statements are logged by threads of their own.
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log.clone()))
        .expect("no other test of this file logs");
    let mut secrets = all_secrets();
    let fixture = Fixture::open().await;
    let directory = tempfile::tempdir().unwrap();
    let files = TransportConfig::File { output_dir: directory.path().to_owned() };
    let jwt = || JwtConfig::new_hs256(KEY.to_vec()).unwrap().with_key_id("key").with_metadata(true);
    let assembled: [Torii<Db>; 5] = [
        fixture.again(),
        fixture.again().with_jwt_sessions(jwt()),
        fixture.again().with_mailer(MailerConfig { transport: files, ..MailerConfig::default() }).unwrap(),
        fixture.again().with_mail_transport(Arc::new(Refusing), MailerConfig::default()),
        fixture.again().with_brute_force_protection(BruteForceProtectionConfig::disabled()),
    ];
    for (index, torii) in assembled.into_iter().enumerate() {
        let acme = torii.with_tenant("acme");
        every_flow(&fixture, &acme, &format!("john{index}@example.com"), &mut secrets).await;
        acme.flush_mail().await;
        for token in tokens_in_mails(&fixture).await {
            secrets.add_token("a token in a mail", &token);
        }
    }
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let mail = std::fs::read_to_string(file.unwrap().path()).unwrap();
        // Quoted-printable breaks lines with `=` and writes `=` as `=3D`.
        let mail = mail.replace("=\r\n", "").replace("=3D", "=");
        if let Some((_, rest)) = mail.split_once("token=") {
            secrets.add_token("a token in a file", &rest.chars().take(43).collect::<String>());
        }
    }
    smtp().build_transport().unwrap().send_email(mail().build().unwrap()).await.unwrap_err();

    // A database that fails in the middle, and one that is gone.
    let fails = "CREATE TRIGGER fault BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'fault'); END";
    sqlx::query(fails).execute(fixture.pool()).await.unwrap();
    fixture.register(EMAIL).await;
    add_hashes(&fixture, &mut secrets).await;
    fixture.acme.authenticate(EMAIL, PASSWORD, None, None).await.unwrap_err();
    let link = fixture.acme.magic_link().send_link(EMAIL, LINK).await.unwrap();
    secrets.add_token("a magic link", link.token().unwrap());
    fixture.acme.magic_link().authenticate(link.token().unwrap(), None, None).await.unwrap_err();
    fixture.pool().close().await;
    fixture.torii.cleanup_expired().await.unwrap_err();
    fixture.acme.authenticate(EMAIL, PASSWORD, None, None).await.unwrap_err();
    fixture.acme.oauth().store_pkce_verifier(TOKEN, VERIFIER, Duration::minutes(5)).await.unwrap_err();

    let text = log.text();
    for expected in ["INSERT INTO users", "INSERT INTO sessions", "UPDATE secure_tokens", "mail given up", "sqlx"] {
        assert!(text.contains(expected), "{expected} is in the log");
    }
    assert!(text.lines().any(|line| line.starts_with("torii")), "the library logs, and is heard");
    assert!(secrets.0.len() > 500, "enough was collected: {}", secrets.0.len());
    let seen = secrets.seen_in(&text);
    if !seen.is_empty() {
        let lines: Vec<_> = text.lines().filter(|line| !secrets.seen_in(line).is_empty()).take(5).collect();
        panic!("the log shows {seen:?}: {lines:#?}");
    }
}
