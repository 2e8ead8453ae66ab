//! Files of secrets that others may read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Warns, once in a process, of a file that other users may read. `what` is its name in messages: `the auth file`.
///
/// As libpq, which refuses such keys: what root owns may be read by a group, because root gave it to that group.
#[cfg(unix)]
pub fn warn_if_others_may_read(what: &str, path: &Path) {
    static WARNED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    if let Some(warning) = readable_by_others(what, path)
        && WARNED.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned())
    {
        tracing::warn!("{warning}");
    }
}

/// The warning of [`warn_if_others_may_read`], for those who write it later.
#[cfg(unix)]
pub fn readable_by_others(what: &str, path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    let mode = metadata.mode() & 0o777;
    // A directory's rights are not those of what is in it; a pipe has no others.
    if !metadata.is_file() || mode & forbidden == 0 {
        return None;
    }
    Some(format!(
        "{what} {} can be read by other users (mode {mode:03o}); chmod 600 keeps its secrets private",
        path.display()
    ))
}

/// There are no modes.
#[cfg(not(unix))]
pub fn warn_if_others_may_read(_what: &str, _path: &Path) {}

/// There are no modes.
#[cfg(not(unix))]
pub fn readable_by_others(_what: &str, _path: &Path) -> Option<String> {
    None
}
