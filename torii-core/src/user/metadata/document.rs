//! A JSON object within the bounds of metadata: who holds one holds the proof.

use std::{fmt, io, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Number, Value};

use super::{MetadataError, UserMetadata};

/// 2 to the power of 63, and of 64: the first numbers beyond `i64` and `u64`.
const BEYOND_I64: f64 = 9_223_372_036_854_775_808.0;
const BEYOND_U64: f64 = 18_446_744_073_709_551_616.0;

/// How long a text may be that is read. A database may write the six characters `1e+308` as 309 digits, so that what was at most
/// [`UserMetadata::MAX_BYTES`] comes back as almost a megabyte.
const MAX_TEXT: usize = 1 << 20;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Document(Map<String, Value>);

impl Document {
    pub(super) fn new(value: Value) -> Result<Self, MetadataError> {
        let Value::Object(mut members) = value else { return Err(MetadataError::NotAnObject) };
        normalize_members(&mut members, 1)?;
        Self::measured(members)
    }

    pub(super) fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// A patch replaces what is at the same depth, so that only the size can come to be too much.
    pub(super) fn merge(&self, patch: &Self) -> Result<Self, MetadataError> {
        let mut members = self.0.clone();
        merge(&mut members, &patch.0);
        Self::measured(members)
    }

    pub(super) fn contains(&self, filter: &Self) -> bool {
        contains_members(&self.0, &filter.0)
    }

    fn measured(members: Map<String, Value>) -> Result<Self, MetadataError> {
        // Nothing else can fail: names are strings, and numbers are finite.
        serde_json::to_writer(Room(UserMetadata::MAX_BYTES), &members).map_err(|_| MetadataError::TooLarge)?;
        Ok(Self(members))
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Document {
    type Err = MetadataError;

    /// serde_json gives up at 128 levels, so that no text can exhaust the stack.
    fn from_str(json: &str) -> Result<Self, MetadataError> {
        if json.len() > MAX_TEXT {
            return Err(MetadataError::TooLarge);
        }
        Self::new(serde_json::from_str(json).map_err(|error| MetadataError::NotJson(error.to_string()))?)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

fn normalize_members(members: &mut Map<String, Value>, depth: usize) -> Result<(), MetadataError> {
    for (name, value) in members {
        check_text(name)?;
        normalize(value, depth)?;
    }
    Ok(())
}

/// `depth` is that of the object or array that the value is in.
fn normalize(value: &mut Value, depth: usize) -> Result<(), MetadataError> {
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(number) => {
            *number = normal(number)?;
            Ok(())
        }
        Value::String(text) => check_text(text),
        Value::Array(_) | Value::Object(_) if depth == UserMetadata::MAX_DEPTH => Err(MetadataError::TooDeep),
        Value::Array(elements) => elements.iter_mut().try_for_each(|element| normalize(element, depth + 1)),
        Value::Object(members) => normalize_members(members, depth + 1),
    }
}

fn check_text(text: &str) -> Result<(), MetadataError> {
    if text.contains('\0') { Err(MetadataError::Nul) } else { Ok(()) }
}

/// One form for equal numbers. PostgreSQL keeps decimal numbers and writes `1e15` as an integer, other engines keep the text.
fn normal(number: &Number) -> Result<Number, MetadataError> {
    if let Some(integer) = number.as_i64() {
        return Ok(integer.into());
    }
    if let Some(integer) = number.as_u64() {
        return Ok(integer.into());
    }
    let float = number.as_f64().ok_or(MetadataError::NumberOutOfRange)?;
    if let Some(integer) = whole(float) {
        return Ok(integer);
    }
    Number::from_f64(float).ok_or(MetadataError::NumberOutOfRange)
}

/// The integer that a number is, if it is one. The conversions lose nothing: the number is whole and in range.
fn whole(float: f64) -> Option<Number> {
    match float {
        _ if float.fract() != 0.0 => None,
        _ if (-BEYOND_I64..BEYOND_I64).contains(&float) => Some((float as i64).into()),
        _ if (BEYOND_I64..BEYOND_U64).contains(&float) => Some((float as u64).into()),
        _ => None,
    }
}

/// MergePatch of RFC 7396, section 2, for a target that is an object.
fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, change) in patch {
        match change {
            Value::Null => {
                target.remove(name);
            }
            Value::Object(change) => {
                let mut members = match target.remove(name) {
                    Some(Value::Object(members)) => members,
                    _ => Map::new(),
                };
                merge(&mut members, change);
                target.insert(name.clone(), Value::Object(members));
            }
            change => {
                target.insert(name.clone(), change.clone());
            }
        }
    }
}

fn contains_members(members: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(name, wanted)| members.get(name).is_some_and(|value| contains(value, wanted)))
}

fn contains(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(members), Value::Object(wanted)) => contains_members(members, wanted),
        (Value::Array(elements), Value::Array(wanted)) => {
            wanted.iter().all(|wanted| elements.iter().any(|element| contains(element, wanted)))
        }
        (value, wanted) => value == wanted,
    }
}

/// Counts what is written, and refuses what there is no room for.
struct Room(usize);

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
