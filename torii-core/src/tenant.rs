//! Tenants: who owns a row, and under which policy a call runs.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::policy::TenantPolicy;

#[cfg(test)]
mod tests;

/// The name of a tenant: 1 to 64 bytes of `A-Z a-z 0-9 _ -`, case-sensitive.
///
/// The alphabet needs no escaping in a URL path, a host label list, a cookie name or an SQL literal, and no database
/// collation can make two of them equal. Cloning does not allocate.
///
/// ```
/// use torii_core::TenantId;
///
/// const ACME: TenantId = TenantId::from_static("acme-corp");
/// assert_eq!("acme-corp".parse::<TenantId>()?, ACME);
/// assert!(TenantId::new("acme corp").is_err());
/// # Ok::<(), torii_core::TenantError>(())
/// ```
#[derive(Clone)]
pub struct TenantId(Name);

#[derive(Clone)]
enum Name {
    Static(&'static str),
    Shared(Arc<str>),
}

impl TenantId {
    /// The longest id, in bytes.
    pub const MAX_LENGTH: usize = 64;

    const DEFAULT: Self = Self(Name::Static("default"));

    /// Checks and keeps `id`.
    ///
    /// # Errors
    /// [`TenantError::InvalidTenantId`] if `id` is empty, longer than 64 bytes or holds a character outside
    /// `[A-Za-z0-9_-]`.
    pub fn new(id: impl AsRef<str>) -> Result<Self, TenantError> {
        let id = id.as_ref();
        match problem(id) {
            None if id == Self::DEFAULT.as_str() => Ok(Self::DEFAULT),
            None => Ok(Self(Name::Shared(id.into()))),
            Some(problem) => Err(TenantError::InvalidTenantId { id: shorten(id), problem }),
        }
    }

    /// An id that is known when the program is compiled. In a `const` an invalid one does not compile.
    ///
    /// # Panics
    /// If `id` is invalid and the call is evaluated at run time.
    #[expect(clippy::panic, reason = "in a const this is a compile error")]
    pub const fn from_static(id: &'static str) -> Self {
        let bytes = id.as_bytes();
        let mut index = 0;
        while index < bytes.len() && is_allowed(bytes[index]) {
            index += 1;
        }
        if bytes.is_empty() || bytes.len() > Self::MAX_LENGTH || index < bytes.len() {
            panic!("a tenant id is 1 to 64 bytes of [A-Za-z0-9_-]");
        }
        Self(Name::Static(id))
    }

    /// The tenant that calls without a tenant run in: `"default"`.
    pub const fn default_tenant() -> Self {
        Self::DEFAULT
    }

    /// Whether this is the tenant that calls without a tenant run in.
    pub fn is_default(&self) -> bool {
        *self == Self::DEFAULT
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Static(id) => id,
            Name::Shared(id) => id,
        }
    }
}

const fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn problem(id: &str) -> Option<TenantIdProblem> {
    if id.is_empty() {
        Some(TenantIdProblem::Empty)
    } else if id.len() > TenantId::MAX_LENGTH {
        Some(TenantIdProblem::TooLong { length: id.len() })
    } else {
        id.char_indices()
            .find(|(_, character)| !u8::try_from(*character).is_ok_and(is_allowed))
            .map(|(index, character)| TenantIdProblem::Character { character, index })
    }
}

/// Ids often come from a URL: the error keeps enough to recognise the mistake, not a megabyte of it.
fn shorten(id: &str) -> String {
    id.chars().take(TenantId::MAX_LENGTH).collect()
}

impl Default for TenantId {
    /// [`TenantId::default_tenant`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl PartialEq for TenantId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for TenantId {}

impl PartialEq<str> for TenantId {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for TenantId {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl Hash for TenantId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for TenantId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TenantId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Borrow<str> for TenantId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for TenantId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TenantId").field(&self.as_str()).finish()
    }
}

impl FromStr for TenantId {
    type Err = TenantError;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::new(id)
    }
}

impl TryFrom<String> for TenantId {
    type Error = TenantError;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(id)
    }
}

impl TryFrom<&str> for TenantId {
    type Error = TenantError;

    fn try_from(id: &str) -> Result<Self, Self::Error> {
        Self::new(id)
    }
}

impl Serialize for TenantId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for TenantId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Cow::<str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// What can be given where a tenant is named: a [`TenantId`], or text that is checked on the way in.
pub trait IntoTenantId {
    /// The checked id.
    ///
    /// # Errors
    /// [`TenantError::InvalidTenantId`] for text that is not a tenant id.
    fn into_tenant_id(self) -> Result<TenantId, TenantError>;
}

impl IntoTenantId for TenantId {
    fn into_tenant_id(self) -> Result<TenantId, TenantError> {
        Ok(self)
    }
}

impl IntoTenantId for &TenantId {
    fn into_tenant_id(self) -> Result<TenantId, TenantError> {
        Ok(self.clone())
    }
}

impl IntoTenantId for &str {
    fn into_tenant_id(self) -> Result<TenantId, TenantError> {
        TenantId::new(self)
    }
}

impl IntoTenantId for String {
    fn into_tenant_id(self) -> Result<TenantId, TenantError> {
        TenantId::new(self)
    }
}

impl IntoTenantId for &String {
    fn into_tenant_id(self) -> Result<TenantId, TenantError> {
        TenantId::new(self)
    }
}

/// The tenant a call runs in, and the policy in force there.
#[derive(Clone, Debug)]
pub struct TenantContext {
    id: TenantId,
    policy: TenantPolicy,
}

impl TenantContext {
    /// A context for `id` under `policy`.
    pub fn new(id: TenantId, policy: TenantPolicy) -> Self {
        Self { id, policy }
    }

    /// The tenant.
    pub fn id(&self) -> &TenantId {
        &self.id
    }

    /// Lifetimes and limits in force.
    pub fn policy(&self) -> &TenantPolicy {
        &self.policy
    }
}

/// A row of the tenant registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// A name for people, if one was given.
    pub name: Option<String>,
    /// Whether it may be used.
    pub status: TenantStatus,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When its row last changed.
    pub updated_at: DateTime<Utc>,
    /// Since when it is suspended.
    pub suspended_at: Option<DateTime<Utc>>,
}

/// Whether a tenant may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// In use.
    Active,
    /// Nobody signs in, nothing is read; the data stays.
    Suspended,
}

impl TenantStatus {
    /// The form stored in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

impl FromStr for TenantStatus {
    type Err = UnknownTenantStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "active" => Ok(Self::Active),
            "suspended" => Ok(Self::Suspended),
            other => Err(UnknownTenantStatus(other.to_owned())),
        }
    }
}

/// A stored tenant status that this version does not know.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("unknown tenant status {0:?}")]
pub struct UnknownTenantStatus(String);

/// Why a call was refused because of its tenant.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TenantError {
    /// The text is not a tenant id. Nothing was read or written.
    #[error("Invalid tenant id {id:?}: {problem}")]
    InvalidTenantId {
        /// The text, cut to 64 characters.
        id: String,
        /// What is wrong with it.
        problem: TenantIdProblem,
    },
    /// The tenant is suspended.
    #[error("Tenant {id} is suspended")]
    Suspended {
        /// The tenant.
        id: TenantId,
    },
    /// The tenant is not registered, and the application asked for registered tenants only.
    #[error("Tenant {id} is not registered")]
    NotRegistered {
        /// The tenant.
        id: TenantId,
    },
}

/// What is wrong with a text that should be a tenant id.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TenantIdProblem {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It is too long.
    #[error("it has {length} bytes, at most 64 are allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// It holds a character outside `[A-Za-z0-9_-]`.
    #[error("character {character:?} at byte {index} is not one of A-Z a-z 0-9 _ -")]
    Character {
        /// The first such character.
        character: char,
        /// Its position in bytes.
        index: usize,
    },
}
