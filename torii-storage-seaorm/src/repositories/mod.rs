//! The repositories: one file per noun, each the trait of the same name on [`SeaORMRepositoryProvider`].
//!
//! [`SeaORMRepositoryProvider`]: crate::SeaORMRepositoryProvider

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use torii_core::{EmailKey, clock::saturating_add, error::StorageError};

use crate::dialect::StoredTime;

mod lockout;
mod metadata;
mod oauth;
mod passkey;
mod password;
mod session;
mod tenant;
mod token;
mod user;

/// The keys of an address: the plain one, and the one of an adopted account that is found by exact match.
fn keys(email: &str) -> (String, String) {
    (without_nul(EmailKey::new(email).as_str()), without_nul(EmailKey::exact(email).as_str()))
}

/// PostgreSQL has no text with a NUL character. No valid address, and nothing else that anybody owns, has one.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A time that an application chose, cut to whole microseconds and to the years that every database can hold.
fn storable(time: DateTime<Utc>) -> DateTime<Utc> {
    saturating_add(time, TimeDelta::zero())
}

/// A row whose values are being read. `row` names it in errors and is no secret.
#[derive(Clone, Copy)]
struct Reading<'a> {
    table: &'static str,
    row: &'a str,
}

impl Reading<'_> {
    fn time(self, column: &'static str, time: StoredTime) -> Result<DateTime<Utc>, StorageError> {
        time.into_utc().map_err(|error| self.corrupt(column, error))
    }

    fn optional_time(
        self,
        column: &'static str,
        time: Option<StoredTime>,
    ) -> Result<Option<DateTime<Utc>>, StorageError> {
        time.map(|time| self.time(column, time)).transpose()
    }

    fn parse<T>(self, column: &'static str, text: &str) -> Result<T, StorageError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        text.parse().map_err(|error| self.corrupt(column, error))
    }

    fn corrupt(self, column: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> StorageError {
        StorageError::Corrupt { table: self.table, column, row: self.row.to_owned(), source: Box::new(source) }
    }
}
