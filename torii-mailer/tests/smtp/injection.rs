//! Line breaks where they have no business.

use torii_mailer::{
    AskamaTemplateEngine, Email, MagicLinkEmail, MailerConfig, MailerError, TemplateContext, WelcomeEmail,
    link_with_token,
};

use crate::{
    addresses, email, parsed,
    server::{Manner, SmtpServer},
    transport,
};

const FROM: &str = "noreply@acme.example";
const TO: &str = "ann@example.com";
/// Would be a header, a recipient and a second mail, if it came to stand where those are read.
const ATTACKS: [&str; 5] = [
    "x\r\nBcc: eve@evil.example",
    "x\nBcc: eve@evil.example",
    "x\rBcc: eve@evil.example",
    "x\r\n\r\n<p>Another body</p>",
    "x\r\n.\r\nMAIL FROM:<eve@evil.example>\r\nRCPT TO:<eve@evil.example>\r\nDATA\r\nx\r\n.\r\n",
];

#[tokio::test]
async fn a_line_break_in_a_header_is_refused_before_anybody_hears_of_it() {
    let server = SmtpServer::start(Manner::default()).await;
    let transport = transport(&server, None);
    for attack in ATTACKS {
        let text = || attack.to_owned();
        // The fields are public: what the builder refuses can be written here.
        let mails = [
            Email { subject: text(), ..email() },
            Email { from: text(), ..email() },
            Email { from: format!("{attack} <{FROM}>"), ..email() },
            Email { from: format!("\"{attack}\" <{FROM}>"), ..email() },
            Email { to: vec![text()], ..email() },
            Email { to: vec![format!("{TO}>{attack}")], ..email() },
            Email { to: vec![format!("\"{attack}\" <{TO}>")], ..email() },
            Email { to: vec![format!("{attack}@example.com")], ..email() },
            Email { cc: vec![format!("{attack} <{TO}>")], ..email() },
            Email { bcc: vec![format!("{attack} <{TO}>")], ..email() },
            Email { reply_to: Some(format!("{attack} <{TO}>")), ..email() },
            Email { headers: [("X-Note".to_owned(), text())].into(), ..email() },
            Email { headers: [(text(), "x".to_owned())].into(), ..email() },
        ];
        for mail in mails {
            let error = transport.send_email(mail.clone()).await.unwrap_err();
            assert!(matches!(error, MailerError::Header { .. }) && error.is_permanent(), "{mail:?}: {error:?}");
            assert!(!error.to_string().contains(['\r', '\n']), "{error}");
        }
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn names_of_application_and_sender_are_held_to_the_same() {
    let engine = AskamaTemplateEngine::new();
    for attack in ATTACKS {
        let context = TemplateContext { app_name: attack.to_owned(), ..TemplateContext::default() };
        let error = MagicLinkEmail::build(&engine, FROM, TO, "https://acme.example", context).await.unwrap_err();
        assert!(matches!(&error, MailerError::Header { header, .. } if header == "Subject"), "{error:?}");

        let config = MailerConfig { from_name: Some(attack.to_owned()), ..MailerConfig::default() };
        let from = config.get_from_address();
        let error = WelcomeEmail::build(&engine, &from, TO, TemplateContext::default()).await.unwrap_err();
        assert!(matches!(&error, MailerError::Header { header, .. } if header == "From"), "{error:?}");
    }
}

/// Addresses and names that only stand in bodies are text there, whatever is in them: no header, no recipient and no end of the mail.
#[tokio::test]
async fn what_stands_in_a_body_stays_there() {
    let server = SmtpServer::start(Manner::default()).await;
    let transport = transport(&server, None);
    let engine = AskamaTemplateEngine::new();
    for attack in ATTACKS {
        let context = TemplateContext {
            app_url: format!("https://acme.example/{attack}"),
            user_email: Some(attack.to_owned()),
            user_name: Some(attack.to_owned()),
            ..TemplateContext::default()
        };
        let link = format!("https://acme.example/{attack}");
        for mail in [
            WelcomeEmail::build(&engine, FROM, TO, context.clone()).await.unwrap(),
            MagicLinkEmail::build(&engine, FROM, TO, &link, context.clone()).await.unwrap(),
        ] {
            transport.send_email(mail.clone()).await.unwrap();
            let delivered = server.take();
            let [delivery] = &delivered[..] else { panic!("{delivered:?}") };
            assert_eq!((delivery.from.as_str(), &delivery.to[..]), (FROM, &[TO.to_owned()][..]));
            let message = parsed(delivery);
            assert_eq!(addresses(message.to()), [(None, TO)]);
            assert!(message.bcc().is_none());
            assert_eq!(message.subject(), Some(mail.subject.as_str()));
            assert!(!message.body_html(0).unwrap().contains("<p>Another body</p>"));
        }
    }
}

#[test]
fn a_link_has_no_line_breaks() {
    for attack in ATTACKS {
        for (base, token) in [(format!("https://acme.example/{attack}"), "T"), ("https://acme.example".into(), attack)]
        {
            let link = link_with_token(&base, token).unwrap();
            assert!(!link.contains(['\r', '\n', ' ']), "{link}");
        }
    }
}
