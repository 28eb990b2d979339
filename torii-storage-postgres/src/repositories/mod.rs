//! The repositories: one file per noun, each the trait of the same name on [`PostgresRepositoryProvider`].
//!
//! [`PostgresRepositoryProvider`]: crate::PostgresRepositoryProvider

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{
    Decode, Postgres, Type,
    error::BoxDynError,
    postgres::{PgTypeInfo, PgValueRef},
};
use thiserror::Error;
use torii_core::{EmailKey, clock::saturating_add, error::StorageError};

mod lockout;
mod metadata;
mod oauth;
mod passkey;
mod password;
pub(crate) mod session;
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

/// A time as stored: microseconds since the beginning of the year 2000, or one of two infinities. It is read as a number, because
/// a `TIMESTAMPTZ` reaches further than a `DateTime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StoredTime(i64);

impl Type<Postgres> for StoredTime {
    fn type_info() -> PgTypeInfo {
        <DateTime<Utc> as Type<Postgres>>::type_info()
    }
}

impl<'r> Decode<'r, Postgres> for StoredTime {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        <i64 as Decode<Postgres>>::decode(value).map(Self)
    }
}

impl StoredTime {
    /// The beginning of the year 2000 in microseconds since 1970.
    const EPOCH: i64 = 946_684_800_000_000;

    fn to_utc(self) -> Option<DateTime<Utc>> {
        self.0.checked_add(Self::EPOCH).and_then(DateTime::from_timestamp_micros)
    }
}

#[derive(Debug, Error)]
#[error("no calendar has this time")]
struct NoSuchTime;

/// A row whose values are being read. `row` names it in errors and is no secret.
#[derive(Clone, Copy)]
struct Reading<'a> {
    table: &'static str,
    row: &'a str,
}

impl Reading<'_> {
    fn time(self, column: &'static str, time: StoredTime) -> Result<DateTime<Utc>, StorageError> {
        time.to_utc().ok_or_else(|| self.corrupt(column, NoSuchTime))
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

    fn number(self, column: &'static str, number: i64) -> Result<u32, StorageError> {
        u32::try_from(number).map_err(|error| self.corrupt(column, error))
    }

    fn corrupt(self, column: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> StorageError {
        StorageError::Corrupt { table: self.table, column, row: self.row.to_owned(), source: Box::new(source) }
    }
}
