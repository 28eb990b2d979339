//! PostgreSQL storage for torii, on sqlx.
//!
//! ```no_run
//! use torii_core::RepositoryProvider;
//! use torii_storage_postgres::PostgresStorage;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let storage = PostgresStorage::connect("postgres://app:secret@localhost/app").await?;
//! storage.migrate().await?;
//! let repositories = storage.into_repository_provider();
//! let acme = repositories.for_tenant("acme-corp".parse()?);
//! # Ok(())
//! # }
//! ```
//!
//! Connections are encrypted where the server offers it; `?sslmode=verify-full` in the URL demands it. The feature `tls`, on by
//! default, brings rustls for that.
//!
//! # How to extend it
//!
//! What storage must do is said by the traits of [`torii_core::repositories`]; this crate says how, one file of
//! `src/repositories/` per trait. To add an operation:
//!
//! 1. Add a table or column as a new step of the crate `torii-migration`.
//! 2. Write the statement as a `const` at the top of the noun's file. It is a literal: values are bound, never pasted. Columns
//!    are named, never `*`, because a statement may have been prepared before a migration added one.
//! 3. Implement the method on [`PostgresRepositoryProvider`]. What comes back is read into a private row struct at the end of the
//!    file, and `TryFrom` turns it into the model or into [`StorageError::Corrupt`](torii_core::error::StorageError::Corrupt).
//!
//! Rules that every statement keeps:
//!
//! - It runs on a `Call` (`src/access.rs`), which knows the tenant. `$1` is the tenant and `$2` the time of the call.
//! - A read joins `tenants` with `status = 'active'`. A write selects from it or has an `EXISTS`, and when it changed nothing
//!   `ensure_tenant` (for writes that create) or `check_tenant` (for others) finds out, off the hot path, whether the tenant is
//!   the reason. Before a write that can be a tenant's first comes `meet_tenant`, which costs a statement the first time this
//!   process sees the tenant.
//! - A method is one statement where it can be, with data-modifying `WITH` parts if it writes in several places, because a round
//!   trip costs more than the statement. All parts see the database as it was when the statement began, and run in no certain
//!   order: what one part did reaches another one through `RETURNING` only, and no two parts write the same row.
//! - Statements are written for `READ COMMITTED`. A write that waited for a row sees the row's newest version, and its condition
//!   is looked at again; other rows, and rows that appeared meanwhile, are not. Where that matters a row is locked first, by a
//!   statement before (`FOR NO KEY UPDATE`) or, to hold a user's address still, by the same one (`FOR KEY SHARE`).
//! - What fails for a reason that passes (deadlock, serialization failure, a connection that broke) is repeated by `Call::repeat`,
//!   unless it may have been done already.
//! - `src/error.rs` is the only file that names `sqlx::Error`.

#[macro_use]
mod sql;

mod access;
mod cleanup;
mod error;
mod lease;
mod observe;
mod pool;
mod postgres_user;
mod provider;
mod repositories;
mod rls;
mod storage;

pub use self::{
    error::{ConnectError, ConnectProblem},
    postgres_user::PostgresUser,
    provider::PostgresRepositoryProvider,
    rls::RowLevelSecurityError,
    storage::PostgresStorage,
};
