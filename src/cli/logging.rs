//! Log lines on standard error and, with `--log-dir`, in a file.
//!
//! ```text
//! 2026-01-01 10:00:00Z | INFO | starting export run: 0199...
//! ```

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind as IoKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use indicatif::MultiProgress;
use serde_json::Value;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use super::args::{LogFormatArg, LogLevelArg, OutputArgs};
use crate::clock;
use crate::destination::schemes;
use crate::error::{Code, Error, ErrorKind, Result};
use crate::spec::{Misread, absolute, misread};
use crate::{plain, secret};

/// Target of the lines that progress bars replace on a terminal.
pub(super) const PROGRESS: &str = "lakexpress::progress";

/// Target of what ends a log file, which standard error says in other words.
pub(super) const ENDING: &str = "lakexpress::ending";

/// Starts logging. Where `bars` are `drawn`, lines appear above them, and they stand for the progress lines.
pub(super) fn start(args: &OutputArgs, bars: &MultiProgress, drawn: bool) -> Result<()> {
    let level = level(args.log_level);
    let shown = if args.quiet { level.min(LevelFilter::WARN) } else { level };
    let mut on_stderr = targets(shown).with_target(ENDING, LevelFilter::OFF);
    if drawn {
        on_stderr = on_stderr.with_target(PROGRESS, LevelFilter::OFF);
    }
    let stderr = Stderr { bars: drawn.then(|| bars.clone()) };
    let json = args.log_format == LogFormatArg::Json;
    let to = stderr.clone();
    let mut layers = vec![layer(args.log_format, move || OneLine { to: to.clone(), json }, on_stderr)];
    if let Some(directory) = &args.log_dir {
        let (path, file) = log_file(directory)?;
        let file = Arc::new(LogFile { file, path, stderr, failed: Once::new() });
        let writer = move || OneLine { to: LogWriter(Arc::clone(&file)), json };
        // A log file ends with what happened, whatever its level.
        let in_file = targets(level).with_target(ENDING, LevelFilter::INFO);
        layers.push(layer(args.log_format, writer, in_file));
    }
    tracing_subscriber::registry()
        .with(layers)
        .try_init()
        .map_err(|error| Error::internal("cannot start logging").caused_by(error))
}

fn level(level: LogLevelArg) -> LevelFilter {
    match level {
        LogLevelArg::Debug => LevelFilter::DEBUG,
        LogLevelArg::Info => LevelFilter::INFO,
        LogLevelArg::Warning => LevelFilter::WARN,
        LogLevelArg::Error => LevelFilter::ERROR,
    }
}

/// Libraries speak one level less than we do.
fn targets(level: LevelFilter) -> Targets {
    let others = if level == LevelFilter::DEBUG { LevelFilter::INFO } else { level.min(LevelFilter::WARN) };
    // AWS' libraries log answers, lines of files and what commands say. What matters is in the error that follows.
    Targets::new().with_default(others).with_target("aws_", LevelFilter::OFF).with_target("lakexpress", level)
}

fn layer<W>(format: LogFormatArg, writer: W, targets: Targets) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer);
    match format {
        LogFormatArg::Text => layer.event_format(Columns).with_filter(targets).boxed(),
        LogFormatArg::Json => layer.json().flatten_event(true).with_filter(targets).boxed(),
    }
}

/// `lakexpress_<date-time>.log` in `directory`; a number is added when the name is taken.
fn log_file(directory: &Path) -> Result<(PathBuf, File)> {
    let text = directory.to_string_lossy();
    if text.contains("://") {
        return Err(Error::usage("--log-dir is a URL")
            .coded(Code::LogFile)
            .hint("log files go to a directory of this machine"));
    }
    if let Some(Misread { what, remedy }) = misread(&text, schemes()) {
        return Err(Error::usage(format!("--log-dir {what}"))
            .coded(Code::LogFile)
            .hint(remedy)
            .hint("a directory of such a name is written with ./ before it: ./~x"));
    }
    let directory = absolute(directory)?;
    let failed = |error: io::Error| {
        let kind = match error.kind() {
            IoKind::PermissionDenied | IoKind::ReadOnlyFilesystem => ErrorKind::Denied,
            IoKind::NotADirectory | IoKind::AlreadyExists => ErrorKind::Config,
            _ => ErrorKind::Unavailable,
        };
        Error::new(kind, "cannot write a log file")
            .coded(Code::LogFile)
            .with("directory", directory.display())
            .hint("name a writable directory with --log-dir")
            .caused_by(error)
    };
    std::fs::create_dir_all(&directory).map_err(failed)?;
    let stem = format!("lakexpress_{}", clock::moment().format("%Y-%m-%d_%H-%M-%S"));
    let mut number = 1;
    loop {
        let name = if number == 1 { format!("{stem}.log") } else { format!("{stem}_{number}.log") };
        let path = directory.join(name);
        match OpenOptions::new().append(true).create_new(true).open(&path) {
            Err(error) if error.kind() == IoKind::AlreadyExists => number += 1,
            other => return other.map(|file| (path, file)).map_err(failed),
        }
    }
}

/// Writes each event as one line, without secrets of URLs: a line break in what others wrote makes no second one.
/// Events come whole.
struct OneLine<W> {
    to: W,
    json: bool,
}

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = if self.json { of_json(text) } else { secret::in_text(text.to_owned()) };
        self.to.write_all(format!("{}\n", plain::line(&text)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// An event in JSON, each of its texts without secrets of URLs.
fn of_json(event: &str) -> String {
    let shown = secret::in_text(event.to_owned());
    if shown == event {
        return shown;
    }
    match serde_json::from_str::<Value>(event) {
        Ok(mut value) => {
            for (_, field) in value.as_object_mut().into_iter().flatten() {
                if let Value::String(text) = field {
                    *text = secret::in_text(std::mem::take(text));
                }
            }
            value.to_string()
        }
        Err(_) => shown,
    }
}

/// Standard error, with the progress bars out of the way while a line is written.
#[derive(Clone)]
struct Stderr {
    /// If they are drawn.
    bars: Option<MultiProgress>,
}

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &self.bars {
            // Not `suspend`, which panics when the terminal is gone.
            Some(bars) => bars.println(String::from_utf8_lossy(line).trim_end_matches('\n'))?,
            None => io::stderr().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The file of `--log-dir`. That it cannot be written, on a full disk for example, is said once and stops nothing.
struct LogFile {
    file: File,
    path: PathBuf,
    stderr: Stderr,
    failed: Once,
}

#[derive(Clone)]
struct LogWriter(Arc<LogFile>);

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let LogFile { file, path, stderr, failed } = self.0.as_ref();
        // Whole lines: nothing is written later by other means.
        let written = { file }.write_all(line);
        if let Err(error) = &written {
            failed.call_once(|| {
                let path = path.to_string_lossy();
                let said = format!("warning: cannot write the log file {path}: {error}; the run goes on, lines are missing there");
                let said = format!("{}\n", plain::line(&said));
                // Where standard error is gone too there is nobody left.
                let _ = stderr.clone().write_all(said.as_bytes());
            });
        }
        written.map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        { &self.0.file }.flush()
    }
}

/// `time in UTC | LEVEL | message key=value`.
struct Columns;

impl<S, N> FormatEvent<S, N> for Columns
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG => "DEBUG",
            Level::TRACE => "TRACE",
        };
        // UTC, as the run log, the manifests and the snapshot in the line are.
        write!(to, "{} | {level} | ", clock::moment().format("%Y-%m-%d %H:%M:%SZ"))?;
        context.field_format().format_fields(to.by_ref(), event)?;
        writeln!(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_log_files_of_one_second_have_two_names() {
        let directory = tempfile::TempDir::new().expect("directory");
        let below = directory.path().join("logs");
        for _ in 0..3 {
            log_file(&below).expect("file");
        }
        let names =
            std::fs::read_dir(&below).expect("directory").map(|entry| entry.expect("entry").file_name());
        let names: Vec<String> = names.map(|name| name.into_string().expect("text")).collect();
        assert_eq!(names.len(), 3);
        assert!(
            names.iter().all(|name| name.starts_with("lakexpress_2") && name.ends_with(".log")),
            "{names:?}"
        );
    }
}
