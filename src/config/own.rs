//! Files that only this user, and the system's administrator, can have written.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::secret;

/// Whether what stands at `path` was written by this user or by root, and nobody else can change it: neither the file nor
/// its directory, and of a link neither the link nor what it leads to.
pub fn is_own(path: &Path) -> bool {
    let target = std::fs::canonicalize(path);
    is_own_there(path) && target.is_ok_and(|target| is_own_there(&target))
}

fn is_own_there(path: &Path) -> bool {
    // Where the system does not say who this is, the owner is not looked at.
    let user = std::fs::metadata("/proc/self").map(|this| this.uid()).ok();
    let own = |path: &Path, others: u32| {
        std::fs::metadata(path).is_ok_and(|found| {
            let owner = found.uid();
            (owner == 0 || user.is_none_or(|user| user == owner)) && found.mode() & others == 0
        })
    };
    // Whoever can write the directory can put another file there, unless its sticky bit keeps others' files in place:
    // then the file's owner tells.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let sticky = std::fs::metadata(directory).is_ok_and(|found| found.mode() & 0o1000 != 0);
    own(path, 0o022) && (sticky || own(directory, 0o022))
}

/// The text of a file; `None` if others could have written it.
///
/// # Errors
/// It cannot be read.
pub fn read(path: &Path) -> std::io::Result<Option<String>> {
    let text = std::fs::read_to_string(path)?;
    Ok(is_own(path).then_some(text))
}

/// The content of a file of secrets, called `what` in the warning that others may read it.
///
/// # Errors
/// It cannot be read.
pub fn read_secret(what: &str, path: &Path) -> std::io::Result<Vec<u8>> {
    let content = std::fs::read(path)?;
    secret::warn_if_others_may_read(what, path);
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_others_can_write_is_not_own() {
        let temp = tempfile::tempdir().expect("temporary directory");
        let path = temp.path().join("auth.json");
        std::fs::write(&path, "{}").expect("written");
        for (file, directory, own) in [
            (0o600, 0o700, true),
            (0o644, 0o755, true),
            (0o664, 0o755, false),
            (0o646, 0o755, false),
            (0o600, 0o775, false),
            (0o600, 0o1777, true),
        ] {
            std::fs::set_permissions(&path, Permissions::from_mode(file)).expect("chmod");
            std::fs::set_permissions(temp.path(), Permissions::from_mode(directory)).expect("chmod");
            assert_eq!(is_own(&path), own, "{file:o} in {directory:o}");
        }
        assert!(!is_own(&temp.path().join("none")));
    }
}
