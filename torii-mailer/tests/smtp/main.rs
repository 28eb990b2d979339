//! Mail on its way to a real SMTP server.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

mod injection;
mod server;
mod trouble;

use mail_parser::{Message, MessageParser, MimeHeaders as _, PartType};
use torii_mailer::{
    AskamaTemplateEngine, Email, Mailer, MailerConfig, MailerError, PasswordResetEmail, SmtpTransport, TemplateContext,
    config::{TlsType, TransportConfig},
};

use self::server::{Delivery, Manner, PASSWORD, SmtpServer, USERNAME};

/// A transport to `server`, as an application configures one.
fn transport(server: &SmtpServer, credentials: Option<(&str, &str)>) -> Box<dyn Mailer> {
    let (username, password) = credentials.map(|(name, word)| (name.to_owned(), word.to_owned())).unzip();
    let (host, port, tls) = ("127.0.0.1".to_owned(), Some(server.port), Some(TlsType::None));
    let transport = TransportConfig::Smtp { host, port, username, password, tls };
    MailerConfig { transport, ..MailerConfig::default() }.build_transport().unwrap()
}

fn email() -> Email {
    let email = Email::builder().from("Acme <noreply@acme.example>").to("ann@example.com").subject("Hi");
    email.text_body("Text").html_body("<p>Text</p>").build().unwrap()
}

fn parsed(delivery: &Delivery) -> Message<'_> {
    MessageParser::default().parse(&delivery.data).unwrap()
}

/// Every address of a header.
fn addresses<'a>(header: Option<&'a mail_parser::Address<'_>>) -> Vec<(Option<&'a str>, &'a str)> {
    header.into_iter().flat_map(|header| header.iter()).map(|one| (one.name(), one.address().unwrap())).collect()
}

#[tokio::test]
async fn a_mail_arrives_with_envelope_headers_and_both_bodies() {
    let server = SmtpServer::start(Manner::default()).await;
    // A dot alone ends a mail in SMTP, a line has at most 998 bytes (RFC 5321, sections 4.5.2 and 4.5.3.1.6).
    let text = format!("Grüße\r\n.\r\n..\r\nMAIL FROM:<x@y.example>\r\n{}", "long ".repeat(400));
    let html = "<p>Grüße &amp; mehr</p>";
    let mail = Email::builder()
        .from("\"Äpfel, Birnen\" <noreply@acme.example>")
        .to_multiple(["Ann <ann@example.com>", "bob@example.com"])
        .cc("carl@example.com")
        .bcc("dora@example.com")
        .reply_to("help@acme.example")
        .subject("Grüße von Äpfel & Birnen, und ein Betreff, der länger ist als eine Zeile einer Mail sein soll")
        .header("X-Campaign", "spring")
        .text_body(text.as_str())
        .html_body(html)
        .build()
        .unwrap();
    transport(&server, None).send_email(mail.clone()).await.unwrap();

    let delivered = server.take();
    let [delivery] = &delivered[..] else { panic!("{delivered:?}") };
    assert_eq!(delivery.from, "noreply@acme.example");
    assert_eq!(delivery.to, ["ann@example.com", "bob@example.com", "carl@example.com", "dora@example.com"]);
    assert!(delivery.data.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));

    let message = parsed(delivery);
    assert_eq!(addresses(message.from()), [(Some("Äpfel, Birnen"), "noreply@acme.example")]);
    assert_eq!(addresses(message.to()), [(Some("Ann"), "ann@example.com"), (None, "bob@example.com")]);
    assert_eq!(addresses(message.cc()), [(None, "carl@example.com")]);
    assert_eq!(addresses(message.reply_to()), [(None, "help@acme.example")]);
    assert!(message.bcc().is_none());
    assert_eq!(message.subject(), Some(mail.subject.as_str()));
    assert_eq!(message.header("X-Campaign").and_then(|header| header.as_text()), Some("spring"));
    assert!(message.message_id().is_some_and(|id| id.ends_with("@acme.example")));
    assert!(message.date().is_some());

    let content_type = message.content_type().unwrap();
    assert_eq!((content_type.ctype(), content_type.subtype()), ("multipart", Some("alternative")));
    let bodies: Vec<_> = message.parts.iter().filter(|part| !matches!(part.body, PartType::Multipart(_))).collect();
    let [first, second] = bodies[..] else { panic!("{bodies:?}") };
    assert!(matches!(&first.body, PartType::Text(body) if *body == text), "{first:?}");
    assert!(matches!(&second.body, PartType::Html(body) if *body == html), "{second:?}");
}

#[tokio::test]
async fn a_mail_of_ours_arrives_with_its_link_in_both_bodies() {
    let server = SmtpServer::start(Manner::default()).await;
    let link = "https://acme.example/password/reset?a=1&token=T-_9";
    let context = TemplateContext { app_name: "Äpfel & Birnen".to_owned(), ..TemplateContext::default() };
    let engine = AskamaTemplateEngine::new();
    let mail = PasswordResetEmail::build(&engine, "noreply@acme.example", "ann@example.com", link, context);
    transport(&server, None).send_email(mail.await.unwrap()).await.unwrap();

    let delivered = server.take();
    let message = parsed(&delivered[0]);
    assert_eq!(message.subject(), Some("Reset your Äpfel & Birnen password"));
    assert!(message.body_text(0).unwrap().contains(link));
    assert!(message.body_html(0).unwrap().contains(&link.replace('&', "&#38;")));
}

#[tokio::test]
async fn a_server_that_wants_to_know_who_sends_is_told() {
    let server = SmtpServer::start(Manner { wants_sign_in: true, ..Manner::default() }).await;
    transport(&server, Some((USERNAME, PASSWORD))).send_email(email()).await.unwrap();
    assert_eq!(server.take()[0].username.as_deref(), Some(USERNAME));

    for credentials in [Some((USERNAME, "a wrong s3cret")), None] {
        let error = transport(&server, credentials).send_email(email()).await.unwrap_err();
        assert!(matches!(error, MailerError::Transport(_)) && error.is_permanent(), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        assert!(server.take().is_empty());
    }
}

#[tokio::test]
async fn every_mail_has_a_connection_of_its_own() {
    let server = SmtpServer::start(Manner::default()).await;
    let transport = SmtpTransport::builder("127.0.0.1").port(server.port).no_tls().build().unwrap();
    for _ in 0..2 {
        transport.send_email(email()).await.unwrap();
    }
    assert_eq!((server.take().len(), server.connections()), (2, 2));
}
