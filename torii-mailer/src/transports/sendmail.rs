//! The local mail system.

use async_trait::async_trait;
use lettre::{AsyncSendmailTransport, AsyncTransport, Tokio1Executor};

use crate::{Email, Mailer, MailerError, message};

/// Hands each mail to the `sendmail` command, which Postfix, Exim and others provide.
#[derive(Debug, Clone, Default)]
pub struct SendmailTransport {
    command: Option<String>,
}

impl SendmailTransport {
    /// Uses the `sendmail` found in `PATH`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses the program at this path.
    #[must_use]
    pub fn with_command<S: Into<String>>(command: S) -> Self {
        Self { command: Some(command.into()) }
    }
}

#[async_trait]
impl Mailer for SendmailTransport {
    async fn send_email(&self, email: Email) -> Result<(), MailerError> {
        let message = message::build(&email)?;
        let transport = match &self.command {
            Some(command) => AsyncSendmailTransport::<Tokio1Executor>::new_with_command(command),
            None => AsyncSendmailTransport::<Tokio1Executor>::new(),
        };
        transport.send(message).await?;
        Ok(())
    }
}
