//! Partitions of the large tables, for MySQL and MariaDB.
//!
//! Sessions, mail tokens and the log of wrong passwords of a large deployment can be spread over partitions by tenant
//! (`PARTITION BY KEY (tenant_id)`), so that a table's maintenance goes partition by partition. Nothing else is won: the primary keys
//! begin with the tenant already, which is what keeps the rows of one together. And it costs, on a local socket, where MariaDB 10.11
//! takes without partitions about 45 µs for either:
//!
//! | partitions | looking up a session | creating one |
//! |---|---|---|
//! | 16 | 1.1 times | 1.6 times |
//! | 64 | 1.3 times | 3.4 times |
//! | 1,024 | 5 times | |
//!
//! That is why [`Partitions`] ends at 64. Tenants are spread unevenly: with 64 partitions and a thousand tenants of one size the
//! largest partition has four times as much as the average.
//!
//! # What takes the place of foreign keys
//!
//! A table of InnoDB that is partitioned can have no foreign keys. Triggers do what theirs did, whoever writes to the tables, and
//! report it by the same error numbers:
//!
//! | foreign keys | triggers |
//! |---|---|
//! | a session or mail token belongs to a user of its tenant, a log entry to a tenant (1452) | before each insert, and each update of these columns, the row that it belongs to is looked up and locked as a foreign key locks it (`LOCK IN SHARE MODE`), until the transaction ends |
//! | deleting a user deletes the user's sessions and mail tokens | after each delete of a user |
//! | deleting a tenant deletes everything in it | after each delete of a tenant: what is deleted by a foreign key, as a tenant's users are, calls no trigger. By then those users are gone, and nobody can hold one of them or find one any more |
//! | an id that rows refer to does not change (1451) | no id of a user or tenant does: before each update it is compared |
//!
//! So every rule of the schema holds as before. Around it some things are different. `SET foreign_key_checks = 0`, with which dumps are
//! restored, turns off foreign keys and no triggers; a dump of `mysqldump` makes the triggers of a table after its rows. And the log of wrong
//! passwords has the key `(id, tenant_id)`: an `id` that somebody writes by hand can be there once per tenant.
//!
//! Triggers run with the rights of the account that made them, which therefore has to stay. It needs the privileges `ALTER`,
//! `CREATE`, `INDEX`, `REFERENCES` and `TRIGGER`, and where a binary log is written, `SUPER` or a server with
//! `log_bin_trust_function_creators`.

mod catalogue;
mod session;
mod statements;

#[cfg(test)]
mod tests;

use thiserror::Error;
use torii_core::error::{StorageError, StorageErrorKind};

use self::{
    catalogue::Catalogue,
    session::Session,
    statements::{TABLES, drop_trigger, missing_trigger, next_change},
};
use crate::{SeaORMRepositoryProvider, dialect::Dialect};

/// A number of partitions: from 2 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partitions(u32);

impl Partitions {
    /// The least number that is any.
    pub const MIN: Self = Self(2);
    /// The largest number that costs little.
    pub const MAX: Self = Self(64);

    /// So many partitions.
    ///
    /// # Errors
    /// [`PartitionError::Count`].
    pub const fn new(count: u32) -> Result<Self, PartitionError> {
        if count < Self::MIN.0 || count > Self::MAX.0 {
            return Err(PartitionError::Count { count });
        }
        Ok(Self(count))
    }

    /// How many.
    pub const fn count(self) -> u32 {
        self.0
    }
}

/// How far the large tables are partitioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioning {
    /// They are as migrations made them.
    Off,
    /// Somebody is at it, or was interrupted: every row is safe, and either call goes on from there.
    Unfinished,
    /// They are in so many partitions each.
    On(Partitions),
}

/// Why tables are not partitioned, or not put together again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PartitionError {
    /// It is no number of partitions.
    #[error(
        "{count} partitions: from {min} to {max} are possible, because they slow down every statement (a look-up by a third with \
         64, five times with 1024)",
        min = Partitions::MIN.count(), max = Partitions::MAX.count()
    )]
    Count {
        /// The number.
        count: u32,
    },
    /// Only MySQL and MariaDB have such partitions.
    #[error("only on MySQL and MariaDB can torii's tables be partitioned")]
    NotMySql,
    /// The schema is not up to date.
    #[error("the schema is not up to date: migrate first")]
    NotMigrated,
    /// Rows belong to a user or tenant that does not exist, as can be written with `foreign_key_checks = 0`.
    #[error("{rows} rows of {table} belong to nobody: delete them first")]
    Orphans {
        /// The table.
        table: &'static str,
        /// How many.
        rows: u64,
    },
    /// Somebody gave a table what a partitioned one cannot have: another foreign key, in either direction, a unique key
    /// without the tenant, or partitions of another kind.
    #[error("{what} is in the way")]
    InTheWay {
        /// What, and where.
        what: String,
    },
    /// A migration, or another call, is at work on this database.
    #[error("the schema is being changed by somebody else")]
    Busy,
    /// The database failed. If that was while a table was being changed, the same call goes on from there.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Does something that a broken connection leaves where it was, and once more if the connection broke: MariaDB 10.11 now and then
/// ends one that reads the catalogue of all databases while one of them is dropped. What is left to do is read anew.
async fn twice_if_broken<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, PartitionError>
where
    F: Future<Output = Result<T, PartitionError>>,
{
    match attempt().await {
        Err(PartitionError::Storage(StorageError::Failed { kind: StorageErrorKind::Unavailable, .. })) => {
            attempt().await
        }
        done => done,
    }
}

impl SeaORMRepositoryProvider {
    /// Spreads the large tables, `sessions`, `secure_tokens` and `failed_login_attempts`, over partitions by tenant, and puts triggers
    /// in the place of their foreign keys. On MySQL and MariaDB only, for large deployments. Tables that are in so many
    /// partitions already are left alone; other numbers are changed.
    ///
    /// Each table is copied once, during which it can be read but not written. Nothing else has to stop: other instances need
    /// not know of it, integrity is the database's at every moment, and migrations find the schema up to date. A call that was
    /// interrupted, by whatever, is repeated and goes on from there.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub async fn partition(&self, partitions: Partitions) -> Result<(), PartitionError> {
        twice_if_broken(|| async {
            let mut session = self.partitioning_session().await?;
            let partitioned = self.partition_in(&mut session, partitions).await;
            session.close().await;
            partitioned
        })
        .await
    }

    /// Puts the tables together again, exactly as migrations made them, with their foreign keys. Each is copied twice, during which
    /// it can be read but not written. Otherwise as [`partition`](Self::partition).
    ///
    /// # Errors
    /// [`PartitionError`].
    pub async fn unpartition(&self) -> Result<(), PartitionError> {
        twice_if_broken(|| async {
            let mut session = self.partitioning_session().await?;
            let restored = self.unpartition_in(&mut session).await;
            session.close().await;
            restored
        })
        .await
    }

    /// How far the large tables are partitioned. Reads only.
    ///
    /// # Errors
    /// [`PartitionError::NotMySql`], [`PartitionError::NotMigrated`], [`PartitionError::Storage`].
    pub async fn partitioning(&self) -> Result<Partitioning, PartitionError> {
        twice_if_broken(|| async {
            let mut session = self.partitioning_session().await?;
            let partitioning = self.catalogue(&mut session).await.map(|catalogue| catalogue.partitioning());
            session.close().await;
            partitioning
        })
        .await
    }

    async fn partitioning_session(&self) -> Result<Session, PartitionError> {
        if Dialect::of(self.connection()) != Dialect::MySql {
            return Err(PartitionError::NotMySql);
        }
        Session::open(self.connection().get_mysql_connection_pool()).await
    }

    async fn partition_in(&self, session: &mut Session, partitions: Partitions) -> Result<(), PartitionError> {
        session.lock().await?;
        self.catalogue(session).await?.check()?;
        while let Some(trigger) = missing_trigger(&self.catalogue(session).await?) {
            session.change(trigger).await?;
        }
        // From here on there come no more.
        refuse_orphans(session).await?;
        while let Some(change) = next_change(&self.catalogue(session).await?, Some(partitions)) {
            session.change(&change).await?;
        }
        Ok(())
    }

    async fn unpartition_in(&self, session: &mut Session) -> Result<(), PartitionError> {
        session.lock().await?;
        self.catalogue(session).await?.check()?;
        refuse_orphans(session).await?;
        while let Some(change) = next_change(&self.catalogue(session).await?, None) {
            session.change(&change).await?;
        }
        while let Some(drop) = drop_trigger(&self.catalogue(session).await?) {
            session.change(drop).await?;
        }
        Ok(())
    }

    async fn catalogue(&self, session: &mut Session) -> Result<Catalogue, PartitionError> {
        Catalogue::read(session).await?.ok_or(PartitionError::NotMigrated)
    }
}

/// Refuses rows that belong to nobody.
async fn refuse_orphans(session: &mut Session) -> Result<(), PartitionError> {
    for table in TABLES {
        match session.count(table.orphans).await? {
            0 => {}
            rows => return Err(PartitionError::Orphans { table: table.name, rows }),
        }
    }
    Ok(())
}
