//! SMTP.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    transport::smtp::{
        SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT,
        authentication::Credentials,
        client::{CertificateStore, Tls, TlsParameters},
    },
};

use crate::{Email, Mailer, MailerError, message};

/// Sends mails to an SMTP server, one connection each.
///
/// There is no connection pool: a pooled connection belongs to the runtime it was opened in, and would tie the transport
/// to it.
#[derive(Debug, Clone)]
pub struct SmtpTransport {
    inner: AsyncSmtpTransport<Tokio1Executor>,
    timeout: Duration,
}

impl SmtpTransport {
    /// Time for one mail if nothing else is set.
    pub const TIMEOUT: Duration = Duration::from_secs(60);

    /// Uses a transport configured elsewhere, with a private certificate authority say.
    #[must_use]
    pub fn new(transport: AsyncSmtpTransport<Tokio1Executor>) -> Self {
        Self { inner: transport, timeout: Self::TIMEOUT }
    }

    /// Sets the time for one mail, from connecting to the server's last answer. When it is up, sending fails with
    /// [`MailerError::Timeout`]. lettre's own timeout is one for connecting only: without this one, a server that accepts the
    /// connection and says nothing would be waited for without end.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Configures a transport to the server `host`.
    #[must_use]
    pub fn builder(host: &str) -> SmtpTransportBuilder {
        SmtpTransportBuilder::new(host)
    }
}

#[async_trait]
impl Mailer for SmtpTransport {
    async fn send_email(&self, email: Email) -> Result<(), MailerError> {
        let message = message::build(&email)?;
        let sent = tokio::time::timeout(self.timeout, self.inner.send(message)).await;
        sent.map_err(|_| MailerError::Timeout(self.timeout))??;
        Ok(())
    }
}

/// How the connection is protected.
#[derive(Debug, Clone)]
pub enum TlsConfig {
    /// Not at all. The password and the mails are readable on the way.
    None,
    /// Starts in the clear and must switch to TLS before anything else is said.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// Builds an [`SmtpTransport`].
#[derive(Clone)]
pub struct SmtpTransportBuilder {
    host: String,
    port: Option<u16>,
    credentials: Option<Credentials>,
    tls: TlsConfig,
}

impl SmtpTransportBuilder {
    /// A server by name, with STARTTLS, its usual port, and no credentials.
    #[must_use]
    pub fn new(host: &str) -> Self {
        Self { host: host.to_owned(), port: None, credentials: None, tls: TlsConfig::StartTls }
    }

    /// Sets the port. Without it: 587 for STARTTLS, 465 for TLS, 25 for neither ([RFC 8314]).
    ///
    /// [RFC 8314]: https://www.rfc-editor.org/rfc/rfc8314#section-7.3
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets user name and password.
    #[must_use]
    pub fn credentials(mut self, username: &str, password: &str) -> Self {
        self.credentials = Some(Credentials::new(username.to_owned(), password.to_owned()));
        self
    }

    /// Sets how the connection is protected.
    #[must_use]
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.tls = tls;
        self
    }

    /// Short for [`TlsConfig::None`].
    #[must_use]
    pub fn no_tls(self) -> Self {
        self.tls(TlsConfig::None)
    }

    /// Short for [`TlsConfig::StartTls`].
    #[must_use]
    pub fn starttls(self) -> Self {
        self.tls(TlsConfig::StartTls)
    }

    /// Finishes the transport. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`MailerError::Config`] if the host is empty, [`MailerError::Transport`] if TLS cannot be set up.
    pub fn build(self) -> Result<SmtpTransport, MailerError> {
        if self.host.trim().is_empty() {
            return Err(MailerError::Config("the SMTP host is empty".to_owned()));
        }
        if matches!(self.tls, TlsConfig::None) && self.credentials.is_some() {
            tracing::warn!(host = %self.host, "the SMTP password is sent without TLS");
        }
        let (tls, usual_port) = match self.tls {
            TlsConfig::None => (Tls::None, SMTP_PORT),
            TlsConfig::StartTls => (Tls::Required(tls_parameters(&self.host)?), SUBMISSION_PORT),
            TlsConfig::Tls => (Tls::Wrapper(tls_parameters(&self.host)?), SUBMISSIONS_PORT),
        };
        // "Dangerous" means without TLS, which the next line sets.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .tls(tls)
            .port(self.port.unwrap_or(usual_port));
        if let Some(credentials) = self.credentials {
            builder = builder.credentials(credentials);
        }
        Ok(SmtpTransport::new(builder.build()))
    }
}

/// Names backend and roots, so that a feature switched on elsewhere in the application does not change them.
fn tls_parameters(host: &str) -> Result<TlsParameters, MailerError> {
    let builder = TlsParameters::builder(host.to_owned());
    Ok(builder.certificate_store(CertificateStore::WebpkiRoots).build_rustls()?)
}

impl fmt::Debug for SmtpTransportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpTransportBuilder")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("credentials", &self.credentials.as_ref().map(|_| "[redacted]"))
            .field("tls", &self.tls)
            .finish()
    }
}
