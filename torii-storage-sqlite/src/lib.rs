//! SQLite storage for torii, on sqlx.
//!
//! ```no_run
//! use torii_core::RepositoryProvider;
//! use torii_storage_sqlite::SqliteStorage;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // `mode=rwc` creates the file if it is missing.
//! let storage = SqliteStorage::connect("sqlite://app.db?mode=rwc").await?;
//! storage.migrate().await?;
//! let repositories = storage.into_repository_provider();
//! let acme = repositories.for_tenant("acme-corp".parse()?);
//! # Ok(())
//! # }
//! ```
//!
//! # How to extend it
//!
//! What storage must do is said by the traits of [`torii_core::repositories`]; this crate says how, one file of
//! `src/repositories/` per trait. To add an operation:
//!
//! 1. Add a table or column as a new step of the crate `torii-migration`.
//! 2. Write the statement as a `const` at the top of the noun's file. It is a literal: values are bound, never pasted. Columns
//!    are named, never `*`, because a pooled connection may have been opened before a migration added one.
//! 3. Implement the method on [`SqliteRepositoryProvider`]. What comes back is read into a private row struct at the end of the
//!    file, and `TryFrom` turns it into the model or into [`StorageError::Corrupt`](torii_core::error::StorageError::Corrupt).
//!
//! Rules that every statement keeps:
//!
//! - `?1` is the tenant and `?2` the time of the call: the provider's `query`, `query_as` and `query_scalar` bind both.
//! - A read joins `tenants` with `status = 'active'`. A write selects from it or has an `EXISTS`, and when it changed nothing
//!   `ensure_tenant` (for writes that create) or `check_tenant` (for others) finds out, off the hot path, whether the tenant is
//!   the reason. Before a write that can be a tenant's first comes `meet_tenant`, which costs a statement the first time this
//!   process sees the tenant.
//! - A write goes through `writer` (one statement) or `transaction` (`BEGIN IMMEDIATE`), never through the pool: writers of one
//!   process queue there in the order they came, and meet only other processes at SQLite's own lock.
//! - A write with `RETURNING` is read to its end with `fetch_all`. `fetch_optional` and `fetch_one` stop it at its first row, and
//!   drop what SQLite reports when such a statement ends: that its commit failed, because the disk is full or, without a
//!   write-ahead log, because a reader is in the way. The row would come back, and not be stored.
//! - `src/error.rs` is the only file that names `sqlx::Error`.

#[macro_use]
mod sql;

mod access;
mod cleanup;
mod error;
mod pool;
mod provider;
mod repositories;
mod sqlite_user;
mod storage;

pub use self::{
    error::{OpenError, OpenProblem},
    provider::SqliteRepositoryProvider,
    sqlite_user::SqliteUser,
    storage::SqliteStorage,
};
