//! OAuth accounts, and the states of authorization requests under way.

use torii_core::crypto::TokenUse;

use super::{
    cell::{Cell, Kind},
    finding::Problem,
    sessions::digest,
    table::{Old, Rules},
};

pub(super) const ACCOUNT_INTO: &[(&str, Kind)] = &[
    ("provider", Kind::Text),
    ("subject", Kind::Text),
    ("user_id", Kind::Text),
    ("created_at", Kind::Time),
    ("updated_at", Kind::Time),
];

pub(super) fn convert_account(old: &Old<'_>, _: &Rules) -> Result<Vec<Cell>, Problem> {
    let (made, changed) = old.made_and_changed()?;
    Ok(vec![
        Cell::text(old.text("provider")?),
        Cell::text(old.text("subject")?),
        Cell::text(old.text("user_id")?),
        Cell::Time(made),
        Cell::Time(changed),
    ])
}

pub(super) const STATE_INTO: &[(&str, Kind)] = &[
    ("state_digest", Kind::Bytes),
    ("pkce_verifier", Kind::Text),
    ("created_at", Kind::Time),
    ("expires_at", Kind::Time),
];

pub(super) fn convert_state(old: &Old<'_>, _: &Rules) -> Result<Vec<Cell>, Problem> {
    let verifier = if old.table.columns.contains(&"verifier") { "verifier" } else { "pkce_verifier" };
    let (made, _) = old.made_and_changed()?;
    Ok(vec![
        digest(TokenUse::OAuthState, old.text("csrf_state")?),
        Cell::text(old.text(verifier)?),
        Cell::Time(made),
        Cell::Time(old.end("expires_at")?),
    ])
}
