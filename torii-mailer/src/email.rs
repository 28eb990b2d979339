//! A mail before it is sent.

use std::{collections::HashMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{MailerError, header};

#[cfg(test)]
mod tests;

/// A mail: who, what, and at least one body.
///
/// Addresses are `name@domain` or `Display Name <name@domain>`; they are parsed when the mail is sent. `Debug` shows the
/// size of the bodies only, because links in them sign people in.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Email {
    /// Recipients.
    pub to: Vec<String>,
    /// Recipients of a copy.
    pub cc: Vec<String>,
    /// Recipients of a copy that the others do not see.
    pub bcc: Vec<String>,
    /// Sender.
    pub from: String,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<String>,
    /// Subject, one line.
    pub subject: String,
    /// HTML body.
    pub html_body: Option<String>,
    /// Plain text body.
    pub text_body: Option<String>,
    /// Further headers, by name. A `Message-ID` given here is used instead of a new one.
    pub headers: HashMap<String, String>,
}

impl Email {
    /// Starts a mail.
    #[must_use]
    pub fn builder() -> EmailBuilder {
        EmailBuilder::new()
    }

    /// Checks that nothing is missing and that no header breaks the message.
    ///
    /// # Errors
    ///
    /// [`MailerError::Builder`] if a recipient, the sender, the subject or a body is missing; [`MailerError::Header`] if an
    /// address, the subject or a custom header contains a line break or another control character, if a custom header's
    /// name is not one, or if it names a header that has its own field here.
    pub fn validate(&self) -> Result<(), MailerError> {
        let missing = if self.to.is_empty() && self.cc.is_empty() && self.bcc.is_empty() {
            Some("At least one recipient is required")
        } else if self.from.is_empty() {
            Some("From address is required")
        } else if self.subject.is_empty() {
            Some("Subject is required")
        } else if self.html_body.is_none() && self.text_body.is_none() {
            Some("Either HTML or text body is required")
        } else {
            None
        };
        match missing {
            Some(text) => Err(MailerError::Builder(text.to_owned())),
            None => header::check(self),
        }
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email")
            .field("to", &self.to)
            .field("cc", &self.cc)
            .field("bcc", &self.bcc)
            .field("from", &self.from)
            .field("reply_to", &self.reply_to)
            .field("subject", &self.subject)
            .field("html_body", &Size(&self.html_body))
            .field("text_body", &Size(&self.text_body))
            .field("headers", &self.headers)
            .finish()
    }
}

/// Shows how large a body is instead of what it says.
struct Size<'a>(&'a Option<String>);

impl fmt::Debug for Size<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(body) => write!(f, "Some({} bytes)", body.len()),
            None => f.write_str("None"),
        }
    }
}

/// Builds an [`Email`].
#[derive(Debug, Default)]
pub struct EmailBuilder {
    from: Option<String>,
    subject: Option<String>,
    /// Everything else; sender and subject are empty until the end.
    draft: Email,
}

impl EmailBuilder {
    /// Starts with nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a recipient.
    #[must_use]
    pub fn to<S: Into<String>>(mut self, address: S) -> Self {
        self.draft.to.push(address.into());
        self
    }

    /// Adds recipients.
    #[must_use]
    pub fn to_multiple<I, S>(mut self, addresses: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.draft.to.extend(addresses.into_iter().map(Into::into));
        self
    }

    /// Adds a recipient of a copy.
    #[must_use]
    pub fn cc<S: Into<String>>(mut self, address: S) -> Self {
        self.draft.cc.push(address.into());
        self
    }

    /// Adds a recipient of a copy that the others do not see.
    #[must_use]
    pub fn bcc<S: Into<String>>(mut self, address: S) -> Self {
        self.draft.bcc.push(address.into());
        self
    }

    /// Sets the sender.
    #[must_use]
    pub fn from<S: Into<String>>(mut self, address: S) -> Self {
        self.from = Some(address.into());
        self
    }

    /// Sets where answers go.
    #[must_use]
    pub fn reply_to<S: Into<String>>(mut self, address: S) -> Self {
        self.draft.reply_to = Some(address.into());
        self
    }

    /// Sets the subject.
    #[must_use]
    pub fn subject<S: Into<String>>(mut self, subject: S) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Sets the HTML body.
    #[must_use]
    pub fn html_body<S: Into<String>>(mut self, body: S) -> Self {
        self.draft.html_body = Some(body.into());
        self
    }

    /// Sets the plain text body.
    #[must_use]
    pub fn text_body<S: Into<String>>(mut self, body: S) -> Self {
        self.draft.text_body = Some(body.into());
        self
    }

    /// Sets a further header.
    #[must_use]
    pub fn header<K: Into<String>, V: Into<String>>(mut self, name: K, value: V) -> Self {
        self.draft.headers.insert(name.into(), value.into());
        self
    }

    /// Finishes the mail.
    ///
    /// # Errors
    ///
    /// [`MailerError::Builder`] without sender or subject, and the errors of [`Email::validate`].
    pub fn build(self) -> Result<Email, MailerError> {
        let required = |value: Option<String>, text: &str| value.ok_or_else(|| MailerError::Builder(text.to_owned()));
        let email = Email {
            from: required(self.from, "From address is required")?,
            subject: required(self.subject, "Subject is required")?,
            ..self.draft
        };
        email.validate()?;
        Ok(email)
    }
}
