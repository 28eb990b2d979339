//! A server that a test may stop.

use super::{
    super::{
        run::{self, Place},
        shutdown::Shutdown,
    },
    cluster::{Cluster, Durability},
};

/// A PostgreSQL that belongs to one test, which may stop it and start it again. What was committed is safe on its disk, as it is not
/// on the shared one. It ends soon after the process, whatever ended that.
///
/// Its methods block for as long as the server takes, half a second or so.
pub struct RestartablePostgres {
    place: Place,
    cluster: Cluster,
}

impl RestartablePostgres {
    /// Starts one with an empty database.
    ///
    /// # Panics
    /// If PostgreSQL is not installed, or does not start.
    pub fn start() -> Self {
        let place = run::private("own");
        let cluster = Cluster::make(&place);
        cluster.start(&place, Durability::Full);
        Self { place, cluster }
    }

    /// The address of its database, the same after every start.
    pub fn url(&self) -> String {
        self.cluster.url(&self.place)
    }

    /// Stops it. Returns when it is gone.
    ///
    /// # Panics
    /// If it does not stop, or is not running.
    pub fn stop(&self, how: Shutdown) {
        let mode = match how {
            Shutdown::Fast => "fast",
            Shutdown::Crash => "immediate",
        };
        self.cluster.stop(&self.place, mode);
    }

    /// Starts it again. Returns when it takes connections.
    ///
    /// # Panics
    /// If it does not start, or is running.
    pub fn start_again(&self) {
        self.cluster.start(&self.place, Durability::Full);
    }
}
