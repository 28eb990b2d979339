//! SeaORM storage for torii: MySQL, MariaDB, PostgreSQL and SQLite.
//!
//! ```no_run
//! use torii_storage_seaorm::SeaORMStorage;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let storage = SeaORMStorage::connect("mysql://app:secret@localhost/app").await?;
//! storage.migrate().await?;
//! let repositories = storage.into_repository_provider();
//! let acme = repositories.for_tenant("acme-corp".parse()?);
//! # Ok(())
//! # }
//! ```
//!
//! The features `mysql`, `postgres` and `sqlite` bring a database each. The tables are those of the other storage crates: what one
//! of them wrote this one reads, and the other way round. The feature `tls` brings rustls, for connections to servers.
//!
//! # How to extend it
//!
//! What storage must do is said by the traits of [`torii_core::repositories`]; this crate says how, one file of
//! `src/repositories/` per trait. To add an operation:
//!
//! 1. Add a table or column as a new step of the crate `torii-migration`, and to the entity in `src/entities/`.
//! 2. Implement the method on [`SeaORMRepositoryProvider`]. Its statements are built from the pieces in `src/sql.rs`, once for
//!    all databases. Columns are named, never `*`, because a statement may have been prepared before a migration added one.
//! 3. What comes back is read into a private row struct at the end of the file, and `TryFrom` turns it into the model or into
//!    [`StorageError::Corrupt`](torii_core::error::StorageError::Corrupt).
//!
//! Rules that every statement keeps:
//!
//! - It runs on a `Call` (`src/access.rs`), which knows the tenant and the time, and begins with one of `select`, `stored`,
//!   `update`, `delete` and `insert` of `src/sql.rs`, which say the tenant.
//! - A read joins `tenants`. A write looks whether the tenant is in use, and when it changed nothing `ensure_tenant` (for writes
//!   that create) or `check_tenant` (for others) finds out, off the hot path, whether the tenant is the reason. Before a write that
//!   can be a tenant's first comes `meet_tenant`, which costs a statement the first time this process sees the tenant.
//! - A method is one statement, or one transaction that it opens and closes, wrapped in `Call::repeat`: what fails for a reason that
//!   passes (deadlock, lock timeout, a connection that broke) is done again, unless it may have been done already.
//! - What can be done once is one conditional statement whose row count decides. Where a row has to hold still between statements
//!   it is locked by `Dialect::lock`, the user's row first and by its id. Other rows may change: statements see what others
//!   committed before each of them.
//! - A table that an `UPDATE` or `DELETE` writes is not in a sub-query of it, and an assignment does not read a column that one
//!   before it writes: MySQL refuses the first and reads the new value in the second.
//! - What has to be said differently by database is said in `src/dialect.rs`; connections are made in `src/pool.rs`, errors understood
//!   in `src/error.rs`, which is the only file that names `DbErr`. Nothing else asks which database it is.

#![cfg_attr(
    not(any(feature = "mysql", feature = "postgres", feature = "sqlite")),
    allow(dead_code, reason = "without any database nothing is connected")
)]

mod access;
mod cleanup;
mod dialect;
mod entities;
mod error;
#[cfg(feature = "mysql")]
pub mod partitioning;
mod pool;
mod provider;
mod repositories;
mod sql;
mod storage;

pub use self::{
    error::{ConnectError, ConnectProblem, SeaORMStorageError},
    pool::PoolOptions,
    provider::SeaORMRepositoryProvider,
    storage::SeaORMStorage,
};
