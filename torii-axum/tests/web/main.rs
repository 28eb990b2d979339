//! The routes as clients see them, on SQLite.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod app;
mod contract;
mod cookies;
mod cross_site;
mod denial;
mod hostile;
mod links;
mod middleware;
mod passkeys;
mod registration;
mod sessions;
mod setup;
mod storage;
mod tenants;
