use std::sync::Arc;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};

use super::{FileTransport, MemoryTransport, SendmailTransport, SmtpTransport};
use crate::{Email, Mailer, MailerError, mailer::MailerService};

fn email() -> Email {
    let email = Email::builder().from("Acme <a@b.example>").to("c@d.example").bcc("e@f.example");
    email.subject("Hi").text_body("Text").html_body("<p>Text</p>").build().unwrap()
}

/// A server for one conversation that answers `recipient` to each recipient. Returns its port and what it was told.
async fn server(recipient: &'static str) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let conversation = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 ready\r\n").await.unwrap();
        let mut told = Vec::new();
        let mut in_data = false;
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = match line.split([' ', ':']).next().unwrap_or_default() {
                _ if in_data && line != "." => "",
                "." => "250 queued\r\n",
                "EHLO" => "250-test\r\n250 AUTH PLAIN LOGIN\r\n",
                "AUTH" => "235 welcome\r\n",
                "RCPT" => recipient,
                "DATA" => "354 go on\r\n",
                "QUIT" => "221 bye\r\n",
                _ => "250 fine\r\n",
            };
            in_data = (in_data || line == "DATA") && line != ".";
            told.push(line);
            if write.write_all(answer.as_bytes()).await.is_err() {
                break;
            }
        }
        told
    });
    (port, conversation)
}

#[tokio::test]
async fn smtp_sends_to_everybody_and_names_the_hidden_ones_to_the_server_only() {
    let (port, conversation) = server("250 fine\r\n").await;
    let builder = SmtpTransport::builder("127.0.0.1").port(port).no_tls();
    let transport = builder.credentials("user", "s3cret").build().unwrap();
    transport.send_email(email()).await.unwrap();
    let told = conversation.await.unwrap();
    assert!(told.iter().any(|line| line.starts_with("AUTH PLAIN ")));
    assert!(told.contains(&"RCPT TO:<c@d.example>".to_owned()));
    assert!(told.contains(&"RCPT TO:<e@f.example>".to_owned()));
    assert!(!told.iter().any(|line| line.starts_with("Bcc")));
    assert!(told.iter().any(|line| line.starts_with("Message-ID: <")));
}

#[tokio::test]
async fn smtp_replies_decide_whether_to_try_again() {
    for (reply, permanent) in [("550 no such user\r\n", true), ("451 later\r\n", false)] {
        let (port, _conversation) = server(reply).await;
        let transport = SmtpTransport::builder("127.0.0.1").port(port).no_tls().build().unwrap();
        let error = transport.send_email(email()).await.unwrap_err();
        assert!(matches!(error, MailerError::Transport(_)), "{error:?}");
        assert_eq!(error.is_permanent(), permanent, "{error}");
        assert!(error.to_string().starts_with("Email transport error: "));
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_neither_password_nor_mail() {
    let (port, conversation) = server("250 fine\r\n").await;
    let builder = SmtpTransport::builder("127.0.0.1").port(port).credentials("user", "s3cret");
    let error = builder.build().unwrap().send_email(email()).await.unwrap_err();
    assert!(matches!(error, MailerError::Transport(_)), "{error:?}");
    let told = conversation.await.unwrap();
    assert!(!told.iter().any(|line| line.starts_with("AUTH") || line.starts_with("RCPT")), "{told:?}");
}

#[tokio::test]
async fn a_server_that_is_down_is_worth_another_try() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let transport = SmtpTransport::builder("127.0.0.1").port(port).no_tls().build().unwrap();
    let error = transport.send_email(email()).await.unwrap_err();
    assert!(!error.is_permanent(), "{error}");
}

#[test]
fn debug_of_smtp_hides_the_password() {
    let builder = SmtpTransport::builder("mail.example").credentials("user", "s3cret");
    assert!(!format!("{builder:?}").contains("s3cret"));
    assert!(!format!("{:?}", builder.build().unwrap()).contains("s3cret"));
}

#[tokio::test]
async fn files_are_complete_messages_named_by_a_uuid() {
    let dir = tempfile::tempdir().unwrap();
    let transport = FileTransport::new(dir.path().join("mails")).unwrap();
    assert_eq!(transport.output_dir(), dir.path().join("mails"));
    transport.send_email(email()).await.unwrap();
    MailerService::new(transport.clone()).send(email()).await.unwrap();

    let files: Vec<_> = std::fs::read_dir(transport.output_dir()).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 2);
    for file in files {
        assert_eq!(file.extension().unwrap(), "eml");
        let name = uuid::Uuid::parse_str(file.file_stem().unwrap().to_str().unwrap()).unwrap();
        assert_eq!(name.get_version_num(), 4);
        let bytes = std::fs::read(file).unwrap();
        let message = mail_parser::MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(message.subject(), Some("Hi"));
        assert_eq!(message.body_text(0).unwrap(), "Text");
        assert_eq!(message.body_html(0).unwrap(), "<p>Text</p>");
    }
}

#[tokio::test]
async fn a_directory_that_went_away_is_a_file_error() {
    let dir = tempfile::tempdir().unwrap();
    let transport = FileTransport::new(dir.path().join("mails")).unwrap();
    std::fs::remove_dir(transport.output_dir()).unwrap();
    let error = transport.send_email(email()).await.unwrap_err();
    assert!(matches!(error, MailerError::File(_)));
    assert!(!error.is_permanent());
}

#[cfg(unix)]
#[tokio::test]
async fn sendmail_gets_the_mail_and_its_failure_is_reported() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("sendmail");
    std::fs::write(&script, "#!/bin/sh\necho \"$@\" > \"$0.args\"\ncat > \"$0.mail\"\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let transport = SendmailTransport::with_command(script.to_str().unwrap());
    transport.send_email(email()).await.unwrap();
    let args = std::fs::read_to_string(dir.path().join("sendmail.args")).unwrap();
    assert_eq!(args.trim(), "-i -f a@b.example -- c@d.example e@f.example");
    let mail = std::fs::read(dir.path().join("sendmail.mail")).unwrap();
    let message = mail_parser::MessageParser::default().parse(&mail).unwrap();
    assert_eq!(message.subject(), Some("Hi"));

    let missing = SendmailTransport::with_command(dir.path().join("none").to_str().unwrap());
    let error = missing.send_email(email()).await.unwrap_err();
    assert!(matches!(error, MailerError::Sendmail(_)), "{error:?}");
    assert!(!error.is_permanent());
}

#[tokio::test]
async fn memory_keeps_mails_in_order_for_every_clone() {
    let memory = MemoryTransport::new();
    let mailer: Arc<dyn Mailer> = Arc::new(memory.clone());
    assert!(memory.is_empty());
    for subject in ["one", "two"] {
        let mail = Email { subject: subject.to_owned(), ..email() };
        mailer.send_email(mail).await.unwrap();
    }
    assert_eq!(memory.len(), 2);
    let subjects: Vec<_> = memory.sent().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(subjects, ["one", "two"]);
    assert_eq!(memory.take().len(), 2);
    assert!(memory.is_empty());

    let bad = Email { to: vec!["nobody".to_owned()], ..email() };
    assert!(matches!(mailer.send_email(bad).await, Err(MailerError::Address(_))));
    assert!(memory.is_empty());
}
