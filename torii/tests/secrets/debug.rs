//! Types that can hold a secret.

use std::{fmt::Debug, sync::Arc};

use secrecy::SecretString;
use torii::{
    JwtAlgorithm, JwtConfig, JwtKeyRing, JwtVerificationKey, PasskeyCeremony, RelyingParty, Session, SessionToken,
    TenantId, TokenPurpose, User,
};
use torii_core::{
    JwtSessionProvider, OpaqueSessionProvider,
    crypto::{TokenDigest, TokenUse},
    events::{Event, EventBus},
    lockout::{Credentials, ReservedAttempt},
    passkey::ceremony::CeremonyStart,
    password::HashingConfig,
    repositories::IssuedToken,
    services::{PasswordService, SignInContext},
    token::NewToken,
};
use torii_mailer::{
    MailJob, Mailer, MemoryTransport, mailer::MailerService, templates::TemplateData, transports::SmtpTransport,
};

use crate::{
    common::{EMAIL, Fixture, LINK, ORIGIN, PASSWORD, fast_hasher, token_of},
    looked_for::Secrets,
    samples::{CHALLENGE, HASH, JWT, KEY, SMTP_PASSWORD, TOKEN, all_secrets, mail, secure_token, smtp},
};

#[tokio::test]
async fn no_type_shows_a_secret() {
    let secrets = all_secrets();
    let show = |place: &str, value: &dyn Debug| secrets.assert_hidden_in_debug(place, value);
    let (opaque, jwt) = (SessionToken::new(TOKEN), SessionToken::new(JWT));
    let user = User::builder().email(EMAIL.into()).build().unwrap();

    for token in [&opaque, &jwt] {
        show("SessionToken", token);
        secrets.assert_hidden_in("SessionToken", &token.to_string());
        let builder = Session::builder().token(token.clone()).user_id(user.id.clone());
        show("SessionBuilder", &builder);
        show("SessionBuilder", &Session::builder().token_hash(token.token_hash()));
        let session = builder.build().unwrap();
        show("Session", &session);
        show("Session", &session.clone().without_token());
        show("Event::SessionCreated", &Event::SessionCreated(user.id.clone(), session));
        show("Event::SessionDeleted", &Event::SessionDeleted(user.id.clone(), token.clone()));
        show("TokenDigest", &TokenDigest::new(TokenUse::Session, &TenantId::default_tenant(), token.expose_secret()));
    }

    show("SecureToken", &secure_token());
    show("IssuedToken", &IssuedToken { token: secure_token(), email: EMAIL.into(), name: None });
    let expires_at = secure_token().expires_at;
    show("NewToken", &NewToken { token: TOKEN.into(), purpose: TokenPurpose::MagicLink, expires_at });

    let credentials = Credentials { user: user.clone(), password_hash: Some(SecretString::from(HASH)) };
    show("Credentials", &credentials);
    let attempt = ReservedAttempt { number: 1, locked_until: None, credentials: Some(credentials), logged: None };
    show("ReservedAttempt", &attempt);
    show("SignInContext", &SignInContext::default());
    show("HashingConfig", &HashingConfig::default());
    let hasher = fast_hasher();
    assert!(hasher.hash(&user.tenant_id, PASSWORD).await.unwrap().starts_with("$argon2id$"));
    show("PasswordHasher", &hasher);

    let hs256 = || JwtAlgorithm::HS256 { secret_key: KEY.to_vec() };
    let pem = || (KEY.to_vec(), KEY.to_vec());
    let ((rsa_private, rsa_public), (ed_private, ed_public)) = (pem(), pem());
    show("JwtAlgorithm::HS256", &hs256());
    show("JwtAlgorithm::RS256", &JwtAlgorithm::RS256 { private_key: rsa_private, public_key: rsa_public });
    show("JwtAlgorithm::EdDSA", &JwtAlgorithm::EdDSA { private_key: ed_private, public_key: ed_public });
    let key = JwtVerificationKey::hs256(KEY).unwrap();
    show("JwtVerificationKey", &key);
    let ring = JwtKeyRing::new(hs256()).with_key_id("a").with_verification_key("b", key);
    show("JwtKeyRing", &ring);
    show("JwtAlgorithm::KeyRing", &JwtAlgorithm::KeyRing(ring.clone()));
    let config = JwtConfig { algorithm: JwtAlgorithm::KeyRing(ring), ..JwtConfig::new_hs256(KEY.to_vec()).unwrap() };
    show("JwtConfig", &config);
    show("EncodingKey", &config.get_encoding_key().unwrap());
    show("DecodingKey", &config.get_decoding_key().unwrap());
    show("JwtSessionProvider", &JwtSessionProvider::new(config));

    let options = serde_json::json!({ "challenge": CHALLENGE });
    let state = options.to_string();
    show("CeremonyStart", &CeremonyStart { options: options.clone(), state });
    show("PasskeyCeremony", &PasskeyCeremony { ceremony_id: TOKEN.into(), options });

    show("MailerConfig", &smtp());
    let builder = SmtpTransport::builder("localhost").credentials("app", SMTP_PASSWORD);
    show("SmtpTransportBuilder", &builder);
    let transport = builder.build().unwrap();
    show("SmtpTransport", &transport);
    show("MailerService", &MailerService::new(transport));
    show("EmailBuilder", &mail());
    let email = mail().build().unwrap();
    show("Email", &email);
    show("TemplateData", &TemplateData::new().insert("magic_link", format!("{LINK}?token={TOKEN}")).unwrap());
    let kept = email.clone();
    show("MailJob", &MailJob::new("magic_link", EMAIL, move || async move { Ok(kept) }));
    let outbox = MemoryTransport::new();
    outbox.send_email(email).await.unwrap();
    show("MemoryTransport", &outbox);
}

#[tokio::test]
async fn what_works_on_secrets_shows_none() {
    let fixture = Fixture::open().await;
    let mut secrets = all_secrets();
    fixture.register(EMAIL).await;
    let (user, session) = fixture.sign_in(EMAIL).await;
    secrets.add_token("a session's token", token_of(&session).expose_secret());
    let link = fixture.acme.magic_link().send_link(EMAIL, LINK).await.unwrap();
    secrets.add_token("a link's token", link.token().unwrap());
    fixture.acme.flush_mail().await;
    let show = |place: &str, value: &dyn Debug| secrets.assert_hidden_in_debug(place, value);

    let provider = fixture.torii.repositories();
    show("Torii", &fixture.torii);
    show("TenantScope", &fixture.acme);
    show("a provider", provider);
    show("PasswordService", &PasswordService::new(Arc::clone(provider)).with_hasher(fast_hasher()));
    show("OpaqueSessionProvider", &OpaqueSessionProvider::new(Arc::clone(provider)));
    show("EventBus", &EventBus::new());
    show("User", &user);
    show("Session", &session);
    show("SecureToken", &link);
    show("LockoutStatus", &fixture.acme.get_lockout_status(EMAIL).await.unwrap());
    show("events", &fixture.events.take());
    show("mails", &fixture.outbox.sent());
    show("sessions", &fixture.acme.list_user_sessions(&user.id).await.unwrap());
    let found = fixture.acme.authenticate_session(&token_of(&session)).await.unwrap();
    show("authenticate_session", &found);
    let app = RelyingParty::new("app.example", [ORIGIN], "App").unwrap();
    show("RelyingParty", &app);
    let start = fixture.acme.passkey().start_registration(&app, &user.id).await.unwrap();
    let mut ceremony = Secrets::default();
    ceremony.add_token("a ceremony's id", &start.ceremony_id);
    ceremony.add("a challenge", start.options["challenge"].as_str().unwrap());
    ceremony.assert_hidden_in_debug("PasskeyCeremony", &start);
}
