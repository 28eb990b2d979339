//! Users.

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::metadata::{MetadataError, MetadataPatch, UserMetadata};
pub use crate::oauth::{OAuthAccount, OAuthAccountBuilder};
use crate::{
    clock::{Clock, SystemClock},
    error::{Error, ValidationError},
    id::{generate_prefixed_id, validate_prefixed_id},
    tenant::TenantId,
};

pub mod metadata;

#[cfg(test)]
mod tests;

/// Names a user. Generated ids look like `usr_2vSx9QmPqL8Z3kF1`; ids of the application's own making are kept as given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserId(String);

impl UserId {
    /// Keeps `id` as it is.
    pub fn new(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// A new random id.
    pub fn new_random() -> Self {
        Self(generate_prefixed_id("usr"))
    }

    /// The id as text.
    pub fn into_inner(self) -> String {
        self.0
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has the form of a generated id.
    pub fn is_valid(&self) -> bool {
        validate_prefixed_id(&self.0, "usr")
    }
}

impl Default for UserId {
    /// [`UserId::new_random`].
    fn default() -> Self {
        Self::new_random()
    }
}

impl From<String> for UserId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl From<&str> for UserId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UserId {
    type Err = Error;

    /// Accepts generated ids only.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = Self::new(text);
        if id.is_valid() {
            return Ok(id);
        }
        Err(ValidationError::InvalidUserId(format!(
            "Invalid user ID format: expected 'usr_' prefix with valid base58 data, got '{text}'"
        ))
        .into())
    }
}

/// A user of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id, unique over all tenants.
    pub id: UserId,
    /// The tenant it belongs to.
    #[serde(default)]
    pub tenant_id: TenantId,
    /// A name for people.
    pub name: Option<String>,
    /// The address as it was typed.
    pub email: String,
    /// When the user proved that the address is theirs.
    pub email_verified_at: Option<DateTime<Utc>>,
    /// Since when the address is locked by wrong passwords, or the time that an application set by hand, which blocks nobody. `None`
    /// when neither is the case.
    #[serde(default)]
    pub locked_at: Option<DateTime<Utc>>,
    /// When the user was created.
    pub created_at: DateTime<Utc>,
    /// When the user last changed.
    pub updated_at: DateTime<Utc>,
}

impl User {
    /// Builds a user.
    pub fn builder() -> UserBuilder {
        UserBuilder::default()
    }

    /// Whether the user proved that the address is theirs.
    pub fn is_email_verified(&self) -> bool {
        self.email_verified_at.is_some()
    }

    /// Whether sign-in by password was locked when the user was read.
    pub fn is_locked(&self) -> bool {
        self.locked_at.is_some()
    }
}

/// Builds a [`User`].
#[derive(Clone, Debug, Default)]
pub struct UserBuilder {
    id: Option<UserId>,
    tenant_id: TenantId,
    name: Option<String>,
    email: Option<String>,
    email_verified_at: Option<DateTime<Utc>>,
    locked_at: Option<DateTime<Utc>>,
    created_at: Option<DateTime<Utc>>,
    updated_at: Option<DateTime<Utc>>,
}

impl UserBuilder {
    /// Its id; random if not given.
    pub fn id(mut self, id: UserId) -> Self {
        self.id = Some(id);
        self
    }

    /// Its tenant; the default tenant if not given.
    pub fn tenant_id(mut self, tenant_id: TenantId) -> Self {
        self.tenant_id = tenant_id;
        self
    }

    /// A name for people.
    pub fn name(mut self, name: Option<String>) -> Self {
        self.name = name;
        self
    }

    /// The address. Required.
    pub fn email(mut self, email: String) -> Self {
        self.email = Some(email);
        self
    }

    /// When the user proved the address.
    pub fn email_verified_at(mut self, time: Option<DateTime<Utc>>) -> Self {
        self.email_verified_at = time;
        self
    }

    /// Since when the user is locked.
    pub fn locked_at(mut self, time: Option<DateTime<Utc>>) -> Self {
        self.locked_at = time;
        self
    }

    /// When the user was created; now if not given.
    pub fn created_at(mut self, time: DateTime<Utc>) -> Self {
        self.created_at = Some(time);
        self
    }

    /// When the user last changed; now if not given.
    pub fn updated_at(mut self, time: DateTime<Utc>) -> Self {
        self.updated_at = Some(time);
        self
    }

    /// The user.
    ///
    /// # Errors
    /// [`ValidationError::InvalidField`] if no address was given.
    pub fn build(self) -> Result<User, Error> {
        let now = SystemClock.now();
        Ok(User {
            id: self.id.unwrap_or_default(),
            tenant_id: self.tenant_id,
            name: self.name,
            email: self.email.ok_or_else(|| ValidationError::InvalidField("Email is required".into()))?,
            email_verified_at: self.email_verified_at,
            locked_at: self.locked_at,
            created_at: self.created_at.unwrap_or(now),
            updated_at: self.updated_at.unwrap_or(now),
        })
    }
}

/// A user to be created. The storage provider it is given to decides the tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewUser {
    /// Its id.
    pub id: UserId,
    /// The address as typed.
    pub email: String,
    /// A name for people.
    pub name: Option<String>,
    /// When the user proved that the address is theirs.
    pub email_verified_at: Option<DateTime<Utc>>,
}

impl NewUser {
    /// A user with a random id and nothing but an address.
    pub fn new(email: String) -> Self {
        Self::with_id(UserId::new_random(), email)
    }

    /// A user with nothing but an id and an address.
    pub fn with_id(id: UserId, email: String) -> Self {
        Self { id, email, name: None, email_verified_at: None }
    }

    /// Builds a user to be created.
    pub fn builder() -> NewUserBuilder {
        NewUserBuilder::default()
    }
}

/// Builds a [`NewUser`].
#[derive(Clone, Debug, Default)]
pub struct NewUserBuilder {
    id: Option<UserId>,
    email: Option<String>,
    name: Option<String>,
    email_verified_at: Option<DateTime<Utc>>,
}

impl NewUserBuilder {
    /// Its id; random if not given.
    pub fn id(mut self, id: UserId) -> Self {
        self.id = Some(id);
        self
    }

    /// The address. Required.
    pub fn email(mut self, email: String) -> Self {
        self.email = Some(email);
        self
    }

    /// A name for people.
    pub fn name(mut self, name: String) -> Self {
        self.name = Some(name);
        self
    }

    /// When the user proved the address.
    pub fn email_verified_at(mut self, time: Option<DateTime<Utc>>) -> Self {
        self.email_verified_at = time;
        self
    }

    /// The user to be created.
    ///
    /// # Errors
    /// [`ValidationError::MissingField`] if no address was given.
    pub fn build(self) -> Result<NewUser, Error> {
        Ok(NewUser {
            id: self.id.unwrap_or_default(),
            email: self.email.ok_or_else(|| ValidationError::MissingField("Email is required".into()))?,
            name: self.name,
            email_verified_at: self.email_verified_at,
        })
    }
}

/// What became of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// The user is new.
    Created(User),
    /// The address belongs to this user already; nothing was changed. Whoever registered has proven nothing: never sign them
    /// in.
    Existing(User),
}

impl Registration {
    /// Whether the user is new.
    pub fn is_created(&self) -> bool {
        matches!(self, Self::Created(_))
    }

    /// The user, new or not.
    pub fn into_user(self) -> User {
        match self {
            Self::Created(user) | Self::Existing(user) => user,
        }
    }
}

/// An application's own way to manage users.
#[async_trait]
pub trait UserManager: Send + Sync + 'static {
    /// Creates a user.
    async fn create_user(&self, user: &NewUser) -> Result<User, Error>;
    /// The user with this id.
    async fn get_user(&self, id: &UserId) -> Result<Option<User>, Error>;
    /// The user with this address.
    async fn get_user_by_email(&self, email: &str) -> Result<Option<User>, Error>;
    /// The user with this address, created if there is none.
    async fn get_or_create_user_by_email(&self, email: &str) -> Result<User, Error>;
    /// Writes the user's address, name and verification.
    async fn update_user(&self, user: &User) -> Result<User, Error>;
    /// Deletes the user and everything of the user.
    async fn delete_user(&self, id: &UserId) -> Result<(), Error>;
    /// Marks the address as proven.
    async fn set_user_email_verified(&self, id: &UserId) -> Result<(), Error>;
}
