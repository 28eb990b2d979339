//! Servers that refuse, hang up or say nothing.

use std::time::Duration;

use torii_mailer::{Mailer as _, MailerError, SmtpTransport};

use crate::{
    email,
    server::{Manner, Refuses, SmtpServer, Stops},
};

/// What comes of a mail to a server of this manner.
async fn attempt(manner: Manner, timeout: Duration) -> MailerError {
    let server = SmtpServer::start(manner).await;
    let transport = SmtpTransport::builder("127.0.0.1").port(server.port).no_tls().build().unwrap();
    let error = transport.with_timeout(timeout).send_email(email()).await.unwrap_err();
    assert_eq!(server.connections(), 1);
    assert!(server.take().is_empty());
    error
}

#[tokio::test]
async fn a_refusal_is_permanent_if_the_server_says_so() {
    for (refuses, permanent) in
        [(Refuses::Sender, true), (Refuses::Recipient, true), (Refuses::Mail, true), (Refuses::MailForNow, false)]
    {
        let manner = Manner { refuses: Some(refuses), ..Manner::default() };
        let error = attempt(manner, SmtpTransport::TIMEOUT).await;
        assert!(matches!(error, MailerError::Transport(_)), "{refuses:?}: {error:?}");
        assert_eq!(error.is_permanent(), permanent, "{refuses:?}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_is_worth_another_try() {
    for at in ["", "EHLO", "MAIL", "RCPT", "DATA", "."] {
        let manner = Manner { stops: Some((at, Stops::HangsUp)), ..Manner::default() };
        let error = attempt(manner, SmtpTransport::TIMEOUT).await;
        assert!(matches!(error, MailerError::Transport(_)) && !error.is_permanent(), "{at:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let timeout = Duration::from_millis(250);
    for at in ["", "EHLO", "DATA", "."] {
        let manner = Manner { stops: Some((at, Stops::SaysNothing)), ..Manner::default() };
        let error = attempt(manner, timeout).await;
        assert!(matches!(error, MailerError::Timeout(after) if after == timeout), "{at:?}: {error:?}");
        assert!(!error.is_permanent());
    }
}
