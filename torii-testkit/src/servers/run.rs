//! Which tests share a server.

use std::{
    env,
    fs::{self, DirBuilder, File},
    os::unix::{
        fs::{DirBuilderExt as _, MetadataExt as _},
        process::parent_id,
    },
    path::{Path, PathBuf},
    process,
};

use uuid::Uuid;

use super::{
    programs::{self, Account},
    supervisor,
};

/// The tests that share a server: those of one run of nextest, which starts a process for each, or those of this process.
struct TestRun {
    name: String,
    /// The process that outlives the tests.
    watched: u32,
}

impl TestRun {
    fn current() -> Self {
        match env::var("NEXTEST_RUN_ID") {
            Ok(id) => Self { name: short(&id), watched: parent_id() },
            Err(_) => Self { name: short(&Uuid::new_v4().simple().to_string()), watched: process::id() },
        }
    }

    /// Where the run keeps what it shares. A short path: the name of a socket has at most about 100 bytes.
    fn folder(&self, engine: &str) -> PathBuf {
        env::temp_dir().join(format!("torii-{engine}-{}", self.name))
    }
}

fn short(id: &str) -> String {
    id.chars().filter(char::is_ascii_alphanumeric).take(12).collect()
}

/// An empty folder for a server's files, and the account that it is to run as.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    /// `None` for the account of this process. Servers refuse to run as root.
    pub(super) account: Option<Account>,
}

impl Place {
    /// Where the server must write its process id.
    pub(super) fn pid_file(&self) -> PathBuf {
        self.folder.join(supervisor::PID_FILE)
    }
}

/// The address of the run's server. Whoever asks first starts it, the others wait for them.
///
/// # Panics
/// If it cannot be started.
pub(super) fn shared(engine: &str, start: impl FnOnce(&Place) -> String) -> String {
    let run = TestRun::current();
    let folder = run.folder(engine);
    passable(&folder);

    // The kernel gives a lock back when its process ends, however it ends.
    let lock = File::create(folder.join("lock")).expect("a file in a temporary folder can be made");
    lock.lock().expect("a file in a temporary folder can be locked");
    let address = folder.join("address");
    if let Ok(address) = fs::read_to_string(&address) {
        return address;
    }
    supervisor::watch(run.watched, &folder);
    let url = start(&place(engine, &folder));
    // Renamed, so that it is there as a whole or not at all.
    let unfinished = folder.join("address.new");
    fs::write(&unfinished, &url).expect("a file in a temporary folder can be written");
    fs::rename(&unfinished, &address).expect("a file in a temporary folder can be renamed");
    url
}

/// A place for a server that this process shares with nobody. It ends soon after the process, if it was not ended before.
///
/// # Panics
/// If there is none.
pub(super) fn private(engine: &str) -> Place {
    let name = short(&Uuid::new_v4().simple().to_string());
    let folder = env::temp_dir().join(format!("torii-{engine}-{name}"));
    passable(&folder);
    supervisor::watch(process::id(), &folder);
    place(engine, &folder)
}

/// Makes a folder that others may pass through, to what is theirs inside.
fn passable(folder: &Path) {
    DirBuilder::new().recursive(true).mode(0o711).create(folder).expect("a temporary folder can be made");
}

/// A folder of its own for each try: one that died may have left its files.
fn place(engine: &str, folder: &Path) -> Place {
    let own = folder.join(process::id().to_string());
    DirBuilder::new().mode(0o700).create(&own).expect("a temporary folder can be made");
    let is_root = fs::metadata(&own).expect("a temporary folder can be examined").uid() == 0;
    let account = is_root.then(|| programs::unprivileged_account(engine));
    if let Some(account) = &account {
        std::os::unix::fs::chown(&own, Some(account.user), Some(account.group)).expect("root may give a folder away");
    }
    Place { folder: own, account }
}
