//! Databases that the single-tenant versions left behind: everything that was in them is there after `migrate`, as callers of
//! the facade see it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod facts;
mod mysql;
mod postgres;
mod sqlite;

use facts::Facts;

/// A database as it was left, and what is in it.
macro_rules! fixture {
    ($name:literal) => {
        crate::Fixture {
            sql: include_str!(concat!("../../../migrations/tests/fixtures/legacy/", $name, ".sql")),
            facts: include_str!(concat!("../../../migrations/tests/fixtures/legacy/", $name, ".json")),
        }
    };
}
pub(crate) use fixture;

struct Fixture {
    sql: &'static str,
    facts: &'static str,
}

impl Fixture {
    fn facts(&self) -> Facts {
        Facts::read(self.facts)
    }
}
