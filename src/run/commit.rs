//! One directory: locked, its parts written, all of them committed or none.

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::alike;
use super::context::Under;
use super::outcome::{Exported, recorded};
use super::prepared::Prepared;
use super::verify;
use crate::catalog::TableRef;
use crate::destination::PendingUpload;
use crate::error::{Error, ErrorKind, Result, Transient};
use crate::format::{AfterCommit, Beginning, Expected, Owner, Written};
use crate::manifest::{Manifest, Verification};
use crate::plan::partitions;

/// What fills a directory: a table, or the result of a query.
#[async_trait(?Send)]
pub(super) trait Content {
    /// Where it goes.
    fn place(&self) -> Place<'_>;

    /// Uploads of an earlier process of the same run that it uses again.
    fn keep(&self) -> Vec<PendingUpload> {
        Vec::new()
    }

    /// Whether complete parts stay, for `resume`, when the source goes away.
    fn parts_stay(&self, _under: &Under<'_>) -> bool {
        false
    }

    /// Writes all parts. When it returns, also with an error, nothing is being written any more. The manifest has no
    /// files yet.
    async fn write(&self, under: &Under<'_>, prepared: &Prepared) -> Result<Manifest>;

    /// Examines what is committed, see [`AfterCommit`].
    async fn check(
        &self,
        _under: &Under<'_>,
        _manifest: &Manifest,
        _verification: &mut Option<Verification>,
    ) -> Result<()> {
        Ok(())
    }
}

/// A directory, and what owns it.
pub(super) struct Place<'a> {
    pub(super) table: &'a TableRef,
    pub(super) directory: &'a str,
    /// Whether it is the result of a query.
    pub(super) is_query: bool,
    /// For the progress display.
    pub(super) est_rows: u64,
}

/// Exports `content`: all of it is committed, or nothing.
pub(super) async fn export(content: &dyn Content, under: &Under<'_>) -> Result<Exported> {
    let (run, place) = (under.run, content.place());
    let services = &run.services;
    let owner = Owner { source: run.identity.clone(), table: place.table.clone(), is_query: place.is_query };
    let beginning = Beginning {
        run_id: &run.run_id,
        if_exists: run.spec.output.if_exists,
        owner: &owner,
        keep: &content.keep(),
        // What is there decides nothing of what is read.
        expected: Expected::Anything,
    };
    let target = services.target(place.directory);
    let transaction = tokio::select! {
        begun = run.format.begin(&target, &beginning) => begun?,
        reason = under.stop.stopped() => return Err(reason),
    };
    if let Some(manifest) = transaction.finished().filter(|m| verify::passed(run.spec.safety.verify, m)) {
        let exported = Exported::kept(manifest, place.directory, &run.rules.names);
        transaction.release().await;
        return Ok(exported);
    }
    let progress = services.progress.start(place.table, place.est_rows);
    // Without the right to delete, what is replaced gets the content of a file without rows.
    let needs_empty = transaction.needs_empty_file();
    let prepared = Prepared::new(progress, needs_empty || transaction.needs_schema());
    let written = written(content, under, &prepared, transaction.previous()).await;
    let written = written.and_then(|manifest| {
        // No other table needs the work.
        let empty = if needs_empty { prepared.empty()? } else { None };
        Ok((manifest, empty))
    });
    services.progress.finish(place.table);
    let files = prepared.take();
    match written {
        Ok((manifest, empty)) => {
            let entries = files.iter().map(|file| recorded(&file.entry)).collect();
            let written = Written { files, empty, schema: prepared.schema(), manifest };
            let (manifest, left) = transaction.commit(written, Some(&Check { content, under })).await?;
            if !left.is_empty() {
                tracing::warn!("{}: left in its directory: {}", place.table, left.text());
            }
            Ok(Exported {
                files: entries,
                directory: place.directory.to_owned(),
                kept: false,
                mixed: manifest.mixed_snapshots,
                left,
                verification: manifest.verification,
            })
        }
        Err(error)
            if content.parts_stay(under)
                && error.kind() == ErrorKind::Unavailable
                && !services.cancel.is_cancelled() =>
        {
            transaction.release().await;
            Err(error.hint("`lakexpress resume --accept-mixed-snapshot` uses the parts that are complete"))
        }
        Err(error) => {
            let uploads: Vec<_> = files.into_iter().map(|f| f.upload).collect();
            if let Err(abort) = transaction.abort(&uploads).await {
                tracing::warn!(table = %place.table, error = %abort, "could not remove unfinished files; the next run will");
            }
            Err(error)
        }
    }
}

/// The content's check of what is committed.
struct Check<'a> {
    content: &'a dyn Content,
    under: &'a Under<'a>,
}

#[async_trait(?Send)]
impl AfterCommit for Check<'_> {
    async fn check(&self, manifest: &Manifest, verification: &mut Option<Verification>) -> Result<()> {
        self.content.check(self.under, manifest, verification).await
    }
}

/// The manifest of what was written.
async fn written(
    content: &dyn Content,
    under: &Under<'_>,
    prepared: &Prepared,
    previous: Option<&Manifest>,
) -> Result<Manifest> {
    let written = async {
        let manifest = content.write(under, prepared).await?;
        if !manifest.partition_by.is_empty() {
            check_partitions(&content.place(), &manifest, under, prepared, previous).await?;
        }
        // Locks and view must have held until the last row: without them a TRUNCATE could have come between.
        under.view.check().await?;
        Ok::<_, Error>(manifest)
    };
    written.await.map_err(|error| match under.stop.late() {
        // At the deadline the view is given up: that it is lost is the limit's work.
        Some(late) if error.transient() == Some(Transient::View) => late,
        _ => error,
    })
}

/// Refuses partitions that are too many, or that the destination takes for one.
async fn check_partitions(
    place: &Place<'_>,
    manifest: &Manifest,
    under: &Under<'_>,
    prepared: &Prepared,
    previous: Option<&Manifest>,
) -> Result<()> {
    let files: Vec<String> = prepared.with(|parts| {
        parts.iter().flat_map(|part| &part.files).map(|file| file.entry.name.clone()).collect()
    });
    let most = under.run.spec.arrangement.max_partitions;
    partitions::check_written(&manifest.partition_by, most, &files)
        .map_err(|error| error.with("table", place.table))?;
    let destination = under.run.services.destination.as_ref();
    alike::partitions_apart((place.table, place.directory), &files, previous, destination).await
}

/// Waits for all writers, or for the first that fails, or until the work has to end. Then none of them is left: their
/// statements are cancelled and their uploads removed.
pub(super) async fn all_ended(mut writers: JoinSet<Result<()>>, under: &Under<'_>) -> Result<()> {
    let ending = async {
        while let Some(writer) = writers.join_next().await {
            writer.map_err(|panic| Error::internal("a writer stopped").caused_by(panic))??;
        }
        Ok(())
    };
    let ended = tokio::select! {
        ended = ending => ended,
        reason = under.stop.stopped() => Err(reason),
    };
    writers.shutdown().await;
    ended
}
