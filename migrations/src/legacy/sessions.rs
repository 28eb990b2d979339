//! Sessions.

use torii_core::{
    TenantId,
    crypto::{TokenDigest, TokenUse},
};

use super::{
    cell::{Cell, Kind},
    finding::Problem,
    table::{Old, Rules},
};

pub(super) const INTO: &[(&str, Kind)] = &[
    ("token_digest", Kind::Bytes),
    ("user_id", Kind::Text),
    ("user_agent", Kind::Text),
    ("ip_address", Kind::Text),
    ("created_at", Kind::Time),
    ("updated_at", Kind::Time),
    ("expires_at", Kind::Time),
];

pub(super) fn convert(old: &Old<'_>, rules: &Rules) -> Result<Vec<Cell>, Problem> {
    let (made, changed) = old.made_and_changed()?;
    Ok(vec![
        stored_digest(old.text("token")?, rules)?,
        Cell::text(old.text("user_id")?),
        Cell::optional_text(old.optional_text("user_agent")?),
        Cell::optional_text(old.optional_text("ip_address")?),
        Cell::Time(made),
        Cell::Time(changed),
        Cell::Time(old.end("expires_at")?),
    ])
}

/// The digest of a token that an older version stored in its own way: 0.5 in clear, what came after it as 64 lower-case
/// hexadecimal digits.
pub(super) fn stored_digest(stored: &str, rules: &Rules) -> Result<Cell, Problem> {
    if !rules.version.stores_digests() {
        return Ok(digest(TokenUse::Session, stored));
    }
    let is_digest = !stored.bytes().any(|byte| byte.is_ascii_uppercase());
    match TokenDigest::from_hex(stored) {
        Ok(digest) if is_digest => Ok(Cell::Bytes(digest.as_bytes().to_vec())),
        _ => Err(Problem::LeftoverToken),
    }
}

/// The digest of a token in the default tenant, where it is the same for every use.
pub(super) fn digest(token_use: TokenUse, token: &str) -> Cell {
    Cell::Bytes(TokenDigest::new(token_use, &TenantId::default_tenant(), token).as_bytes().to_vec())
}
