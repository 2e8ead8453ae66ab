//! `--verify`: what was written beside what the source says of itself, in the same snapshot.
//!
//! 1. Before anything is read: whether the source can express the rows and columns of the export at all.
//! 2. When all parts are written and none is visible: `COUNT(*)` of the whole table, which knows nothing of slices; with
//!    `hash`, the source's fingerprint of each part. What differs in rows is not committed.
//! 3. With `hash`, when the table is committed: each new file is read back from the destination and compared.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::context::Under;
use super::prepared::Prepared;
use crate::catalog::Slice;
use crate::error::{Code, Error, Result};
use crate::fingerprint::{Fingerprint, Rule};
use crate::manifest::{FileEntry, HashVerdict, Manifest, Verification};
use crate::plan::{TablePlan, verifiable};
use crate::source::TableRead;
use crate::spec::Verify;
use crate::verify::file::StoredFile;

/// Whether a table that was committed before has been compared as `asked`, and was found equal.
pub(super) fn passed(asked: Verify, manifest: &Manifest) -> bool {
    let verified = manifest.verification.as_ref();
    match asked {
        Verify::None => true,
        Verify::Count => verified.is_some(),
        Verify::Hash => verified.is_some_and(|verified| verified.hash == Some(HashVerdict::Equal)),
    }
}

fn read(plan: &TablePlan, columns: Vec<usize>, slice: Slice) -> TableRead {
    TableRead {
        table: plan.info.clone(),
        columns,
        slice,
        filter: (!plan.pushed.is_empty()).then(|| plan.pushed.join(" AND ")),
        batch_rows: 8192,
    }
}

/// Compares the parts that were written with the source's own count, and has the source hash each part; the hashes
/// go into the entries of the files. None when nothing was asked for.
///
/// Errors: `Data` when the numbers of rows differ; those of the source.
pub(super) async fn beside_source(
    plan: &TablePlan,
    under: &Under<'_>,
    prepared: &Prepared,
) -> Result<Option<Verification>> {
    let comparing = async {
        match under.run.spec.safety.verify {
            Verify::None => Ok(None),
            Verify::Count => count(plan, under, prepared).await.map(Some),
            Verify::Hash => {
                let counted = count(plan, under, prepared).await?;
                hash(plan, under, prepared).await?;
                Ok(Some(Verification { hash: Some(HashVerdict::Pending), ..counted }))
            }
        }
    };
    tokio::select! {
        compared = comparing => compared.map_err(|error| error.with("table", &plan.info.table)),
        reason = under.stop.stopped() => Err(reason),
    }
}

async fn count(plan: &TablePlan, under: &Under<'_>, prepared: &Prepared) -> Result<Verification> {
    let _permit = under.run.connections.take(1).await?;
    let source_rows =
        under.run.services.source.count(&read(plan, Vec::new(), Slice::All), &plan.snapshot).await?;
    let written: u64 = prepared.with(|parts| parts.iter().map(|part| part.rows).sum());
    if source_rows != written {
        return Err(Error::data(format!("the source counts {source_rows} rows, {written} were written"))
            .coded(Code::CountDiffers)
            .hint("nothing was committed; this is a bug in lakexpress or in the source: please report it"));
    }
    Ok(Verification { source_rows, hash: None })
}

async fn hash(plan: &TablePlan, under: &Under<'_>, prepared: &Prepared) -> Result<()> {
    let columns = verifiable::columns(plan)?;
    let written = verifiable::written(plan, &columns);
    let asked = plan.parts.iter().map(|part| {
        let read = read(plan, columns.clone(), part.slice.clone());
        let written = &written;
        async move {
            let _permit = under.run.connections.take(1).await?;
            let found = under.run.services.source.fingerprint(&read, written, &plan.snapshot).await;
            found.map(|found| (part.part, found)).map_err(|error| error.with("part", part.part))
        }
    });
    let found: Vec<(usize, Fingerprint)> =
        stream::iter(asked).buffer_unordered(plan.readers.max(1)).try_collect().await?;
    prepared.with(|parts| {
        for (part, found) in found {
            let of_part = || parts.iter().filter(|prepared| prepared.part == part);
            let written: u64 = of_part().map(|prepared| prepared.rows).sum();
            if written != found.rows {
                let message =
                    format!("the source hashes {} rows of this part, {written} were written", found.rows);
                return Err(Error::data(message).coded(Code::HashDiffers).with("part", part).hint(
                    "nothing was committed; this is a bug in lakexpress or in the source: please report it",
                ));
            }
            for prepared in parts.iter_mut().filter(|prepared| prepared.part == part) {
                for file in &mut prepared.files {
                    file.entry.source_hash = Some(found.hash());
                }
            }
        }
        Ok(())
    })
}

/// Reads the new files back from the destination and compares them with the source's hashes; the verdict goes into
/// `verification`, that of the manifest.
///
/// Errors: `Data`, naming the first file that differs; those of the destination.
pub(super) async fn read_back(
    plan: &TablePlan,
    under: &Under<'_>,
    manifest: &Manifest,
    verification: &mut Option<Verification>,
) -> Result<()> {
    let Some(verification) = verification.as_mut().filter(|verification| verification.hash.is_some()) else {
        return Ok(());
    };
    let is_new = |entry: &&FileEntry| plan.parts.iter().any(|part| part.file == entry.name);
    let entries: Vec<FileEntry> = manifest.own_files().filter(is_new).cloned().collect();
    let looks = entries.into_iter().map(|entry| compare(plan, under, entry));
    let comparing = async {
        stream::iter(looks).buffer_unordered(plan.readers.max(1)).try_collect::<Vec<Option<Error>>>().await
    };
    let differences = tokio::select! {
        compared = comparing => compared?,
        reason = under.stop.stopped() => return Err(reason),
    };
    let difference = differences.into_iter().flatten().next();
    let verdict = if difference.is_some() { HashVerdict::Differs } else { HashVerdict::Equal };
    verification.hash = Some(verdict);
    match difference {
        Some(difference) => Err(difference),
        None => {
            tracing::info!("{}: {} rows have the source's count and hash", plan.info.table, manifest.rows);
            Ok(())
        }
    }
}

/// What is wrong with one file, if anything is.
async fn compare(plan: &TablePlan, under: &Under<'_>, entry: FileEntry) -> Result<Option<Error>> {
    let file = StoredFile {
        destination: Arc::clone(&under.run.services.destination),
        path: format!("{}/{}", plan.directory, entry.name),
        bytes: entry.bytes,
    };
    let differs = |found: &str, cause: Option<Error>| {
        let error =
            Error::data(format!("the file that was committed does not hold what the source has: {found}"))
                .coded(Code::HashDiffers)
                .with("part", entry.part)
                .with("file", &entry.name)
                .with("slice", &entry.slice)
                .hint("its manifest says `differs`; do not use the table, and export it again");
        cause.into_iter().fold(error, Error::caused_by)
    };
    let rule = entry.source_hash.as_deref().and_then(Rule::of).unwrap_or_default();
    let values = match file.values(Some(rule)).await {
        Ok(values) => values,
        Err(error) if error.kind() == crate::error::ErrorKind::Data => {
            return Ok(Some(differs("it cannot be read", Some(error))));
        }
        Err(error) => {
            let hint = "the table is committed and its manifest says `pending`; `lakexpress verify --read-data` compares it";
            return Err(error.with("file", &entry.name).hint(hint));
        }
    };
    let found = values.fingerprint.unwrap_or_default();
    let expected = entry.source_hash.as_deref().unwrap_or("none");
    if values.rows != entry.rows || found.rows != entry.rows {
        return Ok(Some(differs(&format!("{} rows and not {}", found.rows, entry.rows), None)));
    }
    if found.hash() != expected {
        return Ok(Some(differs(&format!("its hash is {}, the source's {expected}", found.hash()), None)));
    }
    Ok(None)
}
