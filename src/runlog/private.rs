//! Files that only their owner may read: a run log holds keys of rows, and rows that could not be exported.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

const OTHERS: u32 = 0o007;

/// Makes a directory for the owner alone, and what is missing above it as usual. One that is there is left as it is: it
/// may hold what is not ours.
pub(super) fn directory(path: &Path) -> io::Result<()> {
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).create(above)?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a file for the owner alone, if there is none. From one that is there all others lose their rights; what its
/// group may do was somebody's choice.
pub(super) fn file(path: &Path) -> io::Result<()> {
    match OpenOptions::new().append(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => close(path),
        Err(error) => Err(error),
    }
}

fn close(path: &Path) -> io::Result<()> {
    let mode = std::fs::metadata(path)?.mode() & 0o7777;
    let wanted = mode & !OTHERS;
    if wanted == mode {
        return Ok(());
    }
    match std::fs::set_permissions(path, Permissions::from_mode(wanted)) {
        Ok(()) => {
            tracing::warn!(
                path = %path.display(),
                "all users could read this file of the run log, which holds values of rows: its mode is now {wanted:o}"
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
        assert_eq!(mode(&dir), 0o700);
        let path = dir.join("runlog.sqlite");
        file(&path).expect("made");
        assert_eq!(mode(&path), 0o600);
        for (before, after) in [(0o644, 0o640), (0o666, 0o660), (0o660, 0o660), (0o600, 0o600)] {
            std::fs::set_permissions(&path, Permissions::from_mode(before)).expect("chmod");
            file(&path).expect("there");
            assert_eq!(mode(&path), after, "{before:o}");
        }
        std::fs::set_permissions(&dir, Permissions::from_mode(0o755)).expect("chmod");
        directory(&dir).expect("there");
        assert_eq!(mode(&dir), 0o755, "a directory that is there may hold what is not ours");
    }
}
