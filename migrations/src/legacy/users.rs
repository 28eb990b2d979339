//! Users.

use torii_core::EmailKey;

use super::{
    cell::{Cell, Kind},
    finding::Problem,
    table::{Old, Rules},
};

pub(super) const INTO: &[(&str, Kind)] = &[
    ("id", Kind::Text),
    ("email", Kind::Text),
    ("email_key", Kind::Text),
    ("name", Kind::Text),
    ("email_verified_at", Kind::Time),
    ("locked_at", Kind::Time),
    ("password_hash", Kind::Text),
    ("created_at", Kind::Time),
    ("updated_at", Kind::Time),
];

pub(super) fn convert(old: &Old<'_>, rules: &Rules) -> Result<Vec<Cell>, Problem> {
    let Cell::Text(id) = old.id else {
        return Err(super::table::unreadable("id", Some(old.id.name())));
    };
    let email = old.text("email")?;
    let (made, changed) = old.made_and_changed()?;
    Ok(vec![
        Cell::text(id),
        Cell::text(email),
        Cell::text(key(email, rules.exact_users.contains(id)).as_str()),
        Cell::optional_text(old.optional_text("name")?),
        Cell::optional_time(old.optional_time("email_verified_at")?),
        Cell::optional_time(old.optional_time("locked_at")?),
        // SeaORM 0.5 wrote an empty text when it removed a password.
        Cell::optional_text(old.optional_text("password_hash")?.filter(|hash| !hash.is_empty())),
        Cell::Time(made),
        Cell::Time(changed),
    ])
}

/// The key of a user's address.
pub(crate) fn key(email: &str, exact: bool) -> EmailKey {
    if exact { EmailKey::exact(email) } else { EmailKey::new(email) }
}
