//! Which transport, and how the application calls itself.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{FileTransport, Mailer, MailerError, SendmailTransport, SmtpTransport, transports::TlsConfig};

mod env;
#[cfg(test)]
mod tests;

/// Everything needed to send torii's mails.
///
/// Serialising it writes the SMTP password out; `Debug` does not show it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MailerConfig {
    /// How mails are sent.
    pub transport: TransportConfig,
    /// Sender address.
    pub from_address: String,
    /// Sender name, as people read it; it needs no quoting.
    pub from_name: Option<String>,
    /// Name of the application, used in subjects and texts.
    pub app_name: String,
    /// Address of the application, linked from the welcome mail.
    pub app_url: String,
}

impl Default for MailerConfig {
    /// Files in `./emails`, for development.
    fn default() -> Self {
        Self {
            transport: TransportConfig::File { output_dir: PathBuf::from("./emails") },
            from_address: "noreply@example.com".to_owned(),
            from_name: None,
            app_name: "Your App".to_owned(),
            app_url: "https://example.com".to_owned(),
        }
    }
}

impl MailerConfig {
    /// Reads the `MAILER_*` environment variables; the crate's first page lists them.
    ///
    /// # Errors
    ///
    /// [`MailerError::Config`], naming the variable, if `MAILER_SMTP_PORT` or `MAILER_SMTP_TLS` has no valid value, if one of
    /// `MAILER_SMTP_USERNAME` and `MAILER_SMTP_PASSWORD` is set without the other, or if a variable is not Unicode.
    pub fn from_env() -> Result<Self, MailerError> {
        env::read(std::env::var)
    }

    /// Makes the transport. For files, the directory is created now.
    ///
    /// # Errors
    ///
    /// [`MailerError::Io`] if the directory cannot be created; those of
    /// [`SmtpTransportBuilder::build`](crate::transports::smtp::SmtpTransportBuilder::build).
    pub fn build_transport(&self) -> Result<Box<dyn Mailer>, MailerError> {
        match &self.transport {
            TransportConfig::Smtp { host, port, username, password, tls } => {
                let mut builder = SmtpTransport::builder(host);
                if let Some(port) = port {
                    builder = builder.port(*port);
                }
                match (username, password) {
                    (Some(username), Some(password)) => {
                        builder = builder.credentials(username, password);
                    }
                    (None, None) => {}
                    _ => {
                        tracing::warn!(%host, "SMTP without sign-in: user name or password is missing")
                    }
                }
                if let Some(tls) = tls {
                    builder = builder.tls(tls.clone().into());
                }
                Ok(Box::new(builder.build()?))
            }
            TransportConfig::File { output_dir } => Ok(Box::new(FileTransport::new(output_dir)?)),
            TransportConfig::Sendmail { command: None } => Ok(Box::new(SendmailTransport::new())),
            TransportConfig::Sendmail { command: Some(command) } => {
                Ok(Box::new(SendmailTransport::with_command(command)))
            }
        }
    }

    /// The sender as it goes into [`Email::from`](crate::Email::from): `Name <address>`, or the address alone. A name with
    /// a comma, a dot or another special character is quoted ([RFC 5322 section 3.4]).
    ///
    /// [RFC 5322 section 3.4]: https://www.rfc-editor.org/rfc/rfc5322#section-3.4
    #[must_use]
    pub fn get_from_address(&self) -> String {
        match self.from_name.as_deref().map(str::trim) {
            None | Some("") => self.from_address.clone(),
            Some(name) if is_phrase(name) || is_quoted(name) => {
                format!("{name} <{}>", self.from_address)
            }
            Some(name) => {
                let escaped = name.replace('\\', r"\\").replace('"', "\\\"");
                format!("\"{escaped}\" <{}>", self.from_address)
            }
        }
    }
}

/// Words of `atext` (RFC 5322 section 3.2.3) or of anything beyond ASCII need no quotes.
fn is_phrase(name: &str) -> bool {
    let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    name.chars().all(|c| atext(c) || c == ' ' || !c.is_ascii())
}

/// Already written as a quoted string, by somebody who knows the rule.
fn is_quoted(name: &str) -> bool {
    let inner = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.is_empty() && !inner.contains(['"', '\\']))
}

/// How mails are sent.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TransportConfig {
    /// To an SMTP server.
    Smtp {
        /// Name of the server.
        host: String,
        /// Port; without it 587, 465 or 25 by `tls`.
        port: Option<u16>,
        /// User name; used only together with a password.
        username: Option<String>,
        /// Password; used only together with a user name.
        password: Option<String>,
        /// Protection of the connection; STARTTLS if absent.
        tls: Option<TlsType>,
    },
    /// To files, for development.
    File {
        /// Directory, created if missing.
        output_dir: PathBuf,
    },
    /// To the local mail system.
    Sendmail {
        /// Program; `sendmail` from `PATH` if absent.
        command: Option<String>,
    },
}

impl fmt::Debug for TransportConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp { host, port, username, password, tls } => f
                .debug_struct("Smtp")
                .field("host", host)
                .field("port", port)
                .field("username", username)
                .field("password", &password.as_ref().map(|_| "[redacted]"))
                .field("tls", tls)
                .finish(),
            Self::File { output_dir } => f.debug_struct("File").field("output_dir", output_dir).finish(),
            Self::Sendmail { command } => f.debug_struct("Sendmail").field("command", command).finish(),
        }
    }
}

/// Protection of the connection to an SMTP server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsType {
    /// None; see [`TlsConfig::None`].
    None,
    /// STARTTLS, required; see [`TlsConfig::StartTls`].
    StartTls,
    /// TLS from the first byte; see [`TlsConfig::Tls`].
    Tls,
}

impl From<TlsType> for TlsConfig {
    fn from(tls: TlsType) -> Self {
        match tls {
            TlsType::None => Self::None,
            TlsType::StartTls => Self::StartTls,
            TlsType::Tls => Self::Tls,
        }
    }
}
