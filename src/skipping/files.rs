//! Which files are a table, at a place that a user named.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::keys::{self, Key};
use crate::destination::{Destination, StoredObject};
use crate::error::{Code, Error, Result};
use crate::format::{is_withdrawn, read_manifest};
use crate::manifest::Manifest;
use crate::spec::layout::{MANIFEST, file_name};

/// A table's directory, or one file.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where it is.
    pub destination: Arc<dyn Destination>,
    /// Directory below the base; empty for the base itself.
    pub directory: String,
    /// The file in it, if only one is meant.
    pub file: Option<String>,
    /// Names of the directories above, of which the last ones may be `key=value`.
    pub above: Vec<String>,
    /// As the user named it, without secrets.
    pub shown: String,
}

/// A file of the table.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Below the table's directory.
    pub(super) name: String,
    pub(super) object: StoredObject,
    pub(super) keys: Vec<Key>,
}

/// The files, by name, and the manifest if it named them.
pub(super) async fn find(place: &Place) -> Result<(Vec<Found>, Option<Manifest>)> {
    place.destination.reach().await?;
    let path = |name: &str| match place.directory.as_str() {
        "" => name.to_owned(),
        directory => format!("{directory}/{name}"),
    };
    // Only those right above: what lies above a table is not of it.
    let above = place.above.iter().rev().take_while(|name| crate::spec::layout::is_hive(name));
    let mut above: Vec<&str> = above.map(String::as_str).collect();
    above.reverse();
    let found = |name: String, object: StoredObject| {
        let below = name.rsplit_once('/').map_or("", |(directories, _)| directories);
        let keys = keys::of_directories(above.iter().copied().chain(below.split('/')));
        Found { name, object, keys }
    };
    if let Some(name) = &place.file {
        let object = place.destination.head(&path(name)).await?;
        return match object {
            Some(object) => Ok((vec![found(name.clone(), object)], None)),
            None => Err(nothing(place)),
        };
    }
    let listed = listing(place).await?;
    let content = place.destination.get(&path(MANIFEST)).await?.filter(|content| !is_withdrawn(content));
    let Some(content) = content else {
        if listed.is_empty() {
            return Err(nothing(place));
        }
        return Ok((listed.into_iter().map(|(name, object)| found(name, object)).collect(), None));
    };
    let manifest = read_manifest(&content)?;
    let mut listed = listed;
    let mut files = Vec::new();
    for entry in manifest.own_files() {
        let Some(object) = listed.remove(&entry.name) else {
            return Err(Error::data("a file of the manifest is not there")
                .coded(Code::FileMissing)
                .with("file", path(&entry.name))
                .hint("`lakexpress verify` says what else is not as the manifest says"));
        };
        files.push(found(entry.name.clone(), object));
    }
    if files.is_empty() {
        return Err(nothing(place));
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((files, Some(manifest)))
}

/// Parquet files of the directory and of `key=value` directories below it, by their names below it.
async fn listing(place: &Place) -> Result<BTreeMap<String, StoredObject>> {
    let start = if place.directory.is_empty() { String::new() } else { format!("{}/", place.directory) };
    let objects = place.destination.list(&place.directory).await?.into_iter().filter_map(|object| {
        let name = object.path.strip_prefix(&start)?.to_owned();
        let file = file_name(&name)?;
        let is_data = file.to_ascii_lowercase().ends_with(".parquet") && !file.starts_with(['_', '.']);
        is_data.then_some((name, object))
    });
    Ok(objects.collect())
}

fn nothing(place: &Place) -> Error {
    let what = match &place.file {
        Some(_) => "there is no such file",
        None => "there is no Parquet file in the directory",
    };
    Error::usage(what)
        .coded(Code::NoParquetFile)
        .with("place", &place.shown)
        .hint("name the directory of one table, with its manifest or its files, or one Parquet file")
}
