//! Telling what is there: by the catalog, with the old bookkeeping as a hint.

use super::{
    BACKUP, SEA_ORM_BOOKKEEPING, SQLX_BOOKKEEPING,
    table::{Table, tables},
    version::OlderVersion,
};
use crate::{MigrationError, Result};

/// A database that an older version left behind.
#[derive(Clone)]
pub(crate) struct Legacy {
    pub(crate) version: OlderVersion,
    /// The tables that are there, users first.
    pub(crate) tables: Vec<Present>,
}

/// One of its tables.
#[derive(Clone)]
pub(crate) struct Present {
    pub(crate) table: &'static Table,
    /// Its columns, in order.
    pub(crate) columns: Vec<String>,
}

impl Present {
    pub(crate) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|present| present.eq_ignore_ascii_case(column))
    }

    /// The columns that torii did not make.
    pub(crate) fn foreign_columns(&self) -> impl Iterator<Item = &String> {
        self.columns.iter().filter(|column| !self.table.knows(&column.to_ascii_lowercase()))
    }

    /// The name it gets when it is moved out of the way.
    pub(crate) fn backup(&self) -> String {
        format!("{BACKUP}{}", self.table.source)
    }
}

impl Legacy {
    pub(crate) fn find(&self, target: &str) -> Option<&Present> {
        self.tables.iter().find(|present| present.table.target == target)
    }

    /// Every table of `names` that is one of this version's.
    pub(crate) fn owns(&self, name: &str) -> bool {
        self.tables.iter().any(|present| present.table.source.eq_ignore_ascii_case(name))
    }
}

/// What the catalog says: relations with their columns (none for what is no table), and the old bookkeeping's rows as text.
pub(crate) struct Catalog {
    pub(crate) relations: Vec<(String, Vec<String>)>,
    pub(crate) bookkeeping: Vec<String>,
}

/// Which bookkeeping table there is, if one.
///
/// # Errors
/// [`MigrationError::OlderTorii`] if there are two: two versions have shared the tables.
pub(crate) fn bookkeeping<'n>(names: impl Iterator<Item = &'n str>) -> Result<Option<&'static str>> {
    let (mut sqlx, mut sea_orm) = (false, false);
    for name in names {
        sqlx |= name.eq_ignore_ascii_case(SQLX_BOOKKEEPING);
        sea_orm |= name.eq_ignore_ascii_case(SEA_ORM_BOOKKEEPING);
    }
    match (sqlx, sea_orm) {
        (true, true) => {
            let problem = format!("there is {SEA_ORM_BOOKKEEPING} too: two storage crates have used these tables");
            Err(MigrationError::OlderTorii { table: SQLX_BOOKKEEPING.to_owned(), problem })
        }
        (true, false) => Ok(Some(SQLX_BOOKKEEPING)),
        (false, true) => Ok(Some(SEA_ORM_BOOKKEEPING)),
        (false, false) => Ok(None),
    }
}

/// Recognises the database of an older version whose bookkeeping table is `bookkeeping`.
///
/// # Errors
/// [`MigrationError::OlderTorii`] if a table is not like that version's, [`MigrationError::ForeignDatabase`] if a name that is
/// needed belongs to somebody else.
pub(crate) fn recognise(bookkeeping: &'static str, catalog: &Catalog) -> Result<Legacy> {
    let version = version(bookkeeping, catalog);
    let mut present = Vec::new();
    for table in tables(version) {
        if let Some((_, columns)) = catalog.relations.iter().find(|(name, _)| name.eq_ignore_ascii_case(table.source)) {
            let found = Present { table, columns: columns.clone() };
            let missing = |column: &&&str| !found.has(column) && !table.optional.contains(*column);
            if let Some(column) = std::iter::once(&"id").chain(table.columns).find(missing) {
                let problem = format!("{} has no column {column}", table.source);
                return Err(MigrationError::OlderTorii { table: bookkeeping.to_owned(), problem });
            }
            present.push(found);
        }
    }
    let legacy = Legacy { version, tables: present };
    if let Some(users) = legacy.tables.first().filter(|present| !present.table.is_users()) {
        let problem = format!("there is {}, and no table users", users.table.source);
        return Err(MigrationError::OlderTorii { table: bookkeeping.to_owned(), problem });
    }
    let is_needed = |name: &str| NEEDED.iter().any(|needed| needed.eq_ignore_ascii_case(name));
    let is_backup = |name: &str| legacy.tables.iter().any(|present| present.backup().eq_ignore_ascii_case(name));
    let taken = catalog.relations.iter().find(|(name, _)| (is_needed(name) && !legacy.owns(name)) || is_backup(name));
    match taken {
        Some((name, _)) => Err(MigrationError::ForeignDatabase { table: name.clone() }),
        None => Ok(legacy),
    }
}

fn version(bookkeeping: &str, catalog: &Catalog) -> OlderVersion {
    let sea_orm = bookkeeping == SEA_ORM_BOOKKEEPING;
    let is_later = catalog.bookkeeping.iter().any(|row| {
        if sea_orm {
            row.starts_with("m20250304_000007") || row.starts_with("m20250304_000008")
        } else {
            row.parse::<i64>().is_ok_and(|number| (8..100).contains(&number))
        }
    });
    match (sea_orm, is_later) {
        (false, false) => OlderVersion::Sqlx05,
        (false, true) => OlderVersion::Sqlx06Preview,
        (true, false) => OlderVersion::SeaOrm05,
        (true, true) => OlderVersion::SeaOrm06Preview,
    }
}

/// The names that today's schema needs.
pub(crate) const NEEDED: [&str; 10] = [
    "tenants",
    "users",
    "sessions",
    "oauth_accounts",
    "oauth_states",
    "passkeys",
    "passkey_challenges",
    "secure_tokens",
    "lockouts",
    "failed_login_attempts",
];
