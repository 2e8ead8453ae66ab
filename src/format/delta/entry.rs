//! The next document of a log: what a commit says.

use arrow_schema::Schema;
use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::action::{Add, CommitInfo, FileFormat, Line, MetaData, Moment, Protocol, Remove};
use super::log::Log;
use super::path::{encoded, partition_values};
use super::{schema, stats};
use crate::error::{Code, Error, Result};
use crate::manifest::{FileEntry, Manifest};

/// What becomes of the files that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Replaced,
    Kept,
}

/// The document of the version after `log`, or of the first: `added` are the files that come, `manifest` describes the
/// table as it will be, and `files` is what every file looks like.
///
/// # Errors
/// `Data` for a type that Delta has not, and for columns that files which stay have under other ids.
pub(super) fn text(
    log: Option<&Log>,
    mode: Mode,
    (manifest, files): (&Manifest, &Schema),
    added: &[FileEntry],
) -> Result<String> {
    let before = log.map(|log| log.meta.configuration.clone()).unwrap_or_default();
    let schema = schema::of(manifest, files, &before)?;
    if let Some(log) = log
        && mode == Mode::Kept
        && schema.features.contains(&"columnMapping")
        && !same_ids(&schema.text, &log.meta.schema_string)
    {
        return Err(Error::data("columns of the table have other ids than those to be added")
            .coded(Code::AppendDiffers)
            .hint("the table of the source was made again; --if-exists overwrite replaces the files that are there"));
    }
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

/// Features of readers and writers; the others are of writers only.
const OF_READERS: &[&str] = &["timestampNtz", "columnMapping"];

/// Whether the fields of two schemas have the same names and ids, whatever else differs.
fn same_ids(one: &str, other: &str) -> bool {
    let ids = |text: &str| -> Vec<(Value, Value)> {
        let schema: Value = serde_json::from_str(text).unwrap_or_default();
        let fields = schema["fields"].as_array().cloned().unwrap_or_default();
        let of = |field: Value| (field["name"].clone(), field["metadata"]["delta.columnMapping.id"].clone());
        fields.into_iter().map(of).collect()
    };
    ids(one) == ids(other)
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
    let mut writers = old.writer_features.unwrap_or_default();
    writers.extend(features.iter().map(|feature| (*feature).to_owned()));
    if old.min_writer_version <= 2 {
        // What version 2 has without saying so.
        writers.extend(["appendOnly".to_owned(), "invariants".to_owned()]);
    }
    let mut readers = old.reader_features.unwrap_or_default();
    // Those that readers have to know as well.
    readers.extend(writers.iter().filter(|feature| OF_READERS.contains(&feature.as_str())).cloned());
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
        extended_file_metadata: None,
        partition_values: Some(file.partition_values.clone()),
        size: Some(file.size),
    }
}
