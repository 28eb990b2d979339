//! Runs the benchmarks of `torii-bench`, built as applications are.

use crate::command::{Failure, cargo, run};

/// Passes `arguments` on; `--help` among them says what there is.
pub(crate) fn run_all(arguments: &[&str]) -> Result<(), Failure> {
    let mut command = cargo(["run", "--release", "--quiet", "--package", "torii-bench", "--"]);
    command.args(arguments);
    run(command)
}
