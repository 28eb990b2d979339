//! What an application keeps with a user.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use self::document::Document;
use crate::error::ValidationError;

mod document;

#[cfg(test)]
mod tests;

/// What an application keeps with a user: a JSON object.
///
/// Every storage backend gives back what was set, because what no two of them would keep alike is not accepted or has one form:
///
/// - at most [`MAX_BYTES`](Self::MAX_BYTES) as compact JSON, and at most [`MAX_DEPTH`](Self::MAX_DEPTH) objects and arrays inside
///   each other, the outermost included;
/// - no U+0000 in a name or a string, which PostgreSQL cannot hold;
/// - numbers are integers from `i64::MIN` to `u64::MAX`, or finite `f64`. One that is whole and in that range is an integer:
///   `1.0` is kept as `1`, and `-0.0` as `0`.
///
/// ```
/// use serde_json::json;
/// use torii_core::user::{MetadataPatch, UserMetadata};
///
/// let metadata = UserMetadata::new(json!({"plan": "pro", "seats": 5}))?;
/// let merged = metadata.merge(&MetadataPatch::new(json!({"seats": null, "theme": "dark"}))?)?;
/// assert_eq!(merged, UserMetadata::new(json!({"plan": "pro", "theme": "dark"}))?);
/// assert!(merged.contains(&UserMetadata::new(json!({"plan": "pro"}))?));
/// # Ok::<(), torii_core::error::ValidationError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserMetadata(Document);

impl UserMetadata {
    /// How many bytes it may have as compact JSON.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// How many objects and arrays may be inside each other, the outermost included.
    pub const MAX_DEPTH: usize = 8;

    /// The metadata in `value`, its numbers in the form described at [`UserMetadata`].
    ///
    /// # Errors
    /// [`ValidationError::InvalidMetadata`] if it is not an object or breaks a rule.
    pub fn new(value: Value) -> Result<Self, ValidationError> {
        Ok(Self(Document::new(value)?))
    }

    /// The object.
    pub fn as_map(&self) -> &Map<String, Value> {
        self.0.as_map()
    }

    /// The value of a name, if there is one. It may be [`Value::Null`].
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_map().get(name)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.as_map().is_empty()
    }

    /// The object as a value.
    pub fn into_value(self) -> Value {
        Value::Object(self.0.into_map())
    }

    /// What it becomes by a JSON Merge Patch (RFC 7396).
    ///
    /// # Errors
    /// [`ValidationError::InvalidMetadata`] if that is larger than [`UserMetadata::MAX_BYTES`].
    pub fn merge(&self, patch: &MetadataPatch) -> Result<Self, ValidationError> {
        Ok(Self(self.0.merge(&patch.0)?))
    }

    /// Whether everything in `filter` is in here too, as PostgreSQL's `jsonb` says by `@>`: an object contains one whose every
    /// name it has with a value that contains the other's; an array contains one whose every element it has, wherever and how
    /// often; other values contain their equals. The empty filter is contained in everything.
    pub fn contains(&self, filter: &Self) -> bool {
        self.0.contains(&filter.0)
    }
}

/// How metadata are to change: a JSON Merge Patch (RFC 7396). A name with `null` is removed, an object is merged into the one
/// that is there, and anything else, an array too, replaces what is there.
///
/// It is an object within the same bounds as [`UserMetadata`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MetadataPatch(Document);

impl MetadataPatch {
    /// The patch in `value`.
    ///
    /// # Errors
    /// [`ValidationError::InvalidMetadata`] if it is not an object or breaks a rule.
    pub fn new(value: Value) -> Result<Self, ValidationError> {
        Ok(Self(Document::new(value)?))
    }

    /// The object.
    pub fn as_map(&self) -> &Map<String, Value> {
        self.0.as_map()
    }
}

impl fmt::Display for UserMetadata {
    /// Compact JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UserMetadata {
    type Err = ValidationError;

    /// Reads JSON.
    fn from_str(json: &str) -> Result<Self, Self::Err> {
        Ok(Self(json.parse()?))
    }
}

impl From<UserMetadata> for Value {
    fn from(metadata: UserMetadata) -> Self {
        metadata.into_value()
    }
}

/// Why something is no metadata of a user.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataError {
    /// It is not JSON at all.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// It is not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// It has too many bytes.
    #[error("more than {} bytes of JSON", UserMetadata::MAX_BYTES)]
    TooLarge,
    /// It has too many objects and arrays inside each other.
    #[error("more than {} objects and arrays inside each other", UserMetadata::MAX_DEPTH)]
    TooDeep,
    /// A name or a string has a U+0000.
    #[error("a name or a string with a NUL character")]
    Nul,
    /// A number is not finite, or greater than the greatest `f64`.
    #[error("a number that is out of range")]
    NumberOutOfRange,
}

impl From<MetadataError> for ValidationError {
    fn from(error: MetadataError) -> Self {
        Self::InvalidMetadata(error)
    }
}
