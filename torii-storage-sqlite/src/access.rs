//! How statements get a connection.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

use sqlx::{Connection, Sqlite, SqliteConnection, SqlitePool, Transaction, pool::PoolConnection};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use torii_core::error::Error;

use crate::error::{failed, no_turn};

/// The pool, and whose turn it is to write.
///
/// SQLite has one writer at a time, and those who wait for it poll, in no order, each with a connection in its hands. Writers
/// of this process therefore queue here, in the order they came, and hold no connection while they wait, so that readers
/// always find one. (Measured in a flood of writes through eight connections: 99 of 100 reads took at most 1.2 ms this way, at
/// most 490 ms without.)
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pool: SqlitePool,
    turn: Arc<Semaphore>,
    keeper: Arc<Mutex<Option<SqliteConnection>>>,
}

impl Access {
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self { pool, turn: Arc::new(Semaphore::new(1)), keeper: Arc::default() }
    }

    /// What reads go through.
    pub(crate) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// A connection to write with, for one statement at a time.
    pub(crate) async fn writer(&self, operation: &'static str) -> Result<Writer, Error> {
        let turn = self.take_turn(operation).await?;
        let connection = self.pool.acquire().await.map_err(failed(operation))?;
        Ok(Writer { connection, _turn: turn })
    }

    /// A transaction that has the write lock from its beginning: one that reads first and asks for it later is refused at once
    /// when somebody else wrote in between.
    pub(crate) async fn transaction(&self, operation: &'static str) -> Result<WriteTransaction, Error> {
        let turn = self.take_turn(operation).await?;
        let transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed(operation))?;
        Ok(WriteTransaction { transaction, operation, _turn: turn })
    }

    async fn take_turn(&self, operation: &'static str) -> Result<OwnedSemaphorePermit, Error> {
        // As long as one would wait for a connection.
        let patience = self.pool.options().get_acquire_timeout();
        match timeout(patience, Arc::clone(&self.turn).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(closed)) => Err(no_turn(operation, closed)),
            Err(elapsed) => Err(no_turn(operation, elapsed)),
        }
    }

    /// Keeps an in-memory database that connections share alive for as long as this value or a clone of it lives, even if the
    /// pool closes its last connection. Does nothing for a file.
    pub(crate) async fn keep_memory_alive(&self) -> Result<(), Error> {
        const OPERATION: &str = "keep the in-memory database";
        let file: Option<String> = sqlx::query_scalar("SELECT file FROM pragma_database_list WHERE name = 'main'")
            .fetch_optional(&self.pool)
            .await
            .map_err(failed(OPERATION))?;
        if file.is_none_or(|file| file.is_empty()) {
            let connection =
                SqliteConnection::connect_with(&self.pool.connect_options()).await.map_err(failed(OPERATION))?;
            *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        }
        Ok(())
    }
}

/// A connection whose turn it is to write. The connection goes back before the turn ends.
pub(crate) struct Writer {
    connection: PoolConnection<Sqlite>,
    _turn: OwnedSemaphorePermit,
}

impl Deref for Writer {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Writer {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

/// A transaction whose turn it is to write; dropped without a commit it is rolled back.
pub(crate) struct WriteTransaction {
    transaction: Transaction<'static, Sqlite>,
    operation: &'static str,
    _turn: OwnedSemaphorePermit,
}

impl WriteTransaction {
    pub(crate) async fn commit(self) -> Result<(), Error> {
        self.transaction.commit().await.map_err(failed(self.operation))
    }

    pub(crate) async fn rollback(self) -> Result<(), Error> {
        self.transaction.rollback().await.map_err(failed(self.operation))
    }
}

impl Deref for WriteTransaction {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for WriteTransaction {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::sqlite::SqlitePoolOptions;
    use torii_core::error::StorageErrorKind;

    use super::*;
    use crate::error::is;

    #[tokio::test]
    async fn a_turn_that_does_not_come_is_a_lock() {
        let pool = SqlitePoolOptions::new().acquire_timeout(Duration::from_millis(20));
        let access = Access::new(pool.connect_lazy("sqlite::memory:").unwrap());
        let turn = Arc::clone(&access.turn).acquire_owned().await.unwrap();
        for refused in [access.writer("write").await.err(), access.transaction("write").await.err()] {
            assert!(is(&refused.unwrap(), StorageErrorKind::Locked));
        }
        drop(turn);
        drop(access.take_turn("write").await.unwrap());
    }
}
