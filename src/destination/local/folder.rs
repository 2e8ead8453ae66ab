//! Directories below the base, held open. What a name leads to cannot change between two looks at it, and no link
//! below the base is followed: those who may write there cannot lead us elsewhere.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind as IoKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, linkat, mkdirat, openat, renameat, renameat_with,
    statat, unlinkat,
};
use rustix::io::Errno;

use crate::error::{Code, Error, Result};

/// How a directory is held: to be walked through, not read.
#[cfg(target_os = "linux")]
const HELD: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const HELD: OFlags = OFlags::RDONLY;

/// What one entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    /// A file of so many bytes, or something else that is no directory; a link is not followed.
    Other(u64),
}

/// A directory, held open.
#[derive(Debug)]
pub(super) struct Folder {
    handle: OwnedFd,
    /// For messages.
    path: PathBuf,
}

impl Folder {
    /// The directory `below` the base; none if it is not there.
    pub(super) fn open(base: &Path, below: &str) -> Result<Option<Self>> {
        let Some(mut folder) = Self::base(base)? else { return Ok(None) };
        for name in names(below) {
            let Some(next) = folder.enter(name)? else { return Ok(None) };
            folder = next;
        }
        Ok(Some(folder))
    }

    /// The same, and makes what is missing; every new name is durable on return. Says whether the last one is new.
    pub(super) fn make(base: &Path, below: &str) -> Result<(Self, bool)> {
        make_directory(base)?;
        let mut folder = Self::base(base)?.ok_or_else(|| gone(base))?;
        let mut new = false;
        for name in names(below) {
            (folder, new) = folder.enter_new(name)?;
        }
        Ok((folder, new))
    }

    /// The base itself, which the user named: links above it and in its place are the user's own.
    fn base(base: &Path) -> Result<Option<Self>> {
        match rustix::fs::open(base, HELD | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(handle) => Ok(Some(Self { handle, path: base.to_path_buf() })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(io_error("cannot open a directory", base, error.into())),
        }
    }

    fn enter(&self, name: &str) -> Result<Option<Self>> {
        let flags = HELD | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => Ok(Some(Self { handle, path: self.at(name) })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.refused("cannot open a directory", name, error)),
        }
    }

    fn enter_new(&self, name: &str) -> Result<(Self, bool)> {
        if let Some(there) = self.enter(name)? {
            return Ok((there, false));
        }
        match mkdirat(&self.handle, name, Mode::from_raw_mode(0o777)) {
            Ok(()) => self.sync()?,
            // Another table of the run, or another run, was faster.
            Err(Errno::EXIST) => {}
            Err(error) => return Err(io_error("cannot create a directory", &self.at(name), error.into())),
        }
        let made = self.enter(name)?.ok_or_else(|| gone(&self.at(name)))?;
        Ok((made, true))
    }

    /// The path of `name` in it, for messages.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The path, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file to read it; none if there is none.
    ///
    /// Errors: `Data` when it is a link, a pipe, a device or a directory: none of them is opened or waited for.
    pub(super) fn file(&self, name: &str) -> Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => File::from(handle),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.refused("cannot open a file", name, error)),
        };
        self.regular(name, &file)?;
        Ok(Some(file))
    }

    /// Makes a file where nothing is.
    pub(super) fn new_file(&self, name: &str) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.handle, name, flags, Mode::from_raw_mode(0o666)) {
            Ok(handle) => Ok(File::from(handle)),
            Err(error) => Err(io_error("cannot create a file", &self.at(name), error.into())),
        }
    }

    /// Opens a file to read and write it, and makes it if there is none. Nothing in it is changed. None when the
    /// directory is gone.
    ///
    /// Errors: `Data` when it is a link or anything but a regular file.
    pub(super) fn own_file(&self, name: &str) -> Result<Option<File>> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.handle, name, flags, Mode::from_raw_mode(0o666)) {
            Ok(handle) => File::from(handle),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.refused("cannot open a file", name, error)),
        };
        self.regular(name, &file)?;
        Ok(Some(file))
    }

    /// Whether the file at `name`, which is `file`, has this one name. With another one, its content is somebody
    /// else's too.
    pub(super) fn is_only_name(&self, name: &str, file: &File) -> Result<bool> {
        Ok(self.regular(name, file)?.nlink() == 1)
    }

    /// Whether `name` leads to `file`.
    pub(super) fn leads_to(&self, name: &str, file: &File) -> bool {
        match (statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW), rustix::fs::fstat(file)) {
            (Ok(named), Ok(held)) => named.st_ino == held.st_ino && named.st_dev == held.st_dev,
            _ => false,
        }
    }

    fn regular(&self, name: &str, file: &File) -> Result<fs::Metadata> {
        let metadata =
            file.metadata().map_err(|error| io_error("cannot look at a file", &self.at(name), error))?;
        let kind = metadata.file_type();
        if kind.is_file() {
            return Ok(metadata);
        }
        Err(self.strange(
            name,
            match () {
                () if kind.is_dir() => "a directory",
                () if kind.is_fifo() => "a pipe",
                () => "not a regular file",
            },
        ))
    }

    /// What is at `name`; none if nothing is. A link is not followed.
    pub(super) fn kind(&self, name: &OsStr) -> Result<Option<Kind>> {
        match statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                Ok(Some(Kind::Directory))
            }
            Ok(stat) => Ok(Some(Kind::Other(u64::try_from(stat.st_size).unwrap_or_default()))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(io_error("cannot look at a file", &self.path.join(name), error.into())),
        }
    }

    /// Everything in it.
    pub(super) fn entries(&self) -> Result<Vec<(String, Kind)>> {
        let wrong = |error: Errno| io_error("cannot list a directory", &self.path, error.into());
        let mut found = Vec::new();
        for entry in Dir::new(self.readable().map_err(wrong)?).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            // Removed since it was listed: not there.
            if let Some(kind) = self.kind(name)? {
                found.push((name.to_string_lossy().into_owned(), kind));
            }
        }
        Ok(found)
    }

    /// The directory `name` in it, for what is listed; none if it is gone.
    pub(super) fn inner(&self, name: &str) -> Result<Option<Self>> {
        self.enter(name)
    }

    /// Gives the file `from` the name `to`, replacing what has it, durably.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        renameat(&self.handle, from, &self.handle, to)
            .map_err(|error| io_error("cannot rename a temporary file", &self.at(to), error.into()))?;
        self.sync()
    }

    /// Renames a file where there is none, in one step; false if there is one. What is there stays as it is.
    pub(super) fn rename_new(&self, from: &str, to: &str) -> Result<bool> {
        let renamed = match renameat_with(&self.handle, from, &self.handle, to, RenameFlags::NOREPLACE) {
            // File systems that do not know this know other names of a file.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                linkat(&self.handle, from, &self.handle, to, AtFlags::empty())
                    .and_then(|()| unlinkat(&self.handle, from, AtFlags::empty()))
            }
            renamed => renamed,
        };
        match renamed {
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(io_error("cannot rename a temporary file", &self.at(to), error.into())),
            Ok(()) => self.sync().map(|()| true),
        }
    }

    /// Removes a name, durably; a link, not what it leads to. Removing what is not there succeeds.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        match self.unlink(name) {
            // An earlier removal may not be durable yet.
            Ok(()) | Err(Errno::NOENT) => self.sync(),
            Err(error) => Err(io_error("cannot remove a file", &self.at(name), error.into())),
        }
    }

    /// Removes a name, for a file that is given up.
    pub(super) fn unlink(&self, name: &str) -> rustix::io::Result<()> {
        unlinkat(&self.handle, name, AtFlags::empty())
    }

    /// Removes the directory `name` in it, if it is empty.
    pub(super) fn remove_directory(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.handle, name, AtFlags::REMOVEDIR)?)
    }

    /// Makes its names durable.
    pub(super) fn sync(&self) -> Result<()> {
        match self.readable().and_then(rustix::fs::fsync) {
            Ok(()) => Ok(()),
            // Some file systems cannot sync a directory and say so; their names are durable by other means.
            Err(Errno::NOTSUP | Errno::INVAL) => Ok(()),
            Err(error) => Err(io_error("cannot sync the directory", &self.path, error.into())),
        }
    }

    /// The same directory, open to be read.
    fn readable(&self) -> rustix::io::Result<OwnedFd> {
        openat(&self.handle, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }

    /// Why `name` could not be opened; a link is said to be one, however the system calls that.
    fn refused(&self, action: &str, name: &str, error: Errno) -> Error {
        let is_link = statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
        if is_link {
            return self.strange(name, "a symbolic link");
        }
        match error {
            // A socket, or a device without a driver.
            Errno::NXIO | Errno::NODEV => self.strange(name, "not a regular file"),
            Errno::ISDIR => self.strange(name, "a directory"),
            error => io_error(action, &self.at(name), error.into()),
        }
    }

    fn strange(&self, name: &str, what: &str) -> Error {
        Error::data(format!("{what} lies where lakexpress keeps its files, and is neither followed nor opened"))
            .coded(Code::DirectoryUnusable)
            .with("path", self.at(name).display())
            .hint("no link below --output-dir is followed: remove it; to keep a directory on another disk, mount that disk there (mount --bind)")
    }
}

fn names(below: &str) -> impl Iterator<Item = &str> {
    below.split('/').filter(|name| !name.is_empty())
}

fn gone(path: &Path) -> Error {
    io_error("cannot open a directory", path, IoKind::NotFound.into())
}

/// What an I/O error means: kind, message, path and remedy.
pub(super) fn io_error(action: &str, path: &Path, error: io::Error) -> Error {
    let ours = match error.kind() {
        IoKind::PermissionDenied => Error::denied(format!("{action}: permission denied"))
            .coded(Code::StorageDenied)
            .hint("give this user the right to write there, or choose another --output-dir"),
        IoKind::ReadOnlyFilesystem => Error::denied(format!("{action}: the file system is read-only"))
            .coded(Code::StorageDenied)
            .hint("choose another --output-dir, or mount the file system for writing"),
        IoKind::NotFound => Error::unavailable(format!("{action}: it is not there and cannot be made"))
            .coded(Code::DirectoryUnusable)
            .hint(
                "choose another --output-dir, one below a directory in which this user may make directories",
            ),
        IoKind::StorageFull | IoKind::QuotaExceeded => Error::unavailable(format!("{action}: no space left"))
            .coded(Code::DiskFull)
            .hint("free space or raise the quota there, or choose another --output-dir"),
        IoKind::NotADirectory => Error::config(format!("{action}: something on its path is not a directory"))
            .coded(Code::DirectoryUnusable)
            .hint("name a directory in --output-dir"),
        IoKind::InvalidFilename => {
            Error::config(format!("{action}: the name is too long or not allowed here"))
                .coded(Code::DirectoryUnusable)
                .hint("choose a shorter --output-dir, or a file system that takes such names")
        }
        _ => Error::unavailable(action),
    };
    ours.with("path", path.display()).caused_by(error)
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
                return Err(Error::config("no directory can be made there").coded(Code::DirectoryUnusable)
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

/// The error when a name on the way to `path` is a link to what is not there: nothing can be made in its place.
pub(super) fn no_dangling_link(path: &Path) -> Result<()> {
    let is_link = |name: &&Path| fs::symlink_metadata(name).is_ok_and(|found| found.is_symlink());
    for link in path.ancestors().filter(is_link) {
        let Err(error) = fs::metadata(link) else { continue };
        let target = fs::read_link(link).unwrap_or_default();
        // Else there is a loop, or a right is missing, which others say better.
        if error.kind() == IoKind::NotFound {
            return Err(Error::unavailable("the output directory is a link to what is not there")
                .coded(Code::DirectoryUnusable)
                .with("path", link.display())
                .with("link to", target.display())
                .hint("mount the volume that the link leads to, make its directory, or choose another --output-dir"));
        }
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
