//! PostgreSQL.

use std::{env, sync::OnceLock};

use sqlx::postgres::PgConnectOptions;

use self::cluster::{Cluster, Durability};
use super::run::{self, Place};

mod cluster;
mod database;
mod restart;
mod template;

#[cfg(test)]
mod tests;

pub use self::{database::PostgresDatabase, restart::RestartablePostgres};

/// Where a server is that tests may use. Its role must be allowed to make databases, and roles where a test needs one.
const URL: &str = "TORII_TEST_POSTGRES_URL";

/// A PostgreSQL for tests: the one that `TORII_TEST_POSTGRES_URL` names, or else a private one.
#[derive(Debug)]
pub struct PostgresServer {
    /// Leads to the database that is there for administration.
    options: PgConnectOptions,
}

impl PostgresServer {
    /// The server that all tests share. The first call of a run starts it, which takes about a second.
    ///
    /// # Panics
    /// If there is none: PostgreSQL is not installed, or does not start.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<PostgresServer> = OnceLock::new();
        SERVER.get_or_init(|| {
            let url = env::var(URL).unwrap_or_else(|_| run::shared("postgres", start));
            Self { options: url.parse().unwrap_or_else(|error| panic!("not the URL of a PostgreSQL: {error}")) }
        })
    }

    /// A database of its own that is up to date and holds the default tenant only, made at the time that
    /// [`ManualClock::default`](crate::ManualClock) shows.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn database(&self) -> PostgresDatabase {
        PostgresDatabase::copy(self.options.clone(), template::name(&self.options).await).await
    }

    /// A database of its own with nothing in it.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn empty_database(&self) -> PostgresDatabase {
        PostgresDatabase::copy(self.options.clone(), "template0").await
    }
}

/// Starts the server that tests share.
fn start(place: &Place) -> String {
    let cluster = Cluster::make(place);
    cluster.start(place, Durability::None);
    cluster.url(place)
}
