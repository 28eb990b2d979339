//! Identities at OAuth and OpenID Connect providers.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    clock::{Clock, SystemClock},
    error::{Error, ValidationError, utilities::RequiredFieldExt},
    tenant::TenantId,
    user::{User, UserId},
    validation::{validate_email, validate_oauth_identity, validate_stored_name},
};

/// A user's account at a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthAccount {
    /// Whose it is.
    pub user_id: UserId,
    /// The tenant it belongs to.
    #[serde(default)]
    pub tenant_id: TenantId,
    /// The provider's name, such as `github`.
    pub provider: String,
    /// The provider's own name for the person (OpenID Connect Core, claim `sub`).
    pub subject: String,
    /// When it was linked.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl OAuthAccount {
    /// Builds an account.
    pub fn builder() -> OAuthAccountBuilder {
        OAuthAccountBuilder::default()
    }
}

/// Builds an [`OAuthAccount`].
#[derive(Clone, Debug, Default)]
pub struct OAuthAccountBuilder {
    user_id: Option<UserId>,
    tenant_id: TenantId,
    provider: Option<String>,
    subject: Option<String>,
    created_at: Option<DateTime<Utc>>,
    updated_at: Option<DateTime<Utc>>,
}

impl OAuthAccountBuilder {
    /// Whose it is. Required.
    pub fn user_id(mut self, user_id: UserId) -> Self {
        self.user_id = Some(user_id);
        self
    }

    /// Its tenant; the default tenant if not given.
    pub fn tenant_id(mut self, tenant_id: TenantId) -> Self {
        self.tenant_id = tenant_id;
        self
    }

    /// The provider's name. Required.
    pub fn provider(mut self, provider: String) -> Self {
        self.provider = Some(provider);
        self
    }

    /// The provider's name for the person. Required.
    pub fn subject(mut self, subject: String) -> Self {
        self.subject = Some(subject);
        self
    }

    /// When it was linked; now if not given.
    pub fn created_at(mut self, time: DateTime<Utc>) -> Self {
        self.created_at = Some(time);
        self
    }

    /// When it last changed; now if not given.
    pub fn updated_at(mut self, time: DateTime<Utc>) -> Self {
        self.updated_at = Some(time);
        self
    }

    /// The account.
    ///
    /// # Errors
    /// [`ValidationError::MissingField`] if user, provider or subject were not given.
    pub fn build(self) -> Result<OAuthAccount, Error> {
        let now = SystemClock.now();
        Ok(OAuthAccount {
            user_id: self.user_id.require_field("User ID")?,
            tenant_id: self.tenant_id,
            provider: self.provider.require_field("Provider")?,
            subject: self.subject.require_field("Subject")?,
            created_at: self.created_at.unwrap_or(now),
            updated_at: self.updated_at.unwrap_or(now),
        })
    }
}

/// Who a provider says has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthIdentity {
    /// The provider's name, such as `github`.
    pub provider: String,
    /// The provider's own name for the person (OpenID Connect Core, claim `sub`).
    pub subject: String,
    /// The person's address (claim `email`).
    pub email: String,
    /// Whether the provider says that the address is the person's own (claim `email_verified`). `None`: it did not say, which
    /// counts as "no" wherever an identity is handed in.
    pub email_verified: Option<bool>,
    /// The person's name (claim `name`).
    pub name: Option<String>,
}

impl OAuthIdentity {
    /// Checks provider and subject, which name the identity. Address and name matter only when a user is created or found by
    /// them; see [`OAuthIdentity::validate_new_user`].
    ///
    /// # Errors
    /// [`ValidationError`] says which field breaks a rule.
    pub fn validate(&self) -> Result<(), ValidationError> {
        validate_oauth_identity(&self.provider, &self.subject)
    }

    /// Checks what a new user would get from this identity.
    ///
    /// # Errors
    /// [`ValidationError`] says which field breaks a rule.
    pub fn validate_new_user(&self) -> Result<(), ValidationError> {
        validate_email(&self.email)?;
        validate_stored_name(self.name.as_deref())
    }
}

/// Which user an [`OAuthIdentity`] belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OAuthResolution {
    /// The identity was linked to this user before.
    Known(User),
    /// The identity was linked now, to the user who has proven the same address.
    Linked(User),
    /// The user is new.
    Created(User),
    /// A user with this address exists, and nothing proves that both are the same person. Nothing was written.
    LinkRequired,
}
