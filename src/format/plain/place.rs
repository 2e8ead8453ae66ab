//! The directory of a table, and what all steps of a commit do there.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;

use super::intent::read_manifest;
use crate::destination::{DOCUMENT_BYTES, Destination};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::spec::layout::MANIFEST;

/// Larger documents are written without line breaks.
pub(super) const READABLE_BYTES: usize = 8 << 20;
/// Calls to the destination under way at once.
pub(super) const CONCURRENT_CALLS: usize = 8;

/// Takes the place of an intent or a manifest that no longer counts.
pub(super) const WITHDRAWN: &[u8] = b"{\"withdrawn\": true}";
/// A name that nothing has.
pub(super) const NOTHING: &str = "_nothing";

/// A table's directory at a destination.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) destination: Arc<dyn Destination>,
    pub(super) dir: String,
    /// Nothing of it can be read, and nothing be replaced: everything is made only where there is nothing.
    pub(super) blind: bool,
}

impl Place {
    pub(super) fn new(destination: Arc<dyn Destination>, dir: &str) -> Self {
        Self { destination, dir: dir.to_owned(), blind: false }
    }

    /// Writes a document of the commit.
    pub(super) async fn write(&self, name: &str, document: &impl serde::Serialize) -> Result<()> {
        let (path, content) = (self.path(name), json(document)?);
        let written = match self.blind {
            true => self.destination.put_new(&path, content).await,
            false => self.destination.put(&path, content).await,
        };
        written.map(drop)
    }

    pub(super) fn path(&self, name: &str) -> String {
        if self.dir.is_empty() { name.to_owned() } else { format!("{}/{name}", self.dir) }
    }

    /// For messages.
    pub(super) fn full(&self) -> String {
        format!("{}/{}", self.destination.location().trim_end_matches('/'), self.dir)
    }
}

pub(super) fn json(document: &impl serde::Serialize) -> Result<Bytes> {
    let wrong = |error| Error::internal("a document cannot be written as JSON").caused_by(error);
    let mut text = serde_json::to_vec_pretty(document).map_err(wrong)?;
    if text.len() > READABLE_BYTES {
        // Nobody reads that, and it must not outgrow what can be read back.
        text = serde_json::to_vec(document).map_err(wrong)?;
    }
    if text.len() as u64 > DOCUMENT_BYTES {
        return Err(Error::data(
            "the table's manifest would be larger than 1 GiB: it has too many files and columns",
        )
        .hint(
            "begin another directory, with --sub-path for example; --part-bytes makes fewer and larger files",
        ));
    }
    Ok(text.into())
}

/// Runs calls a few at a time and waits for every one, so that none is under way when we return.
pub(super) async fn all<'a, T>(calls: impl Iterator<Item = BoxFuture<'a, Result<T>>>) -> Vec<Result<T>> {
    let calls: Vec<_> = calls.collect();
    futures::stream::iter(calls).buffered(CONCURRENT_CALLS).collect().await
}

pub(super) async fn current_manifest(place: &Place) -> Result<Option<Manifest>> {
    let path = place.path(MANIFEST);
    let content = place.destination.get(&path).await?.filter(|content| !is_withdrawn(content));
    content.map(|content| read_manifest(&content).map_err(|error| error.with("path", path))).transpose()
}

/// Whether a document says that it is no intent, or no manifest, any more.
pub(crate) fn is_withdrawn(document: &[u8]) -> bool {
    document == WITHDRAWN
}
