#![doc = include_str!("../README.md")]

pub mod config;
pub mod email;
pub mod email_types;
pub mod error;
mod header;
pub mod link;
pub mod mailer;
mod message;
pub mod queue;
pub mod templates;
pub mod transports;

pub use config::MailerConfig;
pub use email::{Email, EmailBuilder};
pub use email_types::{EmailVerificationEmail, MagicLinkEmail, PasswordChangedEmail, PasswordResetEmail, WelcomeEmail};
pub use error::MailerError;
pub use link::link_with_token;
pub use mailer::Mailer;
pub use queue::{MailFailure, MailJob, MailQueue, QueueConfig, QueueFull};
pub use templates::{AskamaTemplateEngine, TemplateContext, TemplateEngine};
pub use transports::{FileTransport, MemoryTransport, SendmailTransport, SmtpTransport};

/// The names most applications need, for `use torii_mailer::prelude::*`.
pub mod prelude {
    pub use crate::{
        AskamaTemplateEngine, Email, EmailBuilder, EmailVerificationEmail, FileTransport, MagicLinkEmail, Mailer,
        MailerConfig, MailerError, PasswordChangedEmail, PasswordResetEmail, SendmailTransport, SmtpTransport,
        TemplateContext, TemplateEngine, WelcomeEmail,
    };
}
