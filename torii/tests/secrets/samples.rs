//! Secrets of every kind, and what holds them.

use torii::{MailerConfig, SecureToken, SessionToken, TokenPurpose, UserId};
use torii_core::Clock;
use torii_mailer::{
    Email,
    config::{TlsType, TransportConfig},
};

use crate::{
    common::{EMAIL, LINK, NEW_PASSWORD, PASSWORD, WRONG_PASSWORD},
    looked_for::Secrets,
};

pub(super) const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1";
pub(super) const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c3JfMSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ";
pub(super) const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$dGFndGFndGFndGFndGFndGFndGFndGFndGFndGFndGE";
pub(super) const KEY: &[u8; 32] = b"the key that signs every session";
pub(super) const SMTP_PASSWORD: &str = "the password of the mail server";
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "Y2hhbGxlbmdlLWNoYWxsZW5nZS1jaGFsbGVuZ2U";

pub(super) fn all_secrets() -> Secrets {
    let mut secrets = Secrets::default();
    secrets.add_token("a token", TOKEN);
    secrets.add_token("a JWT", JWT);
    secrets.add("a password hash", HASH);
    secrets.add("a signing key", std::str::from_utf8(KEY).unwrap());
    secrets.add("the SMTP password", SMTP_PASSWORD);
    secrets.add("a PKCE verifier", VERIFIER);
    secrets.add("a challenge", CHALLENGE);
    for password in [PASSWORD, NEW_PASSWORD, WRONG_PASSWORD] {
        secrets.add("a password", password);
    }
    secrets
}

pub(super) fn secure_token() -> SecureToken {
    let now = crate::common::ManualClock::default().now();
    let hash = SessionToken::new(TOKEN).token_hash();
    SecureToken::new(UserId::new("usr_1"), TOKEN.into(), hash, TokenPurpose::MagicLink, None, now, now, now)
}

pub(super) fn smtp() -> MailerConfig {
    let transport = TransportConfig::Smtp {
        host: "127.0.0.1".into(),
        // Nobody listens there.
        port: Some(1),
        username: Some("app".into()),
        password: Some(SMTP_PASSWORD.into()),
        tls: Some(TlsType::None),
    };
    MailerConfig { transport, ..MailerConfig::default() }
}

pub(super) fn mail() -> torii_mailer::EmailBuilder {
    let link = format!("{LINK}?token={TOKEN}");
    let email = Email::builder().from("app@example.com").to(EMAIL).subject("Sign in");
    email.html_body(format!("<a href=\"{link}\">sign in</a>")).text_body(link)
}
