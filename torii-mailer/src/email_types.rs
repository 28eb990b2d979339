//! The mails torii sends.
//!
//! Each type builds a complete [`Email`] with an HTML and a text body and one recipient. Where the mail carries a link,
//! `build` names its usual lifetime (15 minutes to sign in or reset a password, 24 hours to verify an address), and
//! `build_expiring` the one given; both round down to whole minutes.

use std::time::Duration;

use crate::{Email, MailerError, TemplateContext, TemplateEngine, templates::TemplateData};

#[cfg(test)]
mod tests;

/// Mail with a link to sign in.
pub struct MagicLinkEmail;

impl MagicLinkEmail {
    /// Builds the mail for a link that lives 15 minutes.
    ///
    /// # Errors
    ///
    /// Those of the engine and of [`Email::validate`].
    pub async fn build<T: TemplateEngine + ?Sized>(
        engine: &T,
        from: &str,
        to: &str,
        magic_link: &str,
        context: TemplateContext,
    ) -> Result<Email, MailerError> {
        let draft = Draft::magic_link(magic_link, context)?;
        draft.finish(engine, from, to).await
    }

    /// Builds the mail for a link that lives `expires_in`.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build).
    pub async fn build_expiring<T: TemplateEngine + ?Sized>(
        engine: &T,
        from: &str,
        to: &str,
        magic_link: &str,
        context: TemplateContext,
        expires_in: Duration,
    ) -> Result<Email, MailerError> {
        let draft = Draft::magic_link(magic_link, context)?.expiring(expires_in)?;
        draft.finish(engine, from, to).await
    }
}

/// Mail to somebody who has just registered.
pub struct WelcomeEmail;

impl WelcomeEmail {
    /// Builds the mail.
    ///
    /// # Errors
    ///
    /// Those of the engine and of [`Email::validate`].
    pub async fn build<T: TemplateEngine + ?Sized>(
        engine: &T,
        from: &str,
        to: &str,
        context: TemplateContext,
    ) -> Result<Email, MailerError> {
        let subject = format!("Welcome to {}!", context.app_name);
        Draft::new("welcome", subject, context)?.finish(engine, from, to).await
    }
}

/// Mail with a link to choose a new password.
pub struct PasswordResetEmail;

impl PasswordResetEmail {
    /// Builds the mail for a link that lives 15 minutes.
    ///
    /// # Errors
    ///
    /// Those of the engine and of [`Email::validate`].
    pub async fn build<T: TemplateEngine + ?Sized>(
        engine: &T,
        from: &str,
        to: &str,
        reset_link: &str,
        context: TemplateContext,
    ) -> Result<Email, MailerError> {
        let draft = Draft::password_reset(reset_link, context)?;
        draft.finish(engine, from, to).await
    }

    /// Builds the mail for a link that lives `expires_in`.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build).
    pub async fn build_expiring<T: TemplateEngine + ?Sized>(
        engine: &T,
        from: &str,
        to: &str,
        reset_link: &str,
        context: TemplateContext,
        expires_in: Duration,
    ) -> Result<Email, MailerError> {
        let draft = Draft::password_reset(reset_link, context)?.expiring(expires_in)?;
        draft.finish(engine, from, to).await
    }
}

/// Mail that says that the password was changed.
pub struct PasswordChangedEmail;

impl PasswordChangedEmail {
    /// Builds the mail.
    ///
    /// # Errors
    ///
    /// Those of the engine and of [`Email::validate`].
    pub async fn build<T: TemplateEngine + ?Sized>(
        engine: &T,
        from: &str,
        to: &str,
        context: TemplateContext,
    ) -> Result<Email, MailerError> {
        let subject = format!("Your {} password has been changed", context.app_name);
        Draft::new("password_changed", subject, context)?.finish(engine, from, to).await
    }
}

/// Mail with a link that proves the address.
pub struct EmailVerificationEmail;

impl EmailVerificationEmail {
    /// Builds the mail for a link that lives 24 hours.
    ///
    /// # Errors
    ///
    /// Those of the engine and of [`Email::validate`].
    pub async fn build<T: TemplateEngine + ?Sized>(
        engine: &T,
        from: &str,
        to: &str,
        verification_link: &str,
        context: TemplateContext,
    ) -> Result<Email, MailerError> {
        let draft = Draft::email_verification(verification_link, context)?;
        draft.finish(engine, from, to).await
    }

    /// Builds the mail for a link that lives `expires_in`.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build).
    pub async fn build_expiring<T: TemplateEngine + ?Sized>(
        engine: &T,
        from: &str,
        to: &str,
        verification_link: &str,
        context: TemplateContext,
        expires_in: Duration,
    ) -> Result<Email, MailerError> {
        let draft = Draft::email_verification(verification_link, context)?.expiring(expires_in)?;
        draft.finish(engine, from, to).await
    }
}

/// A mail that only lacks its two ends.
struct Draft {
    template: &'static str,
    subject: String,
    data: TemplateData,
}

impl Draft {
    fn new(template: &'static str, subject: String, context: TemplateContext) -> Result<Self, MailerError> {
        let data = TemplateData::new().insert("context", context)?;
        Ok(Self { template, subject, data })
    }

    fn magic_link(link: &str, context: TemplateContext) -> Result<Self, MailerError> {
        let subject = format!("Sign in to {}", context.app_name);
        Self::new("magic_link", subject, context)?.with("magic_link", link)
    }

    fn password_reset(link: &str, context: TemplateContext) -> Result<Self, MailerError> {
        let subject = format!("Reset your {} password", context.app_name);
        Self::new("password_reset", subject, context)?.with("reset_link", link)
    }

    fn email_verification(link: &str, context: TemplateContext) -> Result<Self, MailerError> {
        let subject = format!("Verify your email for {}", context.app_name);
        Self::new("email_verification", subject, context)?.with("verification_link", link)
    }

    fn expiring(self, expires_in: Duration) -> Result<Self, MailerError> {
        self.with("expires_in_minutes", expires_in.as_secs() / 60)
    }

    fn with(mut self, key: &str, value: impl serde::Serialize) -> Result<Self, MailerError> {
        self.data = self.data.insert(key, value)?;
        Ok(self)
    }

    async fn finish<T: TemplateEngine + ?Sized>(self, engine: &T, from: &str, to: &str) -> Result<Email, MailerError> {
        let html = engine.render_html(self.template, self.data.clone()).await?;
        let text = engine.render_text(self.template, self.data).await?;
        Email::builder().from(from).to(to).subject(self.subject).html_body(html).text_body(text).build()
    }
}
