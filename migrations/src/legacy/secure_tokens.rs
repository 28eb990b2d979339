//! Tokens that were sent by mail.

use torii_core::TokenPurpose;

use super::{
    cell::{Cell, Kind},
    finding::Problem,
    sessions::stored_digest,
    table::{Old, Rules},
};

pub(super) const INTO: &[(&str, Kind)] = &[
    ("token_digest", Kind::Bytes),
    ("user_id", Kind::Text),
    ("purpose", Kind::Text),
    ("used_at", Kind::Time),
    ("expires_at", Kind::Time),
    ("created_at", Kind::Time),
    ("updated_at", Kind::Time),
];

pub(super) fn convert(old: &Old<'_>, rules: &Rules) -> Result<Vec<Cell>, Problem> {
    let (made, changed) = old.made_and_changed()?;
    let purpose = old.text("purpose")?;
    let purpose: TokenPurpose =
        purpose.parse().map_err(|_| Problem::UnknownPurpose { purpose: purpose.chars().take(100).collect() })?;
    Ok(vec![
        stored_digest(old.text("token")?, rules)?,
        Cell::text(old.text("user_id")?),
        Cell::text(purpose.as_str()),
        Cell::optional_time(old.optional_time("used_at")?),
        Cell::Time(old.end("expires_at")?),
        Cell::Time(made),
        Cell::Time(changed),
    ])
}
