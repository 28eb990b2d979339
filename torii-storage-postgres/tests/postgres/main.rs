//! The PostgreSQL storage on a real server. Whatever holds for every backend is proved by the laws of the testkit; here is what
//! is PostgreSQL's own, and every method once.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

mod atomic;
mod cleanup;
mod connections;
mod faults;
mod lockouts;
mod oauth;
mod observer;
mod passkeys;
mod passwords;
mod races;
mod row_security;
mod sessions;
mod tenants;
mod tokens;
mod users;
mod world;
