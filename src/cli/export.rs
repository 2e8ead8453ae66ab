//! `lakexpress export`, and what it shares with `query`: a run that can be watched and interrupted.

use std::sync::Arc;
use std::time::Duration;

use indicatif::MultiProgress;
use tracing::{info, warn};
use uuid::Uuid;

use super::args::{ExportArgs, IgnoredArgs, LogDbModeArg, OutputArgs};
use super::progress::{Lines, Told};
use super::signals::{Interruption, Signals};
use super::{logdb, metadata, output, render, resolve, tell};
use crate::error::Result;
use crate::pipeline::{self, CancelSwitch, Parts, Progress, RunSummary};
use crate::report;
use crate::runlog::RunStatus;

/// How long statements get to be cancelled on the server after a signal.
const GRACE: Duration = Duration::from_millis(500);

/// Runs an export; progress lines are drawn on `bars` when `drawn`.
pub(super) async fn run(args: &ExportArgs, bars: &MultiProgress, drawn: bool) -> Result<u8> {
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
    if mode != LogDbModeArg::Preserve {
        logdb::prepare(&resolved.opened.runlog, mode).await?;
    }
    let spec = resolved.spec;
    let watched =
        Watched { opened: resolved.opened, output: &args.output, bars: drawn.then_some(bars), run_id: None };
    let ended = watch(watched, async |run_id: &str, parts: &Parts| {
        Box::pin(pipeline::run(&spec, run_id, parts)).await
    });
    conclude(Box::pin(ended).await?, &args.output)
}

/// Tells about a run and returns the exit code.
pub(super) fn conclude(ended: Ended, given: &OutputArgs) -> Result<u8> {
    let summary = match ended {
        Ended::Done(summary) => summary,
        Ended::Interrupted(code) => return Ok(code),
    };
    let done = || match summary.status {
        RunStatus::Completed => format!("run {} is complete", summary.run_id),
        _ => format!("run {} has ended, {}", summary.run_id, report::text::outcome(&summary)),
    };
    let shown = match (given.json, given.quiet) {
        (true, _) => tell(&report::json::summary(&summary)?, done),
        (false, true) => false,
        (false, false) => tell(&report::text::summary(&summary), done),
    };
    if given.json || !shown {
        // The log has said what failed, but not what helps.
        let remedies = report::text::remedies(&summary);
        if !remedies.is_empty() {
            output::message(remedies.trim_end());
        }
    }
    Ok(exit_code(&summary))
}

/// A run to be, and who watches it.
pub(super) struct Watched<'a> {
    pub(super) opened: resolve::Opened,
    pub(super) output: &'a OutputArgs,
    /// Where progress lines are drawn, if they are.
    pub(super) bars: Option<&'a MultiProgress>,
    /// The run that is resumed; none for a new one.
    pub(super) run_id: Option<String>,
}

/// How a watched run ended.
pub(super) enum Ended {
    /// By itself.
    Done(Box<RunSummary>),
    /// By a signal, which has been told; the exit code.
    Interrupted(u8),
}

/// Does the `work` under its run id, with progress, log lines and signals.
pub(super) async fn watch(
    watched: Watched<'_>,
    work: impl AsyncFnOnce(&str, &Parts) -> Result<RunSummary>,
) -> Result<Ended> {
    let run_id = watched.run_id.unwrap_or_else(|| Uuid::now_v7().to_string());
    let told = Arc::new(Told::default());
    let progress = Arc::new(Progress::default());
    let (switch, cancel) = CancelSwitch::new();
    let parts = Parts {
        source: watched.opened.source,
        destination: watched.opened.destination,
        runlog: watched.opened.runlog,
        observer: Arc::<Told>::clone(&told),
        progress: Arc::clone(&progress),
        cancel,
    };
    let mut signals = Signals::install()?;
    let lines = watched.bars.map(|bars| Lines::draw(bars, progress, told));
    let running = work(&run_id, &parts);
    let ended = until_signal(Box::pin(running), &mut signals, &switch).await;
    drop(lines);
    match ended {
        (None, Some(result)) => result.map(|summary| Ended::Done(Box::new(summary))),
        (signal, _) => {
            // Cancel requests to the server are on their way in tasks of their own.
            tokio::time::sleep(GRACE).await;
            let signal = signal.unwrap_or(Interruption::Terminate);
            Ok(Ended::Interrupted(render::interrupted(signal, &run_id, watched.output.json)))
        }
    }
}

/// 0 when all is done and 1 when some tables failed. When not one table was exported, the exit code says
/// what stood in the way, as it would for a run of that table alone.
fn exit_code(summary: &RunSummary) -> u8 {
    let mut errors = summary.tables.iter().filter_map(|t| t.error.as_ref());
    match errors.next() {
        _ if summary.status == RunStatus::Completed => metadata::exit_code(summary.metadata.as_ref()),
        Some(first)
            if summary.tables.iter().all(|t| t.error.is_some())
                && errors.all(|other| other.kind() == first.kind()) =>
        {
            first.kind().exit_code()
        }
        _ => 1,
    }
}

/// Waits for the run. At the first signal it is asked to stop, which removes what it had not committed and
/// records the interruption; at the second it is dropped, and the next run removes the rest.
async fn until_signal<R>(
    mut running: std::pin::Pin<Box<impl Future<Output = R>>>,
    signals: &mut Signals,
    switch: &CancelSwitch,
) -> (Option<Interruption>, Option<R>) {
    let signal = tokio::select! {
        result = &mut running => return (None, Some(result)),
        signal = signals.first() => signal,
    };
    warn!("stopping: {}; once more ends at once", signal.name());
    switch.cancel();
    tokio::select! {
        result = &mut running => (Some(signal), Some(result)),
        again = signals.first() => (Some(again), None),
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
