//! What a template knows.

use std::{collections::HashMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wording;
use crate::MailerError;

/// What every mail knows about the application and the user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TemplateContext {
    /// Name of the application.
    pub app_name: String,
    /// Address of the application.
    pub app_url: String,
    /// Address of the user. No template of this crate shows it.
    pub user_email: Option<String>,
    /// Name of the user, for the greeting. Users choose it, so line breaks are taken out and at most 100 characters shown.
    pub user_name: Option<String>,
}

impl Default for TemplateContext {
    fn default() -> Self {
        Self {
            app_name: "Your App".to_owned(),
            app_url: "https://example.com".to_owned(),
            user_email: None,
            user_name: None,
        }
    }
}

/// The values a template is filled with, by key; [`TemplateEngine`](super::TemplateEngine) lists the keys.
///
/// `Debug` shows the keys only, because a link is among the values.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct TemplateData {
    /// The values.
    pub data: HashMap<String, Value>,
}

impl TemplateData {
    /// Starts with nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    ///
    /// # Errors
    ///
    /// [`MailerError::Serialization`] if `value` cannot be represented as JSON.
    pub fn insert<T: Serialize>(mut self, key: &str, value: T) -> Result<Self, MailerError> {
        self.data.insert(key.to_owned(), serde_json::to_value(value)?);
        Ok(self)
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.data.get(key)
    }

    pub(super) fn context(&self) -> TemplateContext {
        self.get("context").and_then(|value| TemplateContext::deserialize(value).ok()).unwrap_or_default()
    }

    pub(super) fn required(&self, key: &str) -> Result<String, MailerError> {
        let value = self.get(key).and_then(Value::as_str);
        value.map(str::to_owned).ok_or_else(|| MailerError::Builder(format!("{key} is required")))
    }

    /// The lifetime of the link in words, if the data says it.
    pub(super) fn expires_in(&self) -> Option<String> {
        self.get("expires_in_minutes").and_then(Value::as_u64).map(wording::minutes)
    }
}

impl fmt::Debug for TemplateData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut keys: Vec<_> = self.data.keys().collect();
        keys.sort();
        f.debug_struct("TemplateData").field("keys", &keys).finish_non_exhaustive()
    }
}
