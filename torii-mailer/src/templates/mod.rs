//! The texts of the mails.
//!
//! The templates are compiled in. An application with texts of its own implements [`TemplateEngine`] and passes it to the
//! `build` functions of [`email_types`](crate::email_types).

use async_trait::async_trait;

use crate::MailerError;

mod context;
mod engine;
mod pages;
#[cfg(test)]
mod tests;
mod wording;

pub use context::{TemplateContext, TemplateData};
pub use engine::AskamaTemplateEngine;
pub use pages::{
    EmailVerificationTemplate, MagicLinkTemplate, PasswordChangedTemplate, PasswordResetTemplate, WelcomeTemplate,
};

/// Turns a template's name and data into text.
///
/// | name | keys in the data |
/// |---|---|
/// | `magic_link` | `context`, `magic_link`, optional `expires_in_minutes` |
/// | `welcome` | `context` |
/// | `password_reset` | `context`, `reset_link`, optional `expires_in_minutes` |
/// | `password_changed` | `context` |
/// | `email_verification` | `context`, `verification_link`, optional `expires_in_minutes` |
///
/// `context` is a [`TemplateContext`]; a missing or malformed one counts as the default.
#[async_trait]
pub trait TemplateEngine: Send + Sync {
    /// Renders the main form of a template, HTML for the engine of this crate.
    ///
    /// # Errors
    ///
    /// [`MailerError::Template`] for an unknown name, [`MailerError::Builder`] if a required value is missing.
    async fn render(&self, template_name: &str, data: TemplateData) -> Result<String, MailerError>;

    /// Renders the HTML body.
    ///
    /// # Errors
    ///
    /// Those of [`render`](Self::render).
    async fn render_html(&self, template_name: &str, data: TemplateData) -> Result<String, MailerError>;

    /// Renders the plain text body.
    ///
    /// # Errors
    ///
    /// Those of [`render`](Self::render).
    async fn render_text(&self, template_name: &str, data: TemplateData) -> Result<String, MailerError>;
}
