use super::{Email, EmailBuilder};
use crate::{MailerError, message};

fn complete() -> EmailBuilder {
    Email::builder().from("a@b.example").to("c@d.example").subject("Subject").text_body("Text")
}

/// The bytes of a mail, parsed by another implementation.
fn sent(email: &Email) -> mail_parser::Message<'static> {
    let bytes = message::build(email).unwrap().formatted();
    mail_parser::MessageParser::default().parse(&bytes).unwrap().into_owned()
}

fn builder_text(result: Result<Email, MailerError>) -> String {
    match result {
        Err(MailerError::Builder(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_missing_is_said_in_order() {
    let cases = [
        (Email::builder(), "From address is required"),
        (Email::builder().from("a@b.example"), "Subject is required"),
        (Email::builder().from("").subject(""), "At least one recipient is required"),
        (Email::builder().from("").subject("").to("x"), "From address is required"),
        (Email::builder().from("a").subject("").to("x"), "Subject is required"),
        (Email::builder().from("a").subject("s").to("x"), "Either HTML or text body is required"),
    ];
    for (builder, expected) in cases {
        assert_eq!(builder_text(builder.build()), expected);
    }
    for builder in [
        Email::builder().cc("c@d.example"),
        Email::builder().bcc("c@d.example"),
        Email::builder().to_multiple(["c@d.example", "e@f.example"]),
    ] {
        assert!(builder.from("a@b.example").subject("s").html_body("h").build().is_ok());
    }
}

#[test]
fn recipients_accumulate_and_arrive() {
    let email = complete()
        .to_multiple(["To Two <to2@d.example>", "to3@d.example"])
        .cc("cc1@d.example")
        .cc("\"Two, CC\" <cc2@d.example>")
        .bcc("hidden@d.example")
        .reply_to("Answers <r@d.example>")
        .build()
        .unwrap();
    let message = message::build(&email).unwrap();
    let envelope: Vec<_> = message.envelope().to().iter().map(ToString::to_string).collect();
    assert_eq!(envelope.len(), 6);
    assert!(envelope.contains(&"hidden@d.example".to_owned()));
    assert!(!String::from_utf8(message.formatted()).unwrap().contains("hidden"));

    let sent = sent(&email);
    let names = |list: Option<&mail_parser::Address<'_>>| -> Vec<String> {
        list.unwrap().iter().filter_map(|a| a.address().map(str::to_owned)).collect()
    };
    assert_eq!(names(sent.to()), ["c@d.example", "to2@d.example", "to3@d.example"]);
    assert_eq!(names(sent.cc()), ["cc1@d.example", "cc2@d.example"]);
    assert_eq!(sent.cc().unwrap().last().unwrap().name(), Some("Two, CC"));
    assert_eq!(names(sent.reply_to()), ["r@d.example"]);
}

#[test]
fn a_single_body_has_its_content_type() {
    let html = Email::builder().from("a@b.example").to("c@d.example").subject("s").html_body("<p>ü</p>");
    for (email, kind, content) in
        [(complete().build().unwrap(), "plain", "Text"), (html.build().unwrap(), "html", "<p>ü</p>")]
    {
        let raw = String::from_utf8(message::build(&email).unwrap().formatted()).unwrap();
        assert!(raw.contains(&format!("Content-Type: text/{kind}; charset=utf-8\r\n")), "{raw}");
        assert!(raw.contains("Content-Transfer-Encoding: quoted-printable\r\n"), "{raw}");
        let parsed = sent(&email);
        let body = if kind == "html" { parsed.body_html(0) } else { parsed.body_text(0) };
        assert_eq!(body.unwrap().trim_end(), content);
    }
}

#[test]
fn two_bodies_are_alternatives_with_text_first() {
    let sent = sent(&complete().html_body("<p>Hi</p>").build().unwrap());
    let root = sent.root_part();
    assert!(root.is_multipart());
    assert_eq!(sent.body_text(0).unwrap(), "Text");
    assert_eq!(sent.body_html(0).unwrap(), "<p>Hi</p>");
    assert!(sent.text_body[0] < sent.html_body[0]);
}

#[test]
fn a_mail_without_bodies_is_refused_when_sent() {
    let mut email = complete().build().unwrap();
    email.text_body = None;
    let error = message::build(&email).unwrap_err();
    assert_eq!(error.to_string(), "Email builder error: No email body provided");
}

#[test]
fn each_mail_has_a_message_id_of_the_sender_and_a_date() {
    let email = complete().build().unwrap();
    let (one, two) = (sent(&email), sent(&email));
    assert!(one.message_id().unwrap().ends_with("@b.example"));
    assert_ne!(one.message_id(), two.message_id());
    assert!(one.date().is_some());

    let mut fixed = email;
    message::fix_message_id(&mut fixed);
    assert_eq!(sent(&fixed).message_id(), sent(&fixed).message_id());
    let own = complete().header("message-id", "<own@x.example>").build().unwrap();
    assert_eq!(sent(&own).message_id(), Some("own@x.example"));
}

#[test]
fn custom_headers_are_sent() {
    let email = complete()
        .header("X-Campaign", "spring")
        .header("List-Unsubscribe", "<mailto:stop@b.example>")
        .header("Comments", "wörter ".repeat(200).trim())
        .build()
        .unwrap();
    let sent = sent(&email);
    assert_eq!(sent.header("X-Campaign").unwrap().as_text(), Some("spring"));
    assert!(sent.header("List-Unsubscribe").is_some());
    assert_eq!(sent.header("Comments").unwrap().as_text(), Some("wörter ".repeat(200).trim()));
}

#[test]
fn header_injection_is_refused_everywhere() {
    for evil in ["a\r\nBcc: v@x.example", "a\nb", "a\rb", "a\0b", "a\u{85}b", "a\u{7f}b"] {
        let cases = [
            ("From", complete().from(format!("{evil} <a@b.example>"))),
            ("To", complete().to(format!("{evil} <a@b.example>"))),
            ("To", complete().to_multiple([format!("c@d.example{evil}")])),
            ("Cc", complete().cc(format!("{evil}@b.example"))),
            ("Bcc", complete().bcc(format!("{evil}@b.example"))),
            ("Reply-To", complete().reply_to(format!("{evil} <a@b.example>"))),
            ("Subject", complete().subject(evil)),
            ("X-Own", complete().header("X-Own", evil)),
        ];
        for (expected, builder) in cases {
            match builder.build() {
                Err(MailerError::Header { header, .. }) => assert_eq!(header, expected),
                other => panic!("{expected} {evil:?}: {other:?}"),
            }
        }
    }
    for name in ["", "X Own", "X:Own", "X-Own\r\nBcc", "X-Ö", &"x".repeat(77)] {
        let error = complete().header(name, "v").build().unwrap_err();
        assert!(matches!(error, MailerError::Header { .. }), "{name:?}: {error:?}");
        assert!(!error.to_string().contains(['\r', '\n']));
    }
    for name in ["from", "TO", "Bcc", "Subject", "content-type", "MIME-Version"] {
        let error = complete().header(name, "v").build().unwrap_err();
        assert!(matches!(error, MailerError::Header { .. }), "{name:?}: {error:?}");
    }
}

#[test]
fn injection_through_the_public_fields_is_refused_when_sent() {
    let good = complete().build().unwrap();
    let mut subject = good.clone();
    subject.subject = "a\r\nBcc: v@x.example".to_owned();
    let mut header = good.clone();
    header.headers.insert("X\r\nBcc".to_owned(), "v".to_owned());
    let mut recipient = good;
    recipient.to = vec!["a\r\n <c@d.example>".to_owned()];
    for email in [subject, header, recipient] {
        assert!(matches!(message::build(&email), Err(MailerError::Header { .. })));
        assert!(matches!(email.validate(), Err(MailerError::Header { .. })));
    }
}

#[test]
fn no_line_is_longer_than_a_server_accepts() {
    let words = "word ".repeat(2_000);
    let email = Email::builder()
        .from(format!("\"{}\" <a@b.example>", words.trim()))
        .to(format!("{} <c@d.example>", "Ü".repeat(5_000)))
        .subject(words.trim())
        .text_body("x".repeat(10_000))
        .build()
        .unwrap();
    let raw = message::build(&email).unwrap().formatted();
    let longest = raw.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap();
    assert!(longest <= 998, "{longest}");
    assert_eq!(sent(&email).body_text(0).unwrap().trim_end().len(), 10_000);

    let unbreakable = "x".repeat(2_000);
    for builder in [complete().subject(&unbreakable), complete().header("X-Own", &unbreakable)] {
        assert!(matches!(builder.build(), Err(MailerError::Header { .. })));
    }
}

#[test]
fn unicode_survives_and_international_domains_become_ascii() {
    let email = complete()
        .from("Jörg Müller <post@bücher.example>")
        .to("李雷 <li@d.example>")
        .subject("Grüße, 世界 🎉")
        .text_body("Zeile eins\nZeile zwei ✓")
        .build()
        .unwrap();
    let raw = message::build(&email).unwrap().formatted();
    assert!(raw.is_ascii());
    let sent = sent(&email);
    let from = sent.from().unwrap().first().unwrap();
    assert_eq!(from.name(), Some("Jörg Müller"));
    assert_eq!(from.address(), Some("post@xn--bcher-kva.example"));
    assert!(sent.message_id().unwrap().ends_with("@xn--bcher-kva.example"));
    assert_eq!(sent.to().unwrap().last().unwrap().name(), Some("李雷"));
    assert_eq!(sent.subject(), Some("Grüße, 世界 🎉"));
    assert_eq!(sent.body_text(0).unwrap().trim_end(), "Zeile eins\r\nZeile zwei ✓");
}

#[test]
fn bad_addresses_are_refused_for_good() {
    for address in ["nobody", "a@", "@b.example", "a b@c.example", "a@b.example, c@d.example"] {
        let email = complete().to(address).build().unwrap();
        let error = message::build(&email).unwrap_err();
        assert!(matches!(error, MailerError::Address(_)), "{address}: {error:?}");
        assert!(error.is_permanent());
        assert!(error.to_string().starts_with("Email address error: "));
    }
}

#[test]
fn debug_does_not_show_the_bodies() {
    let builder = complete().text_body("https://x.example?token=s3cret").html_body("s3cret");
    assert!(!format!("{builder:?}").contains("s3cret"));
    assert!(!format!("{:?}", builder.build().unwrap()).contains("s3cret"));
}
