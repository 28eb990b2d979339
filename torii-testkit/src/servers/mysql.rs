//! MariaDB and MySQL.

use std::{
    env, fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions as _,
    mysql::{MySqlConnectOptions, MySqlSslMode},
};

use super::{
    programs,
    run::{self, Place},
};

mod database;
mod restart;

#[cfg(test)]
mod tests;

pub use self::{database::MysqlDatabase, restart::RestartableMysql};

/// Where a server is that tests may use. Its account must be allowed to make databases, and accounts where a test needs one.
const URL: &str = "TORII_TEST_MYSQL_URL";

/// Where distributions install servers, and whence not everybody's `PATH` leads.
const OTHER_FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/mysql/bin"];

/// A MariaDB or MySQL for tests: the one that `TORII_TEST_MYSQL_URL` names, or else a private one.
#[derive(Debug)]
pub struct MysqlServer {
    /// Leads to no database.
    options: MySqlConnectOptions,
}

impl MysqlServer {
    /// The server that all tests share. The first call of a run starts it, which takes about two seconds.
    ///
    /// # Panics
    /// If there is none: neither MariaDB nor MySQL is installed, or it does not start.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<MysqlServer> = OnceLock::new();
        SERVER.get_or_init(|| {
            let url = env::var(URL).unwrap_or_else(|_| run::shared("mysql", start));
            Self { options: url.parse().unwrap_or_else(|error| panic!("not the URL of a MySQL: {error}")) }
        })
    }

    /// A database of its own that is up to date and holds the default tenant only, made at the time that
    /// [`ManualClock::default`](crate::ManualClock) shows.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn database(&self) -> MysqlDatabase {
        let database = self.empty_database().await;
        database.migrate().await;
        database
    }

    /// A database of its own with nothing in it. Its default character set is latin1, as it is in many databases that were not
    /// made for torii.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn empty_database(&self) -> MysqlDatabase {
        MysqlDatabase::create(self.options.clone()).await
    }
}

/// Starts a server for the tests of a run.
#[expect(clippy::zombie_processes, reason = "it outlives this process, if others of the run need it")]
fn start(place: &Place) -> String {
    let server = initialize(place, &data(place));
    launch(place, &server, Durability::None);
    options(place).to_url_lossy().to_string()
}

/// What a server that is killed has kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Durability {
    /// Nothing for certain: what is thrown away need not be safe on disk.
    None,
    /// Everything that was committed.
    Full,
}

/// Starts a server that only the account of its files, and root, can reach: it listens on a socket in its folder.
fn launch(place: &Place, server: &Path, durability: Durability) -> Child {
    let (socket, log) = (socket(place), place.folder.join("log"));
    let mut command = command(place, server);
    // `loose`: the other engine does not know it.
    command.args(["--no-defaults", "--skip-networking", "--skip-name-resolve", "--skip-log-bin", "--loose-mysqlx=OFF"]);
    command.args(["--max-connections=300", "--performance-schema=OFF", "--character-set-server=latin1"]);
    command.args(["--innodb-buffer-pool-size=64M", "--innodb-use-native-aio=OFF"]);
    if durability == Durability::None {
        command.args(["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--loose-debug-no-sync"]);
        command.arg("--innodb-fast-shutdown=2");
    }
    command.arg(option("datadir", &data(place))).arg(option("socket", &socket));
    command.arg(option("pid-file", &place.folder.join("pid"))).arg(option("secure-file-priv", &place.folder));
    let mut child = programs::start(place, command, &log);
    // Not the server's own file, which is there some time later, or never if this process ends before.
    fs::write(place.pid_file(), format!("{}\n", child.id())).expect("a file in a temporary folder can be written");
    wait_until_it_listens(&mut child, &socket, &log);
    child
}

fn data(place: &Place) -> PathBuf {
    place.folder.join("data")
}

fn socket(place: &Place) -> PathBuf {
    place.folder.join("socket")
}

/// Leads to no database.
fn options(place: &Place) -> MySqlConnectOptions {
    MySqlConnectOptions::new().socket(socket(place)).username("root").ssl_mode(MySqlSslMode::Disabled)
}

/// Makes the data folder, and says which program serves it.
fn initialize(place: &Place, data: &Path) -> PathBuf {
    if let Some((server, installer)) = find("mariadbd").zip(find("mariadb-install-db")) {
        let mut install = command(place, &installer);
        install.arg("--no-defaults").arg(option("datadir", data));
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]);
        programs::run(place, install);
        return server;
    }
    let server = find("mysqld").unwrap_or_else(|| {
        panic!("MariaDB is not installed (apt-get install mariadb-server), nor is MySQL, and {URL} names no server")
    });
    let mut initialize = command(place, &server);
    initialize.args(["--no-defaults", "--initialize-insecure"]).arg(option("datadir", data));
    programs::run(place, initialize);
    server
}

/// Servers remove what others have left in the folder for temporary files: no two may share one.
fn command(place: &Place, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("TMPDIR", &place.folder);
    command
}

fn find(program: &str) -> Option<PathBuf> {
    programs::find_one(program, &OTHER_FOLDERS)
}

fn option(name: &str, value: &Path) -> String {
    format!("--{name}={}", value.display())
}

/// # Panics
/// With what the server wrote, if it ends instead, or does neither for a minute.
fn wait_until_it_listens(server: &mut Child, socket: &Path, log: &Path) {
    const LONGEST: Duration = Duration::from_secs(60);
    let began = Instant::now();
    while UnixStream::connect(socket).is_err() {
        let ended = server.try_wait().expect("a child can be asked about");
        assert!(
            ended.is_none() && began.elapsed() < LONGEST,
            "the database server does not start ({ended:?}): {}",
            fs::read_to_string(log).unwrap_or_default()
        );
        // There is nothing that could be waited for: neither engine tells everywhere that it is ready.
        thread::park_timeout(Duration::from_millis(10));
    }
}
