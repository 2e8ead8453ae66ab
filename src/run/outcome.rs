//! What became of a run and of its tables.

use serde::Serialize;

use super::cancel::INTERRUPTED;
use super::metadata::MetadataOutcome;
use crate::catalog::{SnapshotToken, SourceIdentity, TableRef};
use crate::error::{Error, with_code};
use crate::format::Left;
use crate::manifest::{FileEntry, Manifest, PartsAsOf, Verification};
use crate::runlog::{RunEvent, RunStatus, Timestamp};
use crate::spec::Verify;
use crate::spec::layout::{self, FileNames};

/// What became of a run.
#[derive(Debug, Serialize)]
pub struct RunSummary {
    /// Its id.
    pub run_id: String,
    /// How it ended.
    pub status: RunStatus,
    /// When it began, RFC 3339 UTC.
    pub started_at: String,
    /// Wall time in seconds.
    pub seconds: f64,
    /// The source.
    pub source: SourceIdentity,
    /// The destination's base.
    pub destination: String,
    /// Directory between the base and the schemas' directories; may be empty.
    pub sub_path: String,
    /// What was asked to be compared with the source.
    pub verify: Verify,
    /// The point in time; of a resumed run, that of the tables that were left.
    pub snapshot: SnapshotToken,
    /// The longest time that a snapshot of this process was held, in seconds; none when it held none.
    pub snapshot_seconds: Option<f64>,
    /// The limit that ended it, when tables failed for nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// Other points in time, of the tables that were kept when the run was resumed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier_snapshots: Vec<SnapshotToken>,
    /// Whether the run was resumed.
    pub resumed: bool,
    /// Per table, in catalog order.
    pub tables: Vec<TableOutcome>,
    /// What became of the metadata; none if none was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataOutcome>,
}

impl RunSummary {
    /// Whether a signal kept it from doing something.
    pub fn is_cut_short(&self) -> bool {
        let of_tables = self.tables.iter().filter_map(|table| table.error.as_ref());
        let of_metadata = self.metadata.as_ref().and_then(|metadata| metadata.error.as_ref());
        of_tables.chain(of_metadata).any(|error| error.message().starts_with(INTERRUPTED))
    }
}

/// What became of a table.
#[derive(Debug, Serialize)]
pub struct TableOutcome {
    /// The table.
    pub table: TableRef,
    /// Directory below the base.
    pub directory: String,
    /// Rows committed.
    pub rows: u64,
    /// Files committed.
    pub files: usize,
    /// Bytes committed.
    pub bytes: u64,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Parts that were read again after a transient error.
    pub retries: u64,
    /// What could not be cleared away in its directory.
    #[serde(skip_serializing_if = "Left::is_empty")]
    pub left: Left,
    /// It was finished before the run was resumed, and not read again.
    pub kept: bool,
    /// Which parts are of which point in time, when they are of several (`--accept-mixed-snapshot`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mixed_snapshots: Vec<PartsAsOf>,
    /// What was compared with the source; none when nothing was.
    pub verification: Option<Verification>,
    /// Why it failed; serialised as its one-line text, and its code as `error_code`.
    #[serde(flatten, serialize_with = "with_code")]
    pub error: Option<Error>,
}

impl TableOutcome {
    /// A table that failed.
    pub(super) fn failed(table: &TableRef, directory: String, error: Error) -> Self {
        let nothing = Exported { directory, ..Exported::default() };
        Self { error: Some(error), ..Self::committed(table, nothing) }
    }

    /// A table that is committed.
    pub(super) fn committed(table: &TableRef, exported: Exported) -> Self {
        Self {
            table: table.clone(),
            rows: exported.rows(),
            files: exported.files.len(),
            bytes: exported.files.iter().map(|file| file.bytes).sum(),
            directory: exported.directory,
            seconds: 0.0,
            retries: 0,
            left: exported.left,
            kept: exported.kept,
            mixed_snapshots: exported.mixed,
            verification: exported.verification,
            error: None,
        }
    }
}

/// What is committed of a table.
#[derive(Default)]
pub(super) struct Exported {
    /// The files of this run.
    pub(super) files: Vec<FileEntry>,
    /// Its directory below the base.
    pub(super) directory: String,
    /// The run had committed it before it was resumed: nothing was read.
    pub(super) kept: bool,
    /// Which parts are of which point in time, when they are of several.
    pub(super) mixed: Vec<PartsAsOf>,
    /// What could not be cleared away.
    pub(super) left: Left,
    /// What was compared with the source.
    pub(super) verification: Option<Verification>,
}

/// What the run log keeps of a file: all but its columns, which are in the manifest.
pub(super) fn recorded(file: &FileEntry) -> FileEntry {
    FileEntry {
        name: file.name.clone(),
        crc32: file.crc32.clone(),
        e_tag: file.e_tag.clone(),
        slice: file.slice.clone(),
        source_hash: file.source_hash.clone(),
        columns: Vec::new(),
        ..*file
    }
}

impl Exported {
    /// What a run that names its files by `names` had committed to `directory` by `manifest`.
    pub(super) fn kept(manifest: &Manifest, directory: &str, names: &FileNames) -> Self {
        let own = |file: &&FileEntry| match names {
            FileNames::Fixed => true,
            FileNames::OfRun(_) => layout::is_of_part(&file.name, &names.of(file.part)),
        };
        Self {
            files: manifest.own_files().filter(own).map(recorded).collect(),
            directory: directory.to_owned(),
            kept: true,
            mixed: manifest.mixed_snapshots.clone(),
            left: Left::of(manifest),
            verification: manifest.verification.clone(),
        }
    }

    fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// What the run log keeps of it, in this order.
    pub(super) fn events(&self, run_id: &str, table: &TableRef, at: Timestamp) -> Vec<RunEvent> {
        let of = || (run_id.to_owned(), table.clone());
        let mut events = Vec::new();
        if !self.mixed.is_empty() {
            let ((run_id, table), parts) = (of(), self.mixed.clone());
            events.push(RunEvent::TableMixed { run_id, table, at, parts });
        }
        let (run_id, table) = of();
        let (rows, directory, files) = (self.rows(), self.directory.clone(), self.files.clone());
        events.push(RunEvent::TableDone { run_id, table, at, rows, directory, files });
        events
    }
}
