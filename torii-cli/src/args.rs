//! The command line.

use std::{fmt, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::redact;

/// Operates the databases that torii lives in: brings them to today's schema, says how far they are, and finds what is wrong.
#[derive(Debug, Parser)]
#[command(
    name = "torii",
    version,
    max_term_width = 80,
    after_help = "Exit codes: 0 well, 1 work pending or problems found, 2 wrong usage, 3 no connection, 4 refused, 5 failed."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
    /// Answers with one JSON object
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args)]
pub(crate) struct DatabaseArguments {
    /// Where the database is: sqlite://.., postgres://.. or mysql://..
    ///
    /// Other accounts of the machine see the arguments of programs: a password belongs into the environment.
    // Its value is in no help text and in no complaint.
    #[arg(long = "database-url", value_name = "URL", env = "DATABASE_URL", hide_env_values = true, global = true)]
    pub(crate) url: Option<String>,
    /// How long to wait for a connection
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600), global = true)]
    pub(crate) connect_timeout: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Brings the database to today's schema, and takes over one of a single-tenant version
    Migrate(MigrateArguments),
    /// Says how far the database is. Exit code 1 if something is pending
    Status,
    /// Compares the database with what it should be, reading only. Exit code 1 if something is wrong
    Verify(VerifyArguments),
    /// Takes torii's tables away again, where nothing would be lost
    Rollback(RollbackArguments),
}

impl Command {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Migrate(_) => "migrate",
            Self::Status => "status",
            Self::Verify(_) => "verify",
            Self::Rollback(_) => "rollback",
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct MigrateArguments {
    /// Says what would be done, statement by statement, and changes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Stops after this version of the schema
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Option<i64>,
    /// Drops the tables that hold a single-tenant version's rows as they were
    #[arg(long)]
    pub(crate) drop_backup: bool,
    /// How long to wait for the locks that others hold
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(crate) lock_timeout: u64,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArguments {
    /// Row-level security is expected to bind the role of the URL (PostgreSQL)
    #[arg(long)]
    pub(crate) row_level_security: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RollbackArguments {
    /// Does it. Without this, says what would be done
    #[arg(long)]
    pub(crate) yes: bool,
    /// How long to wait for the locks that others hold
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(crate) lock_timeout: u64,
}

impl DatabaseArguments {
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout)
    }
}

/// Without a password.
impl fmt::Debug for DatabaseArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseArguments")
            .field("url", &self.url.as_deref().map(redact::url))
            .field("connect_timeout", &self.connect_timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_the_arguments_holds_no_password() {
        let url = "postgres://app:hunter2-of-app@localhost/app";
        let arguments = Arguments::try_parse_from(["torii", "--database-url", url, "status"]).unwrap();
        let shown = format!("{arguments:?}");
        assert!(shown.contains("app:***@localhost") && !shown.contains("hunter2"), "{shown}");
    }
}
