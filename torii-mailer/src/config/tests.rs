use std::{env::VarError, ffi::OsString};

use super::{MailerConfig, TlsType, TransportConfig, env};
use crate::{MailerError, message};

/// Reads a configuration from these variables alone.
fn read(variables: &[(&str, &str)]) -> Result<MailerConfig, MailerError> {
    env::read(|name| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned()).ok_or(VarError::NotPresent)
    })
}

fn smtp(config: MailerConfig) -> (String, Option<u16>, Option<String>, Option<String>, Option<TlsType>) {
    match config.transport {
        TransportConfig::Smtp { host, port, username, password, tls } => (host, port, username, password, tls),
        other => panic!("not SMTP: {other:?}"),
    }
}

#[test]
fn nothing_set_is_the_default() {
    let config = read(&[]).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", MailerConfig::default()));
    assert_eq!(config.get_from_address(), "noreply@example.com");
    assert_eq!(config.app_name, "Your App");
    assert_eq!(config.app_url, "https://example.com");
    assert!(matches!(config.transport, TransportConfig::File { output_dir } if output_dir.as_os_str() == "./emails"));
}

#[test]
fn a_host_selects_smtp_before_everything_else() {
    let config = read(&[
        ("MAILER_SMTP_HOST", "mail.example"),
        ("MAILER_SMTP_PORT", "2525"),
        ("MAILER_SMTP_USERNAME", "user"),
        ("MAILER_SMTP_PASSWORD", "secret"),
        ("MAILER_SMTP_TLS", "TLS"),
        ("MAILER_FILE_OUTPUT_DIR", "/mails"),
        ("MAILER_SENDMAIL", "1"),
    ]);
    let (host, port, username, password, tls) = smtp(config.unwrap());
    assert_eq!(host, "mail.example");
    assert_eq!(port, Some(2525));
    assert_eq!(username.as_deref(), Some("user"));
    assert_eq!(password.as_deref(), Some("secret"));
    assert!(matches!(tls, Some(TlsType::Tls)));

    let (_, port, username, password, tls) = smtp(read(&[("MAILER_SMTP_HOST", "mail.example")]).unwrap());
    assert!(port.is_none() && username.is_none() && password.is_none() && tls.is_none());
}

#[test]
fn a_directory_selects_files_before_sendmail() {
    let variables = [("MAILER_FILE_OUTPUT_DIR", "/mails"), ("MAILER_SENDMAIL", "1")];
    let transport = read(&variables).unwrap().transport;
    assert!(matches!(transport, TransportConfig::File { output_dir } if output_dir.as_os_str() == "/mails"));
}

#[test]
fn the_presence_of_sendmail_selects_it() {
    for value in ["1", "false", ""] {
        let transport = read(&[("MAILER_SENDMAIL", value)]).unwrap().transport;
        assert!(matches!(transport, TransportConfig::Sendmail { command: None }), "{value:?}");
    }
    let variables = [("MAILER_SENDMAIL", "1"), ("MAILER_SENDMAIL_COMMAND", "/usr/sbin/sendmail")];
    let transport = read(&variables).unwrap().transport;
    assert!(matches!(transport, TransportConfig::Sendmail { command: Some(c) } if c == "/usr/sbin/sendmail"));
    // The command alone selects nothing.
    let transport = read(&variables[1..]).unwrap().transport;
    assert!(matches!(transport, TransportConfig::File { .. }));
}

#[test]
fn sender_and_application_are_read() {
    let config = read(&[
        ("MAILER_FROM_ADDRESS", "hello@acme.example"),
        ("MAILER_FROM_NAME", "Acme"),
        ("MAILER_APP_NAME", "Acme Portal"),
        ("MAILER_APP_URL", "https://acme.example"),
    ])
    .unwrap();
    assert_eq!(config.get_from_address(), "Acme <hello@acme.example>");
    assert_eq!(config.app_name, "Acme Portal");
    assert_eq!(config.app_url, "https://acme.example");
}

#[test]
fn every_tls_mode_is_read_in_any_case() {
    for (value, expected) in [
        ("none", "None"),
        ("NONE", "None"),
        ("starttls", "StartTls"),
        ("StartTLS", "StartTls"),
        ("tls", "Tls"),
        (" Tls ", "Tls"),
    ] {
        let variables = [("MAILER_SMTP_HOST", "mail.example"), ("MAILER_SMTP_TLS", value)];
        let (.., tls) = smtp(read(&variables).unwrap());
        assert_eq!(format!("{tls:?}"), format!("Some({expected})"), "{value:?}");
    }
}

#[test]
fn what_is_set_to_nothing_is_not_set() {
    let names = [
        "MAILER_SMTP_HOST",
        "MAILER_SMTP_PORT",
        "MAILER_SMTP_USERNAME",
        "MAILER_SMTP_PASSWORD",
        "MAILER_SMTP_TLS",
        "MAILER_FILE_OUTPUT_DIR",
        "MAILER_FROM_ADDRESS",
        "MAILER_FROM_NAME",
        "MAILER_APP_NAME",
        "MAILER_APP_URL",
    ];
    let config = read(&names.map(|name| (name, " "))).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", MailerConfig::default()));
}

#[test]
fn wrong_values_are_refused_by_name() {
    let host = ("MAILER_SMTP_HOST", "mail.example");
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("MAILER_SMTP_PORT", &[host, ("MAILER_SMTP_PORT", "wrong-s3cret")]),
        ("MAILER_SMTP_PORT", &[host, ("MAILER_SMTP_PORT", "0")]),
        ("MAILER_SMTP_PORT", &[host, ("MAILER_SMTP_PORT", "65536")]),
        ("MAILER_SMTP_PORT", &[host, ("MAILER_SMTP_PORT", "-1")]),
        ("MAILER_SMTP_TLS", &[host, ("MAILER_SMTP_TLS", "wrong-s3cret")]),
        ("MAILER_SMTP_PASSWORD", &[host, ("MAILER_SMTP_USERNAME", "user-s3cret")]),
        ("MAILER_SMTP_USERNAME", &[host, ("MAILER_SMTP_PASSWORD", "pass-s3cret")]),
        ("MAILER_SMTP_USERNAME", &[("MAILER_SMTP_PASSWORD", "pass-s3cret")]),
        ("MAILER_SMTP_PASSWORD", &[host, ("MAILER_SMTP_USERNAME", "user-s3cret"), ("MAILER_SMTP_PASSWORD", "")]),
    ];
    for (name, variables) in cases {
        let error = read(variables).unwrap_err();
        assert!(matches!(error, MailerError::Config(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("Configuration error: "), "{text}");
        assert!(text.contains(name) && !text.contains("s3cret"), "{text}");
    }
}

#[test]
fn a_value_that_is_not_unicode_is_refused_by_name() {
    let read = env::read(|name| match name {
        "MAILER_APP_NAME" => Err(VarError::NotUnicode(OsString::from("whatever"))),
        _ => Err(VarError::NotPresent),
    });
    assert!(read.unwrap_err().to_string().contains("MAILER_APP_NAME"));
}

#[test]
fn debug_hides_the_password_and_nothing_else() {
    let config = read(&[
        ("MAILER_SMTP_HOST", "mail.example"),
        ("MAILER_SMTP_USERNAME", "the-user"),
        ("MAILER_SMTP_PASSWORD", "s3cret"),
    ])
    .unwrap();
    for text in [format!("{config:?}"), format!("{config:#?}")] {
        assert!(!text.contains("s3cret"), "{text}");
        assert!(text.contains("the-user") && text.contains("redacted"), "{text}");
    }
}

#[test]
fn serde_names_are_stable() {
    let json = serde_json::json!({
        "transport": {
            "type": "smtp", "host": "h", "port": 1, "username": "u", "password": "p", "tls": "start_tls"
        },
        "from_address": "a@b.example", "from_name": null, "app_name": "A", "app_url": "https://a.example"
    });
    let config: MailerConfig = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&config).unwrap(), json);

    for (json, debug) in [
        (r#"{"type":"file","output_dir":"x"}"#, r#"File { output_dir: "x" }"#),
        (r#"{"type":"sendmail"}"#, "Sendmail { command: None }"),
        (
            r#"{"type":"smtp","host":"h","tls":"none"}"#,
            r#"Smtp { host: "h", port: None, username: None, password: None, tls: Some(None) }"#,
        ),
    ] {
        let transport: TransportConfig = serde_json::from_str(json).unwrap();
        assert_eq!(format!("{transport:?}"), debug);
    }
}

#[test]
fn any_name_makes_a_sender_that_mails_can_have() {
    for (name, expected) in [
        ("Acme", "Acme <a@b.example>"),
        ("Acme Portal 9", "Acme Portal 9 <a@b.example>"),
        ("Bücher Größe", "Bücher Größe <a@b.example>"),
        ("Acme, Inc.", r#""Acme, Inc." <a@b.example>"#),
        (r#"The "Best" \ Co"#, r#""The \"Best\" \\ Co" <a@b.example>"#),
        ("Ärzte (Köln): <x@y>; @", r#""Ärzte (Köln): <x@y>; @" <a@b.example>"#),
        (r#""Acme, Inc.""#, r#""Acme, Inc." <a@b.example>"#),
        ("  ", "a@b.example"),
    ] {
        let config = MailerConfig {
            from_address: "a@b.example".to_owned(),
            from_name: Some(name.to_owned()),
            ..MailerConfig::default()
        };
        let from = config.get_from_address();
        assert_eq!(from, expected);

        let email = crate::Email::builder().from(from).to("c@d.example").subject("s").text_body("t");
        let message = message::build(&email.build().unwrap()).unwrap().formatted();
        let message = mail_parser::MessageParser::default().parse(&message).unwrap();
        let sender = message.from().unwrap().first().unwrap();
        assert_eq!(sender.address(), Some("a@b.example"));
        let shown = name.trim().trim_start_matches('"').trim_end_matches('"');
        assert_eq!(sender.name().unwrap_or_default(), shown);
    }
}

#[test]
fn transports_are_built_without_network_or_runtime() {
    let dir = tempfile::tempdir().unwrap();
    let mails = dir.path().join("a").join("b");
    let smtp = |host: &str, tls| TransportConfig::Smtp {
        host: host.to_owned(),
        port: None,
        username: Some("u".to_owned()),
        password: Some("p".to_owned()),
        tls,
    };
    let build = |transport| MailerConfig { transport, ..MailerConfig::default() }.build_transport();

    for tls in [None, Some(TlsType::None), Some(TlsType::StartTls), Some(TlsType::Tls)] {
        assert!(build(smtp("mail.example", tls)).is_ok());
    }
    assert!(matches!(build(smtp(" ", None)), Err(MailerError::Config(_))));
    assert!(build(TransportConfig::Sendmail { command: Some("/nowhere".to_owned()) }).is_ok());
    assert!(build(TransportConfig::File { output_dir: mails.clone() }).is_ok());
    assert!(mails.is_dir());

    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(build(TransportConfig::File { output_dir: file }), Err(MailerError::Io(_))));
}
