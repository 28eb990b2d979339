//! Databases that do not work: what callers are told, and that nothing is left half done.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod interrupt;
mod interrupted;
mod snapshot;
mod unusable;

use common::Fixture;
use sqlx::sqlite::SqliteConnectOptions;

/// How the database of a fixture is opened, for other settings.
fn options(fixture: &Fixture) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(fixture.file()).foreign_keys(true)
}
