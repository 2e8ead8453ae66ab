//! `lakexpress export`, and what it shares with `query`: a run that can be watched and interrupted.

use std::sync::Arc;

use tracing::info;

use super::again::Again;
use super::args::{ExportArgs, IgnoredArgs, LogDbModeArg, OutputArgs};
use super::progress::{Lines, Told};
use super::signals::{Orderly, SoFar};
use super::{Seen, after, end, logdb, metadata, output, resolve, tell};
use crate::clock;
use crate::error::{ErrorKind, Result};
use crate::report;
use crate::run::{self, Progress, RunSummary, Services};
use crate::runlog::RunStatus;

/// The code of a command that was stopped, which nobody sees: the process ends with that of the signal.
pub(super) const STOPPED: u8 = 1;

const REMEDY: &str = "the storage did not take them back in time: the next run that writes these tables finishes what was being committed, removes other uploads, \
                      and takes over a lock half a minute after it was renewed last";

/// Runs an export.
pub(super) async fn run(args: &ExportArgs, seen: &Seen<'_>) -> Result<u8> {
    mention_ignored(&args.ignored);
    let mode = args.run_log.log_db_mode;
    if args.run_log.init_db {
        return logdb::init(&args.auth, mode, &args.output).await;
    }
    if let Some(run_id) = args.metadata.run_id.as_deref().filter(|_| args.metadata.generate_metadata) {
        // LakeXpress' way to write metadata for an earlier run.
        return Box::pin(metadata::of_export(args, run_id)).await;
    }
    let resolved = resolve::export(args)?;
    let closes = resolve::within_hours(args.limits.start_between)?;
    if mode != LogDbModeArg::Preserve {
        logdb::prepare(&resolved.opened.runlog, mode).await?;
    }
    let mut spec = resolved.spec;
    spec.limits.closes = closes;
    let again = Again::of(&args.auth, &spec.origin);
    let opened = resolved.opened.paced(&spec.limits);
    let watched = Watched { opened, what: "the export", run_id: None, again: again.clone() };
    let ended = watch(watched, seen, async |run_id: &str, services: &Services| {
        Box::pin(run::run(&spec, run_id, services)).await
    });
    conclude(Box::pin(ended).await?, seen, &args.output, &again)
}

/// Tells about a run and returns the exit code.
pub(super) fn conclude(ended: Ended, seen: &Seen<'_>, given: &OutputArgs, again: &Again) -> Result<u8> {
    let summary = match ended {
        Ended::Done(summary) => summary,
        Ended::Stopped => return Ok(STOPPED),
    };
    let (again, code) = (again.lines(&summary.run_id), exit_code(&summary));
    // The log has said what failed, but not what helps.
    let remedies = report::text::remedies(&summary, &again);
    end::remember(&summary, &again, &remedies);
    seen.stopping.concluded(code);
    let done = || match summary.status {
        RunStatus::Completed => format!("run {} is complete", summary.run_id),
        _ => format!("run {} has ended, {}", summary.run_id, report::text::outcome(&summary)),
    };
    let document = (given.json || after::posts()).then(|| report::json::summary(&summary, &again, code));
    let document = document.transpose()?.unwrap_or_default();
    after::remember(|| document.clone());
    // Nobody may read what comes now.
    after::write_metrics(code);
    let shown = match (given.json, given.quiet) {
        (true, _) => tell(&document, done),
        (false, true) => false,
        (false, false) => tell(&report::text::summary(&summary, &again), done),
    };
    if (given.json || !shown) && !remedies.is_empty() {
        output::message(remedies.trim_end());
    }
    Ok(code)
}

/// A run to be.
pub(super) struct Watched {
    pub(super) opened: resolve::Opened,
    /// What the user calls it.
    pub(super) what: &'static str,
    /// The run that is resumed; none for a new one.
    pub(super) run_id: Option<String>,
    /// How it is finished when it ends early.
    pub(super) again: Again,
}

/// How a watched run ended.
pub(super) enum Ended {
    /// By itself.
    Done(Box<RunSummary>),
    /// By a signal, of which the process' end tells.
    Stopped,
}

/// Does the `work` under its run id, with progress, log lines and signals.
pub(super) async fn watch(
    watched: Watched,
    seen: &Seen<'_>,
    work: impl AsyncFnOnce(&str, &Services) -> Result<RunSummary>,
) -> Result<Ended> {
    let run_id = watched.run_id.unwrap_or_else(|| clock::ordered_id().to_string());
    let told = Arc::new(Told::default());
    let progress = Arc::new(Progress::default());
    let services = Services {
        source: watched.opened.source,
        destination: watched.opened.destination,
        runlog: watched.opened.runlog,
        observer: Arc::<Told>::clone(&told),
        progress: Arc::clone(&progress),
        cancel: seen.stopping.cancel(),
    };
    #[cfg(any(feature = "otlp", test))]
    super::traces::run(&run_id, services.source.location(), services.destination.location());
    let lines = seen.drawn.then(|| Lines::draw(seen.bars, progress, Arc::clone(&told)));
    let (begun, again, of) = (Arc::clone(&told), watched.again, run_id.clone());
    let so_far: Arc<dyn Fn() -> SoFar + Send + Sync> = Arc::new(move || {
        let again = begun.has_begun().then(|| again.lines(&of));
        SoFar { counts: begun.counts(), again }
    });
    let orderly = Orderly {
        what: watched.what,
        run_id: Some(run_id.clone()),
        destination: Some(Arc::clone(&services.destination)),
        remedy: REMEDY,
        so_far: Some(Arc::clone(&so_far)),
    };
    let is_complete = |done: &Result<RunSummary>| done.as_ref().is_ok_and(|summary| !summary.is_cut_short());
    let ended = seen.stopping.orderly(orderly, Box::pin(work(&run_id, &services)), is_complete).await;
    drop(lines);
    match ended {
        None => Ok(Ended::Stopped),
        Some(Ok(summary)) => Ok(Ended::Done(Box::new(summary))),
        Some(Err(error)) => {
            let SoFar { counts, again } = so_far();
            let Some(again) = again else { return Err(error) };
            end::cut_short(None, &run_id, counts, None);
            let error = error.with("run", &run_id);
            Err(if error.kind() == ErrorKind::Unavailable { again.hinted(error) } else { error })
        }
    }
}

/// 0 when all is done and 1 when some tables failed. When not one table was exported, or a limit ended the run, the
/// exit code says what stood in the way, as it would for a run of that table alone.
fn exit_code(summary: &RunSummary) -> u8 {
    let mut errors = summary.tables.iter().filter_map(|t| t.error.as_ref());
    match errors.next() {
        _ if summary.status == RunStatus::Completed => metadata::exit_code(summary.metadata.as_ref()),
        Some(first)
            if (summary.tables.iter().all(|t| t.error.is_some()) || summary.ended_by.is_some())
                && errors.all(|other| other.kind() == first.kind()) =>
        {
            first.kind().exit_code()
        }
        _ => 1,
    }
}

pub(super) fn mention_ignored(args: &IgnoredArgs) {
    let given = [
        ("--fastbcp-dir-path", args.fastbcp_dir_path.is_some()),
        ("--license", args.license.is_some()),
        ("--license-file", args.license_file.is_some()),
        ("--no-banner", args.no_banner),
        ("--quiet-fbcp", args.quiet_fbcp),
    ];
    let given: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect();
    if !given.is_empty() {
        info!("not needed here and ignored: {}", given.join(", "));
    }
}
