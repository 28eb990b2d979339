//! What the command's end tells a script.

use std::process::ExitCode;

/// How the command ended. The numbers are documented in README.md and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well, and what was asked for is done.
    Well,
    /// Work is pending, or problems were found.
    Found,
    /// The command line is wrong.
    Usage,
    /// There is no connection to the database.
    NoConnection,
    /// The database is not as it has to be for what was asked for, and was not changed.
    Refused,
    /// It was tried, and failed.
    Failed,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Found => 1,
            Self::Usage => 2,
            Self::NoConnection => 3,
            Self::Refused => 4,
            Self::Failed => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
