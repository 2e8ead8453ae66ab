//! The next document of a log: what a commit says.

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::action::{Add, CommitInfo, FileFormat, Line, MetaData, Moment, Protocol, Remove};
use super::log::Log;
use super::path::{encoded, partition_values};
use super::{schema, stats};
use crate::error::{Error, Result};
use crate::manifest::{FileEntry, Manifest};

/// What becomes of the files that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Replaced,
    Kept,
}

/// The document of the version after `log`, or of the first: `added` are the files that come, `manifest` describes the
/// table as it will be.
///
/// # Errors
/// `Data` for a type that Delta has not.
pub(super) fn text(
    log: Option<&Log>,
    mode: Mode,
    manifest: &Manifest,
    added: &[FileEntry],
) -> Result<String> {
    let schema = schema::of(manifest)?;
    let at = DateTime::parse_from_rfc3339(&manifest.committed_at)
        .map_err(|error| Error::internal("the time of a commit").caused_by(error))?
        .timestamp_millis();
    let mut lines = vec![Line { commit_info: Some(info(log, mode, manifest, at)?), ..Line::default() }];
    let before = log.map(|log| &log.protocol);
    let protocol = protocol(before, &schema.features);
    if before != Some(&protocol) {
        lines.push(Line { protocol: Some(protocol), ..Line::default() });
    }
    let meta = MetaData {
        id: log.map_or_else(|| uuid::Uuid::new_v4().to_string(), |log| log.meta.id.clone()),
        name: Some(manifest.table.name.clone()),
        format: FileFormat::default(),
        schema_string: schema.text,
        partition_columns: schema.partitions,
        configuration: schema.configuration,
        created_time: Some(log.and_then(|log| log.meta.created_time).unwrap_or(at)),
    };
    if log.map(|log| &log.meta) != Some(&meta) {
        lines.push(Line { meta_data: Some(meta), ..Line::default() });
    }
    if mode == Mode::Replaced {
        let old = log.iter().flat_map(|log| log.files.values());
        lines.extend(old.map(|file| Line { remove: Some(removed(file, at)), ..Line::default() }));
    }
    let add = |entry: &FileEntry| Add {
        path: encoded(&entry.name),
        partition_values: partition_values(&entry.name, &manifest.partition_by),
        size: entry.bytes,
        modification_time: at,
        data_change: true,
        stats: Some(stats::of(entry, &manifest.columns)),
        deletion_vector: None,
    };
    lines.extend(added.iter().map(|entry| Line { add: Some(add(entry)), ..Line::default() }));
    let mut text = String::new();
    for line in lines {
        let line = serde_json::to_string(&line)
            .map_err(|error| Error::internal("a line of a log cannot be written as JSON").caused_by(error))?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

fn info(log: Option<&Log>, mode: Mode, manifest: &Manifest, at: i64) -> Result<CommitInfo> {
    let mut parameters = Map::new();
    let mode = if log.is_some() && mode == Mode::Kept { "Append" } else { "Overwrite" };
    parameters.insert("mode".into(), mode.into());
    let partitions: Vec<&str> = manifest.partition_by.iter().map(|p| p.name.as_str()).collect();
    parameters.insert("partitionBy".into(), Value::String(json!(partitions).to_string()));
    let moment = serde_json::to_string(&moment(manifest))
        .map_err(|error| Error::internal("a moment cannot be written as JSON").caused_by(error))?;
    Ok(CommitInfo {
        timestamp: at,
        operation: "WRITE".into(),
        operation_parameters: parameters,
        engine_info: Some(manifest.created_by.clone()),
        user_metadata: Some(moment),
    })
}

fn moment(manifest: &Manifest) -> Moment {
    let snapshot = &manifest.snapshot;
    Moment {
        run_id: manifest.run_id.clone(),
        source: manifest.source.url(),
        table: manifest.table.full(),
        consistency: snapshot.level.to_string(),
        snapshot: snapshot.id.clone(),
        position: snapshot.position.clone(),
        taken_at: snapshot.taken_at.clone(),
    }
}

/// What readers must know: what they had to know before stays.
fn protocol(before: Option<&Protocol>, features: &[&str]) -> Protocol {
    let old = before.cloned().unwrap_or(Protocol {
        min_reader_version: 1,
        min_writer_version: 2,
        reader_features: None,
        writer_features: None,
    });
    if features.is_empty() {
        return old;
    }
    let (mut readers, mut writers) =
        (old.reader_features.unwrap_or_default(), old.writer_features.unwrap_or_default());
    for feature in features {
        readers.insert((*feature).to_owned());
        writers.insert((*feature).to_owned());
    }
    if old.min_writer_version <= 2 {
        // What version 2 has without saying so.
        writers.extend(["appendOnly".to_owned(), "invariants".to_owned()]);
    }
    Protocol {
        min_reader_version: 3,
        min_writer_version: 7,
        reader_features: Some(readers),
        writer_features: Some(writers),
    }
}

fn removed(file: &Add, at: i64) -> Remove {
    Remove {
        path: file.path.clone(),
        deletion_timestamp: Some(at),
        data_change: true,
        extended_file_metadata: Some(true),
        partition_values: Some(file.partition_values.clone()),
        size: Some(file.size),
    }
}
