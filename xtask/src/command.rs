//! Running other programs.

use std::{
    env,
    ffi::OsStr,
    io::{self, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
};

/// Why the run ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("`{line}` failed")]
    Command { line: String, code: u8 },
    #[error("could not start `{line}`")]
    Start { line: String, source: io::Error },
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not remove {}", path.display())]
    Remove { path: PathBuf, source: io::Error },
    #[error("`cargo metadata` printed what is not its format")]
    Metadata(#[source] serde_json::Error),
    #[error("the feature {feature} of torii-storage-seaorm lacks its driver, or brings others: {wrong}")]
    Drivers { feature: &'static str, wrong: String },
    #[error("{} is not XML", path.display())]
    Xml { path: PathBuf, source: roxmltree::Error },
}

impl Failure {
    /// The exit code of the program that failed, or 1.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Command { code, .. } => *code,
            _ => 1,
        }
    }
}

/// The cargo that started this program.
pub(crate) fn cargo<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Prints the command line, runs it, and waits for its end. Its output is shown as it comes.
pub(crate) fn run(mut command: Command) -> Result<(), Failure> {
    let line = announce(&command);
    let status = command.status().map_err(|source| Failure::Start { line: line.clone(), source })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Command { line, code: exit_code(status.code()) })
}

/// Like [`run`], and returns what the program wrote to its standard output.
pub(crate) fn capture(mut command: Command) -> Result<Vec<u8>, Failure> {
    let line = announce(&command);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|source| Failure::Start { line: line.clone(), source })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Failure::Command { line, code: exit_code(output.status.code()) })
}

/// Whether the program is there and content; shows nothing. For questions such as `cargo deny --version`.
pub(crate) fn answers(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A program that was ended by a signal has no code; one outside 1 to 255 cannot be handed on.
fn exit_code(code: Option<i32>) -> u8 {
    code.and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1)
}

fn announce(command: &Command) -> String {
    let line = describe(command);
    println!("\n$ {line}");
    // The program writes to the same place; what is buffered here must not come after it.
    io::stdout().flush().ok();
    line
}

/// The command as one would type it.
fn describe(command: &Command) -> String {
    let quoted = |word: &OsStr| {
        let word = word.to_string_lossy();
        if word.contains(' ') { format!("'{word}'") } else { word.into_owned() }
    };

    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        words.push(format!("{}={}", name.to_string_lossy(), quoted(value.unwrap_or_default())));
    }
    let program = PathBuf::from(command.get_program());
    words.push(program.file_name().map_or_else(String::new, quoted));
    words.extend(command.get_args().map(quoted));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command.args(["doc", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(describe(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --workspace");
    }

    #[test]
    fn a_failure_keeps_its_exit_code_and_never_becomes_success() {
        assert_eq!(exit_code(Some(100)), 100);
        assert_eq!(exit_code(Some(0)), 1);
        assert_eq!(exit_code(Some(256)), 1);
        assert_eq!(exit_code(None), 1);
    }

    #[test]
    fn a_missing_program_is_no_answer() {
        assert!(!answers(Command::new("torii-no-such-program")));
    }
}
