//! The files that events are kept in: one JSON document a line, one file per run.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::super::private;
use crate::error::{Code, Error, Result};
use crate::runlog::{RunEvent, RunRecord, Timestamp};

/// A file of events, locked by this process until it is dropped.
#[derive(Debug)]
pub(super) struct SpoolFile {
    path: PathBuf,
    file: File,
}

/// A line of a file.
pub(super) enum Line {
    Event(Box<RunEvent>),
    /// It ends in the middle.
    Torn,
}

impl SpoolFile {
    /// The file of a run, made with its directory; what it holds already is kept.
    pub(super) fn create(directory: &Path, location: &str, run_id: &str) -> Result<Self> {
        let path = directory.join(format!("{}{}.jsonl", prefix(location), name_of(run_id)));
        let failed = |error: std::io::Error| {
            Error::unavailable("cannot keep the events that the run log did not take")
                .coded(Code::EventLost)
                .with("file", path.display())
                .caused_by(error)
        };
        private::directory(directory).map_err(failed)?;
        let file = loop {
            private::file(&path).map_err(failed)?;
            let file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
            file.lock().map_err(failed)?;
            // Another process may have taken it for abandoned before it was locked, and removed it.
            if is_at(&path, &file) {
                break file;
            }
        };
        // What a killed process began to write last stays a line of its own.
        let whole = std::fs::read(&path).map_err(failed)?;
        if whole.last().is_some_and(|byte| *byte != b'\n') {
            (&file).write_all(b"\n").map_err(failed)?;
        }
        Ok(Self { path, file })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an event; it is durable when this returns.
    pub(super) fn push(&mut self, event: &RunEvent) -> Result<()> {
        let mut line = serde_json::to_vec(event)
            .map_err(|error| Error::internal("cannot write an event as JSON").caused_by(error))?;
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.sync_data()).map_err(|error| {
            Error::unavailable("an event that the run log did not take could not be kept either")
                .coded(Code::EventLost)
                .with("file", self.path.display())
                .caused_by(error)
        })
    }

    /// Removes the file: its events are in the run log.
    pub(super) fn remove(&self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            // Its events are written again next time, which changes nothing.
            tracing::warn!(%error, "cannot remove {}", self.path.display());
        }
    }

    /// Renames the file so that it is not tried again, and returns its new path.
    pub(super) fn set_aside(&self) -> PathBuf {
        let aside = self.path.with_extension("refused");
        match std::fs::rename(&self.path, &aside) {
            Ok(()) => aside,
            Err(_) => self.path.clone(),
        }
    }
}

/// Files for the run log at `location` that no living process writes, oldest run first.
pub(super) fn abandoned(directory: &Path, location: &str) -> Vec<SpoolFile> {
    let prefix = prefix(location);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            name.starts_with(&prefix) && name.ends_with(".jsonl")
        })
        .collect();
    paths.sort();
    let locked = |path: PathBuf| {
        let file = OpenOptions::new().append(true).open(&path).ok()?;
        match file.try_lock() {
            Ok(()) => Some(SpoolFile { path, file }),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, "cannot lock {}", path.display());
                None
            }
        }
    };
    // Another process may have removed one between its opening and its lock; then there is nothing to read.
    paths.into_iter().filter_map(locked).filter(|kept| is_at(&kept.path, &kept.file)).collect()
}

/// Whether `path` still leads to `file`.
#[cfg(unix)]
fn is_at(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (std::fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(held)) => named.ino() == held.ino() && named.dev() == held.dev(),
        _ => false,
    }
}

/// Elsewhere a file that is open cannot be deleted.
#[cfg(not(unix))]
fn is_at(path: &Path, _file: &File) -> bool {
    path.exists()
}

/// The lines of a file, in order.
pub(super) fn read(path: &Path) -> Result<Vec<Line>> {
    let failed = |error: std::io::Error| {
        Error::unavailable("cannot read the events kept for the run log")
            .coded(Code::EventLost)
            .with("file", path.display())
            .caused_by(error)
    };
    let file = File::open(path).map_err(failed)?;
    let mut lines = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(failed)?;
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(event) => lines.push(Line::Event(Box::new(event))),
            Err(error) => {
                tracing::warn!(%error, "a line of {} is not whole and is left out", path.display());
                lines.push(Line::Torn);
            }
        }
    }
    Ok(lines)
}

/// Whether the run has gone on, elsewhere, since the event: it was resumed.
pub(super) fn overtaken(event: &RunEvent, record: &RunRecord) -> bool {
    let newer = |recorded: Option<Timestamp>, at: Timestamp| recorded.is_some_and(|recorded| recorded > at);
    match (event, event.of_table()) {
        (_, Some((table, at))) => record
            .jobs
            .iter()
            .filter(|job| job.table == *table)
            .any(|job| newer(job.started_at, at) || newer(job.finished_at, at)),
        (RunEvent::RunEnded { at, .. }, None) => {
            newer(record.heartbeat_at, *at) || newer(record.finished_at, *at)
        }
        _ => false,
    }
}

/// Files of one run log begin alike.
fn prefix(location: &str) -> String {
    format!("{:08x}-", crc32fast::hash(location.as_bytes()))
}

fn name_of(run_id: &str) -> String {
    run_id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}
