//! The first step of a transaction: the directory is locked, what an earlier run left is finished, and what is there may be
//! changed, or not.

use std::collections::{HashMap, HashSet};

use super::direct;
use super::roll::finish_intent;
use super::state::Found;
use crate::destination::{DirLock, ONE_DIRECTORY_PER_RUN};
use crate::error::{Code, Error, ErrorKind, Result};
use crate::format::contract::Beginning;
use crate::format::directory::{
    NOTHING, Place, Removed, all_there, current_manifest, give_back, is_plain, some_of, sweep, version,
};
use crate::format::left::Left;
use crate::spec::IfExists;
use crate::spec::layout::MANIFEST;

/// A directory that is locked.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) place: Place,
    pub(super) found: Found,
    pub(super) lock: Box<dyn DirLock>,
}

/// Locks the directory, rolls an intent forward, applies `if_exists`, and removes uploads that nobody will finish.
pub(super) async fn open(mut place: Place, beginning: &Beginning<'_>) -> Result<Opened> {
    let lock = place.destination.lock(&place.dir, beginning.run_id).await?;
    lock.changing(true);
    let found = match direct::finish(&place, lock.as_ref()).await {
        Ok(()) => find(&place, beginning).await,
        Err(error) => Err(error),
    };
    let found = match found {
        Err(error) if error.kind() == ErrorKind::Denied && is_blind(&place).await => {
            place.blind = true;
            beginning.expected.check(&beginning.owner.table, None).map(|()| Found::unknown())
        }
        found => found,
    };
    lock.changing(false);
    match found {
        Ok(found) => Ok(Opened { place, found, lock }),
        Err(error) => {
            give_back(lock, &place).await;
            Err(error.with("path", place.full()))
        }
    }
}

/// Whether nothing of `place` can be read and nothing be replaced: then a table may be written where there is none.
async fn is_blind(place: &Place) -> bool {
    let denied = |error: Option<Error>| error.is_some_and(|error| error.kind() == ErrorKind::Denied);
    !place.destination.replaces_freely()
        && denied(place.destination.head(&place.path(MANIFEST)).await.err())
        && denied(place.destination.delete(&place.path(NOTHING)).await.err())
}

/// Under the lock: what is committed, what readers see, and whether the run may change it.
async fn find(place: &Place, beginning: &Beginning<'_>) -> Result<Found> {
    let Beginning { run_id, if_exists, owner, keep, expected } = *beginning;
    let destination = &place.destination;
    finish_intent(place).await?;
    let old = current_manifest(place).await?;
    if let Some(version) = old.as_ref().and_then(|old| old.table_version) {
        let name = version.format.name();
        return Err(Error::data(format!("a {name} table lies where plain files are to be"))
            .coded(Code::OthersFiles)
            .hint(format!("add --format {name}, or use another --output-dir or --sub-path")));
    }
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
    if !finished {
        expected.check(&owner.table, old.as_ref().map(version).as_ref())?;
        if let Some(old) = &old {
            owner.may_change(old, if_exists)?;
        }
    }
    match if_exists {
        // A resumed run finds its own work: nothing will be done to it.
        _ if finished => {}
        IfExists::Error if old.is_some() || !sizes.is_empty() => {
            return Err(Error::data("the table already exists").coded(Code::TableExists)
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
                .coded(Code::OthersFiles)
                .with("files", some_of(&unknown))
                .hint("--if-exists append keeps them; or remove them, or choose another directory"));
            }
        }
        IfExists::Append => {
            for file in old.iter().flat_map(|manifest| &manifest.files) {
                if sizes.get(file.name.as_str()) != Some(&file.bytes) {
                    return Err(Error::data("a file that the manifest names is missing or has another size")
                        .coded(Code::FileMissing)
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
                .coded(Code::TableExists)
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
    sweep(place, keep, &mut left).await?;
    let visible = sizes.into_keys().map(str::to_owned).collect();
    Ok(Found { old, visible, finished, may_delete, left })
}
