//! The port through which mails leave.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Email, MailerError};

/// Sends mails.
///
/// The transports of this crate implement it; an application may too, for a provider's HTTP interface say, and hand it
/// to everything here as an `Arc<dyn Mailer>`.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends one mail, and returns when it has been accepted for delivery.
    ///
    /// # Errors
    ///
    /// When the mail is not acceptable or the transport fails; [`MailerError::is_permanent`] tells which.
    async fn send_email(&self, email: Email) -> Result<(), MailerError>;
}

#[async_trait]
impl<T: Mailer + ?Sized> Mailer for Arc<T> {
    async fn send_email(&self, email: Email) -> Result<(), MailerError> {
        (**self).send_email(email).await
    }
}

#[async_trait]
impl<T: Mailer + ?Sized> Mailer for Box<T> {
    async fn send_email(&self, email: Email) -> Result<(), MailerError> {
        (**self).send_email(email).await
    }
}

/// A transport behind a short name.
#[derive(Debug, Clone)]
pub struct MailerService<T: Mailer> {
    transport: T,
}

impl<T: Mailer> MailerService<T> {
    /// Wraps a transport.
    pub fn new(transport: T) -> Self {
        Self { transport }
    }

    /// Sends one mail.
    ///
    /// # Errors
    ///
    /// Those of the transport.
    pub async fn send(&self, email: Email) -> Result<(), MailerError> {
        self.transport.send_email(email).await
    }
}

#[async_trait]
impl<T: Mailer> Mailer for MailerService<T> {
    async fn send_email(&self, email: Email) -> Result<(), MailerError> {
        self.send(email).await
    }
}
