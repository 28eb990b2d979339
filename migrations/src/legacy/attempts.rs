//! The log of wrong passwords.

use super::{
    cell::{Cell, Kind},
    finding::Problem,
    table::{Old, Rules},
    users::key,
};

pub(super) const INTO: &[(&str, Kind)] =
    &[("email", Kind::Text), ("ip_address", Kind::Text), ("attempted_at", Kind::Time)];

/// The log kept addresses as typed; they are now kept by their key.
pub(super) fn convert(old: &Old<'_>, rules: &Rules) -> Result<Vec<Cell>, Problem> {
    let email = old.text("email")?;
    Ok(vec![
        Cell::text(key(email, rules.exact_emails.contains(email)).as_str()),
        Cell::optional_text(old.optional_text("ip_address")?),
        Cell::Time(old.time("attempted_at")?),
    ])
}
