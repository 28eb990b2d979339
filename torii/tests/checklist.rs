//! `docs/security-checklist.md` names tests that exist.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The names of all functions in the Rust files below a directory.
fn functions_below(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            functions_below(&path, names);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let name = |rest: &str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned);
            names.extend(text.split("fn ").skip(1).filter_map(name));
        }
    }
}

#[test]
fn every_test_that_the_checklist_names_exists() {
    let checklist = fs::read_to_string(repository().join("docs/security-checklist.md")).unwrap();
    let mut functions = BTreeSet::new();
    functions_below(&repository(), &mut functions);
    let mut rows = 0;
    for row in checklist.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let [_, id, defect, answer, _] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
        if id.trim().starts_with('-') || id.trim() == "row" {
            continue;
        }
        assert!(!defect.trim().is_empty() && !answer.trim().is_empty(), "{row}");
        for name in answer.split('`').skip(1).step_by(2) {
            assert!(functions.contains(name), "row {} names `{name}`, which is no test", id.trim());
        }
        rows += 1;
    }
    assert_eq!(rows, 13 + 8 + 8 + 7 + 10 + 1 + 4 + 6 + 2 + 11 + 13);
}
