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
mod lock;
#[cfg(test)]
mod tests;
mod upload;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::preflight::Check;
use super::{Address, Destination, DirLock, PendingUpload, StoredObject, Upload, scheme_of, too_short};
use crate::error::{Error, Result};
use crate::spec::layout::{self, LOCK};
use files::blocking;

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
        .hint("name it with --output-dir")),
    }
}

/// The path that `location` means.
fn base_of(location: &str) -> Result<PathBuf> {
    if location.trim().is_empty() {
        return Err(Error::config("the output directory is empty")
            .hint("give --output-dir a path, for example --output-dir ./export"));
    }
    if scheme_of(location).is_none() {
        return Ok(PathBuf::from(location));
    }
    let path = url::Url::parse(location).ok().and_then(|url| url.to_file_path().ok());
    path.ok_or_else(|| {
        Error::config(format!("'{location}' is not a local path"))
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
    /// Errors: `Config` when `base` is there and is not a directory.
    pub fn new(base: impl AsRef<Path>) -> Result<Self> {
        let base = base.as_ref();
        let absolute =
            std::path::absolute(base).map_err(|error| files::io_error("cannot resolve", base, error))?;
        if let Ok(metadata) = std::fs::metadata(&absolute)
            && !metadata.is_dir()
        {
            return Err(Error::config("the output directory is not a directory")
                .with("path", absolute.display())
                .hint("name a directory in --output-dir"));
        }
        Ok(Self { base: absolute.into() })
    }

    /// Where `path` lies. Paths that leave the base are refused.
    fn resolve(&self, path: &str) -> Result<PathBuf> {
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        if !path.is_empty() && !path.split('/').all(plain) {
            return Err(Error::data("not a path below the output directory").with("path", path));
        }
        Ok(if path.is_empty() { self.base.to_path_buf() } else { self.base.join(path) })
    }
}

fn free_text(bytes: u64) -> String {
    const GIB: f64 = 1_073_741_824.0;
    format!("{:.1} GiB", bytes as f64 / GIB)
}

/// `dir/name`, or `name` in the base itself.
fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// The temporary file of `upload`, beside `target`; only a name that [`files::temporary_name`] could have made.
fn temporary_of(upload: &PendingUpload, target: &Path) -> Result<PathBuf> {
    if files::target_name(&upload.upload_id).is_none() {
        return Err(Error::data("not the name of a temporary file")
            .with("upload", &upload.upload_id)
            .with("path", &upload.path));
    }
    Ok(target.with_file_name(&upload.upload_id))
}

#[async_trait]
impl Destination for LocalDirectory {
    fn location(&self) -> String {
        self.base.display().to_string()
    }

    async fn own_checks(&self, _path: &str) -> Vec<Check> {
        let base = self.base.clone();
        vec![Check::new("free space", blocking(move || files::free_bytes(&base)).await.map(free_text))]
    }

    fn puts_leave_litter(&self) -> bool {
        true
    }

    async fn create(&self, path: &str, _est_bytes: u64) -> Result<Box<dyn Upload>> {
        let target = self.resolve(path)?;
        let path = path.to_owned();
        blocking(move || upload::LocalUpload::create(path, &target).map(|u| Box::new(u) as Box<dyn Upload>))
            .await
    }

    async fn complete(&self, upload: &PendingUpload) -> Result<StoredObject> {
        let target = self.resolve(&upload.path)?;
        let temporary = temporary_of(upload, &target)?;
        let upload = upload.clone();
        blocking(move || files::complete(&upload, &temporary, &target)).await
    }

    async fn abort(&self, upload: &PendingUpload) -> Result<()> {
        let temporary = temporary_of(upload, &self.resolve(&upload.path)?)?;
        blocking(move || files::remove(&temporary)).await
    }

    async fn is_pending(&self, upload: &PendingUpload) -> Result<bool> {
        let temporary = temporary_of(upload, &self.resolve(&upload.path)?)?;
        let expected = Some((upload.bytes, upload.crc32.clone()));
        blocking(move || Ok(files::checksum(&temporary)? == expected)).await
    }

    async fn list_pending(&self, dir: &str) -> Result<Vec<PendingUpload>> {
        let (place, dir) = (self.resolve(dir)?, dir.to_owned());
        blocking(move || {
            let found = files::list(&place)?;
            let pending = found.into_iter().filter_map(|(name, bytes)| {
                let (above, file) =
                    name.rsplit_once('/').map_or(("", name.as_str()), |(above, file)| (above, file));
                let path = join(&dir, &join(above, files::target_name(file)?));
                Some(PendingUpload {
                    path,
                    upload_id: file.to_owned(),
                    part_tags: vec![],
                    bytes,
                    crc32: String::new(),
                })
            });
            Ok(pending.collect())
        })
        .await
    }

    async fn put(&self, path: &str, content: Bytes) -> Result<StoredObject> {
        let target = self.resolve(path)?;
        let path = path.to_owned();
        blocking(move || {
            files::put(&target, &content)?;
            Ok(StoredObject { path, bytes: content.len() as u64, e_tag: None })
        })
        .await
    }

    async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        let target = self.resolve(path)?;
        blocking(move || files::read(&target)).await
    }

    async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Bytes> {
        let target = self.resolve(path)?;
        let (start, wanted) = (range.start, range.end.saturating_sub(range.start));
        let read = blocking(move || files::read_range(&target, start, wanted)).await?;
        read.ok_or_else(|| too_short(path, &range))
    }

    async fn head(&self, path: &str) -> Result<Option<StoredObject>> {
        let target = self.resolve(path)?;
        let path = path.to_owned();
        blocking(move || Ok(files::size(&target)?.map(|bytes| StoredObject { path, bytes, e_tag: None })))
            .await
    }

    async fn list(&self, dir: &str) -> Result<Vec<StoredObject>> {
        let (place, dir) = (self.resolve(dir)?, dir.to_owned());
        blocking(move || {
            let found = files::list(&place)?;
            let visible = found.into_iter().filter(|(name, _)| {
                name != LOCK && layout::file_name(name).is_some_and(|file| files::target_name(file).is_none())
            });
            Ok(visible
                .map(|(name, bytes)| StoredObject { path: join(&dir, &name), bytes, e_tag: None })
                .collect())
        })
        .await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        let target = self.resolve(path)?;
        blocking(move || files::remove(&target)).await
    }

    async fn keeps_apart(&self, first: &str, second: &str) -> Result<bool> {
        for path in [first, second] {
            self.resolve(path)?;
        }
        let (base, first, second) = (self.base.clone(), first.to_owned(), second.to_owned());
        blocking(move || apart::are_kept(&base, &first, &second)).await
    }

    async fn lock(&self, dir: &str, owner: &str) -> Result<Box<dyn DirLock>> {
        let place = self.resolve(dir)?;
        let owner = owner.to_owned();
        blocking(move || lock::LocalLock::take(&place, &owner).map(|lock| Box::new(lock) as Box<dyn DirLock>))
            .await
    }
}
