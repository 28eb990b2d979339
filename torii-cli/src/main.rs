//! The command `torii`. README.md says what it does and what its answers look like.

#[cfg(not(any(feature = "mysql", feature = "postgres", feature = "sqlite")))]
compile_error!("torii-cli needs one of its features mysql, postgres and sqlite");

mod args;
mod commands;
mod database;
mod exit;
mod failure;
mod output;
mod problem;
mod redact;
mod schema;
mod target;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    args::{Arguments, Command},
    exit::Exit,
    failure::Failure,
    output::{Answer, Output},
    target::Target,
};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return output::usage(&error).into(),
    };
    let output = Output::new(&arguments);
    // One thread: everything is a statement at a time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let exit = match runtime {
        Ok(runtime) => runtime.block_on(run(&arguments, &output)),
        Err(source) => output.failed(arguments.command.name(), None, &Failure::Runtime { source }),
    };
    exit.into()
}

async fn run(arguments: &Arguments, output: &Output) -> Exit {
    let command = arguments.command.name();
    let target = match Target::new(arguments) {
        Ok(target) => target,
        Err(failure) => return output.failed(command, None, &failure),
    };
    let answer: Result<Box<dyn Answer>, Failure> = match &arguments.command {
        Command::Migrate(options) => commands::migrate::run(&target, options, output).await,
        Command::Status => commands::status::run(&target).await,
        Command::Verify(options) => commands::verify::run(&target, options).await,
        Command::Rollback(options) => commands::rollback::run(&target, options).await,
    };
    match answer {
        Ok(answer) => output.answer(command, &target, answer.as_ref()),
        Err(failure) => output.failed(command, Some(&target), &failure),
    }
}
