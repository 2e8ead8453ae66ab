//! `--metrics-file`: how a run ended, in Prometheus' text exposition format.
//!
//! Each line has the label `name`, the file's name without its ending: the textfile collector reads all files of a
//! directory as one, and refuses a series that is in two of them.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::counts::Counts;
use super::end::{Last, Table};
use crate::clock;
use crate::error::{Code, Error, ErrorKind, Result};

/// Survives a failed run: the file that is replaced is read for it.
const LAST_SUCCESS: &str = "lakexpress_run_last_success_timestamp_seconds";
/// A file that is larger is none of ours.
const LARGEST: u64 = 256 << 20;
/// How a file of ours begins.
const BEGINNING: &str = "# HELP lakexpress_";
/// How old a temporary file must be that nobody writes any more.
const LEFT: Duration = Duration::from_secs(600);

/// What a file says of a run.
pub(super) struct Run<'a> {
    pub(super) exit_code: u8,
    pub(super) began: SystemTime,
    pub(super) took: Duration,
    /// None where it ended before it began with the tables.
    pub(super) last: Option<&'a Last>,
}

/// Replaces the file at `path`, all or nothing.
///
/// # Errors
/// What stands in the way of a file there.
pub(super) fn write(path: &Path, run: &Run<'_>) -> Result<()> {
    let nameless = || Error::config("it has no name").coded(Code::MetricsFile).hint(NAME_A_FILE);
    // The collector knows the file by the name of the link.
    let label = path.file_stem().ok_or_else(nameless)?.to_string_lossy();
    // The file that a link leads to is replaced, and not the link.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return Err(nameless()) };
    let earlier = found(path)?;
    let text = exposition(run, &label, earlier.as_deref().and_then(earlier_success));
    let failed = |error: std::io::Error| {
        let kind = match error.kind() {
            std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            _ => ErrorKind::Unavailable,
        };
        Error::new(kind, error.to_string())
            .coded(Code::MetricsFile)
            .hint("--metrics-file names a file in a directory that is there and that this user can write to")
    };
    // The collector reads what ends in .prom; this does not.
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    remove_left(directory, &prefix.to_string_lossy());
    let mut file = tempfile::Builder::new().prefix(&prefix).tempfile_in(directory).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    for_all_to_read(file.as_file()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// The collector is another user.
#[cfg(unix)]
fn for_all_to_read(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn for_all_to_read(_file: &fs::File) -> std::io::Result<()> {
    Ok(())
}

/// Whether a file is there that no run wrote.
pub(super) fn is_taken(path: &Path) -> bool {
    let taken = |there: fs::Metadata| there.is_file() && there.len() > 0 && found(path).is_err();
    fs::metadata(path).is_ok_and(taken)
}

/// What the file says that is there.
///
/// # Errors
/// It is not one that an earlier run wrote, and is not to be replaced.
fn found(path: &Path) -> Result<Option<String>> {
    let Ok(there) = fs::metadata(path) else { return Ok(None) };
    if !there.is_file() {
        return Err(Error::config("it is no regular file").coded(Code::MetricsFile).hint(NAME_A_FILE));
    }
    if there.len() == 0 {
        return Ok(None);
    }
    let text = if there.len() <= LARGEST { fs::read(path).unwrap_or_default() } else { Vec::new() };
    match String::from_utf8(text) {
        Ok(text) if text.starts_with(BEGINNING) => Ok(Some(text)),
        _ => Err(Error::config("a file is there that no run wrote, and it is left as it is")
            .coded(Code::MetricsFile)
            .hint(NAME_A_FILE)),
    }
}

pub(super) const NAME_A_FILE: &str =
    "name a new file with --metrics-file, or one that --metrics-file has written";

/// Removes what a process has left that was killed while it wrote.
fn remove_left(directory: &Path, prefix: &str) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name
            .to_str()
            .and_then(|name| name.strip_prefix(prefix))
            .is_some_and(|rest| rest.len() == 6 && rest.chars().all(|letter| letter.is_ascii_alphanumeric()));
        let is_old = || {
            let modified = entry.metadata().and_then(|found| found.modified()).ok()?;
            Some(clock::system_time().duration_since(modified).ok()? > LEFT)
        };
        if is_ours && is_old().unwrap_or(false) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// What a file says of the last success.
fn earlier_success(text: &str) -> Option<f64> {
    let line = text
        .lines()
        .find(|line| line.strip_prefix(LAST_SUCCESS).is_some_and(|rest| rest.starts_with('{')))?;
    let value: f64 = line.rsplit(' ').next()?.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value)
}

fn exposition(run: &Run<'_>, name: &str, earlier_success: Option<f64>) -> String {
    let none = (Counts::default(), &[][..]);
    let (counts, tables) = run.last.map_or(none, |last| (last.counts, last.tables.as_slice()));
    let began = run.began.duration_since(UNIX_EPOCH).unwrap_or_default();
    let ended = began + run.took;
    let success = run.exit_code == 0;
    let last_success = if success { ended.as_secs_f64() } else { earlier_success.unwrap_or(0.0) };
    let mut out = Exposition { text: String::new(), name: escaped(name) };
    out.one("lakexpress_run_success", "Whether the last run ended with exit code 0.", u64::from(success));
    out.one("lakexpress_exit_code", "Exit code of the last run.", run.exit_code);
    let start = "When the last run began.";
    out.one("lakexpress_run_start_timestamp_seconds", start, seconds(began.as_secs_f64()));
    out.one("lakexpress_run_end_timestamp_seconds", "When the last run ended.", seconds(ended.as_secs_f64()));
    out.one("lakexpress_run_duration_seconds", "What the last run took.", seconds(run.took.as_secs_f64()));
    let help = "When a run with exit code 0 ended last; 0 if none is known.";
    out.one(LAST_SUCCESS, help, seconds(last_success));
    out.family("lakexpress_tables", "Tables of the last run, by what became of them.");
    let open = counts.tables.saturating_sub(counts.done + counts.failed);
    for (status, tables) in [("completed", counts.done), ("failed", counts.failed), ("unfinished", open)] {
        out.sample("lakexpress_tables", &[("status", status)], tables);
    }
    out.one("lakexpress_rows", "Rows of the tables that are exported.", counts.rows);
    out.one("lakexpress_files", "Files of the tables that are exported.", counts.files);
    out.one("lakexpress_bytes", "Size of the files of the tables that are exported.", counts.bytes);
    if !tables.is_empty() {
        let retries: u64 = tables.iter().map(|table| table.retries).sum();
        out.one("lakexpress_retries", "Parts of tables that were read again.", retries);
    }
    out.tables("lakexpress_table_success", "Whether the table is exported.", tables, |t| {
        u64::from(t.done).to_string()
    });
    out.tables("lakexpress_table_rows", "Rows of the table.", tables, |t| t.rows.to_string());
    out.tables("lakexpress_table_files", "Files of the table.", tables, |t| t.files.to_string());
    out.tables("lakexpress_table_bytes", "Size of the files of the table.", tables, |t| t.bytes.to_string());
    out.tables("lakexpress_table_duration_seconds", "What the table took.", tables, |t| seconds(t.seconds));
    out.tables("lakexpress_table_retries", "Parts of the table that were read again.", tables, |t| {
        t.retries.to_string()
    });
    out.family("lakexpress_build_info", "The program; always 1.");
    out.sample("lakexpress_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    out.text
}

/// To the millisecond.
fn seconds(value: f64) -> String {
    format!("{value:.3}")
}

struct Exposition {
    text: String,
    /// The label of all samples.
    name: String,
}

impl Exposition {
    fn family(&mut self, metric: &str, help: &str) {
        let _ = write!(self.text, "# HELP {metric} {help}\n# TYPE {metric} gauge\n");
    }

    fn sample(&mut self, metric: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let _ = write!(self.text, "{metric}{{name=\"{}\"", self.name);
        for (label, text) in labels {
            let _ = write!(self.text, ",{label}=\"{}\"", escaped(text));
        }
        let _ = writeln!(self.text, "}} {value}");
    }

    fn one(&mut self, metric: &str, help: &str, value: impl std::fmt::Display) {
        self.family(metric, help);
        self.sample(metric, &[], value);
    }

    fn tables(&mut self, metric: &str, help: &str, tables: &[Table], value: impl Fn(&Table) -> String) {
        if tables.is_empty() {
            return;
        }
        self.family(metric, help);
        for each in tables {
            let labels = [("schema", each.table.schema.as_str()), ("table", each.table.name.as_str())];
            self.sample(metric, &labels, value(each));
        }
    }
}

/// A label's value as the format has it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}
