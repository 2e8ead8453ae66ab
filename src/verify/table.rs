//! One table's directory beside its manifest.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::file::{StoredFile, Values};
use super::{Finding, Sample, TableReport};
use crate::destination::{Destination, StoredObject, bare_tag};
use crate::error::{ErrorKind, Result};
use crate::fingerprint::{Fingerprint, Rule};
use crate::format::{TableTarget, is_unfinished, is_withdrawn, look, read_manifest};
use crate::manifest::{FileEntry, HashVerdict, Manifest};
use crate::sink::stats::column_stats;
use crate::spec::layout::{INTENT, MANIFEST, file_name};

/// Files that are looked at at once.
const FILES_AT_ONCE: usize = 4;

/// Compares the directory `dir` below the base with its manifest.
///
/// Errors: those of the destination. What is wrong with the table is in the report.
pub async fn table(destination: &Arc<dyn Destination>, dir: &str, sample: Sample) -> Result<TableReport> {
    match compared(destination, dir, sample).await {
        // A document or a directory that is not ours ends the look at this table and at no other.
        Err(error) if error.kind() == ErrorKind::Data => {
            let problems = vec![Finding::of_table("unreadable", error.to_string())];
            Ok(TableReport { directory: dir.to_owned(), problems, ..TableReport::default() })
        }
        report => report,
    }
}

async fn compared(destination: &Arc<dyn Destination>, dir: &str, sample: Sample) -> Result<TableReport> {
    let path = |name: &str| if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
    let mut report = TableReport { directory: dir.to_owned(), ..TableReport::default() };
    let intent = destination.get(&path(INTENT)).await?;
    let content = destination.get(&path(MANIFEST)).await?.filter(|content| !is_withdrawn(content));
    let manifest = content.as_ref().map(|content| read_manifest(content));
    let committed = manifest.as_ref().and_then(|manifest| manifest.as_ref().ok());
    if intent.is_some_and(|intent| is_unfinished(&intent, committed)) {
        let detail = "a run ended in the middle of its commit; the next export of the table finishes it";
        report.problems.push(Finding::of_table("unfinished_commit", detail));
    }
    let Some(manifest) = manifest else {
        let detail = format!("there is no {MANIFEST}: nothing is committed here");
        report.problems.push(Finding::of_table("no_manifest", detail));
        return Ok(report);
    };
    let manifest = match manifest {
        Ok(manifest) => manifest,
        Err(error) => {
            report.problems.push(Finding::of_table("manifest", error.to_string()));
            return Ok(report);
        }
    };
    describe(&manifest, &mut report);
    let mut there = listing(destination, dir).await?;
    let chosen = choose(&manifest.files, sample);
    let looks: Vec<Look> = manifest
        .files
        .iter()
        .map(|entry| Look {
            entry: entry.clone(),
            stored: there.remove(&entry.name),
            destination: Arc::clone(destination),
            read: chosen.contains(&entry.name),
        })
        .collect();
    let seen: Vec<Seen> =
        stream::iter(looks.into_iter().map(Look::look)).buffered(FILES_AT_ONCE).try_collect().await?;
    for seen in seen {
        report.files_read += usize::from(seen.read);
        report.files_hashed += usize::from(seen.hashed);
        report.problems.extend(seen.problems);
    }
    let earlier = logged(destination, dir, &manifest, &mut report).await?;
    for name in there.keys().filter(|name| !earlier.contains(*name)) {
        let detail = "the manifest does not name it; readers that list the directory take it for data";
        report.problems.push(Finding::of_file(name, "extra", detail));
    }
    Ok(report)
}

/// Compares the manifest with the table's log, if there is one. Gives the names of files of earlier versions, which may be
/// there.
async fn logged(
    destination: &Arc<dyn Destination>,
    dir: &str,
    manifest: &Manifest,
    report: &mut TableReport,
) -> Result<BTreeSet<String>> {
    let Some(version) = manifest.table_version else { return Ok(BTreeSet::new()) };
    let target = TableTarget { destination: Arc::clone(destination), directory: dir.to_owned() };
    let mut differs = |detail: String| report.problems.push(Finding::of_table("log", detail));
    let Some(known) = look(&target).await? else {
        differs(format!("the table has no log, and the manifest is of its version {}", version.version));
        return Ok(BTreeSet::new());
    };
    if known.version != version.version {
        differs(format!(
            "the newest version by the log is {}, and the manifest is of version {}: another program wrote the table, or a \
             run ended in the middle of its commit",
            known.version, version.version
        ));
    }
    let named: BTreeSet<(&str, u64)> =
        manifest.files.iter().map(|file| (file.name.as_str(), file.bytes)).collect();
    let logged: BTreeSet<(&str, u64)> =
        known.files.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let only = |these: &BTreeSet<(&str, u64)>, those| {
        let names = these.difference(those).map(|(name, _)| *name).take(3);
        names.collect::<Vec<_>>().join(", ")
    };
    if named != logged && known.version == version.version {
        let (manifest, log) = (only(&named, &logged), only(&logged, &named));
        differs(format!("files differ: only in the manifest [{manifest}], only in the log [{log}]"));
    }
    let newer = known.files.iter().map(|(name, _)| name.clone());
    Ok(known.earlier.iter().cloned().chain(newer).collect())
}

fn describe(manifest: &Manifest, report: &mut TableReport) {
    report.table = Some(manifest.table.full());
    report.source = Some(manifest.table.clone());
    report.run_id = Some(manifest.run_id.clone());
    report.rows = manifest.rows;
    report.files = manifest.files.len();
    report.bytes = manifest.files.iter().map(|file| file.bytes).sum();
    let rows: u64 = manifest.files.iter().map(|file| file.rows).sum();
    if rows != manifest.rows {
        let detail = format!("the manifest says {} rows, its files have {rows} by it", manifest.rows);
        report.problems.push(Finding::of_table("rows", detail));
    }
    if manifest.verification.as_ref().and_then(|v| v.hash) == Some(HashVerdict::Differs) {
        let detail = "the export found that the files are not what the source hashed";
        report.problems.push(Finding::of_table("verdict", detail));
    }
}

/// Data files in the directory, by the names that a manifest would give them.
async fn listing(destination: &Arc<dyn Destination>, dir: &str) -> Result<BTreeMap<String, StoredObject>> {
    let start = if dir.is_empty() { String::new() } else { format!("{dir}/") };
    let objects = destination.list(dir).await?.into_iter().filter_map(|object| {
        let name = object.path.strip_prefix(&start)?.to_owned();
        let hidden = file_name(&name).is_none_or(|file| file.starts_with(['_', '.']));
        (!hidden).then_some((name, object))
    });
    Ok(objects.collect())
}

/// The files whose content is read: another choice each time, so that all have their turn.
fn choose(files: &[FileEntry], sample: Sample) -> HashSet<String> {
    let Some(percent) = sample.percent else { return HashSet::new() };
    let wanted = (files.len() as f64 * percent / 100.0).ceil() as usize;
    let mut order: Vec<(uuid::Uuid, &FileEntry)> =
        files.iter().map(|file| (uuid::Uuid::new_v4(), file)).collect();
    order.sort_by_key(|(random, _)| *random);
    order.into_iter().take(wanted).map(|(_, file)| file.name.clone()).collect()
}

/// A file to be looked at.
struct Look {
    entry: FileEntry,
    stored: Option<StoredObject>,
    destination: Arc<dyn Destination>,
    read: bool,
}

#[derive(Default)]
struct Seen {
    read: bool,
    hashed: bool,
    problems: Vec<Finding>,
}

impl Seen {
    fn problem(&mut self, entry: &FileEntry, problem: &'static str, detail: impl Into<String>) {
        self.problems.push(Finding::of_file(&entry.name, problem, detail));
    }

    /// Keeps the answer; an error about the content is a finding, any other is returned.
    fn keep<T>(&mut self, entry: &FileEntry, answer: Result<T>) -> Result<Option<T>> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.kind() == ErrorKind::Data => {
                self.problem(entry, "unreadable", error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Look {
    async fn look(self) -> Result<Seen> {
        let (mut seen, entry) = (Seen::default(), &self.entry);
        let Some(stored) = &self.stored else {
            seen.problem(
                entry,
                "missing",
                format!("{} rows, {} bytes by the manifest", entry.rows, entry.bytes),
            );
            return Ok(seen);
        };
        let file = StoredFile {
            destination: Arc::clone(&self.destination),
            path: stored.path.clone(),
            bytes: stored.bytes,
        };
        if stored.bytes != entry.bytes {
            seen.problem(entry, "size", format!("{} bytes, not {}", stored.bytes, entry.bytes));
        }
        footer(&file, entry, &mut seen).await?;
        let same_bytes = if self.read { content(&file, entry, &mut seen).await? } else { false };
        // A copy of the file has another tag; when every byte was compared, that is known to be all.
        if let (Some(expected), Some(found), false) = (&entry.e_tag, &stored.e_tag, same_bytes)
            && bare_tag(expected) != bare_tag(found)
        {
            let mut detail =
                format!("the store's tag is {found}, not {expected}: the file was written again since");
            if !self.read {
                detail.push_str("; --read-data compares its bytes");
            }
            seen.problem(entry, "e_tag", detail);
        }
        Ok(seen)
    }
}

async fn footer(file: &StoredFile, entry: &FileEntry, seen: &mut Seen) -> Result<()> {
    let Some(metadata) = seen.keep(entry, file.footer().await)? else { return Ok(()) };
    let rows = metadata.file_metadata().num_rows();
    if u64::try_from(rows).ok() != Some(entry.rows) {
        seen.problem(entry, "rows", format!("{rows} rows by the file's footer, not {}", entry.rows));
    }
    let found = column_stats(&metadata);
    let names = |columns: &[crate::manifest::ColumnStats]| -> Vec<String> {
        columns.iter().map(|column| column.name.to_string()).collect()
    };
    if names(&found) != names(&entry.columns) {
        let (found, expected) = (names(&found).join(", "), names(&entry.columns).join(", "));
        seen.problem(entry, "columns", format!("columns {found}, not {expected}"));
        return Ok(());
    }
    for (found, expected) in found.iter().zip(&entry.columns) {
        for (what, found_value, expected_value) in
            [("smallest", &found.min, &expected.min), ("largest", &found.max, &expected.max)]
        {
            if found_value != expected_value {
                let text =
                    |value: &Option<String>| value.clone().unwrap_or_else(|| "not recorded".to_owned());
                let (found_value, expected_value) = (text(found_value), text(expected_value));
                let detail = format!(
                    "column {}: {what} value {found_value}, not {expected_value}, by the file's footer",
                    found.name
                );
                seen.problem(entry, "statistics", detail);
            }
        }
        if let (found_nulls, Some(nulls)) = (found.nulls, expected.nulls)
            && found_nulls != Some(nulls)
        {
            let found_nulls = found_nulls.map_or("unknown".to_owned(), |nulls| nulls.to_string());
            let detail =
                format!("column {}: {found_nulls} NULLs by the file's footer, not {nulls}", found.name);
            seen.problem(entry, "statistics", detail);
        }
    }
    Ok(())
}

/// Reads all bytes and all values; whether the bytes are those that were written.
async fn content(file: &StoredFile, entry: &FileEntry, seen: &mut Seen) -> Result<bool> {
    seen.read = true;
    let crc = seen.keep(entry, file.crc32().await)?;
    let same_bytes = crc.as_ref() == Some(&entry.crc32);
    if let Some(crc) = crc.filter(|_| !same_bytes) {
        let detail =
            format!("the bytes have CRC-32 {crc}, not {}: they are not what was written", entry.crc32);
        seen.problem(entry, "crc32", detail);
    }
    // A hash that nothing here can compute is one that differs.
    let rule = entry.source_hash.as_deref().map(|hash| Rule::of(hash).unwrap_or_default());
    let Some(values) = seen.keep(entry, file.values(rule).await)? else {
        return Ok(same_bytes);
    };
    compare(&values, entry, seen);
    Ok(same_bytes)
}

fn compare(values: &Values, entry: &FileEntry, seen: &mut Seen) {
    if values.rows != entry.rows {
        seen.problem(entry, "rows", format!("{} rows were read, not {}", values.rows, entry.rows));
    }
    for (name, nulls) in &values.nulls {
        // A field of a struct may have the same path as a column.
        let mut of_name = entry.columns.iter().filter(|column| *column.name == **name);
        let (Some(column), None) = (of_name.next(), of_name.next()) else { continue };
        let recorded = column.nulls;
        if recorded.is_some_and(|recorded| recorded != *nulls) {
            let detail =
                format!("column {name}: {nulls} NULLs were read, not {}", recorded.unwrap_or_default());
            seen.problem(entry, "statistics", detail);
        }
    }
    if let (Some(found), Some(expected)) =
        (values.fingerprint.as_ref().map(Fingerprint::hash), &entry.source_hash)
    {
        seen.hashed = true;
        if found != *expected {
            let detail = format!("the rows have the hash {found}, the source computed {expected}");
            seen.problem(entry, "hash", detail);
        }
    }
}
