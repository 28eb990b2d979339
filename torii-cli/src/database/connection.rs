//! One connection, for questions that every engine can be asked.

#[cfg(any(feature = "mysql", feature = "postgres"))]
use sqlx::Connection as _;
#[cfg(feature = "mysql")]
use sqlx::mysql::MySqlConnection;
#[cfg(feature = "postgres")]
use sqlx::postgres::PgConnection;
#[cfg(feature = "sqlite")]
use sqlx::sqlite::SqliteConnection;
use sqlx::{ColumnIndex, Decode, Type};

use crate::target::Engine;

/// The columns of a row, as text.
pub(crate) type Row = Vec<Option<String>>;

/// One connection.
pub(crate) enum Connection {
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteConnection),
    #[cfg(feature = "postgres")]
    Postgres(PgConnection),
    #[cfg(feature = "mysql")]
    Mysql(MySqlConnection),
}

impl Connection {
    pub(crate) fn engine(&self) -> Engine {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Engine::Sqlite,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Engine::Postgres,
            #[cfg(feature = "mysql")]
            Self::Mysql(_) => Engine::Mysql,
        }
    }

    /// The rows of a query, in a transaction that may only read and holds its snapshot no longer than the query runs. Few rows:
    /// all are held in memory.
    pub(crate) async fn rows(&mut self, sql: &'static str) -> sqlx::Result<Vec<Row>> {
        // Without parameters every server answers in text, whatever the type.
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => {
                let rows = sqlx::raw_sql(sql).fetch_all(connection).await?;
                rows.iter().map(texts).collect()
            }
            // Row-level security is off, which means that a query fails whose rows it would hide.
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL row_security = off; SET LOCAL statement_timeout = 0";
                let mut transaction = connection.begin_with(BEGIN).await?;
                let rows = sqlx::raw_sql(sql).fetch_all(&mut *transaction).await?;
                transaction.rollback().await?;
                rows.iter().map(texts).collect()
            }
            #[cfg(feature = "mysql")]
            Self::Mysql(connection) => {
                let mut transaction = connection.begin_with("START TRANSACTION READ ONLY").await?;
                let rows = sqlx::raw_sql(sql).fetch_all(&mut *transaction).await?;
                transaction.rollback().await?;
                rows.iter().map(texts).collect()
            }
        }
    }

    /// The first column of the first row; empty if there is none.
    pub(crate) async fn text(&mut self, sql: &'static str) -> sqlx::Result<String> {
        let rows = self.rows(sql).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()).unwrap_or_default())
    }

    /// The number that a query counts.
    pub(crate) async fn count(&mut self, sql: &'static str) -> sqlx::Result<u64> {
        let text = self.text(sql).await?;
        text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
    }
}

fn texts<R: sqlx::Row>(row: &R) -> sqlx::Result<Row>
where
    usize: ColumnIndex<R>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
{
    (0..row.len()).map(|column| row.try_get_unchecked::<Option<String>, _>(column)).collect()
}
