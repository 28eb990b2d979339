//! How statements get a connection, and what is done when one fails for a reason that passes.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{
    Connection, FromRow, PgConnection, PgPool, Postgres, Transaction,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use tokio::time::timeout;
use torii_core::{TenantId, error::Error};

use crate::error::{Passing, failed, passing, unconfirmed};

/// How long to wait before a statement that met a deadlock or a serialization failure is tried again, time after time.
const PAUSES: [Duration; 3] = [Duration::from_millis(5), Duration::from_millis(20), Duration::from_millis(80)];

/// How long an idle connection may take to answer before it is given up.
pub(crate) const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// A statement and what is bound to it.
pub(crate) type Bound = Query<'static, Postgres, PgArguments>;

/// Whether something may be done again although nobody knows whether it was done before: its connection broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It only reads, or cannot have been committed.
    Harmless,
    /// It may have been committed.
    Harmful,
}

/// A call of a repository method. Every statement goes through here, and is bound to the tenant (`$1`) and the time of the call
/// (`$2`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pool: &'a PgPool,
    tenant: &'a TenantId,
    operation: &'static str,
    now: DateTime<Utc>,
}

impl<'a> Call<'a> {
    /// `operation` is an infinitive, for errors.
    pub(crate) fn new(pool: &'a PgPool, tenant: &'a TenantId, operation: &'static str, now: DateTime<Utc>) -> Self {
        Self { pool, tenant, operation, now }
    }

    /// The time of the call.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Reads rows.
    pub(crate) async fn read_all<T: Row>(&self, text: &'static str, bind: impl Bind) -> Result<Vec<T>, Error> {
        let bind = &bind;
        let rows = self.repeat(Again::Harmless, || self.rows(text, bind)).await?;
        rows.iter().map(T::from_row).collect::<Result<_, _>>().map_err(failed(self.operation))
    }

    /// Reads one row.
    pub(crate) async fn read<T: Row>(&self, text: &'static str, bind: impl Bind) -> Result<Option<T>, Error> {
        self.read_all(text, bind).await.map(first)
    }

    /// Runs a statement that writes, and returns its first row.
    pub(crate) async fn write<T: Row>(&self, text: &'static str, bind: impl Bind) -> Result<Option<T>, Error> {
        let bind = &bind;
        let rows = self.repeat(Again::Harmful, || self.rows(text, bind)).await?;
        rows.first().map(T::from_row).transpose().map_err(failed(self.operation))
    }

    /// Runs a statement that writes, and returns how many rows it wrote.
    pub(crate) async fn execute(&self, text: &'static str, bind: impl Bind) -> Result<u64, Error> {
        let bind = &bind;
        self.repeat(Again::Harmful, || self.affected(text, bind)).await
    }

    /// Asks the database a trivial question.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        self.repeat(Again::Harmless, || async {
            sqlx::query("SELECT 1").execute(self.pool).await.map(drop).map_err(failed(self.operation))
        })
        .await
    }

    /// Begins a transaction. What runs in it is wrapped in [`Call::repeat`], which may say [`Again::Harmless`]: a transaction
    /// whose connection breaks is rolled back, and a commit that is not confirmed is never repeated.
    pub(crate) async fn begin(&self) -> Result<WriteTransaction<'a>, Error> {
        let transaction = self.pool.begin().await.map_err(failed(self.operation))?;
        Ok(WriteTransaction { call: *self, transaction })
    }

    /// Does something, and does it again if it failed for a reason that passes: three times after a deadlock or a serialization
    /// failure, once after a broken connection.
    pub(crate) async fn repeat<T, F>(&self, again: Again, mut attempt: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut pauses = PAUSES.into_iter();
        let mut broken = false;
        loop {
            let error = match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            match passing(&error) {
                Some(Passing::Conflict) => match pauses.next() {
                    Some(length) => pause(length).await,
                    None => return Err(error),
                },
                Some(Passing::Broken { ran }) => {
                    self.weed().await;
                    if broken || (ran && again == Again::Harmful) {
                        return Err(error);
                    }
                    broken = true;
                }
                None => return Err(error),
            }
        }
    }

    /// Takes the connections that do not answer out of the pool. If one is broken, because the server was restarted, its idle
    /// neighbours are too, and each would fail somebody.
    async fn weed(&self) {
        let mut healthy = Vec::new();
        while let Some(mut connection) = self.pool.try_acquire() {
            match timeout(PING_TIMEOUT, connection.ping()).await {
                Ok(Ok(())) => healthy.push(connection),
                _ => drop(connection.detach()),
            }
        }
    }

    async fn rows(&self, text: &'static str, bind: &impl Bind) -> Result<Vec<PgRow>, Error> {
        let mut connection = self.pool.acquire().await.map_err(failed(self.operation))?;
        self.bound(text, bind).fetch_all(&mut *connection).await.map_err(failed(self.operation))
    }

    async fn affected(&self, text: &'static str, bind: &impl Bind) -> Result<u64, Error> {
        let mut connection = self.pool.acquire().await.map_err(failed(self.operation))?;
        let done = self.bound(text, bind).execute(&mut *connection).await.map_err(failed(self.operation))?;
        Ok(done.rows_affected())
    }

    fn bound(&self, text: &'static str, bind: &impl Bind) -> Bound {
        bind(sqlx::query(text).bind(self.tenant.as_str()).bind(self.now))
    }
}

/// A transaction; dropped without a commit it is rolled back.
pub(crate) struct WriteTransaction<'a> {
    call: Call<'a>,
    transaction: Transaction<'static, Postgres>,
}

impl WriteTransaction<'_> {
    /// Runs a statement and returns its first row.
    pub(crate) async fn row<T: Row>(&mut self, text: &'static str, bind: impl Bind) -> Result<Option<T>, Error> {
        let operation = self.call.operation;
        let rows = self.call.bound(text, &bind).fetch_all(self.connection()).await.map_err(failed(operation))?;
        rows.first().map(T::from_row).transpose().map_err(failed(operation))
    }

    /// Runs a statement and returns how many rows it wrote.
    pub(crate) async fn execute(&mut self, text: &'static str, bind: impl Bind) -> Result<u64, Error> {
        let operation = self.call.operation;
        let done = self.call.bound(text, &bind).execute(self.connection()).await.map_err(failed(operation))?;
        Ok(done.rows_affected())
    }

    pub(crate) async fn commit(self) -> Result<(), Error> {
        self.transaction.commit().await.map_err(unconfirmed(self.call.operation))
    }

    pub(crate) async fn rollback(self) -> Result<(), Error> {
        self.transaction.rollback().await.map_err(failed(self.call.operation))
    }

    fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}

/// Binds the values from `$3` on.
pub(crate) trait Bind: Fn(Bound) -> Bound + Send + Sync {}

impl<F: Fn(Bound) -> Bound + Send + Sync> Bind for F {}

/// What rows are read into.
pub(crate) trait Row: for<'r> FromRow<'r, PgRow> {}

impl<T: for<'r> FromRow<'r, PgRow>> Row for T {}

/// Binds nothing.
pub(crate) fn nothing(statement: Bound) -> Bound {
    statement
}

#[expect(clippy::disallowed_methods, reason = "bounded pauses between tries; nothing is waited for")]
async fn pause(length: Duration) {
    tokio::time::sleep(length).await;
}

fn first<T>(rows: Vec<T>) -> Option<T> {
    rows.into_iter().next()
}
