//! What is there before a commit, and whether the run may replace it or add to it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::intent::is_plain;
use super::left::{Left, Removed};
use super::place::current_manifest;
use super::roll::finish_intent;
use super::{NOTHING, Owner, Place};
use crate::destination::{Destination, ONE_DIRECTORY_PER_RUN, PendingUpload};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{FileEntry, Manifest, ManifestColumn};
use crate::readers::Readers;
use crate::sink::part::PreparedFile;
use crate::spec::IfExists;
use crate::spec::layout::{MANIFEST, directories};

/// What [`TableCommit::begin`] found.
pub(super) struct Found {
    pub(super) old: Option<Manifest>,
    pub(super) visible: HashSet<String>,
    pub(super) finished: bool,
    /// Whether old files may be deleted.
    pub(super) may_delete: bool,
    pub(super) left: Left,
}

impl Found {
    /// Where nothing can be read.
    pub(super) fn unknown() -> Self {
        let (visible, left) = (HashSet::new(), Left { unknown_uploads: true, ..Left::default() });
        Self { old: None, visible, finished: false, may_delete: false, left }
    }
}

/// Whether nothing of `place` can be read and nothing be replaced: then a table may be written where there is none.
pub(super) async fn is_blind(place: &Place) -> bool {
    let denied = |error: Option<Error>| error.is_some_and(|error| error.kind() == ErrorKind::Denied);
    !place.destination.replaces_freely()
        && denied(place.destination.head(&place.path(MANIFEST)).await.err())
        && denied(place.destination.delete(&place.path(NOTHING)).await.err())
}

/// Steps of [`TableCommit::begin`] under the lock: what is committed, and what readers see.
pub(super) async fn prepare(
    place: &Place,
    if_exists: IfExists,
    run_id: &str,
    owner: &Owner,
    keep: &[PendingUpload],
) -> Result<Found> {
    let destination = &place.destination;
    finish_intent(place).await?;
    let old = current_manifest(place).await?;
    let listed = destination.list(&place.dir).await?;
    let mut sizes = HashMap::new();
    for object in &listed {
        let start = if place.dir.is_empty() { String::new() } else { format!("{}/", place.dir) };
        let name = object.path.strip_prefix(&start).unwrap_or_default();
        if is_plain(name) {
            sizes.insert(name, object.bytes);
        }
    }
    let finished = old
        .as_ref()
        .is_some_and(|old| old.run_id == run_id && owner.is_named_by(old) && all_there(old, &sizes));
    if let Some(old) = old.as_ref().filter(|_| !finished) {
        owner.may_change(old, if_exists)?;
    }
    match if_exists {
        // A resumed run finds its own work: nothing will be done to it.
        _ if finished => {}
        IfExists::Error if old.is_some() || !sizes.is_empty() => {
            return Err(Error::data("the table already exists")
                .hint("--if-exists overwrite replaces it if the same source wrote it, replace in any case, append adds to it"));
        }
        IfExists::Error => {}
        IfExists::Overwrite | IfExists::Replace => {
            let known: HashSet<&str> = old.iter().flat_map(|m| &m.files).map(|f| f.name.as_str()).collect();
            let mut unknown: Vec<&str> = sizes.keys().copied().filter(|name| !known.contains(name)).collect();
            unknown.sort_unstable();
            if !unknown.is_empty() {
                return Err(Error::data(
                    "files are there that no manifest names, so they are not ours to replace",
                )
                .with("files", some_of(&unknown))
                .hint("--if-exists append keeps them; or remove them, or choose another directory"));
            }
        }
        IfExists::Append => {
            for file in old.iter().flat_map(|manifest| &manifest.files) {
                if sizes.get(file.name.as_str()) != Some(&file.bytes) {
                    return Err(Error::data("a file that the manifest names is missing or has another size")
                        .with("file", &file.name)
                        .hint("--if-exists overwrite exports the table again and removes what was appended to it"));
                }
            }
        }
    }
    let (mut left, mut may_delete) = (Left::default(), true);
    if old.is_some() && !finished {
        // Deleting what is not there asks for the right and changes nothing. Asked before a row is read.
        match Removed::of(destination.delete(&place.path(NOTHING)).await)? {
            Removed::Denied(error) if !destination.replaces_freely() => {
                return Err(Error::denied(
                    "the table already exists, and these credentials cannot replace it",
                )
                .hint(ONE_DIRECTORY_PER_RUN)
                .caused_by(error));
            }
            Removed::Denied(error) => {
                may_delete = false;
                left.lacks(&error);
            }
            Removed::Gone => {}
        }
    }
    left.sweep(place, keep).await?;
    let visible = sizes.into_keys().map(str::to_owned).collect();
    Ok(Found { old, visible, finished, may_delete, left })
}

/// What is committed in `dir`; none without a manifest.
///
/// # Errors
/// `Data` when the manifest cannot be understood; those of the destination.
pub async fn committed(destination: Arc<dyn Destination>, dir: &str) -> Result<Option<Manifest>> {
    current_manifest(&Place::new(destination, dir)).await
}

/// The manifest of the directory `dir`, if `run_id` committed it, `is_wanted` and all its files are there with their
/// sizes. Changes nothing and needs no lock. An intent that waits to be rolled forward is for [`TableCommit::begin`].
///
/// # Errors
/// Those of the destination; a manifest that cannot be understood is none of this run's.
pub async fn committed_by(
    destination: &Arc<dyn Destination>,
    dir: &str,
    run_id: &str,
    is_wanted: impl Fn(&Manifest) -> bool,
) -> Result<Option<Manifest>> {
    let place = Place::new(Arc::clone(destination), dir);
    let manifest = match current_manifest(&place).await {
        Err(error) if error.kind() == ErrorKind::Data => None,
        manifest => manifest?.filter(|manifest| manifest.run_id == run_id && is_wanted(manifest)),
    };
    let Some(manifest) = manifest else { return Ok(None) };
    let listed = place.destination.list(dir).await?;
    let start = place.path("");
    let sizes: HashMap<&str, u64> = listed
        .iter()
        .map(|object| (object.path.strip_prefix(&start).unwrap_or_default(), object.bytes))
        .collect();
    Ok(all_there(&manifest, &sizes).then_some(manifest))
}

/// Whether every file that the manifest names is there with its size.
fn all_there(manifest: &Manifest, sizes: &HashMap<&str, u64>) -> bool {
    manifest.files.iter().all(|file| sizes.get(file.name.as_str()) == Some(&file.bytes))
}

/// A name that somebody else gave, as one line.
fn shown(name: &str) -> String {
    if name.contains(char::is_control) { name.escape_debug().to_string() } else { name.to_owned() }
}

/// The first few names, and how many there are.
fn some_of(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN).map(|name| shown(name)).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

/// Files that are added must not replace others, and must have the columns that the others have.
pub(super) fn check_append(
    old: Option<&Manifest>,
    visible: &HashSet<String>,
    files: &[PreparedFile],
    manifest: &mut Manifest,
) -> Result<()> {
    if let Some(file) = files.iter().find(|file| visible.contains(&file.entry.name)) {
        return Err(Error::data("a file of this name is there already")
            .with("file", &file.entry.name)
            .hint("--if-exists append never replaces a file; run it again under a new run id"));
    }
    let Some(old) = old else { return Ok(()) };
    same_columns(old, &manifest.columns)?;
    if old.readers != manifest.readers {
        tracing::warn!(
            path = %shown(&manifest.table.to_string()),
            "the files that are there are for --readers {}, those that are added for --readers {}: the table is for \
             readers that take both",
            old.readers,
            manifest.readers
        );
        let has_forms = manifest.columns.iter().any(|column| column.form.is_some());
        manifest.readers = match old.readers.common(&manifest.readers) {
            Some(common) => common,
            None if has_forms => old.readers.clone(),
            None => Readers::Modern,
        };
    }
    same_directories(&old.files, files)?;
    for (column, before) in manifest.columns.iter_mut().zip(&old.columns) {
        column.nullable |= before.nullable;
    }
    Ok(())
}

fn same_columns(old: &Manifest, added: &[ManifestColumn]) -> Result<()> {
    // Text of one type is no text of another.
    fn value(column: &ManifestColumn) -> (&str, &str, Option<&str>) {
        let kind = column.value_type.as_ref().unwrap_or(&column.arrow_type);
        (&column.name, kind, column.crs.as_deref())
    }
    let same = |a: &ManifestColumn, b: &ManifestColumn| {
        value(a) == value(b) && (&a.arrow_type, a.form.is_some()) == (&b.arrow_type, b.form.is_some())
    };
    let error = Error::data("the table's columns differ from those of the files that are there");
    let Some((there, added)) = old.columns.iter().zip(added).find(|(old, added)| !same(old, added)) else {
        if old.columns.len() == added.len() {
            return Ok(());
        }
        let error = error.with("columns there", old.columns.len()).with("columns added", added.len());
        return Err(error.hint(OTHER_COLUMNS));
    };
    let described = |column: &ManifestColumn| match (&column.value_type, &column.form) {
        (Some(kind), _) => format!("{} {}, as {}", column.name, kind, column.arrow_type),
        (None, Some(_)) => format!("{} JSON, as plain text", column.name),
        (None, None) => format!("{} {}", column.name, column.arrow_type),
    };
    let error = error.with("there", described(there)).with("added", described(added));
    Err(if value(there) == value(added) {
        error.hint(format!(
            "add to the files that are there with --readers {}, for which they are",
            old.readers
        ))
    } else {
        error.hint(OTHER_COLUMNS)
    })
}

const OTHER_COLUMNS: &str =
    "--if-exists append needs the same columns; use --columns, or another --output-dir";

/// Readers take the directories of a table for columns, so that all its rows must lie in directories of the same keys,
/// or all in none.
fn same_directories(old: &[FileEntry], added: &[PreparedFile]) -> Result<()> {
    fn of<'f>(entries: impl Iterator<Item = &'f FileEntry>) -> BTreeSet<String> {
        // A file without rows is a table's only one, wherever its rows will lie.
        entries.filter(|entry| entry.rows > 0).map(|entry| directories(&entry.name)).collect()
    }
    let (old, added) = (of(old.iter()), of(added.iter().map(|file| &file.entry)));
    if old.is_empty() || added.is_subset(&old) {
        return Ok(());
    }
    let shown = |of: &BTreeSet<String>| match of.iter().filter(|d| !d.is_empty()).cloned().collect::<Vec<_>>()
    {
        named if named.is_empty() => "none".to_owned(),
        named => named.join(", "),
    };
    Err(Error::data("the files that are there lie in other directories than those to be added")
        .with("there", shown(&old))
        .with("added", shown(&added))
        .hint("export with the method that made those that are there, or use another --output-dir or --sub-path"))
}
