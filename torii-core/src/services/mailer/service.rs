//! Mail to users.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use torii_mailer::{
    AskamaTemplateEngine, Email, EmailVerificationEmail, MagicLinkEmail, Mailer, MailerConfig, MailerError,
    PasswordChangedEmail, PasswordResetEmail, TemplateContext, WelcomeEmail,
};

use crate::{
    error::{Error, StorageError},
    services::{
        email_verification::VERIFICATION_TOKEN_LIFETIME, magic_link::MAGIC_LINK_LIFETIME,
        password_reset::RESET_TOKEN_LIFETIME,
    },
};

/// Sends the mails of the flows, each at once.
#[async_trait]
pub trait MailerService: Send + Sync {
    /// Sends a link that signs in.
    async fn send_magic_link_email(&self, to: &str, magic_link: &str, user_name: Option<&str>) -> Result<(), Error>;
    /// Welcomes a new user.
    async fn send_welcome_email(&self, to: &str, user_name: Option<&str>) -> Result<(), Error>;
    /// Sends a link for choosing a new password.
    async fn send_password_reset_email(&self, to: &str, reset_link: &str, user_name: Option<&str>)
    -> Result<(), Error>;
    /// Says that the password was changed.
    async fn send_password_changed_email(&self, to: &str, user_name: Option<&str>) -> Result<(), Error>;
    /// Sends a link that proves the address.
    async fn send_verification_email(
        &self,
        to: &str,
        verification_link: &str,
        user_name: Option<&str>,
    ) -> Result<(), Error> {
        let _ = (to, verification_link, user_name);
        Err(StorageError::Unsupported("mailing verification links").into())
    }
}

/// What a mail says. Links carry secrets: nothing here shows itself in `Debug`.
pub enum Letter {
    /// A link that signs in.
    MagicLink {
        /// The link.
        link: String,
        /// How long it works.
        expires_in: TimeDelta,
    },
    /// Welcome.
    Welcome,
    /// A link for choosing a new password.
    PasswordReset {
        /// The link.
        link: String,
        /// How long it works.
        expires_in: TimeDelta,
    },
    /// The password was changed.
    PasswordChanged,
    /// A link that proves the address.
    EmailVerification {
        /// The link.
        link: String,
        /// How long it works.
        expires_in: TimeDelta,
    },
}

impl Letter {
    /// The name of its template.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MagicLink { .. } => "magic_link",
            Self::Welcome => "welcome",
            Self::PasswordReset { .. } => "password_reset",
            Self::PasswordChanged => "password_changed",
            Self::EmailVerification { .. } => "email_verification",
        }
    }
}

/// Renders mails from the built-in templates and sends them.
pub struct ToriiMailerService {
    transport: Arc<dyn Mailer>,
    engine: AskamaTemplateEngine,
    from: String,
    context: TemplateContext,
}

impl ToriiMailerService {
    /// Sends as `config` says.
    ///
    /// # Errors
    /// [`StorageError::Connection`] if the transport cannot be made.
    pub fn new(config: MailerConfig) -> Result<Self, Error> {
        let transport = config.build_transport().map_err(failed)?;
        Ok(Self::with_transport(transport.into(), config))
    }

    /// Sends as the environment says (`MAILER_*`).
    ///
    /// # Errors
    /// [`StorageError::Connection`] if a variable is invalid or the transport cannot be made.
    pub fn from_env() -> Result<Self, Error> {
        Self::new(MailerConfig::from_env().map_err(failed)?)
    }

    /// Sends through `transport`, with sender and names from `config`.
    pub fn with_transport(transport: Arc<dyn Mailer>, config: MailerConfig) -> Self {
        let from = config.get_from_address();
        let context =
            TemplateContext { app_name: config.app_name, app_url: config.app_url, user_email: None, user_name: None };
        Self { transport, engine: AskamaTemplateEngine::new(), from, context }
    }

    /// What it sends through.
    pub fn transport(&self) -> Arc<dyn Mailer> {
        Arc::clone(&self.transport)
    }

    /// The mail that says `letter` to `to`.
    ///
    /// # Errors
    /// [`MailerError`] if an address or a name cannot be put into a mail.
    pub async fn render(&self, letter: &Letter, to: &str, user_name: Option<&str>) -> Result<Email, MailerError> {
        let context = TemplateContext {
            user_email: Some(to.to_owned()),
            user_name: user_name.map(str::to_owned),
            ..self.context.clone()
        };
        let (engine, from) = (&self.engine, self.from.as_str());
        match letter {
            Letter::MagicLink { link, expires_in } => {
                MagicLinkEmail::build_expiring(engine, from, to, link, context, lifetime(*expires_in)).await
            }
            Letter::Welcome => WelcomeEmail::build(engine, from, to, context).await,
            Letter::PasswordReset { link, expires_in } => {
                PasswordResetEmail::build_expiring(engine, from, to, link, context, lifetime(*expires_in)).await
            }
            Letter::PasswordChanged => PasswordChangedEmail::build(engine, from, to, context).await,
            Letter::EmailVerification { link, expires_in } => {
                EmailVerificationEmail::build_expiring(engine, from, to, link, context, lifetime(*expires_in)).await
            }
        }
    }

    async fn send(&self, letter: Letter, to: &str, user_name: Option<&str>) -> Result<(), Error> {
        let email = self.render(&letter, to, user_name).await.map_err(failed)?;
        self.transport.send_email(email).await.map_err(failed)
    }
}

/// Never negative.
fn lifetime(expires_in: TimeDelta) -> Duration {
    expires_in.to_std().unwrap_or_default()
}

fn failed(error: MailerError) -> Error {
    StorageError::Connection(error.to_string()).into()
}

#[async_trait]
impl MailerService for ToriiMailerService {
    async fn send_magic_link_email(&self, to: &str, magic_link: &str, user_name: Option<&str>) -> Result<(), Error> {
        let letter = Letter::MagicLink { link: magic_link.to_owned(), expires_in: MAGIC_LINK_LIFETIME };
        self.send(letter, to, user_name).await
    }

    async fn send_welcome_email(&self, to: &str, user_name: Option<&str>) -> Result<(), Error> {
        self.send(Letter::Welcome, to, user_name).await
    }

    async fn send_password_reset_email(
        &self,
        to: &str,
        reset_link: &str,
        user_name: Option<&str>,
    ) -> Result<(), Error> {
        let letter = Letter::PasswordReset { link: reset_link.to_owned(), expires_in: RESET_TOKEN_LIFETIME };
        self.send(letter, to, user_name).await
    }

    async fn send_password_changed_email(&self, to: &str, user_name: Option<&str>) -> Result<(), Error> {
        self.send(Letter::PasswordChanged, to, user_name).await
    }

    async fn send_verification_email(
        &self,
        to: &str,
        verification_link: &str,
        user_name: Option<&str>,
    ) -> Result<(), Error> {
        let letter =
            Letter::EmailVerification { link: verification_link.to_owned(), expires_in: VERIFICATION_TOKEN_LIFETIME };
        self.send(letter, to, user_name).await
    }
}
