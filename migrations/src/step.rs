//! One step of a schema's history.

use std::{future::Future, pin::Pin};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

#[cfg(test)]
mod tests;

/// One step. Released steps never change: their checksum is in every migrated database.
pub(crate) struct Step<C: 'static> {
    /// Steps are applied in the order of their versions, beginning with 1.
    pub(crate) version: i64,
    pub(crate) name: &'static str,
    pub(crate) body: Body<C>,
    /// What has to hold before the step counts as done.
    pub(crate) checks: &'static [Check],
}

/// What a step does, and how it has to be run. `C` is the driver's connection.
pub(crate) enum Body<C: 'static> {
    /// Statements that run in one transaction, together with the bookkeeping row. On MySQL, statements that change data and
    /// nothing else: one that defines something commits.
    #[cfg_attr(
        not(any(test, feature = "postgres", feature = "sqlite")),
        expect(dead_code, reason = "no released step of MySQL needs it yet")
    )]
    InTransaction(&'static str),
    /// Statements that cannot run in a transaction; on PostgreSQL, which makes one transaction of several, a single one. They
    /// must be idempotent: a run that was killed half-way is repeated, and on SQLite two processes may be at them at the same
    /// time.
    #[cfg_attr(not(any(test, feature = "mysql")), expect(dead_code, reason = "no released step needs it yet"))]
    OutsideTransaction(&'static str),
    /// An index on a table that may be large: built beside running writes, outside transactions, where the engine can. On
    /// PostgreSQL a build that was interrupted leaves an invalid index behind, which is dropped before the next.
    #[cfg_attr(not(test), expect(dead_code, reason = "no released step needs it yet"))]
    Index { name: &'static str, create: &'static str, drop: &'static str },
    /// Statements that drop and rebuild a table other tables refer to. SQLite deletes the rows of a dropped table first and
    /// thereby cascades, unless foreign keys were switched off before the transaction began. Elsewhere as in a transaction.
    #[cfg_attr(not(test), expect(dead_code, reason = "no released step needs it yet"))]
    SqliteRebuild(&'static str),
    /// Code that runs in one transaction, together with the bookkeeping row. On MySQL outside one, so that it may define
    /// something if the catalogue does not hold it yet: it must be idempotent there.
    Rust {
        /// Stands for the code in the checksum; usually its statement.
        text: &'static str,
        run: RunFn<C>,
    },
}

/// The code of a step: gets a connection, inside a transaction where there is one, and the time at which the step began.
pub(crate) type RunFn<C> = for<'c> fn(&'c mut C, DateTime<Utc>) -> RunFuture<'c>;

/// The future of a [`RunFn`].
pub(crate) type RunFuture<'c> = Pin<Box<dyn Future<Output = sqlx::Result<()>> + Send + 'c>>;

/// A query that returns no row if all is well.
pub(crate) struct Check {
    /// What is wrong if it does return one.
    pub(crate) what: &'static str,
    pub(crate) query: &'static str,
}

impl<C> Step<C> {
    /// What it runs.
    pub(crate) fn text(&self) -> &'static str {
        match self.body {
            Body::InTransaction(sql) | Body::OutsideTransaction(sql) | Body::SqliteRebuild(sql) => sql,
            Body::Index { create, .. } => create,
            Body::Rust { text, .. } => text,
        }
    }

    /// SHA-256 over the kind of the step and its text. A checkout that turned `\n` into `\r\n` has the same checksum.
    pub(crate) fn checksum(&self) -> [u8; 32] {
        let kind = match self.body {
            Body::InTransaction(_) => "in transaction",
            Body::OutsideTransaction(_) => "outside transaction",
            Body::Index { .. } => "index",
            Body::SqliteRebuild(_) => "sqlite rebuild",
            Body::Rust { .. } => "rust",
        };
        let mut hasher = Sha256::new();
        hasher.update(kind);
        hasher.update("\n");
        hasher.update(self.text().replace("\r\n", "\n"));
        hasher.finalize().into()
    }
}
