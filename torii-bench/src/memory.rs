//! How much memory this process has.

use std::fs;

/// Resident memory in MiB, as the kernel counts it. `None` on systems without `/proc`.
pub(crate) fn resident_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}
