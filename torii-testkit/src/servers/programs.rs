//! The installed programs, and whom they run as.

use std::{
    env, fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
#[cfg(feature = "mysql-server")]
use std::{fs::File, process::Child};

use super::run::Place;

/// An account of this machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: u32,
    pub(super) group: u32,
}

/// An account without rights that a server can run as: the one that is named after the engine, if it is there.
pub(super) fn unprivileged_account(engine: &str) -> Account {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    [engine, "nobody"].into_iter().find_map(|name| account(&accounts, name)).unwrap_or_else(|| {
        panic!("a database server does not run as root, and there is no account `{engine}` or `nobody`")
    })
}

/// The account of this name, in the format of `/etc/passwd`.
fn account(accounts: &str, name: &str) -> Option<Account> {
    let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some(Account { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
}

/// The folder that holds all of `programs`: one of `PATH`, or the newest of `<installations>/<version>/bin`, as
/// distributions install several versions beside each other.
#[cfg(feature = "postgres-server")]
pub(super) fn find(programs: &[&str], installations: &Path) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let has_all = |folder: &PathBuf| programs.iter().all(|program| folder.join(program).is_file());
    env::split_paths(&path).chain(versions(installations)).find(has_all)
}

/// A program in `PATH`, or in one of the other folders: not everybody's `PATH` names those of servers.
#[cfg(feature = "mysql-server")]
pub(super) fn find_one(program: &str, others: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(others.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|program| program.is_file())
}

/// The newest comes first.
#[cfg(feature = "postgres-server")]
fn versions(installations: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(installations).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// Runs a program of a server in its place, and waits for its end.
///
/// # Panics
/// With what it wrote, if it fails.
pub(super) fn run(place: &Place, mut command: Command) {
    prepare(place, &mut command);
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Starts a server that stays in the foreground, and outlives this process. What it writes goes into the file `log`.
///
/// # Panics
/// If it cannot be started.
#[cfg(feature = "mysql-server")]
pub(super) fn start(place: &Place, mut command: Command, log: &Path) -> Child {
    prepare(place, &mut command);
    let log = File::create(log).expect("a file in a temporary folder can be made");
    command.stderr(log.try_clone().expect("a file can be opened twice")).stdout(log);
    command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"))
}

/// No group of its own would mean that an interrupt at the terminal reaches the server. The folder the tests run in may be
/// closed to the account.
fn prepare(place: &Place, command: &mut Command) {
    command.process_group(0).current_dir(&place.folder).stdin(Stdio::null());
    if let Some(account) = &place.account {
        command.gid(account.group).uid(account.user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts = "postgresql:x:7:8::/:/bin/sh\npostgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(account(accounts, "postgres"), Some(Account { user: 101, group: 104 }));
        assert_eq!(account(accounts, "nobody"), None);
    }

    #[cfg(feature = "postgres-server")]
    #[test]
    fn programs_that_are_not_installed_are_not_found() {
        assert_eq!(find(&["sh", "torii-no-such-program"], Path::new("/usr/lib/torii-no-such-folder")), None);
        assert!(find(&["sh"], Path::new("/usr/lib/torii-no-such-folder")).is_some());
    }

    #[cfg(feature = "mysql-server")]
    #[test]
    fn a_program_is_found_in_the_path_and_elsewhere() {
        assert_eq!(find_one("torii-no-such-program", &["/etc"]), None);
        assert!(find_one("sh", &[]).is_some());
        assert_eq!(find_one("passwd", &["/torii-no-such-folder", "/etc"]).unwrap().file_name().unwrap(), "passwd");
    }

    #[cfg(feature = "postgres-server")]
    #[test]
    fn the_newest_version_comes_first() {
        let folder = env::temp_dir().join(format!("torii-versions-{}", std::process::id()));
        for version in ["9", "15", "common", "16"] {
            fs::create_dir_all(folder.join(version)).unwrap();
        }
        let found = versions(&folder);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, ["16", "15", "9"].map(|version| folder.join(version).join("bin")));
    }
}
