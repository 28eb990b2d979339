//! Secrets stay out of `Debug`, `Display`, error texts, logs and the database.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

#[path = "../common/mod.rs"]
mod common;

mod debug;
mod errors;
mod flows;
mod log;
mod looked_for;
mod samples;
mod stored;
