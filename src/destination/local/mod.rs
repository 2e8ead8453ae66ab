//! Local disk: temporary names, fsync, rename.
//!
//! | name in a directory | what |
//! |---|---|
//! | `part-00000.parquet` | an object |
//! | `.part-00000.parquet.<16 hex>.tmp` | an upload that no reader takes for a file |
//! | `_lock` | the only writer's lock, held with `flock` and released by the kernel when the process dies |
//!
//! Objects appear by `rename` after their bytes were synced, and the directory is synced after it.

mod apart;
mod files;
mod folder;
mod lock;
#[cfg(test)]
mod tests;
mod upload;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;

use super::contract::Check;
use super::{Address, Destination, DirLock, PendingUpload, StoredObject, Upload, scheme_of, too_short};
use crate::blocking::blocking;
use crate::error::{Code, Error, Result};
use crate::spec::layout::{self, LOCK};
use crate::spec::{absolute, path_text};
use folder::{Folder, Kind};

/// URL schemes.
pub const NAMES: &[&str] = &["file"];

/// Opens a directory: a plain path or a `file://` URL.
pub fn open(address: &Address) -> Result<Arc<dyn Destination>> {
    match address {
        Address::Location(location) => Ok(Arc::new(LocalDirectory::new(base_of(location)?)?)),
        Address::Entry(entry) => Err(Error::config(format!(
            "{}.storage_type: a directory of this machine is no storage of the auth file",
            entry.id
        ))
        .coded(Code::AddressInvalid)
        .hint("name it with --output-dir")),
    }
}

/// The path that `location` means.
fn base_of(location: &str) -> Result<PathBuf> {
    if location.trim().is_empty() {
        return Err(Error::config("the output directory is empty")
            .coded(Code::DirectoryUnusable)
            .hint("give --output-dir a path, for example --output-dir ./export"));
    }
    if scheme_of(location).is_none() {
        return Ok(PathBuf::from(location));
    }
    let path = url::Url::parse(location).ok().and_then(|url| url.to_file_path().ok());
    path.ok_or_else(|| {
        Error::config(format!("'{location}' is not a local path"))
            .coded(Code::AddressInvalid)
            .hint("write file:///absolute/path, with three slashes, or a plain path, for --output-dir")
    })
}

/// A directory on local disk. It is made when the first file is written.
#[derive(Debug, Clone)]
pub struct LocalDirectory {
    base: Arc<Path>,
}

impl LocalDirectory {
    /// A directory at `base`; a relative path is taken from the working directory as it is now.
    ///
    /// Errors: `Config` when `base` is there and is not a directory; `Unavailable` when it is below a link to what is
    /// not there.
    pub fn new(base: impl AsRef<Path>) -> Result<Self> {
        let base = base.as_ref();
        let absolute = absolute(base)?;
        if let Ok(metadata) = std::fs::metadata(&absolute)
            && !metadata.is_dir()
        {
            return Err(Error::config("the output directory is not a directory")
                .coded(Code::DirectoryUnusable)
                .with("path", absolute.display())
                .hint("name a directory in --output-dir"));
        }
        folder::no_dangling_link(&absolute)?;
        Ok(Self { base: absolute.into() })
    }

    /// A path below the base. Paths that leave it are refused.
    fn checked(path: &str) -> Result<()> {
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        if !path.is_empty() && !path.split('/').all(plain) {
            return Err(Error::data("not a path below the output directory")
                .coded(Code::ManifestUnreadable)
                .with("path", path));
        }
        Ok(())
    }

    /// Does file work in the directory `dir`; none, and nothing is done, if it is not there.
    async fn within<T: Send + 'static>(
        &self,
        dir: &str,
        work: impl FnOnce(Folder) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        Self::checked(dir)?;
        let (base, dir) = (Arc::clone(&self.base), dir.to_owned());
        blocking(move || Folder::open(&base, &dir)?.map(work).transpose()).await
    }

    /// Does file work in the directory `dir`, which is made if it is not there.
    async fn within_new<T: Send + 'static>(
        &self,
        dir: &str,
        work: impl FnOnce(Folder) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        Self::checked(dir)?;
        let (base, dir) = (Arc::clone(&self.base), dir.to_owned());
        blocking(move || work(Folder::make(&base, &dir)?.0)).await
    }
}

/// The directory of a file, and its name in it.
fn split(path: &str) -> Result<(&str, String)> {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    LocalDirectory::checked(path)?;
    if name.is_empty() {
        return Err(Error::data("not a file's path").coded(Code::ManifestUnreadable).with("path", path));
    }
    Ok((dir, name.to_owned()))
}

fn free_text(bytes: u64) -> String {
    const GIB: f64 = 1_073_741_824.0;
    format!("{:.1} GiB", bytes as f64 / GIB)
}

/// `dir/name`, or `name` in the base itself.
fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// Errors when the upload is not one that [`files::temporary_name`] could have named.
fn check_name(upload: &PendingUpload) -> Result<()> {
    if files::target_name(&upload.upload_id).is_none() {
        return Err(Error::data("not the name of a temporary file")
            .coded(Code::ManifestUnreadable)
            .with("upload", &upload.upload_id)
            .with("path", &upload.path));
    }
    Ok(())
}

#[async_trait]
impl Destination for LocalDirectory {
    fn location(&self) -> String {
        path_text(&self.base)
    }

    async fn own_checks(&self, _path: &str) -> Vec<Check> {
        let base = self.base.clone();
        vec![Check::new("free space", blocking(move || files::free_bytes(&base)).await.map(free_text))]
    }

    fn puts_leave_litter(&self) -> bool {
        true
    }

    /// `None` where the base's name is not Unicode. The path begins at the root, because the base may not exist yet.
    fn object_store(&self) -> Option<(Arc<dyn ObjectStore>, ObjectPath)> {
        let base = ObjectPath::from_absolute_path(&self.base).ok()?;
        Some((Arc::new(LocalFileSystem::new()), base))
    }

    async fn create(&self, path: &str, _est_bytes: u64) -> Result<Box<dyn Upload>> {
        let (dir, name) = split(path)?;
        let path = path.to_owned();
        let made =
            self.within_new(dir, move |folder| upload::LocalUpload::create(path, folder, &name)).await?;
        Ok(Box::new(made))
    }

    async fn complete(&self, upload: &PendingUpload) -> Result<StoredObject> {
        check_name(upload)?;
        let (dir, name) = split(&upload.path)?;
        let given = upload.clone();
        let completed = self.within(dir, move |folder| files::complete(&given, &folder, &name)).await?;
        completed.ok_or_else(|| files::lost(&self.base.join(&upload.path)))
    }

    async fn abort(&self, upload: &PendingUpload) -> Result<()> {
        check_name(upload)?;
        let (dir, _) = split(&upload.path)?;
        let temporary = upload.upload_id.clone();
        self.within(dir, move |folder| folder.remove(&temporary)).await.map(Option::unwrap_or_default)
    }

    fn abandon(&self, upload: &PendingUpload) {
        let folder = check_name(upload)
            .and_then(|()| split(&upload.path))
            .and_then(|(dir, _)| Folder::open(&self.base, dir));
        if let Ok(Some(folder)) = folder {
            // What stays the next run removes.
            let _ = folder.unlink(&upload.upload_id);
        }
    }

    async fn is_pending(&self, upload: &PendingUpload) -> Result<bool> {
        check_name(upload)?;
        let (dir, _) = split(&upload.path)?;
        let (temporary, expected) = (upload.upload_id.clone(), Some((upload.bytes, upload.crc32.clone())));
        let there =
            self.within(dir, move |folder| Ok(files::checksum(&folder, &temporary)? == expected)).await?;
        Ok(there.unwrap_or(false))
    }

    async fn list_pending(&self, dir: &str) -> Result<Vec<PendingUpload>> {
        let found = self.within(dir, files::list).await?.unwrap_or_default();
        let pending = found.into_iter().filter_map(|(name, bytes)| {
            let (above, file) =
                name.rsplit_once('/').map_or(("", name.as_str()), |(above, file)| (above, file));
            let path = join(dir, &join(above, files::target_name(file)?));
            Some(PendingUpload {
                path,
                upload_id: file.to_owned(),
                part_tags: vec![],
                bytes,
                crc32: String::new(),
            })
        });
        Ok(pending.collect())
    }

    async fn put(&self, path: &str, content: Bytes) -> Result<StoredObject> {
        let (dir, name) = split(path)?;
        let bytes = content.len() as u64;
        self.within_new(dir, move |folder| files::put(&folder, &name, &content)).await?;
        Ok(StoredObject { path: path.to_owned(), bytes, e_tag: None })
    }

    async fn put_new(&self, path: &str, content: Bytes) -> Result<StoredObject> {
        let (dir, name) = split(path)?;
        let bytes = content.len() as u64;
        self.within_new(dir, move |folder| files::put_new(&folder, &name, &content)).await?;
        Ok(StoredObject { path: path.to_owned(), bytes, e_tag: None })
    }

    async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        let (dir, name) = split(path)?;
        Ok(self.within(dir, move |folder| files::read(&folder, &name)).await?.flatten())
    }

    async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        let (dir, name) = split(path)?;
        let (start, wanted) = (range.start, range.end.saturating_sub(range.start));
        let read = self.within(dir, move |folder| files::read_range(&folder, &name, start, wanted)).await?;
        read.flatten().ok_or_else(|| too_short(path, &range))
    }

    async fn head(&self, path: &str) -> Result<Option<StoredObject>> {
        let (dir, name) = split(path)?;
        let kind = self.within(dir, move |folder| folder.kind(name.as_ref())).await?.flatten();
        Ok(match kind {
            Some(Kind::Other(bytes)) => Some(StoredObject { path: path.to_owned(), bytes, e_tag: None }),
            Some(Kind::Directory) | None => None,
        })
    }

    async fn list(&self, dir: &str) -> Result<Vec<StoredObject>> {
        let found = self.within(dir, files::list).await?.unwrap_or_default();
        let visible = found.into_iter().filter(|(name, _)| {
            name != LOCK && layout::file_name(name).is_some_and(|file| files::target_name(file).is_none())
        });
        Ok(visible.map(|(name, bytes)| StoredObject { path: join(dir, &name), bytes, e_tag: None }).collect())
    }

    async fn delete(&self, path: &str) -> Result<()> {
        let (dir, name) = split(path)?;
        self.within(dir, move |folder| folder.remove(&name)).await.map(Option::unwrap_or_default)
    }

    async fn keeps_apart(&self, first: &str, second: &str) -> Result<bool> {
        for path in [first, second] {
            Self::checked(path)?;
        }
        let (base, first, second) = (self.base.clone(), first.to_owned(), second.to_owned());
        blocking(move || apart::are_kept(&base, &first, &second)).await
    }

    async fn lock(&self, dir: &str, owner: &str) -> Result<Box<dyn DirLock>> {
        Self::checked(dir)?;
        let (base, dir, owner) = (Arc::clone(&self.base), dir.to_owned(), owner.to_owned());
        blocking(move || {
            lock::LocalLock::take(&base, &dir, &owner).map(|lock| Box::new(lock) as Box<dyn DirLock>)
        })
        .await
    }
}

/// The error of a lock that another run holds, for `fuzz/`.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn fuzzing(text: &mut &[u8]) -> Error {
    lock::held(Path::new("lake"), text)
}
