//! The connection a migration works on.

use std::time::Duration;

use sqlx::{Connection, Row, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};

use super::errors::{connect, failed};
use crate::{Result, patience::Patience};

/// How long SQLite itself waits for a lock before it answers "busy". Short, so that the deadline of [`Patience`] holds.
const BUSY_TIMEOUT: Duration = Duration::from_millis(100);

/// A connection for the length of a migration.
pub(super) enum Lease {
    /// Made for the migration and closed after it.
    Own(SqliteConnection),
    /// One of the pool's, because only the pool sees the database.
    Pooled(Borrowed),
}

/// A connection that goes back into its pool.
pub(super) struct Borrowed {
    connection: PoolConnection<Sqlite>,
    /// A setting is not what the pool left it at.
    changed: bool,
}

impl Lease {
    pub(super) async fn take(pool: &SqlitePool, patience: &mut Patience) -> Result<Self> {
        loop {
            match Self::try_take(pool).await {
                Ok(lease) => return Ok(lease),
                Err(error) => patience.after(error).await?,
            }
        }
    }

    async fn try_take(pool: &SqlitePool) -> Result<Self> {
        let options = pool.connect_options();
        // Asked first, because a pool that locks the file exclusively locks a second connection out.
        if let Some(mut idle) = pool.try_acquire()
            && belongs_to_its_pool(&mut idle).await?
        {
            return Ok(Self::pooled(idle));
        }
        // Connecting runs the pragmas of the options; setting a journal mode needs a lock.
        let own_options = (*options).clone().busy_timeout(BUSY_TIMEOUT);
        let mut own = SqliteConnection::connect_with(&own_options).await.map_err(|error| connect(&options, error))?;
        if is_private(&mut own).await? {
            own.close().await.map_err(failed("close a connection"))?;
            let pooled = pool.acquire().await.map_err(|error| connect(&options, error))?;
            return Ok(Self::pooled(pooled));
        }
        // The first statement that opens the file.
        sqlx::raw_sql("PRAGMA schema_version").execute(&mut own).await.map_err(failed("read the database"))?;
        Ok(Self::Own(own))
    }

    fn pooled(connection: PoolConnection<Sqlite>) -> Self {
        Self::Pooled(Borrowed { connection, changed: false })
    }

    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Own(connection) => connection,
            Self::Pooled(borrowed) => &mut borrowed.connection,
        }
    }

    /// Switches foreign keys off for a rebuild, and answers whether they were on. Only outside transactions: SQLite ignores
    /// it within one.
    pub(super) async fn suspend_foreign_keys(&mut self) -> Result<bool> {
        const OPERATION: &str = "switch foreign keys off";
        let were_on: bool =
            sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(self.connection()).await.map_err(failed(OPERATION))?;
        self.set_changed(true);
        // With the legacy rule, renaming the new table to the old name leaves alone what refers to that name, and views
        // over the old table are no error (https://www.sqlite.org/lang_altertable.html#otheralter).
        sqlx::raw_sql("PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON")
            .execute(self.connection())
            .await
            .map_err(failed(OPERATION))?;
        Ok(were_on)
    }

    /// Undoes [`Lease::suspend_foreign_keys`].
    pub(super) async fn restore_foreign_keys(&mut self, were_on: bool) -> Result<()> {
        let statements = if were_on {
            "PRAGMA legacy_alter_table = OFF; PRAGMA foreign_keys = ON"
        } else {
            "PRAGMA legacy_alter_table = OFF"
        };
        sqlx::raw_sql(statements).execute(self.connection()).await.map_err(failed("switch foreign keys on"))?;
        self.set_changed(false);
        Ok(())
    }

    /// Lets SQLite hold 64 MiB of pages for a long piece of work: rows of random keys are written all over the file, and a page
    /// that does not fit is written again and again. A connection of the pool keeps its setting.
    pub(super) async fn widen_cache(&mut self) -> Result<()> {
        if let Self::Own(connection) = self {
            sqlx::raw_sql("PRAGMA main.cache_size = -65536")
                .execute(connection)
                .await
                .map_err(failed("widen the cache"))?;
        }
        Ok(())
    }

    fn set_changed(&mut self, changed: bool) {
        if let Self::Pooled(borrowed) = self {
            borrowed.changed = changed;
        }
    }

    /// Closes the connection, or gives it back.
    pub(super) async fn end(self) {
        // The work is committed: what cannot be tidied up now, the next connection to the file tidies up.
        if let Self::Own(connection) = self
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "closing the migration's connection failed");
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // The caller gave up in the middle of a rebuild. A connection without foreign keys must not get back into the pool.
        if self.changed {
            self.connection.close_on_drop();
        }
    }
}

/// Whether a second connection would see another database, or none.
async fn belongs_to_its_pool(connection: &mut SqliteConnection) -> Result<bool> {
    let locking: String = sqlx::query_scalar("PRAGMA main.locking_mode")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed("ask for the locking mode"))?;
    Ok(locking == "exclusive" || is_private(connection).await?)
}

/// Whether the database has no file: it is in memory, or temporary.
async fn is_private(connection: &mut SqliteConnection) -> Result<bool> {
    const OPERATION: &str = "ask for the database's file";
    let databases = sqlx::query("PRAGMA database_list").fetch_all(connection).await.map_err(failed(OPERATION))?;
    for database in databases {
        let name: String = database.try_get("name").map_err(failed(OPERATION))?;
        if name == "main" {
            let file: Option<String> = database.try_get("file").map_err(failed(OPERATION))?;
            return Ok(file.is_none_or(|file| file.is_empty()));
        }
    }
    Ok(false)
}
