//! `cargo xtask ci`: everything a change must pass, cheapest first.

use crate::{
    command::{Failure, answers, cargo, run},
    drivers,
    features::Workspace,
    report::Report,
    test,
};

/// Runs the steps until one fails, and says how each ended.
pub(crate) fn run_all() -> Result<(), Failure> {
    let mut report = Report::default();
    let outcome = steps(&mut report);
    print!("\n{report}");
    outcome
}

fn steps(report: &mut Report) -> Result<(), Failure> {
    report.step("format", || run(cargo(["fmt", "--all", "--check"])))?;

    let workspace = Workspace::read()?;
    let features = workspace.everything();
    for feature in workspace.left_out() {
        report.note(format!("{feature} was left out: it needs OpenSSL's headers and pkg-config"));
    }

    report.step("clippy", || {
        let mut clippy = cargo(["clippy", "--workspace", "--all-targets"]);
        clippy.args(&features).args(["--", "-D", "warnings"]);
        run(clippy)
    })?;

    report.step("documentation", || {
        let mut doc = cargo(["doc", "--workspace", "--no-deps"]);
        doc.args(&features).env("RUSTDOCFLAGS", "-D warnings");
        run(doc)
    })?;

    report.step("features", || workspace.sets().into_iter().map(cargo).try_for_each(run))?;
    report.step("drivers", drivers::check)?;
    report.step("tests", || test::run_with(&features))?;
    report.step("quickstart", || run(cargo(["run", "-p", "quickstart"])))?;

    if answers(cargo(["deny", "--version"])) {
        // Advisories need a database from the network: `cargo xtask deny`.
        report.step("licences", || run(cargo(["deny", "check", "licenses", "bans", "sources"])))?;
    } else {
        report.note("licences and sources were not checked: cargo-deny is not installed".to_owned());
    }
    Ok(())
}
