//! Ending servers when nobody needs them any more.

use std::{
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
};

/// Where a server writes its process id, in its folder.
pub(super) const PID_FILE: &str = "server.pid";

/// `$1` is the process to watch, `$2` the folder that holds the servers' folders. A process that ended but that nobody has
/// asked about still has its number. A number may have been given to another process: only one whose command line names the
/// folder is a server of it.
const SCRIPT: &str = r#"
trap '' HUP INT
alive() {
    kill -0 "$1" 2>/dev/null || return 1
    case "$(cat "/proc/$1/stat" 2>/dev/null)" in *") Z "*) return 1 ;; esac
}
command_line() {
    if [ -r "/proc/$1/cmdline" ]; then tr '\0' ' ' < "/proc/$1/cmdline"; else ps -o command= -p "$1"; fi
}
is_server() {
    case "$(command_line "$1" 2>/dev/null)" in *"$2"*) return 0 ;; *) return 1 ;; esac
}
while alive "$1"; do sleep 1; done
for file in "$2"/*/server.pid; do
    read -r server 2>/dev/null < "$file" || continue
    is_server "$server" "$2" || continue
    kill -QUIT "$server"
    tries=0
    while alive "$server" && [ "$tries" -lt 10 ]; do
        sleep 1
        tries=$((tries + 1))
    done
done
rm -rf "$2"
"#;

/// Starts a process that waits for the end of the process `watched`, then ends the servers in `folder` and removes it. It
/// needs nothing of this process: tests panic, and are killed.
#[expect(clippy::zombie_processes, reason = "it outlives this process, that is what it is for")]
pub(super) fn watch(watched: u32, folder: &Path) {
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, "torii-test-server"]).arg(watched.to_string()).arg(folder);
    // A group of its own: an interrupt at the terminal is for the tests. And nothing of the tests' output is held open.
    shell.process_group(0).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.spawn().expect("a shell can be started");
}
