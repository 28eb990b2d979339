//! A server that a test may stop.

use std::{path::PathBuf, process::Child, sync::Mutex};

use super::{
    super::{
        programs,
        run::{self, Place},
        shutdown::Shutdown,
    },
    Durability, MysqlDatabase, data, initialize, launch, options,
};

/// A MariaDB or MySQL that belongs to one test, which may stop it and start it again. What was committed is safe on its disk, as it is
/// not on the shared one. It ends soon after the process, whatever ended that.
///
/// Its methods block for as long as the server takes, a second or so.
pub struct RestartableMysql {
    place: Place,
    program: PathBuf,
    running: Mutex<Option<Child>>,
}

impl RestartableMysql {
    /// Starts one without a database.
    ///
    /// # Panics
    /// If neither MariaDB nor MySQL is installed, or it does not start.
    pub fn start() -> Self {
        let place = run::private("mysql");
        let program = initialize(&place, &data(&place));
        let server = Self { place, program, running: Mutex::new(None) };
        server.start_again();
        server
    }

    /// A database with nothing in it, at the same address after every start. It has to be dropped while the server runs.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn empty_database(&self) -> MysqlDatabase {
        MysqlDatabase::create(options(&self.place)).await
    }

    /// Stops it. Returns when it is gone.
    ///
    /// # Panics
    /// If it does not stop, or is not running.
    pub fn stop(&self, how: Shutdown) {
        let mut running = self.running.lock().expect("nobody panicked with it");
        let mut child = running.take().expect("the server is running");
        match how {
            Shutdown::Fast => {
                let mut terminate = std::process::Command::new("sh");
                terminate.args(["-c", r#"kill -TERM "$1""#, "sh"]).arg(child.id().to_string());
                programs::run(&self.place, terminate);
            }
            Shutdown::Crash => child.kill().expect("a child can be killed"),
        }
        child.wait().expect("a child can be waited for");
    }

    /// Starts it again. Returns when it takes connections.
    ///
    /// # Panics
    /// If it does not start, or is running.
    pub fn start_again(&self) {
        let mut running = self.running.lock().expect("nobody panicked with it");
        assert!(running.is_none(), "the server is running");
        *running = Some(launch(&self.place, &self.program, Durability::Full));
    }
}
