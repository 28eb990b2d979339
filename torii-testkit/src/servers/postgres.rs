//! PostgreSQL.

use std::{env, path::Path, process::Command, sync::OnceLock};

use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

use super::{
    programs,
    run::{self, Place},
};

mod database;
mod template;

#[cfg(test)]
mod tests;

pub use self::database::PostgresDatabase;

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

/// Starts a server that only the account of its files, and root, can reach: it listens on a socket in its folder.
fn start(place: &Place) -> String {
    let programs = programs::find(&["initdb", "pg_ctl"], Path::new("/usr/lib/postgresql")).unwrap_or_else(|| {
        panic!("PostgreSQL is not installed (apt-get install postgresql), and {URL} names no server")
    });
    let data = place.folder.join("data");
    let mut initdb = Command::new(programs.join("initdb"));
    initdb.arg("--pgdata").arg(&data);
    initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
    initdb.args(["--no-sync", "--no-instructions"]);
    programs::run(place, initdb);

    // What is thrown away need not be safe on disk. Vacuuming would be in the way of copying the template.
    let settings = [
        ("listen_addresses", String::new()),
        ("unix_socket_directories", place.folder.display().to_string()),
        ("external_pid_file", place.pid_file().display().to_string()),
        ("fsync", "off".to_owned()),
        ("synchronous_commit", "off".to_owned()),
        ("full_page_writes", "off".to_owned()),
        ("autovacuum", "off".to_owned()),
        ("max_connections", "200".to_owned()),
    ];
    let settings: Vec<String> = settings.iter().map(|(name, value)| format!("-c {name}='{value}'")).collect();
    let mut pg_ctl = Command::new(programs.join("pg_ctl"));
    pg_ctl.args(["start", "--wait", "--silent", "--pgdata"]).arg(&data);
    pg_ctl.arg("--log").arg(place.folder.join("log")).arg("--options").arg(settings.join(" "));
    pg_ctl.env("PGPORT", PORT.to_string());
    programs::run(place, pg_ctl);

    let options = PgConnectOptions::new_without_pgpass().socket(&place.folder).port(PORT).username("postgres");
    options.database("postgres").ssl_mode(PgSslMode::Disable).to_url_lossy().to_string()
}

/// Part of the socket's name; nobody else has that folder.
const PORT: u16 = 5432;
