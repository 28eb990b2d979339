//! Each database of `torii-storage-seaorm` brings its own driver and no other.

use crate::command::{Failure, capture, cargo};

const PACKAGE: &str = "torii-storage-seaorm";
/// The feature, and the crates that it brings.
const DRIVERS: [(&str, &[&str]); 3] =
    [("mysql", &["sqlx-mysql"]), ("postgres", &["sqlx-postgres"]), ("sqlite", &["sqlx-sqlite", "libsqlite3-sys"])];

/// Asks cargo what each feature depends on.
pub(crate) fn check() -> Result<(), Failure> {
    for (feature, _) in DRIVERS {
        let tree = capture(cargo([
            "tree",
            "--package",
            PACKAGE,
            "--no-default-features",
            "--features",
            feature,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]))?;
        let wrong = wrong_drivers(feature, &String::from_utf8_lossy(&tree));
        if !wrong.is_empty() {
            return Err(Failure::Drivers { feature, wrong: wrong.join(", ") });
        }
    }
    Ok(())
}

/// The drivers that are in a tree and should not, or should be and are not. Each line begins with the name of a crate.
fn wrong_drivers(feature: &str, tree: &str) -> Vec<&'static str> {
    let has = |driver: &str| tree.lines().any(|line| line.split(' ').next() == Some(driver));
    let all = DRIVERS.iter().flat_map(|(name, drivers)| drivers.iter().map(move |driver| (*name, *driver)));
    all.filter(|(name, driver)| has(driver) != (*name == feature)).map(|(_, driver)| driver).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_driver_and_a_missing_one_are_wrong() {
        let tree = "torii-storage-seaorm v0.6.0 (/somewhere)\nsqlx-mysql v0.9.0\nsqlx v0.9.0\n";
        assert!(wrong_drivers("mysql", tree).is_empty());
        assert_eq!(wrong_drivers("postgres", tree), ["sqlx-mysql", "sqlx-postgres"]);
    }
}
