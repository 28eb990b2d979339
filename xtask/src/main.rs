//! What CI and contributors run: `cargo xtask <command>`.
//!
//! Every command line is printed before it runs, so that any step can be repeated by hand.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::{env, process::ExitCode};

mod bench;
mod browser;
mod ci;
mod command;
mod drivers;
mod features;
mod junit;
mod matrix;
mod report;
mod servers;
mod test;

use command::{Failure, cargo, run};

const USAGE: &str = "\
cargo xtask <command>

  ci      formatting, lints, documentation, every feature alone, tests, the quickstart, licences
  test    installs what the tests need, runs them all, and prints how every backend keeps the laws
  bench   what a tenant costs, and more; `bench --help` says what there is and takes
  deny    licences, sources and security advisories of all dependencies (needs cargo-deny and a network)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();

    let outcome = match arguments[..] {
        ["ci"] => ci::run_all(),
        ["test"] => test::run_all(),
        ["bench", ref arguments @ ..] => bench::run_all(arguments),
        ["deny"] => run(cargo(["deny", "check"])),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("unknown command: {}\n\n{USAGE}", arguments.join(" "));
            return ExitCode::from(2);
        }
    };

    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report_failure(&failure);
            ExitCode::from(failure.code())
        }
    }
}

fn report_failure(failure: &Failure) {
    eprintln!("\nerror: {failure}");
    let mut cause = std::error::Error::source(failure);
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
}
