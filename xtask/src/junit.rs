//! The results that nextest leaves behind as JUnit XML; `.config/nextest.toml` says where.

use std::{fs, io::ErrorKind, path::PathBuf};

use crate::command::Failure;

/// The nextest profile that writes the report. A profile of its own, so that `cargo nextest run` beside it does not overwrite it.
pub(crate) const PROFILE: &str = "xtask";

/// One test that ran.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The test binary: `torii-core` for unit tests, `torii-testkit::laws` for an integration test.
    pub(crate) binary: String,
    /// The path of the test inside its binary.
    pub(crate) test: String,
    pub(crate) passed: bool,
}

/// Removes the results of an earlier run, so that they are never taken for those of this one.
pub(crate) fn forget() -> Result<(), Failure> {
    let path = path();
    match fs::remove_file(&path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(Failure::Remove { path, source }),
        _ => Ok(()),
    }
}

/// The results, or `None` if no test ran, because the build failed for example.
pub(crate) fn read() -> Result<Option<Vec<Outcome>>, Failure> {
    let path = path();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Failure::Read { path, source }),
    };
    parse(&text).map(Some).map_err(|source| Failure::Xml { path, source })
}

/// Below the workspace root even when `CARGO_TARGET_DIR` points elsewhere.
fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "target", "nextest", PROFILE, "junit.xml"].iter().collect()
}

fn parse(text: &str) -> Result<Vec<Outcome>, roxmltree::Error> {
    let document = roxmltree::Document::parse(text)?;
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let outcomes = cases.map(|case| Outcome {
        binary: case.attribute("classname").unwrap_or_default().to_owned(),
        test: case.attribute("name").unwrap_or_default().to_owned(),
        // A test that could not be started, or was ended because it hung, has an `error` or a `failure` too.
        passed: !case.children().any(|child| child.has_tag_name("failure") || child.has_tag_name("error")),
    });
    Ok(outcomes.collect())
}

#[cfg(test)]
mod tests;
