//! Interrupts a flow at each of its statements.

use sqlx::{Connection, SqliteConnection};
use torii::ToriiError;
use torii_core::error::StorageErrorKind;

use crate::{
    common::{Fixture, storage_kind},
    options,
    snapshot::{KINDS, TABLES, assert_unchanged, snapshot},
};

/// A flow that is interrupted at each of its statements, one after the other.
pub(super) struct Interrupted<'a> {
    fixture: &'a Fixture,
    /// Tables that an interruption may leave changed, because a step before it stands on its own.
    may_change: &'a [&'a str],
    hits: Vec<String>,
}

impl<'a> Interrupted<'a> {
    pub(super) fn new(fixture: &'a Fixture) -> Self {
        Self { fixture, may_change: &[], hits: Vec::new() }
    }

    pub(super) fn but(fixture: &'a Fixture, may_change: &'a [&'a str]) -> Self {
        Self { may_change, ..Self::new(fixture) }
    }

    /// For each table and kind of statement: makes that fail, runs `flow` on what `prepare` made, and if it failed, checks that
    /// nothing was written and that the same flow then works. Returns the statements that were interrupted.
    pub(super) async fn at_every_statement<T>(
        mut self,
        prepare: impl AsyncFn(String) -> T,
        flow: impl AsyncFn(&mut T) -> Result<(), ToriiError>,
    ) -> Vec<String> {
        let pool = self.fixture.pool();
        // Always the same connection: another one may not have noticed yet that a trigger is gone.
        let mut administrator = SqliteConnection::connect_with(&options(self.fixture)).await.unwrap();
        for table in &TABLES {
            for (kind, trigger) in KINDS.iter().zip(table.triggers) {
                let statement = format!("{kind} {}", table.name);
                let mut prepared = prepare(format!("{kind}.{}@example.com", table.name)).await;
                let before = snapshot(pool, self.may_change).await;
                sqlx::query(trigger).execute(&mut administrator).await.unwrap();
                let outcome = flow(&mut prepared).await;
                let after = snapshot(pool, self.may_change).await;
                sqlx::query("DROP TRIGGER fault").execute(&mut administrator).await.unwrap();
                let Err(error) = outcome else { continue };
                let is_storage_failure = storage_kind(&error) == Some(StorageErrorKind::ConstraintViolation);
                assert!(is_storage_failure, "{statement}: {error:?}");
                assert_unchanged(&before, &after, &format!("{statement} failed, and something was written"));
                flow(&mut prepared).await.unwrap_or_else(|error| panic!("again after {statement}: {error:?}"));
                self.hits.push(statement);
            }
        }
        self.hits
    }
}
