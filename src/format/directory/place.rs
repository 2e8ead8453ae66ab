//! The directory of a table, and what all steps of a commit do there.

use std::sync::Arc;

use futures::StreamExt;
use futures::future::BoxFuture;
use serde::Serialize;

use super::document::{is_withdrawn, json, read_manifest};
use crate::destination::Destination;
use crate::error::Result;
use crate::format::contract::TableTarget;
use crate::manifest::Manifest;
use crate::spec::layout::MANIFEST;

/// Calls to the destination under way at once.
const CONCURRENT_CALLS: usize = 8;
/// Calls that are made ready together.
const CALLS_MADE: usize = 1024;

/// A name that nothing has.
pub(in crate::format) const NOTHING: &str = "_nothing";

/// A table's directory at a destination.
#[derive(Debug, Clone)]
pub(in crate::format) struct Place {
    pub(in crate::format) destination: Arc<dyn Destination>,
    pub(in crate::format) dir: String,
    /// Nothing of it can be read, and nothing be replaced: everything is made only where there is nothing.
    pub(in crate::format) blind: bool,
}

impl Place {
    pub(in crate::format) fn new(destination: Arc<dyn Destination>, dir: &str) -> Self {
        Self { destination, dir: dir.to_owned(), blind: false }
    }

    pub(in crate::format) fn of(target: &TableTarget) -> Self {
        Self::new(Arc::clone(&target.destination), &target.directory)
    }

    /// Writes a document of the commit.
    pub(in crate::format) async fn write(&self, name: &str, document: &impl Serialize) -> Result<()> {
        let (path, content) = (self.path(name), json(document)?);
        let written = match self.blind {
            true => self.destination.put_new(&path, content).await,
            false => self.destination.put(&path, content).await,
        };
        written.map(drop)
    }

    pub(in crate::format) fn path(&self, name: &str) -> String {
        if self.dir.is_empty() { name.to_owned() } else { format!("{}/{name}", self.dir) }
    }

    /// For messages.
    pub(in crate::format) fn full(&self) -> String {
        format!("{}/{}", self.destination.location().trim_end_matches('/'), self.dir)
    }
}

/// Runs calls a few at a time and waits for every one, so that none is under way when we return.
pub(in crate::format) async fn all<'a, T>(
    mut calls: impl Iterator<Item = BoxFuture<'a, Result<T>>>,
) -> Vec<Result<T>> {
    let mut results = Vec::new();
    loop {
        // Not all are made at once: of a table of many files they take more memory than the names of its files.
        let some: Vec<_> = calls.by_ref().take(CALLS_MADE).collect();
        if some.is_empty() {
            return results;
        }
        results.extend(futures::stream::iter(some).buffered(CONCURRENT_CALLS).collect::<Vec<_>>().await);
    }
}

/// What is committed; none without a manifest.
pub(in crate::format) async fn current_manifest(place: &Place) -> Result<Option<Manifest>> {
    let path = place.path(MANIFEST);
    let content = place.destination.get(&path).await?.filter(|content| !is_withdrawn(content));
    content.map(|content| read_manifest(&content).map_err(|error| error.with("path", path))).transpose()
}
