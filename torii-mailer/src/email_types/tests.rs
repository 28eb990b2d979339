use std::time::Duration;

use super::{EmailVerificationEmail, MagicLinkEmail, PasswordChangedEmail, PasswordResetEmail, WelcomeEmail};
use crate::{
    AskamaTemplateEngine, Email, FileTransport, Mailer, MailerError, TemplateContext, TemplateEngine, link_with_token,
};

const FROM: &str = "\"Acme, Inc.\" <noreply@acme.example>";
const TO: &str = "user@acme.example";

fn context() -> TemplateContext {
    TemplateContext {
        app_name: "Acme & Co".to_owned(),
        app_url: "https://acme.example/start?a=1&b=2".to_owned(),
        user_email: Some(TO.to_owned()),
        user_name: Some("Ann, \"the\" Ü\r\nBcc: x@y.example".to_owned()),
    }
}

/// What arrives: the mail written to a file and read back by another implementation.
struct Arrived {
    subject: String,
    text: String,
    html: String,
}

async fn send(email: Email) -> Arrived {
    let dir = tempfile::tempdir().unwrap();
    FileTransport::new(dir.path()).unwrap().send_email(email).await.unwrap();
    let file = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(file).unwrap();
    let message = mail_parser::MessageParser::default().parse(&bytes).unwrap();
    assert_eq!(message.from().unwrap().first().unwrap().name(), Some("Acme, Inc."));
    assert_eq!(message.to().unwrap().iter().count(), 1);
    assert_eq!(message.to().unwrap().first().unwrap().address(), Some(TO));
    assert!(message.reply_to().is_none() && message.bcc().is_none());
    Arrived {
        subject: message.subject().unwrap().to_owned(),
        text: message.body_text(0).unwrap().into_owned(),
        html: message.body_html(0).unwrap().replace("&#38;", "&"),
    }
}

#[tokio::test]
async fn every_mail_arrives_with_its_subject_and_exact_link_in_both_bodies() {
    let engine = AskamaTemplateEngine::new();
    let token = "Abc-_".repeat(20);
    let link = &link_with_token("https://acme.example/go/?a=1&b=x%3Dy#part", &token).unwrap();
    let home = &context().app_url;
    let mails = [
        (MagicLinkEmail::build(&engine, FROM, TO, link, context()).await, "Sign in to Acme & Co", link),
        (WelcomeEmail::build(&engine, FROM, TO, context()).await, "Welcome to Acme & Co!", home),
        (PasswordResetEmail::build(&engine, FROM, TO, link, context()).await, "Reset your Acme & Co password", link),
        (
            PasswordChangedEmail::build(&engine, FROM, TO, context()).await,
            "Your Acme & Co password has been changed",
            home,
        ),
        (
            EmailVerificationEmail::build(&engine, FROM, TO, link, context()).await,
            "Verify your email for Acme & Co",
            link,
        ),
    ];
    for (email, subject, link) in mails {
        let arrived = send(email.unwrap()).await;
        assert_eq!(arrived.subject, subject);
        assert!(arrived.text.lines().any(|line| line == link), "{}", arrived.text);
        assert!(arrived.html.contains(&format!("href=\"{link}\"")), "{}", arrived.html);
        assert!(arrived.text.starts_with("Hello Ann, \"the\" Ü Bcc: x@y.example,\r\n"));
    }
}

#[tokio::test]
async fn mails_name_the_lifetime_they_are_given() {
    let engine = AskamaTemplateEngine::new();
    let link = "https://acme.example/x";
    let lifetime = Duration::from_secs(2 * 3600 + 59);
    for email in [
        MagicLinkEmail::build_expiring(&engine, FROM, TO, link, context(), lifetime).await,
        PasswordResetEmail::build_expiring(&engine, FROM, TO, link, context(), lifetime).await,
        EmailVerificationEmail::build_expiring(&engine, FROM, TO, link, context(), lifetime).await,
    ] {
        let arrived = send(email.unwrap()).await;
        assert!(arrived.text.contains("expires in 2 hours."), "{}", arrived.text);
        assert!(arrived.html.contains("expires in 2 hours."), "{}", arrived.html);
    }
    let reset = PasswordResetEmail::build(&engine, FROM, TO, link, context()).await.unwrap();
    assert!(send(reset).await.text.contains("expires in 15 minutes."));
}

#[tokio::test]
async fn a_name_of_ten_kilobytes_breaks_nothing() {
    let context = TemplateContext { user_name: Some("N".repeat(10_000)), ..context() };
    let engine = AskamaTemplateEngine::new();
    let email = WelcomeEmail::build(&engine, FROM, TO, context).await.unwrap();
    let arrived = send(email).await;
    assert!(arrived.text.starts_with(&format!("Hello {}…,\r\n", "N".repeat(100))));
}

#[tokio::test]
async fn an_application_name_cannot_inject_a_header() {
    let context = TemplateContext { app_name: "A\r\nBcc: x@y.example".to_owned(), ..context() };
    let engine: &dyn TemplateEngine = &AskamaTemplateEngine::new();
    let error = WelcomeEmail::build(engine, FROM, TO, context).await.unwrap_err();
    assert!(matches!(error, MailerError::Header { header, .. } if header == "Subject"));
}
