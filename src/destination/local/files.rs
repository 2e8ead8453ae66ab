//! Blocking file work: make, sync, rename, read, list, remove; and what its errors mean to a user.

use std::fs::{self, File};
use std::io::{ErrorKind as IoKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use bytes::Bytes;

use super::super::{DOCUMENT_BYTES, PendingUpload, StoredObject, too_large};
use super::folder::{Folder, Kind};
use crate::error::{Error, Result};
use crate::spec::layout::is_hive;

const TEMPORARY_SUFFIX: &str = ".tmp";
const RANDOM_DIGITS: usize = 16;
const READ_BLOCK: usize = 1 << 20;

/// Runs file work on a thread that may wait for the disk.
pub(super) async fn blocking<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal("file work ended early").caused_by(error)),
    }
}

/// Bytes that may still be written at `path`, which is there or will be made.
pub(super) fn free_bytes(path: &Path) -> Result<u64> {
    let there = path.ancestors().find(|place| place.exists()).unwrap_or(path);
    let stat = rustix::fs::statvfs(there)
        .map_err(|error| io_error("cannot ask for free space", there, error.into()))?;
    Ok(stat.f_bavail * stat.f_frsize)
}

/// What an I/O error means: kind, message, path and remedy.
pub(super) fn io_error(action: &str, path: &Path, error: std::io::Error) -> Error {
    let ours = match error.kind() {
        IoKind::PermissionDenied => Error::denied(format!("{action}: permission denied"))
            .hint("give this user the right to write there, or choose another --output-dir"),
        IoKind::ReadOnlyFilesystem => Error::denied(format!("{action}: the file system is read-only"))
            .hint("choose another --output-dir, or mount the file system for writing"),
        IoKind::NotFound => Error::unavailable(format!("{action}: it is not there and cannot be made")).hint(
            "choose another --output-dir, one below a directory in which this user may make directories",
        ),
        IoKind::StorageFull | IoKind::QuotaExceeded => Error::unavailable(format!("{action}: no space left"))
            .hint("free space or raise the quota there, or choose another --output-dir"),
        IoKind::NotADirectory => Error::config(format!("{action}: something on its path is not a directory"))
            .hint("name a directory in --output-dir"),
        IoKind::InvalidFilename => {
            Error::config(format!("{action}: the name is too long or not allowed here"))
                .hint("choose a shorter --output-dir, or a file system that takes such names")
        }
        _ => Error::unavailable(action),
    };
    ours.with("path", path.display()).caused_by(error)
}

/// A name beside the target that readers ignore and that nobody else has.
pub(super) fn temporary_name(target: &str) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!(".{target}.{}{TEMPORARY_SUFFIX}", &random[..RANDOM_DIGITS])
}

/// The name that a temporary file is to have; none if `name` is not that of a temporary file.
pub(super) fn target_name(name: &str) -> Option<&str> {
    let inner = name.strip_prefix('.')?.strip_suffix(TEMPORARY_SUFFIX)?;
    let (target, random) = inner.rsplit_once('.')?;
    let made_here = random.len() == RANDOM_DIGITS && random.bytes().all(|b| b.is_ascii_hexdigit());
    (made_here && !target.is_empty() && !target.contains(['/', '\\', '\0'])).then_some(target)
}

/// Creates a new temporary file in `folder` for the file `target`.
pub(super) fn create_temporary(folder: &Folder, target: &str) -> Result<(String, File)> {
    let temporary = temporary_name(target);
    let file = folder.new_file(&temporary)?;
    Ok((temporary, file))
}

/// The error when a name on the way to `path` is a link to what is not there: nothing can be made in its place.
pub(super) fn no_dangling_link(path: &Path) -> Result<()> {
    let is_link = |name: &&Path| fs::symlink_metadata(name).is_ok_and(|found| found.is_symlink());
    for link in path.ancestors().filter(is_link) {
        let Err(error) = fs::metadata(link) else { continue };
        let target = fs::read_link(link).unwrap_or_default();
        // Else there is a loop, or a right is missing, which others say better.
        if error.kind() == IoKind::NotFound {
            return Err(Error::unavailable("the output directory is a link to what is not there")
                .with("path", link.display())
                .with("link to", target.display())
                .hint("mount the volume that the link leads to, make its directory, or choose another --output-dir"));
        }
    }
    Ok(())
}

/// Makes `dir` and what is missing above it; every new name is durable on return.
pub(super) fn make_directory(dir: &Path) -> Result<()> {
    let mut missing = Vec::new();
    let mut current = dir;
    loop {
        match fs::metadata(current) {
            Ok(metadata) if metadata.is_dir() => break,
            Ok(_) => {
                return Err(io_error("cannot create a directory", current, IoKind::NotADirectory.into()));
            }
            Err(error) if error.kind() == IoKind::NotFound => missing.push(current),
            Err(error) => return Err(io_error("cannot create a directory", current, error)),
        }
        match current.parent() {
            Some(parent) => current = parent,
            None => break,
        }
    }
    for path in missing.into_iter().rev() {
        match fs::create_dir(path) {
            Ok(()) => {}
            // Another table of the run, or another run, was faster.
            Err(error) if error.kind() == IoKind::AlreadyExists && path.is_dir() => {}
            // What is above it is there: the file system makes no directories, as that of /proc.
            Err(error) if error.kind() == IoKind::NotFound && path.parent().is_some_and(Path::is_dir) => {
                return Err(Error::config("no directory can be made there")
                    .with("path", path.display())
                    .hint("choose another --output-dir, one below a directory in which this user may make directories")
                    .caused_by(error));
            }
            Err(error) => {
                no_dangling_link(path)?;
                return Err(io_error("cannot create a directory", path, error));
            }
        }
        sync_parent(path)?;
    }
    Ok(())
}

/// Makes the names in the directory of `path` durable.
pub(super) fn sync_parent(path: &Path) -> Result<()> {
    let Some(dir) = path.parent() else { return Ok(()) };
    let synced = File::open(dir).and_then(|directory| directory.sync_all());
    match synced {
        Ok(()) => Ok(()),
        // Some file systems cannot sync a directory and say so; their names are durable by other means.
        Err(error) if matches!(error.kind(), IoKind::Unsupported | IoKind::InvalidInput) => Ok(()),
        Err(error) => Err(io_error("cannot sync the directory", dir, error)),
    }
}

/// Makes an upload visible as `name`, or makes sure that it already is.
pub(super) fn complete(upload: &PendingUpload, folder: &Folder, name: &str) -> Result<StoredObject> {
    let done = StoredObject { path: upload.path.clone(), bytes: upload.bytes, e_tag: None };
    let temporary = upload.upload_id.as_str();
    match folder.file(temporary)?.map(|file| length(folder, temporary, &file)).transpose()? {
        Some(bytes) if bytes == upload.bytes => folder.rename(temporary, name)?,
        Some(bytes) => {
            return Err(Error::data(format!(
                "an upload has {bytes} bytes where {} were written",
                upload.bytes
            ))
            .with("path", folder.at(temporary).display()));
        }
        None => {
            let found = checksum(folder, name)?;
            if found != Some((upload.bytes, upload.crc32.clone())) {
                return Err(lost(&folder.at(name)));
            }
            // The rename may have happened just before a crash.
            folder.sync()?;
        }
    }
    Ok(done)
}

/// The error of an upload that is neither there nor completed.
pub(super) fn lost(path: &Path) -> Error {
    Error::data("an upload is gone and the file at its place is not the one of it")
        .with("path", path.display())
        .hint("somebody removed files of an unfinished commit: nothing can finish it; remove the directory's _commit.json and export the table again")
}

fn length(folder: &Folder, name: &str, file: &File) -> Result<u64> {
    let metadata =
        file.metadata().map_err(|error| io_error("cannot look at a file", &folder.at(name), error))?;
    Ok(metadata.len())
}

/// Writes a small file: temporary, sync, rename, sync.
pub(super) fn put(folder: &Folder, name: &str, content: &[u8]) -> Result<()> {
    let (temporary, mut file) = create_temporary(folder, name)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    let result = written
        .map_err(|error| io_error("cannot write a file", &folder.at(name), error))
        .and_then(|()| folder.rename(&temporary, name));
    if result.is_err() {
        // Gone already if the rename worked; and the write's error is the one to report.
        let _ = folder.unlink(&temporary);
    }
    result
}

/// Size and CRC-32 of a file; none if there is none.
pub(super) fn checksum(folder: &Folder, name: &str) -> Result<Option<(u64, String)>> {
    let Some(mut file) = folder.file(name)? else { return Ok(None) };
    let mut crc = crc32fast::Hasher::new();
    let (mut bytes, mut block) = (0, vec![0; READ_BLOCK]);
    loop {
        match file.read(&mut block) {
            Ok(0) => break,
            Ok(n) => {
                crc.update(&block[..n]);
                bytes += n as u64;
            }
            Err(error) if error.kind() == IoKind::Interrupted => {}
            Err(error) => return Err(io_error("cannot read a file", &folder.at(name), error)),
        }
    }
    Ok(Some((bytes, hex(crc))))
}

/// Eight hex digits.
pub(super) fn hex(crc: crc32fast::Hasher) -> String {
    format!("{:08x}", crc.finalize())
}

/// The content of a document; none if there is none.
///
/// Errors: `Data` when it is larger than [`DOCUMENT_BYTES`].
pub(super) fn read(folder: &Folder, name: &str) -> Result<Option<Bytes>> {
    let Some(file) = folder.file(name)? else { return Ok(None) };
    let mut content = Vec::new();
    // A file of holes takes no room on disk, but would in memory.
    let is_small = length(folder, name, &file)? <= DOCUMENT_BYTES;
    if is_small {
        file.take(DOCUMENT_BYTES + 1)
            .read_to_end(&mut content)
            .map_err(|error| io_error("cannot read a file", &folder.at(name), error))?;
    }
    if !is_small || content.len() as u64 > DOCUMENT_BYTES {
        return Err(too_large(&folder.at(name).display().to_string()));
    }
    Ok(Some(content.into()))
}

/// `wanted` bytes of a file from `start`; none if there are fewer, or no file.
pub(super) fn read_range(folder: &Folder, name: &str, start: u64, wanted: u64) -> Result<Option<Bytes>> {
    let wrong = |error| io_error("cannot read a file", &folder.at(name), error);
    let Some(mut file) = folder.file(name)? else { return Ok(None) };
    // What is not there is not made room for.
    if length(folder, name, &file)? < start.saturating_add(wanted) {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(start)).map_err(wrong)?;
    let mut content = Vec::new();
    file.take(wanted).read_to_end(&mut content).map_err(wrong)?;
    Ok((content.len() as u64 == wanted).then(|| content.into()))
}

/// Names and sizes of everything in a directory and in `key=value` directories below it that is not a directory,
/// by name relative to `folder`.
pub(super) fn list(folder: Folder) -> Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    let mut places = vec![(folder, String::new())];
    while let Some((place, prefix)) = places.pop() {
        for (name, kind) in place.entries()? {
            match kind {
                Kind::Other(bytes) => found.push((format!("{prefix}{name}"), bytes)),
                Kind::Directory if is_hive(&name) => {
                    if let Some(inner) = place.inner(&name)? {
                        places.push((inner, format!("{prefix}{name}/")));
                    }
                }
                Kind::Directory => {}
            }
        }
    }
    found.sort();
    Ok(found)
}
