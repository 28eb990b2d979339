//! Passkeys, and the challenges of ceremonies under way.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, Utc};
use torii_core::crypto::TokenUse;

use super::{
    cell::{Cell, Kind},
    finding::Problem,
    sessions::digest,
    table::{Old, Rules},
    time,
};

pub(super) const INTO: &[(&str, Kind)] = &[
    ("credential_id", Kind::Bytes),
    ("user_id", Kind::Text),
    ("public_key", Kind::Bytes),
    ("name", Kind::Text),
    ("last_used_at", Kind::Time),
    ("created_at", Kind::Time),
    ("updated_at", Kind::Time),
];

pub(super) fn convert(old: &Old<'_>, _: &Rules) -> Result<Vec<Cell>, Problem> {
    let (made, changed) = old.made_and_changed()?;
    Ok(vec![
        Cell::Bytes(binary(old.text("credential_id")?)),
        Cell::text(old.text("user_id")?),
        Cell::Bytes(binary(old.text("public_key")?)),
        Cell::optional_text(old.optional_text("name")?),
        Cell::optional_time(old.optional_time("last_used_at")?),
        Cell::Time(made),
        Cell::Time(changed),
    ])
}

/// SeaORM kept everything but the id in one JSON text.
pub(super) fn convert_json(old: &Old<'_>, _: &Rules) -> Result<Vec<Cell>, Problem> {
    let (made, changed) = old.made_and_changed()?;
    let text = old.text("data_json")?;
    let data: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let member = |name: &str| data.get(name).and_then(serde_json::Value::as_str);
    let time_of = |name: &str| -> Option<DateTime<Utc>> { time::read(&Cell::text(member(name)?)) };
    // The column holds whole seconds, the document the time itself.
    let made = time_of("created_at").unwrap_or(made);
    Ok(vec![
        Cell::Bytes(binary(old.text("credential_id")?)),
        Cell::text(old.text("user_id")?),
        // A document that is not torii's own is an application's form of the key.
        Cell::Bytes(member("public_key").map_or_else(|| text.as_bytes().to_vec(), binary)),
        Cell::optional_text(member("name")),
        Cell::optional_time(time_of("last_used_at")),
        Cell::Time(made),
        Cell::Time(changed.max(made)),
    ])
}

/// What a text stands for: Base64 as torii wrote it, or as browsers do (WebAuthn Level 3, section 3); else its own bytes,
/// because 0.5 let applications store what they liked.
fn binary(text: &str) -> Vec<u8> {
    STANDARD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).unwrap_or_else(|_| text.as_bytes().to_vec())
}

pub(super) const CHALLENGE_INTO: &[(&str, Kind)] =
    &[("challenge_id", Kind::Bytes), ("challenge", Kind::Text), ("created_at", Kind::Time), ("expires_at", Kind::Time)];

pub(super) fn convert_challenge(old: &Old<'_>, _: &Rules) -> Result<Vec<Cell>, Problem> {
    let (made, _) = old.made_and_changed()?;
    Ok(vec![
        digest(TokenUse::PasskeyChallenge, old.text("challenge_id")?),
        Cell::text(old.text("challenge")?),
        Cell::Time(made),
        Cell::Time(old.end("expires_at")?),
    ])
}
