//! `lakexpress export`.

use std::sync::Arc;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use indicatif::MultiProgress;
use tracing::{info, warn};
use uuid::Uuid;

use super::args::{ExportArgs, IgnoredArgs};
use super::progress::{Lines, Told};
use super::signals::{Interruption, Signals};
use super::{print, render, resolve};
use crate::error::Result;
use crate::pipeline::{self, Parts, Progress};
use crate::report;
use crate::runlog::{RunEvent, RunLog, RunStatus};

/// How long statements get to be cancelled and uploads to be aborted after a signal.
const GRACE: Duration = Duration::from_millis(500);

/// Runs an export; `drawn` says that progress lines can be drawn on `bars`.
pub(super) async fn run(args: &ExportArgs, bars: &MultiProgress, drawn: bool) -> Result<u8> {
    mention_ignored(&args.ignored);
    let resolved = resolve::export(args)?;
    let run_id = Uuid::now_v7().to_string();
    let told = Arc::new(Told::default());
    let progress = Arc::new(Progress::default());
    let parts = Parts {
        source: resolved.source,
        destination: resolved.destination,
        runlog: resolved.runlog,
        observer: Arc::<Told>::clone(&told),
        progress: Arc::clone(&progress),
    };
    let mut signals = Signals::install()?;
    let lines = drawn.then(|| Lines::draw(bars, progress, told));
    let ended = tokio::select! {
        result = pipeline::run(&resolved.spec, &run_id, &parts) => Ok(result),
        signal = signals.first() => Err(signal),
    };
    drop(lines);
    let summary = match ended {
        Ok(result) => result?,
        Err(signal) => {
            // The run's future has been dropped; what it left to spawned tasks needs a moment.
            tokio::time::sleep(GRACE).await;
            record_interruption(parts.runlog.as_ref(), &run_id, signal).await;
            return Ok(render::interrupted(signal, &run_id, args.output.json));
        }
    };
    if args.output.json {
        print(&report::json::summary(&summary)?)?;
    } else if !args.output.quiet {
        print(&report::text::summary(&summary))?;
    }
    Ok(u8::from(summary.status != RunStatus::Completed))
}

/// A run that had not begun has nothing to record.
async fn record_interruption(runlog: &dyn RunLog, run_id: &str, signal: Interruption) {
    let recorded = match runlog.run(run_id).await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => {
            let at = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
            let error = Some(signal.name().to_owned());
            let ended =
                RunEvent::RunEnded { run_id: run_id.to_owned(), at, status: RunStatus::Failed, error };
            runlog.append(&ended).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = recorded {
        warn!("the interruption is not in the run log: {error}");
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
