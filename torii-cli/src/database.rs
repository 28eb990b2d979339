//! The database: a pool for the migrations, and one connection for questions.

use std::time::Duration;

use sqlx::Connection as _;
#[cfg(feature = "mysql")]
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlPoolOptions};
#[cfg(feature = "postgres")]
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
#[cfg(feature = "sqlite")]
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions};
use torii_core::clock::SystemClock;
use torii_migration::{MigrateOptions, MigrationReport, MigrationStatus};

use crate::{
    failure::Failure,
    target::{Engine, Target},
};

mod connection;
mod plan;

pub(crate) use self::{
    connection::{Connection, Row},
    plan::Plan,
};

/// What a command may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    /// Waits so long for other writers.
    Write(Duration),
}

/// A database that can be reached.
pub(crate) enum Database {
    #[cfg(feature = "sqlite")]
    Sqlite(SqlitePool),
    #[cfg(feature = "postgres")]
    Postgres(PgPool),
    #[cfg(feature = "mysql")]
    Mysql(MySqlPool),
}

impl Database {
    /// Connects, and answers a connection for questions too.
    ///
    /// # Errors
    /// [`Failure::BadUrl`], [`Failure::NotBuilt`], [`Failure::Connect`], [`Failure::NoAnswer`].
    pub(crate) async fn open(target: &Target, access: Access) -> Result<(Self, Connection), Failure> {
        let connecting = Self::connect(target, access);
        let answer = tokio::time::timeout(target.connect_timeout, connecting).await;
        answer.unwrap_or(Err(Failure::NoAnswer(target.connect_timeout)))
    }

    #[cfg_attr(not(feature = "sqlite"), expect(unused_variables, reason = "a server knows by itself who may write"))]
    async fn connect(target: &Target, access: Access) -> Result<(Self, Connection), Failure> {
        let bad_url = |source| Failure::BadUrl { source };
        match target.engine {
            #[cfg(feature = "sqlite")]
            Engine::Sqlite => {
                let mut options: SqliteConnectOptions = target.secret_url().parse().map_err(bad_url)?;
                options = match access {
                    Access::Read => options.create_if_missing(false).pragma("query_only", "ON"),
                    Access::Write(patience) => options.busy_timeout(patience),
                };
                let pool = SqlitePoolOptions::new().max_connections(2).acquire_timeout(target.connect_timeout);
                let pool = pool.connect_lazy_with(options.clone());
                let connection = match SqliteConnection::connect_with(&options).await {
                    Ok(connection) => connection,
                    // The migrations know best what is wrong with a file.
                    Err(source) => {
                        return Err(match torii_migration::sqlite::status(&pool).await {
                            Err(error @ torii_migration::MigrationError::CannotOpen { .. }) => error.into(),
                            _ => Failure::Connect { source },
                        });
                    }
                };
                Ok((Self::Sqlite(pool), Connection::Sqlite(connection)))
            }
            #[cfg(feature = "postgres")]
            Engine::Postgres => {
                let options: PgConnectOptions = target.secret_url().parse().map_err(bad_url)?;
                let connection = PgConnection::connect_with(&options).await.map_err(connect)?;
                let pool = PgPoolOptions::new().max_connections(2).acquire_timeout(target.connect_timeout);
                Ok((Self::Postgres(pool.connect_lazy_with(options)), Connection::Postgres(connection)))
            }
            #[cfg(feature = "mysql")]
            Engine::Mysql => {
                let options: MySqlConnectOptions = target.secret_url().parse().map_err(bad_url)?;
                let connection = MySqlConnection::connect_with(&options).await.map_err(connect)?;
                let pool = MySqlPoolOptions::new().max_connections(2).acquire_timeout(target.connect_timeout);
                Ok((Self::Mysql(pool.connect_lazy_with(options)), Connection::Mysql(connection)))
            }
            #[allow(unreachable_patterns, reason = "not with every set of features")]
            engine => Err(Failure::NotBuilt(engine)),
        }
    }

    pub(crate) async fn status(&self) -> torii_migration::Result<MigrationStatus> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => torii_migration::sqlite::status(pool).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => torii_migration::postgres::status(pool).await,
            #[cfg(feature = "mysql")]
            Self::Mysql(pool) => torii_migration::mysql::status(pool).await,
        }
    }

    pub(crate) async fn migrate(&self, options: &MigrateOptions) -> torii_migration::Result<MigrationReport> {
        let clock = &SystemClock;
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => torii_migration::sqlite::migrate_with(pool, clock, options).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => torii_migration::postgres::migrate_with(pool, clock, options).await,
            #[cfg(feature = "mysql")]
            Self::Mysql(pool) => torii_migration::mysql::migrate_with(pool, clock, options).await,
        }
    }

    pub(crate) async fn plan(&self, options: &MigrateOptions) -> torii_migration::Result<Plan> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => torii_migration::sqlite::plan(pool, options).await.map(Plan::from),
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => torii_migration::postgres::plan(pool, options).await.map(Plan::from),
            #[cfg(feature = "mysql")]
            Self::Mysql(pool) => torii_migration::mysql::plan(pool, options).await.map(Plan::from),
        }
    }
}

#[cfg(any(feature = "mysql", feature = "postgres"))]
fn connect(source: sqlx::Error) -> Failure {
    Failure::Connect { source }
}
