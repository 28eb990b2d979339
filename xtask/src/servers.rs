//! The database servers that tests start.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::command::{Failure, run};

/// Installs PostgreSQL and MariaDB with the system's package manager, unless they are installed. PostgreSQL even where tests were
/// told of a running one: those that stop their server need one of their own. Where nothing can be installed the tests say
/// what is missing.
pub(crate) fn install_missing() -> Result<(), Failure> {
    let missing = missing();
    if missing.is_empty() || !may_install() {
        return Ok(());
    }
    install(&missing)
}

/// Installs packages with Debian's package manager.
pub(crate) fn install(packages: &[&str]) -> Result<(), Failure> {
    let mut update = Command::new("apt-get");
    update.arg("update");
    run(update)?;
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    run(install)
}

/// The packages of the servers that tests lack.
fn missing() -> Vec<&'static str> {
    let nowhere = Path::new("/nowhere");
    let postgres = is_installed("initdb", Path::new("/usr/lib/postgresql"));
    let mysql = env::var_os("TORII_TEST_MYSQL_URL").is_some()
        || ["mariadbd", "mysqld"]
            .into_iter()
            .any(|server| is_installed(server, nowhere) || Path::new("/usr/sbin").join(server).is_file());
    [(postgres, "postgresql"), (mysql, "mariadb-server")]
        .into_iter()
        .filter_map(|(is_there, package)| (!is_there).then_some(package))
        .collect()
}

/// Whether a program is in `PATH`, or in the `bin` folder of a version below `installations`.
pub(crate) fn is_installed(program: &str, installations: &Path) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir(installations).into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    env::split_paths(&path).chain(versions).any(|folder: PathBuf| folder.join(program).is_file())
}

/// Debian's package manager is there, and this is its administrator: only root can read what belongs to root alone.
pub(crate) fn may_install() -> bool {
    is_installed("apt-get", Path::new("/nowhere")) && fs::read_dir("/root").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_the_path() {
        assert!(is_installed("cargo", Path::new("/nowhere")) || is_installed("rustc", Path::new("/nowhere")));
        assert!(!is_installed("no-such-program", Path::new("/nowhere")));
    }
}
