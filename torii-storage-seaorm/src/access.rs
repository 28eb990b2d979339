//! How statements get a connection, and what is done when one fails for a reason that passes.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, FromQueryResult, QueryResult, Statement,
    StatementBuilder, TransactionTrait,
    sea_query::{DeleteStatement, Expr, InsertStatement, OnConflict, SelectStatement},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use torii_core::{
    TenantId,
    error::{Error, StorageErrorKind},
    random::jitter,
};

use crate::{
    dialect::{Dialect, Returning},
    error::{Passing, failed, is, no_turn, passing, unconfirmed},
    pool,
    sql::along,
};

/// How long to wait at most before a statement that met a deadlock or a serialization failure is tried again, time after time:
/// each waits for another length, see [`jitter`].
const PAUSES: [Duration; 3] = [Duration::from_millis(5), Duration::from_millis(20), Duration::from_millis(80)];

/// Whether something may be done again although nobody knows whether it was done before: its connection broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It only reads, or cannot have been committed.
    Harmless,
    /// It may have been committed.
    Harmful,
}

/// The pool, what its database speaks, and, for SQLite, whose turn it is to write.
///
/// SQLite has one writer at a time, and those who wait for it poll, in no order, each with a connection in its hands. Writers
/// of this process therefore queue here, in the order they came, and hold no connection while they wait, so that readers
/// always find one.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    db: DatabaseConnection,
    dialect: Dialect,
    turn: Arc<Semaphore>,
}

impl Access {
    pub(crate) fn new(db: DatabaseConnection) -> Self {
        Self { dialect: Dialect::of(&db), db, turn: Arc::new(Semaphore::new(1)) }
    }

    pub(crate) fn db(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Waits for the turn to write, where there is only one writer.
    async fn turn(&self, operation: &'static str) -> Result<Option<OwnedSemaphorePermit>, Error> {
        if !self.dialect.has_one_writer() {
            return Ok(None);
        }
        // As long as one would wait for a connection.
        let patience = pool::acquire_timeout(&self.db);
        match timeout(patience, Arc::clone(&self.turn).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(Some(turn)),
            Ok(Err(closed)) => Err(no_turn(operation, closed)),
            Err(elapsed) => Err(no_turn(operation, elapsed)),
        }
    }
}

/// A call of a repository method. Every statement goes through here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    access: &'a Access,
    tenant: &'a TenantId,
    operation: &'static str,
    now: DateTime<Utc>,
}

impl<'a> Call<'a> {
    /// `operation` is an infinitive, for errors.
    pub(crate) fn new(access: &'a Access, tenant: &'a TenantId, operation: &'static str, now: DateTime<Utc>) -> Self {
        Self { access, tenant, operation, now }
    }

    /// The tenant.
    pub(crate) fn tenant(&self) -> &'a str {
        self.tenant.as_str()
    }

    /// The time of the call.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// What the database speaks.
    pub(crate) fn dialect(&self) -> Dialect {
        self.access.dialect
    }

    /// Reads rows.
    pub(crate) async fn read_all<T: FromQueryResult>(&self, select: &SelectStatement) -> Result<Vec<T>, Error> {
        let statement = self.dialect().build(select);
        let on = On { db: &self.access.db, operation: self.operation };
        let rows = self.repeat(Again::Harmless, || on.rows(&statement)).await?;
        self.parse(&rows)
    }

    /// Reads one row.
    pub(crate) async fn read<T: FromQueryResult>(&self, select: &SelectStatement) -> Result<Option<T>, Error> {
        self.read_all(select).await.map(first)
    }

    /// Runs a statement that writes, and returns how many rows it wrote.
    ///
    /// MySQL counts two for a row that an upsert changed, and rows that it found but that were as wanted: only whether it is
    /// nothing means the same everywhere, and for an upsert not even that.
    pub(crate) async fn execute(&self, write: &impl StatementBuilder) -> Result<u64, Error> {
        let statement = self.dialect().build(write);
        self.repeat(Again::Harmful, || async {
            let _turn = self.access.turn(self.operation).await?;
            On { db: &self.access.db, operation: self.operation }.affected(&statement).await
        })
        .await
    }

    /// Inserts a row unless one with the same `key`, which is a unique key, is there. Returns whether it did.
    pub(crate) async fn insert_if_new(&self, insert: InsertStatement, key: OnConflict) -> Result<bool, Error> {
        let insert = self.dialect().unless_taken(insert, key);
        unless_taken(self.execute(&insert).await)
    }

    /// Inserts or updates at most one row and reads it: with `RETURNING`, or where there is none as `written`, which says
    /// where the row is found afterwards, in the same transaction. `columns` are what is read.
    ///
    /// An insert that meets a unique key is an error here.
    pub(crate) async fn write_and_read<T: FromQueryResult>(
        &self,
        write: impl Returning,
        columns: &[Expr],
        written: SelectStatement,
    ) -> Result<Option<T>, Error> {
        if self.dialect().has_returning() {
            return self.write_returning(&write.returning_exprs(columns)).await;
        }
        self.repeat(Again::Harmless, || async {
            let db = self.begin().await?;
            let row = db.write_and_read(write.clone(), columns, written.clone()).await?;
            db.commit().await?;
            Ok(row)
        })
        .await
    }

    /// Deletes at most one row and reads what it was: with `RETURNING`, or where there is none as `doomed`, which says where
    /// the row is found before, in the same transaction. `columns` are what is read.
    pub(crate) async fn delete_and_read<T: FromQueryResult>(
        &self,
        delete: DeleteStatement,
        columns: &[Expr],
        doomed: SelectStatement,
    ) -> Result<Option<T>, Error> {
        if self.dialect().has_returning() {
            return self.write_returning(&delete.returning_exprs(columns)).await;
        }
        self.repeat(Again::Harmless, || async {
            let db = self.begin().await?;
            let row = db.delete_and_read(delete.clone(), columns, doomed.clone()).await?;
            db.commit().await?;
            Ok(row)
        })
        .await
    }

    /// Runs a statement that writes and returns at most one row.
    pub(crate) async fn write_returning<T: FromQueryResult>(
        &self,
        write: &impl StatementBuilder,
    ) -> Result<Option<T>, Error> {
        let statement = self.dialect().build(write);
        let rows = self
            .repeat(Again::Harmful, || async {
                let _turn = self.access.turn(self.operation).await?;
                On { db: &self.access.db, operation: self.operation }.rows(&statement).await
            })
            .await?;
        self.parse(&rows).map(first)
    }

    /// Asks the database a trivial question.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        let question = SelectStatement::new().expr(Expr::cust("1")).to_owned();
        let statement = self.dialect().build(&question);
        let on = On { db: &self.access.db, operation: self.operation };
        self.repeat(Again::Harmless, || on.rows(&statement)).await.map(drop)
    }

    /// Begins a transaction. What runs in it is wrapped in [`Call::repeat`], which may say [`Again::Harmless`]: a transaction
    /// whose connection breaks is rolled back, and a commit that is not confirmed is never repeated.
    pub(crate) async fn begin(&self) -> Result<WriteTransaction<'a>, Error> {
        let turn = self.access.turn(self.operation).await?;
        let options = self.dialect().transaction_options();
        let transaction = self.access.db.begin_with_options(options).await.map_err(failed(self.operation))?;
        Ok(WriteTransaction { call: *self, transaction, _turn: turn })
    }

    /// Does something, and does it again if it failed for a reason that passes: three times after a deadlock or a serialization
    /// failure, once after a broken connection or after a lock that was waited for in vain.
    pub(crate) async fn repeat<T, F>(&self, again: Again, mut attempt: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut pauses = PAUSES.into_iter();
        let (mut broken, mut waited) = (false, false);
        loop {
            let error = match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            match passing(&error) {
                Some(Passing::Conflict) => match pauses.next() {
                    Some(length) => pause(jitter(length)).await,
                    None => return Err(error),
                },
                Some(Passing::Waited) if !waited => waited = true,
                Some(Passing::Broken { ran }) => {
                    pool::weed(&self.access.db).await;
                    if broken || (ran && again == Again::Harmful) {
                        return Err(error);
                    }
                    broken = true;
                }
                _ => return Err(error),
            }
        }
    }

    fn parse<T: FromQueryResult>(&self, rows: &[QueryResult]) -> Result<Vec<T>, Error> {
        parse(self.operation, rows)
    }
}

/// A transaction; dropped without a commit it is rolled back.
///
/// It sees what others committed before each of its statements (`READ COMMITTED`), or, on SQLite, is alone.
pub(crate) struct WriteTransaction<'a> {
    call: Call<'a>,
    transaction: DatabaseTransaction,
    // The connection goes back before the turn ends.
    _turn: Option<OwnedSemaphorePermit>,
}

impl WriteTransaction<'_> {
    /// Reads one row.
    pub(crate) async fn read<T: FromQueryResult>(&self, select: &SelectStatement) -> Result<Option<T>, Error> {
        self.rows(select).await.map(first)
    }

    /// Runs a statement that writes, and returns how many rows it wrote; see [`Call::execute`].
    pub(crate) async fn execute(&self, write: &impl StatementBuilder) -> Result<u64, Error> {
        self.on().affected(&self.call.dialect().build(write)).await
    }

    /// Deletes rows of a table and inserts another one, in one statement where a statement can write in several places. Returns
    /// how many rows were inserted.
    ///
    /// In this order: a deletion goes through rows of others too where a table is so small that MySQL makes no use of an index, and
    /// waits for those that are being inserted. Whoever waits has inserted nothing yet that somebody else could wait for.
    pub(crate) async fn replace(&self, deletion: DeleteStatement, mut insert: InsertStatement) -> Result<u64, Error> {
        if self.call.dialect().writes_in_with() {
            return self.execute(insert.with_cte(along([deletion]))).await;
        }
        self.execute(&deletion).await?;
        self.execute(&insert).await
    }

    /// Deletes from several tables, in this order, and in one statement where a statement can write in several places.
    pub(crate) async fn delete_all(&self, deletions: Vec<DeleteStatement>) -> Result<(), Error> {
        let mut deletions = deletions.into_iter();
        while let Some(mut deletion) = deletions.next() {
            if self.call.dialect().writes_in_with() && deletions.len() > 0 {
                deletion.with_cte(along(deletions.by_ref()));
            }
            self.execute(&deletion).await?;
        }
        Ok(())
    }

    /// [`Call::insert_if_new`].
    pub(crate) async fn insert_if_new(&self, insert: InsertStatement, key: OnConflict) -> Result<bool, Error> {
        let insert = self.call.dialect().unless_taken(insert, key);
        unless_taken(self.execute(&insert).await)
    }

    /// [`Call::write_and_read`].
    pub(crate) async fn write_and_read<T: FromQueryResult>(
        &self,
        write: impl Returning,
        columns: &[Expr],
        mut written: SelectStatement,
    ) -> Result<Option<T>, Error> {
        if self.call.dialect().has_returning() {
            return self.rows(&write.returning_exprs(columns)).await.map(first);
        }
        match self.execute(&write).await? {
            0 => Ok(None),
            _ => self.read(written.exprs(columns.iter().cloned())).await,
        }
    }

    /// [`Call::delete_and_read`].
    pub(crate) async fn delete_and_read<T: FromQueryResult>(
        &self,
        delete: DeleteStatement,
        columns: &[Expr],
        mut doomed: SelectStatement,
    ) -> Result<Option<T>, Error> {
        if self.call.dialect().has_returning() {
            return self.rows(&delete.returning_exprs(columns)).await.map(first);
        }
        let row = self.read(doomed.exprs(columns.iter().cloned())).await?;
        match row {
            Some(row) if self.execute(&delete).await? > 0 => Ok(Some(row)),
            _ => Ok(None),
        }
    }

    pub(crate) async fn commit(self) -> Result<(), Error> {
        self.transaction.commit().await.map_err(unconfirmed(self.call.operation))
    }

    pub(crate) async fn rollback(self) -> Result<(), Error> {
        self.transaction.rollback().await.map_err(failed(self.call.operation))
    }

    async fn rows<T: FromQueryResult>(&self, statement: &impl StatementBuilder) -> Result<Vec<T>, Error> {
        let rows = self.on().rows(&self.call.dialect().build(statement)).await?;
        parse(self.call.operation, &rows)
    }

    fn on(&self) -> On<'_, DatabaseTransaction> {
        On { db: &self.transaction, operation: self.call.operation }
    }
}

/// The pool or a transaction.
struct On<'a, C> {
    db: &'a C,
    operation: &'static str,
}

impl<C: ConnectionTrait> On<'_, C> {
    /// Reads to the end: a statement of SQLite that writes and returns rows reports only there that it failed.
    async fn rows(&self, statement: &Statement) -> Result<Vec<QueryResult>, Error> {
        self.db.query_all_raw(statement.clone()).await.map_err(failed(self.operation))
    }

    async fn affected(&self, statement: &Statement) -> Result<u64, Error> {
        let done = self.db.execute_raw(statement.clone()).await.map_err(failed(self.operation))?;
        Ok(done.rows_affected())
    }
}

/// MySQL reports a key that is taken, the others that nothing was written.
fn unless_taken(inserted: Result<u64, Error>) -> Result<bool, Error> {
    match inserted {
        Ok(rows) => Ok(rows > 0),
        Err(error) if is(&error, StorageErrorKind::UniqueViolation) => Ok(false),
        Err(error) => Err(error),
    }
}

fn parse<T: FromQueryResult>(operation: &'static str, rows: &[QueryResult]) -> Result<Vec<T>, Error> {
    rows.iter().map(|row| T::from_query_result(row, "")).collect::<Result<_, _>>().map_err(failed(operation))
}

#[expect(clippy::disallowed_methods, reason = "bounded pauses between tries; nothing is waited for")]
pub(crate) async fn pause(length: Duration) {
    tokio::time::sleep(length).await;
}

fn first<T>(rows: Vec<T>) -> Option<T> {
    rows.into_iter().next()
}
