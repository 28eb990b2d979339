//! The repositories: one file per noun, each the trait of the same name on [`SqliteRepositoryProvider`].
//!
//! [`SqliteRepositoryProvider`]: crate::SqliteRepositoryProvider

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use torii_core::{EmailKey, clock::saturating_add, error::StorageError};

mod lockout;
mod metadata;
mod oauth;
mod passkey;
mod password;
mod session;
mod tenant;
mod token;
mod user;

#[cfg(test)]
mod plans;

/// The keys of an address: the plain one, and the one of an adopted account that is found by exact match.
fn keys(email: &str) -> (String, String) {
    (EmailKey::new(email).as_str().to_owned(), EmailKey::exact(email).as_str().to_owned())
}

/// A time that an application chose, moved into the range where times compare as text: years of four digits.
fn storable(time: DateTime<Utc>) -> DateTime<Utc> {
    saturating_add(time, TimeDelta::zero())
}

/// The row of a writing statement that has at most one. Such a statement is read to its end; see the crate's documentation.
fn only<T>(rows: Vec<T>) -> Option<T> {
    rows.into_iter().next()
}

/// A row whose values are being read. `row` names it in errors and is no secret.
#[derive(Clone, Copy)]
struct Reading<'a> {
    table: &'static str,
    row: &'a str,
}

impl Reading<'_> {
    fn time(self, column: &'static str, text: &str) -> Result<DateTime<Utc>, StorageError> {
        match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Ok(time.to_utc()),
            Err(error) => Err(self.corrupt(column, error)),
        }
    }

    fn optional_time(self, column: &'static str, text: Option<&str>) -> Result<Option<DateTime<Utc>>, StorageError> {
        text.map(|text| self.time(column, text)).transpose()
    }

    fn parse<T>(self, column: &'static str, text: &str) -> Result<T, StorageError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        text.parse().map_err(|error| self.corrupt(column, error))
    }

    fn number(self, column: &'static str, number: i64) -> Result<u32, StorageError> {
        u32::try_from(number).map_err(|error| self.corrupt(column, error))
    }

    fn corrupt(self, column: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> StorageError {
        StorageError::Corrupt { table: self.table, column, row: self.row.to_owned(), source: Box::new(source) }
    }
}
