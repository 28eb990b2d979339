//! How statements get a connection, and what is done when one fails for a reason that passes.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{
    Connection, FromRow, PgConnection, PgPool, Postgres, Transaction,
    pool::PoolConnection,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use tokio::time::timeout;
use torii_core::{
    TenantId,
    error::Error,
    metrics::{Outcome, StorageObserver},
};

use crate::{
    error::{Passing, failed, kind_of, passing, unconfirmed},
    lease::Lease,
    observe::{Attempt, Stopwatch},
    rls::{Access, Reach, RowSecurity},
};

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
    observer: Option<&'a dyn StorageObserver>,
    row_security: &'a RowSecurity,
    reach: Reach,
}

/// A read whose binding to a tenant may cost no round trip of its own, in two texts that say the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Twofold {
    pub(crate) statement: &'static str,
    /// Calls a function that binds the tenant and then reads: what runs where row-level security is on.
    pub(crate) function: &'static str,
}

impl<'a> Call<'a> {
    /// `operation` is an infinitive, for errors and for whoever measures.
    pub(crate) fn new(
        pool: &'a PgPool,
        tenant: &'a TenantId,
        operation: &'static str,
        now: DateTime<Utc>,
        row_security: &'a RowSecurity,
    ) -> Self {
        Self { pool, tenant, operation, now, observer: None, row_security, reach: Reach::OneTenant }
    }

    /// The same across tenants. Row-level security lets such a call list tenants, and read and delete what is swept.
    pub(crate) fn reaching(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// The same, told to `observer`.
    pub(crate) fn observed_by(self, observer: Option<&'a dyn StorageObserver>) -> Self {
        Self { observer, ..self }
    }

    /// The time of the call.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Reads rows.
    pub(crate) async fn read_all<T: Row>(&self, text: &'static str, bind: impl Bind) -> Result<Vec<T>, Error> {
        let bind = &bind;
        let rows = self.repeat(Again::Harmless, || self.rows(text, bind, Access::Read)).await?;
        rows.iter().map(T::from_row).collect::<Result<_, _>>().map_err(failed(self.operation))
    }

    /// Reads one row.
    pub(crate) async fn read<T: Row>(&self, text: &'static str, bind: impl Bind) -> Result<Option<T>, Error> {
        self.read_all(text, bind).await.map(first)
    }

    /// Reads one row in one round trip.
    pub(crate) async fn read_at_once<T: Row>(&self, text: Twofold, bind: impl Bind) -> Result<Option<T>, Error> {
        let bind = &bind;
        let text = if self.row_security.is_on() { text.function } else { text.statement };
        let rows = self.repeat(Again::Harmless, || self.unbound_rows(text, bind)).await?;
        rows.first().map(T::from_row).transpose().map_err(failed(self.operation))
    }

    /// Runs a statement that writes, and returns its first row.
    pub(crate) async fn write<T: Row>(&self, text: &'static str, bind: impl Bind) -> Result<Option<T>, Error> {
        let bind = &bind;
        let rows = self.repeat(self.again(), || self.rows(text, bind, Access::Write)).await?;
        rows.first().map(T::from_row).transpose().map_err(failed(self.operation))
    }

    /// Runs a statement that writes, and returns how many rows it wrote.
    pub(crate) async fn execute(&self, text: &'static str, bind: impl Bind) -> Result<u64, Error> {
        let bind = &bind;
        self.repeat(self.again(), || self.affected(text, bind)).await
    }

    /// Asks the database a trivial question.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        self.repeat(Again::Harmless, || async {
            let mut connection = self.connection().await?;
            sqlx::query("SELECT 1").execute(&mut *connection).await.map(drop).map_err(failed(self.operation))
        })
        .await
    }

    /// Begins a transaction. What runs in it is wrapped in [`Call::repeat`], which may say [`Again::Harmless`]: a transaction
    /// whose connection breaks is rolled back, and a commit that is not confirmed is never repeated.
    pub(crate) async fn begin<'l>(&self, lease: &'l mut Lease) -> Result<WriteTransaction<'a, 'l>, Error> {
        let transaction = self.transaction(lease, Access::Write).await?;
        Ok(WriteTransaction { call: *self, transaction })
    }

    async fn transaction<'l>(&self, lease: &'l mut Lease, access: Access) -> Result<Transaction<'l, Postgres>, Error> {
        self.row_security.require(self.pool).await?;
        let begin = self.row_security.begin(self.tenant, self.reach, access);
        self.acquire(lease.begin(self.pool, begin)).await
    }

    /// A write in a transaction of its own is done when that is committed, and not before.
    fn again(&self) -> Again {
        if self.row_security.is_on() { Again::Harmless } else { Again::Harmful }
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
            let observed = Attempt::start(self.observer, self.operation);
            let error = match attempt().await {
                Ok(done) => {
                    observed.finished(Outcome::Done);
                    return Ok(done);
                }
                Err(error) => error,
            };
            let passing = passing(&error);
            let pause = match passing {
                Some(Passing::Conflict) => pauses.next(),
                Some(Passing::Broken { ran }) => {
                    let is_in_vain = broken || (ran && again == Again::Harmful);
                    broken = true;
                    (!is_in_vain).then_some(Duration::ZERO)
                }
                None => None,
            };
            let kind = kind_of(&error);
            observed.finished(if pause.is_some() { Outcome::Retried(kind) } else { Outcome::Failed(kind) });
            if let Some(Passing::Broken { .. }) = passing {
                self.weed().await;
            }
            match pause {
                Some(length) => wait(length).await,
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

    /// Waits for a connection, or a transaction on one: the one place where that is done, and measured.
    async fn acquire<T>(&self, connection: impl Future<Output = sqlx::Result<T>>) -> Result<T, Error> {
        let stopwatch = Stopwatch::start(self.observer, self.operation);
        let connection = connection.await.map_err(failed(self.operation));
        stopwatch.connected(connection.as_ref().map_err(kind_of));
        connection
    }

    /// A connection that no transaction binds.
    async fn connection(&self) -> Result<PoolConnection<Postgres>, Error> {
        self.row_security.require(self.pool).await?;
        self.acquire(self.pool.acquire()).await
    }

    async fn rows(&self, text: &'static str, bind: &impl Bind, access: Access) -> Result<Vec<PgRow>, Error> {
        if !self.row_security.is_on() {
            return self.unbound_rows(text, bind).await;
        }
        let mut lease = Lease::default();
        let mut transaction = self.transaction(&mut lease, access).await?;
        let rows = self.bound(text, bind).fetch_all(&mut *transaction).await.map_err(failed(self.operation))?;
        // What only read is rolled back when the connection returns to the pool, while the caller goes on.
        if access == Access::Write {
            transaction.commit().await.map_err(unconfirmed(self.operation))?;
        }
        Ok(rows)
    }

    async fn unbound_rows(&self, text: &'static str, bind: &impl Bind) -> Result<Vec<PgRow>, Error> {
        let mut connection = self.connection().await?;
        self.bound(text, bind).fetch_all(&mut *connection).await.map_err(failed(self.operation))
    }

    async fn affected(&self, text: &'static str, bind: &impl Bind) -> Result<u64, Error> {
        if !self.row_security.is_on() {
            let mut connection = self.connection().await?;
            let done = self.bound(text, bind).execute(&mut *connection).await.map_err(failed(self.operation))?;
            return Ok(done.rows_affected());
        }
        let mut lease = Lease::default();
        let mut transaction = self.begin(&mut lease).await?;
        let affected = transaction.execute(text, bind).await?;
        transaction.commit().await?;
        Ok(affected)
    }

    fn bound(&self, text: &'static str, bind: &impl Bind) -> Bound {
        bind(sqlx::query(text).bind(self.tenant.as_str()).bind(self.now))
    }
}

/// A transaction; dropped without a commit it is rolled back.
pub(crate) struct WriteTransaction<'a, 'l> {
    call: Call<'a>,
    transaction: Transaction<'l, Postgres>,
}

impl WriteTransaction<'_, '_> {
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
async fn wait(length: Duration) {
    tokio::time::sleep(length).await;
}

fn first<T>(rows: Vec<T>) -> Option<T> {
    rows.into_iter().next()
}
