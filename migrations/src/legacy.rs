//! Databases that the single-tenant versions left behind.
//!
//! What is here is the same for every engine: what the old tables are like ([`table`]), what becomes of each value (a file
//! for each noun), and what is found out before anything is changed ([`survey`]). An engine adds how rows are read, written
//! and moved out of the way.

mod finding;
mod report;
mod version;

// What the engines share; without one there is nobody to share it.
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod attempts;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod cell;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod duplicates;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod oauth;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod passkeys;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod recognise;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod secure_tokens;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod sessions;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod survey;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod table;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub(crate) mod time;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod users;

pub(crate) use self::finding::InBrief;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub(crate) use self::{
    cell::{Cell, Contents, Kind, hash},
    recognise::{Catalog, Legacy, NEEDED, Present, bookkeeping, recognise},
    survey::{BATCH, OldRow, Source, Survey, next, survey},
    table::{Keep, Rules, Table},
    users::key as user_key,
    version::{SEA_ORM_BOOKKEEPING, SQLX_BOOKKEEPING},
};
pub use self::{
    finding::{Finding, Handling, Problem},
    report::{AdoptedTable, Adoption},
    version::OlderVersion,
};

/// What the name of an old table begins with after its rows have been taken over.
pub(crate) const BACKUP: &str = "_torii_backup_";

/// The steps that a database which was taken over has behind it: its tables were made as they make them. Later steps are
/// applied to it like to any other.
pub(crate) const BASELINE: usize = 2;

/// Wrong passwords within this many minutes count, and a lock lasts as long: what the older versions did unless told
/// otherwise.
pub(crate) const LOCKOUT_MINUTES: i64 = 15;

/// The wrong password with this number locked the address.
pub(crate) const LOCKOUT_ATTEMPTS: i64 = 5;
