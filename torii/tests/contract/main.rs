//! What applications of the single-tenant versions call, match and configure: it compiles, and does what it did.
//!
//! What differs on purpose is in `docs/upgrading.md`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod idioms;
#[cfg(feature = "password")]
mod implementations;
mod paths;
mod signatures;
#[cfg(all(feature = "magic-link", feature = "oauth", feature = "passkey", feature = "password"))]
mod texts;
