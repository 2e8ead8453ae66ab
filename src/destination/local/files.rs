//! Blocking file work: make, sync, rename, read, list, remove; and what its errors mean to a user.

use std::fs::File;
use std::io::{ErrorKind as IoKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use bytes::Bytes;

use super::super::{DOCUMENT_BYTES, PendingUpload, StoredObject, too_large};
use super::folder::{Folder, Kind, io_error};
use crate::error::{Code, Error, Result};
use crate::spec::layout::is_hive;

const TEMPORARY_SUFFIX: &str = ".tmp";
const RANDOM_DIGITS: usize = 16;
const READ_BLOCK: usize = 1 << 20;

/// Bytes that may still be written at `path`, which is there or will be made.
pub(super) fn free_bytes(path: &Path) -> Result<u64> {
    let there = path.ancestors().find(|place| place.exists()).unwrap_or(path);
    let stat = rustix::fs::statvfs(there)
        .map_err(|error| io_error("cannot ask for free space", there, error.into()))?;
    Ok(stat.f_bavail * stat.f_frsize)
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
            .coded(Code::UploadLost)
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
    Error::data("an upload is gone and the file at its place is not the one of it").coded(Code::UploadLost)
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

/// Writes a small file where there is none; succeeds if the very same is there already.
///
/// Errors: `Data` when another one is there.
pub(super) fn put_new(folder: &Folder, name: &str, content: &[u8]) -> Result<()> {
    let (temporary, mut file) = create_temporary(folder, name)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    let result = written
        .map_err(|error| io_error("cannot write a file", &folder.at(name), error))
        .and_then(|()| folder.rename_new(&temporary, name));
    if !matches!(result, Ok(true)) {
        // The write's error is the one to report.
        let _ = folder.unlink(&temporary);
    }
    if result? {
        return Ok(());
    }
    if read(folder, name)?.is_some_and(|there| there == content) {
        // A process that died may have renamed it and synced nothing.
        return folder.sync();
    }
    Err(Error::data("an object of this name has come from elsewhere meanwhile")
        .coded(Code::CommittedMeanwhile)
        .with("path", folder.at(name).display())
        .hint("see whether two runs write to one directory, then run again"))
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
