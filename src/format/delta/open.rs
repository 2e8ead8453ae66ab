//! The first step of a transaction: the directory is locked, what an earlier run left is finished, and what is there may be
//! changed, or not.

use std::collections::{HashMap, HashSet};

use super::commit::finish_intent;
use super::log::{LOG, Log};
use crate::destination::{DirLock, ONE_DIRECTORY_PER_RUN};
use crate::error::{Code, Error, ErrorKind, Result};
use crate::format::contract::Beginning;
use crate::format::directory::{
    NOTHING, Place, all_there, current_manifest, give_back, is_plain, some_of, sweep, version,
};
use crate::format::left::Left;
use crate::manifest::{Manifest, TableVersion};
use crate::spec::layout::FileNames;
use crate::spec::{Format, IfExists};

/// What was there when the transaction began.
#[derive(Debug)]
pub(super) struct Found {
    /// The manifest of the newest version.
    pub(super) old: Option<Manifest>,
    pub(super) log: Option<Log>,
    /// Data files in the directory, of whatever version.
    pub(super) visible: HashSet<String>,
    /// What is committed is this run's, and all there.
    pub(super) finished: bool,
    pub(super) left: Left,
}

/// Locks the directory, finishes an intent, applies `if_exists`, and removes uploads that nobody will finish.
pub(super) async fn open(place: &Place, beginning: &Beginning<'_>) -> Result<(Found, Box<dyn DirLock>)> {
    let lock = place.destination.lock(&place.dir, beginning.run_id).await?;
    lock.changing(true);
    let found = find(place, lock.as_ref(), beginning).await;
    lock.changing(false);
    match found {
        Ok(found) => Ok((found, lock)),
        Err(error) => {
            give_back(lock, place).await;
            Err(error.with("path", place.full()))
        }
    }
}

async fn find(place: &Place, lock: &dyn DirLock, beginning: &Beginning<'_>) -> Result<Found> {
    let Beginning { run_id, if_exists, owner, keep, expected } = *beginning;
    finish_intent(place, lock).await?;
    let old = current_manifest(place).await?;
    let log = Log::read(place).await?;
    let listed = place.destination.list(&place.dir).await?;
    let start = place.path("");
    let names = listed.iter().filter_map(|object| Some((object.path.strip_prefix(&start)?, object.bytes)));
    let sizes: HashMap<&str, u64> = names.filter(|(name, _)| is_plain(name)).collect();
    one_table(old.as_ref(), log.as_ref(), &sizes, beginning)?;
    let finished = old
        .as_ref()
        .is_some_and(|old| old.run_id == run_id && owner.is_named_by(old) && all_there(old, &sizes));
    if !finished {
        expected.check(&owner.table, old.as_ref().map(version).as_ref())?;
        if let Some(old) = &old {
            owner.may_change(old, if_exists)?;
        }
        if log.is_some() {
            names_are_free(&sizes, log.as_ref(), run_id)?;
            may_replace(place).await?;
        }
        if if_exists == IfExists::Error && log.is_some() {
            return Err(Error::data("the table already exists").coded(Code::TableExists).hint(
                "--if-exists overwrite makes a new version of it if the same source wrote it, append adds to it",
            ));
        }
        if if_exists == IfExists::Append {
            for (name, file) in log.iter().flat_map(|log| &log.files) {
                if sizes.get(name.as_str()) != Some(&file.size) {
                    return Err(Error::data(
                        "a file that the table's log names is missing or has another size",
                    )
                    .coded(Code::FileMissing)
                    .with("file", name)
                    .hint("--if-exists overwrite exports the table again"));
                }
            }
        }
    }
    let mut left = Left::default();
    sweep(place, keep, &mut left).await?;
    if place.destination.puts_leave_litter() {
        // A document of the log that a process was writing when it died.
        sweep(&Place { dir: place.path(LOG), ..place.clone() }, &[], &mut left).await?;
    }
    let visible = sizes.into_keys().map(str::to_owned).collect();
    Ok(Found { old, log, visible, finished, left })
}

/// Refuses a run that has given the table a version before, whose files have the names that it would give again.
fn names_are_free(sizes: &HashMap<&str, u64>, log: Option<&Log>, run_id: &str) -> Result<()> {
    let (fixed, own) = (FileNames::Fixed.of(0), FileNames::OfRun(run_id.to_owned()).of(0));
    let (start, end) = fixed.split_once('.').unwrap_or((&fixed, ""));
    let own = own.trim_start_matches(start).trim_end_matches(end).trim_end_matches('.');
    let named = log.iter().flat_map(|log| log.files.keys().chain(log.removed.keys())).map(String::as_str);
    match named.chain(sizes.keys().copied()).find(|name| !own.is_empty() && name.contains(own)) {
        None => Ok(()),
        Some(name) => {
            Err(Error::data("this run has made a version of the table before, of which files are there")
                .coded(Code::CommittedMeanwhile)
                .with("file", name)
                .hint("export the table again, as a new run"))
        }
    }
}

/// Where nothing that is there can be replaced, a table is written once.
async fn may_replace(place: &Place) -> Result<()> {
    match place.destination.delete(&place.path(NOTHING)).await {
        Err(error) if error.kind() == ErrorKind::Denied && !place.destination.replaces_freely() => {
            Err(Error::denied("the table already exists, and these credentials cannot replace it")
                .coded(Code::TableExists)
                .hint(ONE_DIRECTORY_PER_RUN)
                .caused_by(error))
        }
        Err(error) if error.kind() != ErrorKind::Denied => Err(error),
        _ => Ok(()),
    }
}

/// Refuses what is no table of this program: plain files, files that no version names, a log without a manifest, and versions
/// that another program wrote, unless all is to be replaced.
fn one_table(
    old: Option<&Manifest>,
    log: Option<&Log>,
    sizes: &HashMap<&str, u64>,
    beginning: &Beginning<'_>,
) -> Result<()> {
    let if_exists = beginning.if_exists;
    let Some(log) = log else {
        let mut others: Vec<&str> = sizes.keys().copied().collect();
        others.sort_unstable();
        return match (old, others.as_slice()) {
            (None, []) => Ok(()),
            (old, others) => {
                let what = if old.is_some() { "a table of plain files" } else { "files that no log names" };
                Err(Error::data(format!("{what} lies where a delta table is to be"))
                    .coded(Code::OthersFiles)
                    .with("files", some_of(others))
                    .hint("use another --output-dir or --sub-path; or remove it"))
            }
        };
    };
    let mut unknown: Vec<&str> = sizes.keys().copied().filter(|name| !log.names(name)).collect();
    unknown.sort_unstable();
    if !unknown.is_empty() && if_exists != IfExists::Append {
        return Err(Error::data("files are there that no version of the table names, so they are not ours")
            .coded(Code::OthersFiles)
            .with("files", some_of(&unknown))
            .hint("remove them, or choose another directory"));
    }
    let described = TableVersion { format: Format::Delta, version: log.version };
    let is_ours = old.is_some_and(|old| old.table_version == Some(described));
    // A version of this table of this source, whose manifest was lost: its rows are known not to be anybody else's.
    let is_same = log.moment.as_ref().is_some_and(|moment| {
        (&moment.source, &moment.table) == (&beginning.owner.source.url(), &beginning.owner.table.full())
    });
    if is_ours
        || (is_same && if_exists == IfExists::Overwrite)
        || if_exists == IfExists::Replace
        || if_exists == IfExists::Error
    {
        return Ok(());
    }
    let by = if log.foreign.contains(&log.version) { "another program" } else { "a run without a manifest" };
    Err(Error::data(format!("{by} wrote the newest version of the table"))
        .coded(Code::OthersFiles)
        .with("version", log.version)
        .with("version by the manifest", old.and_then(|old| old.table_version).map_or_else(|| "none".to_owned(), |v| v.version.to_string()))
        .hint("--if-exists replace makes a new version all the same; older ones stay readable; or use another --output-dir"))
}
