//! The engine for the templates of this crate.

use std::{any::Any, path::Path};

use askama::{Template, Values};
use async_trait::async_trait;

use super::{
    EmailVerificationTemplate, MagicLinkTemplate, PasswordChangedTemplate, PasswordResetTemplate, TemplateData,
    TemplateEngine, WelcomeTemplate, pages::TextPart,
};
use crate::MailerError;

/// Renders the compiled-in templates.
#[derive(Debug, Clone, Default)]
pub struct AskamaTemplateEngine {}

#[derive(Clone, Copy)]
enum Body {
    Html,
    Text,
}

impl AskamaTemplateEngine {
    /// Makes an engine.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same as [`new`](Self::new): the templates are compiled in and the directory is not read. Texts of your own are an
    /// implementation of [`TemplateEngine`].
    #[must_use]
    pub fn with_template_dir<P: AsRef<Path>>(_template_dir: P) -> Self {
        Self::default()
    }
}

#[async_trait]
impl TemplateEngine for AskamaTemplateEngine {
    async fn render(&self, template_name: &str, data: TemplateData) -> Result<String, MailerError> {
        render(template_name, data, Body::Html)
    }

    async fn render_html(&self, template_name: &str, data: TemplateData) -> Result<String, MailerError> {
        render(template_name, data, Body::Html)
    }

    async fn render_text(&self, template_name: &str, data: TemplateData) -> Result<String, MailerError> {
        render(template_name, data, Body::Text)
    }
}

fn render(template_name: &str, data: TemplateData, body: Body) -> Result<String, MailerError> {
    let expires_in = data.expires_in();
    let values = expires_in.as_ref().map(|words| ("expires_in", words as &dyn Any));
    let values: &dyn Values = &values;
    match template_name {
        "magic_link" => {
            let mail = MagicLinkTemplate::from_data(data)?;
            body.render(&mail, TextPart::MagicLink { mail: &mail }, values)
        }
        "welcome" => {
            let mail = WelcomeTemplate::from_data(data)?;
            body.render(&mail, TextPart::Welcome { mail: &mail }, values)
        }
        "password_reset" => {
            let mail = PasswordResetTemplate::from_data(data)?;
            body.render(&mail, TextPart::PasswordReset { mail: &mail }, values)
        }
        "password_changed" => {
            let mail = PasswordChangedTemplate::from_data(data)?;
            body.render(&mail, TextPart::PasswordChanged { mail: &mail }, values)
        }
        "email_verification" => {
            let mail = EmailVerificationTemplate::from_data(data)?;
            body.render(&mail, TextPart::EmailVerification { mail: &mail }, values)
        }
        unknown => Err(askama::Error::custom(format!("there is no template named {unknown:?}")).into()),
    }
}

impl Body {
    fn render(self, html: &impl Template, text: TextPart<'_>, values: &dyn Values) -> Result<String, MailerError> {
        Ok(match self {
            Self::Html => html.render_with_values(values)?,
            Self::Text => text.render_with_values(values)?,
        })
    }
}
