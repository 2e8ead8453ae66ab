//! Who hears how a run ended, apart from those who read what it prints: a file for Prometheus, and a URL that the
//! document of `--json` is posted to. Neither changes the run's exit code. Traces are in `traces`, where they are built.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use super::args::{Command, TellArgs};
use super::in_time::in_time;
use super::notify::Notify;
use super::resolve::Problems;
use super::signals::Stopping;
use super::{end, metrics};
use crate::clock::{self, Instant};
use crate::destination::schemes;
use crate::error::{Code, Error, Result};
use crate::spec::{Misread, absolute, misread};

/// A process has one run.
static AFTER: OnceLock<After> = OnceLock::new();

struct After {
    began: (SystemTime, Instant),
    metrics_file: Option<PathBuf>,
    /// The file is written; locked while it is being written.
    written: Mutex<bool>,
    notify: Option<Notify>,
    /// What is posted.
    document: OnceLock<String>,
}

/// Takes note of the time, and of what `command` is to do at its end, if it is a run.
///
/// # Errors
/// Flags that nothing can be done with.
pub(super) fn begin(command: &Command) -> Result<()> {
    let began = (clock::system_time(), Instant::now());
    let Some((args, auth)) = command.tells() else { return Ok(()) };
    let mut problems = Problems::default();
    let metrics_file = problems.keep(metrics_file(args)).flatten();
    let notify = problems.keep(Notify::of(args.to.notify.as_ref(), args.notify_on, auth)).flatten();
    // A plan has flags of an export and is none.
    if !matches!(command, Command::Plan(_)) {
        let (written, document) = (Mutex::new(false), OnceLock::new());
        if AFTER.set(After { began, metrics_file, written, notify, document }).is_err() {
            tracing::debug!("a second run of one process");
        }
        #[cfg(any(feature = "otlp", test))]
        super::traces::begin(command, began.0);
    }
    problems.finish()
}

fn metrics_file(args: &TellArgs) -> Result<Option<PathBuf>> {
    let Some(path) = &args.metrics_file else { return Ok(None) };
    let text = path.to_string_lossy();
    if text.contains("://") {
        return Err(Error::usage("--metrics-file is a URL")
            .coded(Code::MetricsFile)
            .hint("it is a file of this machine, which a collector reads; --notify posts to a URL"));
    }
    if let Some(Misread { what, remedy }) = misread(&text, schemes()) {
        return Err(Error::usage(format!("--metrics-file {what}"))
            .coded(Code::MetricsFile)
            .hint(remedy)
            .hint("a file of such a name is written with ./ before it: ./~x"));
    }
    let path = absolute(path)?;
    if metrics::is_taken(&path) {
        return Err(Error::usage("--metrics-file names a file that no run wrote, and would replace it")
            .coded(Code::MetricsFile)
            .with("file", path.display())
            .hint(metrics::NAME_A_FILE));
    }
    Ok(Some(path))
}

/// Whether the document of the run is needed.
pub(super) fn posts() -> bool {
    AFTER.get().is_some_and(|after| after.notify.is_some())
}

/// Keeps what `--json` says of the run.
pub(super) fn remember(document: impl FnOnce() -> String) {
    if let Some(After { document: kept, notify: Some(_), .. }) = AFTER.get() {
        // What ends the run first is what became of it.
        kept.get_or_init(document);
    }
}

/// Writes the file for Prometheus, once. That it cannot be written is a warning.
pub(super) fn write_metrics(exit_code: u8) {
    let Some(After { began: (began, watch), metrics_file: Some(path), written, .. }) = AFTER.get() else {
        return;
    };
    let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
    if std::mem::replace(&mut *written, true) {
        return;
    }
    let run = metrics::Run { exit_code, began: *began, took: watch.elapsed(), last: end::last() };
    if let Err(error) = metrics::write(path, &run) {
        let hints = error.hints().join("; ");
        tracing::warn!("cannot write the metrics file {}: {error}; {hints}", path.display());
    }
}

/// Posts the document, if that is asked for: in what is left of the time after a signal. That it does not arrive is a
/// warning.
pub(super) fn notify(exit_code: u8, stopping: Option<&Stopping>) {
    let Some(After { notify: Some(notify), document, .. }) = AFTER.get() else { return };
    let Some(document) = document.get().filter(|_| notify.wants(exit_code)) else { return };
    let posted = match in_time(stopping, notify.post(document)) {
        Ok(posted) => posted,
        Err(error) => return tracing::warn!("cannot post the notification: {error}"),
    };
    let to = notify.shown();
    match posted {
        Some(Ok(())) => tracing::debug!("the notification was posted to {to}"),
        Some(Err(error)) => {
            let hints: String = error.hints().iter().map(|hint| format!("; {hint}")).collect();
            tracing::warn!("the notification to {to} was not delivered: {error}{hints}");
        }
        None => tracing::warn!(
            "the notification to {to} was not delivered: the process was asked to stop, and there was no answer in time"
        ),
    }
}
