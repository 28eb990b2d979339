//! One struct per mail, which renders its HTML body; the text body is its twin in [`TextPart`].
//!
//! A page rendered on its own names the usual lifetime of its link. The engine passes the real one as the runtime value
//! `expires_in`.

use askama::Template;

use super::TemplateData;
use crate::MailerError;

/// Mail with a link to sign in.
#[derive(Template)]
#[template(path = "magic_link.html")]
pub struct MagicLinkTemplate {
    /// Name of the application.
    pub app_name: String,
    /// Address of the application.
    pub app_url: String,
    /// Name for the greeting.
    pub user_name: Option<String>,
    /// The link.
    pub magic_link: String,
}

impl MagicLinkTemplate {
    /// Takes the fields from `data`.
    ///
    /// # Errors
    ///
    /// [`MailerError::Builder`] without the string `magic_link`.
    pub fn from_data(data: TemplateData) -> Result<Self, MailerError> {
        let magic_link = data.required("magic_link")?;
        let context = data.context();
        Ok(Self { app_name: context.app_name, app_url: context.app_url, user_name: context.user_name, magic_link })
    }
}

/// Mail to somebody who has just registered.
#[derive(Template)]
#[template(path = "welcome.html")]
pub struct WelcomeTemplate {
    /// Name of the application.
    pub app_name: String,
    /// Address of the application.
    pub app_url: String,
    /// Name for the greeting.
    pub user_name: Option<String>,
}

impl WelcomeTemplate {
    /// Takes the fields from `data`.
    ///
    /// # Errors
    ///
    /// None; the result is for likeness with the other mails.
    pub fn from_data(data: TemplateData) -> Result<Self, MailerError> {
        let context = data.context();
        Ok(Self { app_name: context.app_name, app_url: context.app_url, user_name: context.user_name })
    }
}

/// Mail with a link to choose a new password.
#[derive(Template)]
#[template(path = "password_reset.html")]
pub struct PasswordResetTemplate {
    /// Name of the application.
    pub app_name: String,
    /// Address of the application.
    pub app_url: String,
    /// Name for the greeting.
    pub user_name: Option<String>,
    /// The link.
    pub reset_link: String,
}

impl PasswordResetTemplate {
    /// Takes the fields from `data`.
    ///
    /// # Errors
    ///
    /// [`MailerError::Builder`] without the string `reset_link`.
    pub fn from_data(data: TemplateData) -> Result<Self, MailerError> {
        let reset_link = data.required("reset_link")?;
        let context = data.context();
        Ok(Self { app_name: context.app_name, app_url: context.app_url, user_name: context.user_name, reset_link })
    }
}

/// Mail that says that the password was changed.
#[derive(Template)]
#[template(path = "password_changed.html")]
pub struct PasswordChangedTemplate {
    /// Name of the application.
    pub app_name: String,
    /// Address of the application.
    pub app_url: String,
    /// Name for the greeting.
    pub user_name: Option<String>,
}

impl PasswordChangedTemplate {
    /// Takes the fields from `data`.
    ///
    /// # Errors
    ///
    /// None; the result is for likeness with the other mails.
    pub fn from_data(data: TemplateData) -> Result<Self, MailerError> {
        let context = data.context();
        Ok(Self { app_name: context.app_name, app_url: context.app_url, user_name: context.user_name })
    }
}

/// Mail with a link that proves the address.
#[derive(Template)]
#[template(path = "email_verification.html")]
pub struct EmailVerificationTemplate {
    /// Name of the application.
    pub app_name: String,
    /// Address of the application.
    pub app_url: String,
    /// Name for the greeting.
    pub user_name: Option<String>,
    /// The link.
    pub verification_link: String,
}

impl EmailVerificationTemplate {
    /// Takes the fields from `data`.
    ///
    /// # Errors
    ///
    /// [`MailerError::Builder`] without the string `verification_link`.
    pub fn from_data(data: TemplateData) -> Result<Self, MailerError> {
        let verification_link = data.required("verification_link")?;
        let context = data.context();
        Ok(Self {
            app_name: context.app_name,
            app_url: context.app_url,
            user_name: context.user_name,
            verification_link,
        })
    }
}

/// The text body of each page. Text templates escape nothing.
#[derive(Template)]
#[template(ext = "txt")]
pub(super) enum TextPart<'a> {
    #[template(path = "magic_link.txt")]
    MagicLink { mail: &'a MagicLinkTemplate },
    #[template(path = "welcome.txt")]
    Welcome { mail: &'a WelcomeTemplate },
    #[template(path = "password_reset.txt")]
    PasswordReset { mail: &'a PasswordResetTemplate },
    #[template(path = "password_changed.txt")]
    PasswordChanged { mail: &'a PasswordChangedTemplate },
    #[template(path = "email_verification.txt")]
    EmailVerification { mail: &'a EmailVerificationTemplate },
}
