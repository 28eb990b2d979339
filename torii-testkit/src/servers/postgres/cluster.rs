//! The files of a server, and the programs that start and stop it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

use super::{
    super::{programs, run::Place},
    URL,
};

/// Part of the socket's name; nobody else has that folder.
const PORT: u16 = 5432;

/// Only the account of the files, and root, reach the socket. They are let in as the administrator; roles that tests make have
/// passwords, which are looked at.
const WHO_MAY: &str = "local all postgres trust\nlocal all all scram-sha-256\n";

/// What a server that is killed has kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Nothing for certain: what is thrown away need not be safe on disk.
    None,
    /// Everything that was committed.
    Full,
}

/// The files of a server, in its place.
pub(super) struct Cluster {
    programs: PathBuf,
    data: PathBuf,
}

impl Cluster {
    /// Makes the files.
    ///
    /// # Panics
    /// If PostgreSQL is not installed.
    pub(super) fn make(place: &Place) -> Self {
        let programs = programs::find(&["initdb", "pg_ctl"], Path::new("/usr/lib/postgresql")).unwrap_or_else(|| {
            panic!(
                "PostgreSQL is not installed (apt-get install postgresql). With {URL} the shared server can be another one, \
                 but a test that stops its server needs one of its own"
            )
        });
        let data = place.folder.join("data");
        let mut initdb = Command::new(programs.join("initdb"));
        initdb.arg("--pgdata").arg(&data);
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        initdb.args(["--no-sync", "--no-instructions"]);
        programs::run(place, initdb);
        fs::write(data.join("pg_hba.conf"), WHO_MAY).expect("a file of the server can be written");
        Self { programs, data }
    }

    /// Starts a server that only the account of its files, and root, can reach: it listens on a socket in its folder. Returns when
    /// it takes connections.
    pub(super) fn start(&self, place: &Place, durability: Durability) {
        // Vacuuming would be in the way of copying the template.
        let mut settings = vec![
            ("listen_addresses", String::new()),
            ("unix_socket_directories", place.folder.display().to_string()),
            ("external_pid_file", place.pid_file().display().to_string()),
            ("autovacuum", "off".to_owned()),
            ("max_connections", "200".to_owned()),
        ];
        let durable = if durability == Durability::Full { "on" } else { "off" };
        let safety = ["fsync", "synchronous_commit", "full_page_writes"];
        settings.extend(safety.map(|name| (name, durable.to_owned())));
        let settings: Vec<String> = settings.iter().map(|(name, value)| format!("-c {name}='{value}'")).collect();
        let mut pg_ctl = self.pg_ctl("start");
        pg_ctl.arg("--log").arg(place.folder.join("log")).arg("--options").arg(settings.join(" "));
        pg_ctl.env("PGPORT", PORT.to_string());
        programs::run(place, pg_ctl);
    }

    /// Stops the server in one of the modes of `pg_ctl`. Returns when it is gone.
    pub(super) fn stop(&self, place: &Place, mode: &str) {
        let mut pg_ctl = self.pg_ctl("stop");
        pg_ctl.arg("--mode").arg(mode);
        programs::run(place, pg_ctl);
    }

    fn pg_ctl(&self, action: &str) -> Command {
        let mut pg_ctl = Command::new(self.programs.join("pg_ctl"));
        pg_ctl.args([action, "--wait", "--silent", "--pgdata"]).arg(&self.data);
        pg_ctl
    }

    /// Leads to the database that is there for administration.
    pub(super) fn url(&self, place: &Place) -> String {
        let options = PgConnectOptions::new_without_pgpass().socket(&place.folder).port(PORT).username("postgres");
        options.database("postgres").ssl_mode(PgSslMode::Disable).to_url_lossy().to_string()
    }
}
