//! `cargo xtask test`: everything that is tested, with one command.

use crate::{
    browser,
    command::{Failure, answers, cargo, run},
    features::Workspace,
    junit::{self, Outcome},
    matrix::Matrix,
    servers,
};

/// Runs all tests and shows the matrix of laws.
pub(crate) fn run_all() -> Result<(), Failure> {
    run_with(&Workspace::read()?.everything())
}

/// Runs all tests with these feature arguments. Documentation tests run, and the matrix is shown, even if a test failed; the
/// first failure is returned.
pub(crate) fn run_with(features: &[String]) -> Result<(), Failure> {
    if !answers(cargo(["nextest", "--version"])) {
        run(cargo(["install", "cargo-nextest", "--locked"]))?;
    }

    servers::install_missing()?;
    browser::install_missing()?;

    junit::forget()?;
    let mut tests = cargo(["nextest", "run", "--workspace", "--no-fail-fast", "--profile", junit::PROFILE]);
    tests.args(features);
    let tests = run(tests);
    let Some(outcomes) = junit::read()? else {
        return tests;
    };

    let mut doc_tests = cargo(["test", "--workspace", "--doc"]);
    doc_tests.args(features);
    let doc_tests = run(doc_tests);

    println!("\n{}\n{}", Matrix::new(&outcomes), total(&outcomes));
    tests.and(doc_tests)
}

fn total(outcomes: &[Outcome]) -> String {
    let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
    format!("tests: {passed} passed, {} failed", outcomes.len() - passed)
}
