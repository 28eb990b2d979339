//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::model::Model;

/// What a tenant costs, how far torii is from its driver, and what a flood of sign-ins does to everybody else.
#[derive(Debug, Parser)]
#[command(name = "torii-bench", max_term_width = 100)]
pub(crate) struct Arguments {
    /// Answers with one JSON object per line, for each command that ran
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

impl Arguments {
    /// What is to run: what was asked for, or everything that takes time.
    pub(crate) fn commands(&self) -> Vec<Command> {
        match &self.command {
            Some(command) => vec![command.clone()],
            None => vec![
                Command::Tenancy(Comparing::default()),
                Command::Limit(Comparing::default()),
                Command::Load(Loading::default()),
            ],
        }
    }
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Every cheap operation in a tenant against the same call without one, and `with_tenant` itself
    Tenancy(Comparing),
    /// The session check against the bare prepared statement in the same driver
    Limit(Comparing),
    /// Session checks alone and in a flood of sign-ins, on SQLite
    Load(Loading),
    /// Bytes per row of every table, indexes included
    Sizes(Sizing),
    /// What many tenants of very different sizes come to: rows, bytes, index depth, statements per node
    Model(Model),
}

/// An engine, through the storage crate that serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Database {
    /// A file with a write-ahead log, through sqlx
    Sqlite,
    /// Through sqlx, with row-level security and without
    Postgres,
    /// MariaDB or MySQL, through SeaORM
    Mariadb,
}

#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct Comparing {
    /// Tenants beside the default one. One of them, and the default one, are asked
    #[arg(long, default_value_t = Self::default().tenants, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) tenants: u32,
    /// Users of all tenants together, each with a session
    #[arg(long, default_value_t = Self::default().users, value_parser = clap::value_parser!(u32).range(2..=50_000_000))]
    pub(crate) users: u32,
    /// How often each way has its turn. One turn more is not counted
    #[arg(long, default_value_t = Self::default().rounds, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rounds: u32,
    /// Calls in one turn. With few, connections are still new in what is counted: each prepares its statements
    #[arg(long, default_value_t = Self::default().calls, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) calls: u32,
    /// Which engines
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgres,mariadb")]
    pub(crate) databases: Vec<Database>,
}

impl Default for Comparing {
    fn default() -> Self {
        let databases = vec![Database::Sqlite, Database::Postgres, Database::Mariadb];
        Self { tenants: 1000, users: 20_020, rounds: 20, calls: 200, databases }
    }
}

#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct Loading {
    /// How long each phase lasts
    #[arg(long, default_value_t = Self::default().seconds, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,
    /// How often checks are measured alone and then in a flood
    #[arg(long, default_value_t = Self::default().rounds, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Session checks per second, whether or not earlier ones are answered
    #[arg(long, default_value_t = Self::default().checks, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) checks: u32,
    /// Sign-ins per second, whether or not earlier ones are answered
    #[arg(long, default_value_t = Self::default().sign_ins, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) sign_ins: u32,
    /// After how many milliseconds in the queue a sign-in is answered "busy". The library's own default is 30 seconds
    #[arg(long, default_value_t = Self::default().max_wait, value_parser = clap::value_parser!(u32).range(1..=600_000))]
    pub(crate) max_wait: u32,
}

impl Default for Loading {
    fn default() -> Self {
        Self { seconds: 5, rounds: 2, checks: 500, sign_ins: 100, max_wait: 1000 }
    }
}

#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct Sizing {
    /// Tenants beside the default one
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) tenants: u32,
    /// Users of all tenants together, each with a session
    #[arg(long, default_value_t = 200_200, value_parser = clap::value_parser!(u32).range(2..=50_000_000))]
    pub(crate) users: u32,
    /// Which engines
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgres,mariadb")]
    pub(crate) databases: Vec<Database>,
}
