//! The log of a table: one document for each version, `_delta_log/00000000000000000007.json`, all of which are read.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};

use super::action::{Add, CommitInfo, Line, MetaData, Moment, Protocol};
use super::path::decoded;
use crate::error::{Code, Error, Result};
use crate::format::directory::Place;

/// The directory of the log.
pub(super) const LOG: &str = "_delta_log";
/// Documents that are read at once.
const DOCUMENTS_AT_ONCE: usize = 8;
/// Features of the protocol that files of ours need, or that change nothing of what is read and written here.
const KNOWN: &[&str] = &["timestampNtz", "columnMapping", "appendOnly", "invariants"];

/// The name of the document of a version.
pub(super) fn document(version: u64) -> String {
    format!("{LOG}/{version:020}.json")
}

/// A table as its log describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Log {
    /// The newest version.
    pub(super) version: u64,
    pub(super) protocol: Protocol,
    pub(super) meta: MetaData,
    /// Files of the newest version by their names in the table's directory.
    pub(super) files: BTreeMap<String, Add>,
    /// Files of earlier versions, and the version that has them no more.
    pub(super) removed: BTreeMap<String, u64>,
    /// What the newest version shows, if this program wrote it.
    pub(super) moment: Option<Moment>,
    /// Versions that another program wrote.
    pub(super) foreign: BTreeSet<u64>,
}

impl Log {
    /// Reads the log of a table; none where there is no log.
    ///
    /// # Errors
    /// `Data` for what this program does not understand; those of the destination.
    pub(super) async fn read(place: &Place) -> Result<Option<Self>> {
        let listed = place.destination.list(&place.path(LOG)).await?;
        let start = place.path(&format!("{LOG}/"));
        let names = listed.iter().filter_map(|object| object.path.strip_prefix(&start));
        let mut versions: Vec<u64> = names.clone().filter_map(version_of).collect();
        versions.sort_unstable();
        let Some(last) = versions.last() else {
            return match names.clone().next() {
                None => Ok(None),
                Some(other) => Err(strange("its log has no version").with("file", other)),
            };
        };
        if versions.iter().zip(0..).any(|(version, expected)| *version != expected) {
            return Err(strange("documents of its log are missing, which another program removed"));
        }
        let documents = versions.iter().map(|version| {
            let path = place.path(&document(*version));
            async move {
                let content = place.destination.get(&path).await?;
                content.ok_or_else(|| strange("a document of its log went away").with("file", path))
            }
        });
        // A log of many versions is larger than what it comes to.
        let mut documents = stream::iter(documents.collect::<Vec<_>>()).buffered(DOCUMENTS_AT_ONCE);
        let mut replay = Replay::default();
        for version in &versions {
            let Some(content) = documents.next().await else { break };
            replay.document(*version, &content?).map_err(|error| error.with("file", document(*version)))?;
        }
        replay.end(*last).map(Some)
    }

    /// Whether a version names this file.
    pub(super) fn names(&self, file: &str) -> bool {
        self.files.contains_key(file) || self.removed.contains_key(file)
    }

    /// Files that no version needs of which there are at most `keep`, when one more is committed after this one and has none
    /// of the files of now.
    pub(super) fn outdated(&self, keep: u64, replaced: bool) -> Vec<String> {
        let next = self.version + 1;
        let oldest = (next + 1).saturating_sub(keep);
        let now = self.files.keys().filter(|_| replaced && next <= oldest);
        let earlier = self.removed.iter().filter(|(_, since)| **since <= oldest).map(|(name, _)| name);
        earlier.chain(now).cloned().collect()
    }
}

/// The version of a document by its name.
fn version_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json").filter(|digits| digits.len() == 20)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn strange(what: &'static str) -> Error {
    Error::data(format!("a delta table is there, and {what}"))
        .coded(Code::OthersFiles)
        .hint("this version replaces and extends tables whose whole log it can read; use another --output-dir or --sub-path")
}

#[derive(Default)]
struct Replay {
    protocol: Option<Protocol>,
    meta: Option<MetaData>,
    files: BTreeMap<String, Add>,
    removed: BTreeMap<String, u64>,
    moment: Option<Moment>,
    foreign: BTreeSet<u64>,
}

impl Replay {
    fn document(&mut self, version: u64, content: &[u8]) -> Result<()> {
        self.moment = None;
        let (mut adds, mut removes) = (Vec::new(), Vec::new());
        for line in content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Line = serde_json::from_slice(line)
                .map_err(|error| strange("a document of its log cannot be understood").caused_by(error))?;
            self.moment = line.commit_info.as_ref().and_then(moment).or(self.moment.take());
            if let Some(protocol) = line.protocol {
                self.protocol = Some(known(protocol)?);
            }
            self.meta = line.meta_data.or(self.meta.take());
            adds.extend(line.add);
            removes.extend(line.remove);
        }
        if self.moment.is_none() {
            self.foreign.insert(version);
        }
        // A version removes what was there before, and adds.
        for remove in removes {
            if let Some(name) = decoded(&remove.path)
                && self.files.remove(&name).is_some()
            {
                self.removed.insert(name, version);
            }
        }
        for add in adds {
            let name = decoded(&add.path)
                .ok_or_else(|| strange("a file of it lies elsewhere").with("data file", &add.path))?;
            if add.deletion_vector.is_some() {
                return Err(strange("some of its rows are deleted by a vector").with("data file", name));
            }
            self.removed.remove(&name);
            self.files.insert(name, add);
        }
        Ok(())
    }

    fn end(self, version: u64) -> Result<Log> {
        let Self { protocol, meta, files, removed, moment, foreign } = self;
        let (Some(protocol), Some(meta)) = (protocol, meta) else {
            return Err(strange("its log does not say what it is"));
        };
        if meta.format.provider != "parquet" {
            return Err(strange("its files are not Parquet").with("format", meta.format.provider));
        }
        if meta.configuration.get("delta.appendOnly").is_some_and(|value| value == "true") {
            return Err(strange("its property delta.appendOnly forbids to replace its rows"));
        }
        Ok(Log { version, protocol, meta, files, removed, moment, foreign })
    }
}

/// What a commit of this program shows.
fn moment(info: &CommitInfo) -> Option<Moment> {
    serde_json::from_str(info.user_metadata.as_deref()?).ok()
}

/// Refuses what this program does not know.
fn known(protocol: Protocol) -> Result<Protocol> {
    let features = protocol.reader_features.iter().chain(&protocol.writer_features).flatten();
    if let Some(feature) = features.into_iter().find(|feature| !KNOWN.contains(&feature.as_str())) {
        return Err(strange("it has a feature that this program does not know").with("feature", feature));
    }
    let Protocol { min_reader_version: reader, min_writer_version: writer, .. } = protocol;
    // Writers of versions 3 to 6 have to know checks, generated columns and more.
    if reader > 3 || !(writer <= 2 || writer == 7) {
        return Err(strange("it is of a version of the protocol that this program does not know")
            .with("reader version", reader)
            .with("writer version", writer));
    }
    Ok(protocol)
}

/// A log of one document from its bytes, for `fuzz/`: all files that it names lie in the table's directory.
///
/// # Errors
/// Those of reading it.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzzing(content: &[u8]) -> Result<()> {
    let mut replay = Replay::default();
    replay.document(0, content)?;
    let log = replay.end(0)?;
    for name in log.files.keys().chain(log.removed.keys()) {
        let parts = || name.split('/');
        if name.starts_with('/') || parts().any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(Error::internal("a name leads out of the directory").with("file", name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = concat!(
        r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#,
        "\n",
        r#"{"metaData":{"id":"i","format":{"provider":"parquet","options":{}},"schemaString":"{}","partitionColumns":[],"configuration":{}}}"#,
        "\n",
        r#"{"add":{"path":"a%20b.parquet","partitionValues":{},"size":3,"modificationTime":1,"dataChange":true}}"#,
        "\n"
    );

    fn replayed(documents: &[&str]) -> Result<Log> {
        let mut replay = Replay::default();
        for (version, text) in documents.iter().enumerate() {
            replay.document(version as u64, text.as_bytes())?;
        }
        replay.end(documents.len() as u64 - 1)
    }

    fn names(log: &Log) -> Vec<&str> {
        log.files.keys().map(String::as_str).collect()
    }

    #[test]
    fn a_version_removes_and_adds() {
        let next = concat!(
            r#"{"add":{"path":"c.parquet","partitionValues":{},"size":4,"modificationTime":1,"dataChange":true}}"#,
            "\n",
            r#"{"remove":{"path":"a%20b.parquet","dataChange":true}}"#
        );
        let log = replayed(&[FIRST, next]).expect("a log");
        assert_eq!(names(&log), ["c.parquet"]);
        assert_eq!(log.removed, BTreeMap::from([("a b.parquet".to_owned(), 1)]));
        assert_eq!(log.foreign, BTreeSet::from([0, 1]));
    }

    #[test]
    fn files_stay_for_the_versions_that_are_kept() {
        let next = |old: &str, new: &str| {
            format!(
                "{{\"remove\":{{\"path\":\"{old}\",\"dataChange\":true}}}}\n{{\"add\":{{\"path\":\"{new}\",\"partitionValues\":{{}},\
                 \"size\":4,\"modificationTime\":1,\"dataChange\":true}}}}"
            )
        };
        let log = replayed(&[FIRST, &next("a%20b.parquet", "c.parquet"), &next("c.parquet", "d.parquet")])
            .expect("a log");
        // Version 3 is to be written; version 1 has c, version 2 has d.
        assert_eq!(log.outdated(1, true), ["a b.parquet", "c.parquet", "d.parquet"]);
        assert_eq!(log.outdated(2, true), ["a b.parquet", "c.parquet"]);
        assert_eq!(log.outdated(3, true), ["a b.parquet"]);
        assert!(log.outdated(4, true).is_empty());
        assert_eq!(log.outdated(1, false), ["a b.parquet", "c.parquet"]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (line, word) in [
            (r#"{"protocol":{"minReaderVersion":4,"minWriterVersion":7}}"#, "version"),
            (r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":4}}"#, "version"),
            (
                r#"{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors"]}}"#,
                "deletionVectors",
            ),
            (
                r#"{"add":{"path":"s3://b/x.parquet","partitionValues":{},"size":4,"modificationTime":1,"dataChange":true}}"#,
                "elsewhere",
            ),
            ("{", "understood"),
        ] {
            let error = replayed(&[FIRST, line]).expect_err(line).to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(replayed(&["{}"]).is_err());
    }

    #[test]
    fn documents_are_named_by_twenty_digits() {
        assert_eq!(version_of("00000000000000000007.json"), Some(7));
        for other in [
            "7.json",
            "00000000000000000007.checkpoint.parquet",
            "_last_checkpoint",
            "0000000000000000000x.json",
        ] {
            assert_eq!(version_of(other), None, "{other}");
        }
        assert_eq!(document(7), "_delta_log/00000000000000000007.json");
    }
}
