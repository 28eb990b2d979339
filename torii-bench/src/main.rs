//! What a tenant costs, how far torii is from its driver, and what a flood of sign-ins does to everybody else.
//!
//! ```sh
//! cargo xtask bench                                    # tenancy, limit and load, with small sizes
//! cargo xtask bench tenancy --tenants 1000 --users 1000000
//! cargo xtask bench limit --databases sqlite,postgres
//! cargo xtask bench load --seconds 30 --json
//! cargo xtask bench sizes                              # bytes per row, which do not depend on the machine
//! cargo xtask bench model --tenants 1000000            # what those bytes come to
//! ```
//!
//! Ways that are compared run in turn, round by round, forwards and then backwards, so that what else the machine does meets all
//! of them. A ratio is one of medians; its spread is what the middle half of the rounds had. Servers are those of
//! `TORII_TEST_POSTGRES_URL` and `TORII_TEST_MYSQL_URL`, or private ones whose data is not made safe on disk: writes there are
//! faster than in production, and their ratios less favourable.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::{error::Error, process::ExitCode};

use clap::Parser as _;

mod args;
mod databases;
mod limit;
mod load;
mod memory;
mod meter;
mod model;
mod report;
mod side;
mod sizes;
mod tenancy;

use args::{Arguments, Command};
use report::Report;

/// What ends a run: it is printed, and nobody has to tell one from another.
type Failure = Box<dyn Error + Send + Sync>;
type Result<T> = std::result::Result<T, Failure>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    for command in arguments.commands() {
        let report = match &command {
            Command::Tenancy(settings) => tenancy::run(settings).await?,
            Command::Limit(settings) => limit::run(settings).await?,
            Command::Load(settings) => load::run(settings).await?,
            Command::Sizes(settings) => sizes::run(settings).await?,
            Command::Model(settings) => model::run(settings),
        };
        show(&report, arguments.json)?;
    }
    Ok(())
}

fn show(report: &Report, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(report)?);
    } else {
        println!("{report}");
    }
    Ok(())
}
