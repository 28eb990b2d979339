//! What can go wrong with a mail.

use std::time::Duration;

use thiserror::Error;

use crate::link::LinkError;

/// Result of a mail operation.
pub type Result<T> = std::result::Result<T, MailerError>;

/// Why a mail could not be built, rendered or sent.
///
/// The texts name the cause themselves, because applications show and log them as one line; the cause is available
/// through [`source`](std::error::Error::source) too.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MailerError {
    /// The SMTP server refused the mail, or could not be talked to.
    #[error("Email transport error: {0}")]
    Transport(#[from] lettre::transport::smtp::Error),
    /// An address is not one.
    #[error("Email address error: {0}")]
    Address(#[from] lettre::address::AddressError),
    /// A part of the mail, or a value a template needs, is missing.
    #[error("Email builder error: {0}")]
    Builder(String),
    /// A header would not survive the trip, or would smuggle in another one. The value is not repeated here.
    #[error("Email header error: {header} {problem}")]
    Header {
        /// Name of the header, shortened and escaped if it is itself the problem.
        header: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A template could not be rendered, or there is none of that name.
    #[error("Template error: {0}")]
    Template(#[from] askama::Error),
    /// A value for a template is not representable as JSON.
    #[error("Serialization error: {0}")]
    Serialization(#[from] serde_json::Error),
    /// The mail could not be written to its file.
    #[error("File transport error: {0}")]
    File(#[from] lettre::transport::file::Error),
    /// The sendmail command could not be run or failed.
    #[error("Sendmail transport error: {0}")]
    Sendmail(#[from] lettre::transport::sendmail::Error),
    /// The parts of the mail do not make up a message.
    #[error("Email message error: {0}")]
    Message(#[from] lettre::error::Error),
    /// The configuration is wrong. Names the setting, never a secret.
    #[error("Configuration error: {0}")]
    Config(String),
    /// The address that a link is built on cannot carry one.
    #[error("Configuration error: {0}")]
    Link(#[from] LinkError),
    /// The mail was not sent within the time allowed. It may have arrived all the same.
    #[error("Email was not sent within {0:?}")]
    Timeout(Duration),
    /// A file or directory could not be used.
    #[error("IO error: {0}")]
    Io(#[from] std::io::Error),
}

impl MailerError {
    /// Whether trying again later is pointless.
    ///
    /// A 5xx reply of an SMTP server is permanent, a 4xx reply is not ([RFC 5321 section 4.2.1]); what concerns the
    /// mail itself is permanent, what concerns the way to the server, the disk or the command is not.
    ///
    /// [RFC 5321 section 4.2.1]: https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Transport(error) => error.is_permanent() || error.is_client(),
            Self::File(_) | Self::Sendmail(_) | Self::Timeout(_) | Self::Io(_) => false,
            Self::Address(_)
            | Self::Builder(_)
            | Self::Header { .. }
            | Self::Template(_)
            | Self::Serialization(_)
            | Self::Message(_)
            | Self::Config(_)
            | Self::Link(_) => true,
        }
    }
}
