//! Whether a disk takes two names for one. Disks differ, and on some each directory does.

use std::fs;
use std::io::ErrorKind as IoKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::folder::io_error;
use crate::error::Result;

/// Whether the directories `first` and `second` below `base`, which need not be there, are two.
pub(super) fn are_kept(base: &Path, first: &str, second: &str) -> Result<bool> {
    let (there, other) = (base.join(first), base.join(second));
    if let (Ok(one), Ok(two)) = (fs::metadata(&there), fs::metadata(&other)) {
        let same = (one.dev(), one.ino()) == (two.dev(), two.ino());
        return Ok(!same && are_two_directories(&there, &other)?);
    }
    let (mut one, mut two) = (first.split('/'), second.split('/'));
    let mut place = base.to_path_buf();
    loop {
        match (one.next(), two.next()) {
            (None, None) => return Ok(false),
            (Some(a), Some(b)) => {
                if a != b && are_two_names(&place, a, b)? {
                    return Ok(true);
                }
                place.push(a);
            }
            _ => return Ok(true),
        }
    }
}

/// Whether what is made in one directory is not in the other: file systems of other computers may give the same directory
/// two numbers.
fn are_two_directories(one: &Path, other: &Path) -> Result<bool> {
    let name = format!(".lakexpress-names-{}", uuid::Uuid::new_v4().simple());
    let (probe, seen) = (one.join(&name), other.join(&name));
    let failed = |error| io_error("cannot make a directory to try names in", &probe, error);
    fs::create_dir(&probe).map_err(failed)?;
    let found = is_free(&seen);
    remove(&probe);
    found.map_err(failed)
}

/// Whether nothing has the name `path`.
fn is_free(path: &Path) -> std::io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == IoKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) {
    match fs::remove_dir(path) {
        Err(error) if error.kind() != IoKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "an empty directory was not removed");
        }
        _ => {}
    }
}

/// Whether `a` and `b` are two names in the directory `place`, or will be when it is made. A new directory takes after
/// the one that it is made in.
fn are_two_names(place: &Path, a: &str, b: &str) -> Result<bool> {
    let there = place.ancestors().find(|above| above.is_dir()).unwrap_or(place);
    let random = uuid::Uuid::new_v4().simple().to_string();
    let probe = there.join(format!(".lakexpress-names-{random}"));
    let failed = |path: &Path, error| io_error("cannot make a directory to try names in", path, error);
    fs::create_dir(&probe).map_err(|error| failed(&probe, error))?;
    let (made, other) = (probe.join(a), probe.join(b));
    let found = fs::create_dir(&made).and_then(|()| is_free(&other));
    remove(&made);
    remove(&probe);
    found.map_err(|error| failed(&made, error))
}
