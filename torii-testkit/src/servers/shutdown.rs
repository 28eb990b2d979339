//! How a server is stopped.

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// It rolls back what has not ended, says so to who is connected, and writes down everything.
    Fast,
    /// It drops everything at once, as in a crash, and recovers when it is started again.
    Crash,
}
