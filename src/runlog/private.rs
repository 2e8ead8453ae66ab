//! Files that only their owner may read: a run log holds keys of rows, and rows that could not be exported.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

const GROUP_WRITES: u32 = 0o020;
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;

/// Makes a directory, and what is missing above it, for the owner alone. One of ours that is there and open to others
/// is closed to them; one that others made is left as it is.
pub(super) fn directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let is_ours = path.file_name().is_some_and(|name| name == "lakexpress" || name == "unrecorded");
    if is_ours { close(path, "directory") } else { Ok(()) }
}

/// Makes a file for the owner alone, if there is none. One that is there and open to others is closed to them.
pub(super) fn file(path: &Path) -> io::Result<()> {
    match OpenOptions::new().append(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => close(path, "file"),
        Err(error) => Err(error),
    }
}

/// Takes from others the rights on what is ours, and says so. A group that may write shares it on purpose.
fn close(path: &Path, what: &str) -> io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    let mode = metadata.mode() & 0o7777;
    let wanted = if mode & GROUP_WRITES == 0 { mode & !(GROUP | OTHERS) } else { mode & !OTHERS };
    if wanted == mode {
        return Ok(());
    }
    match std::fs::set_permissions(path, Permissions::from_mode(wanted)) {
        Ok(()) => {
            tracing::warn!(
                path = %path.display(),
                "other users could read this {what} of the run log, which holds values of rows: its mode is now {wanted:o}"
            );
            Ok(())
        }
        // It is another user's, who decides about it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_to_others_is_closed() {
        let temp = tempfile::tempdir().expect("temporary directory");
        let mode = |path: &Path| std::fs::metadata(path).expect("metadata").mode() & 0o777;
        let dir = temp.path().join("state/lakexpress");
        directory(&dir).expect("made");
        assert_eq!((mode(&dir), mode(&temp.path().join("state"))), (0o700, 0o700));
        let path = dir.join("runlog.sqlite");
        file(&path).expect("made");
        assert_eq!(mode(&path), 0o600);
        for (before, after) in
            [(0o644, 0o600), (0o666, 0o660), (0o660, 0o660), (0o600, 0o600), (0o664, 0o660)]
        {
            std::fs::set_permissions(&path, Permissions::from_mode(before)).expect("chmod");
            file(&path).expect("there");
            assert_eq!(mode(&path), after, "{before:o}");
        }
        std::fs::set_permissions(&dir, Permissions::from_mode(0o755)).expect("chmod");
        directory(&dir).expect("there");
        assert_eq!(mode(&dir), 0o700);
        let other = temp.path().join("shared");
        std::fs::create_dir(&other).expect("mkdir");
        std::fs::set_permissions(&other, Permissions::from_mode(0o755)).expect("chmod");
        directory(&other).expect("there");
        assert_eq!(mode(&other), 0o755, "a directory that is not ours");
    }
}
