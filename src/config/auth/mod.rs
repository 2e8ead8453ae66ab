//! The auth file: one JSON object whose keys are the ids used on the command line.
//!
//! ```json
//! {
//!   "ds_03_pg": {
//!     "ds_type": "postgres",
//!     "auth_mode": "classic",
//!     "info": { "username": "u", "password": "${PG_PASSWORD}", "server": "db", "port": 5432, "database": "sales" }
//!   },
//!   "log_db": { "ds_type": "sqlite", "auth_mode": "filesystem", "info": { "filepath": "/var/lib/runlog.sqlite" } }
//! }
//! ```
//!
//! | key | values |
//! |---|---|
//! | `ds_type` (or `storage_type`) | a source's name; a storage's name; a run log's: `sqlite`, `postgres`, `mysql`, `mariadb`; `webhook` for notifications |
//! | `auth_mode` | `classic` or `filesystem` (sources and run logs; says nothing more), checked by it (storages) |
//! | `info` | keys of that kind of database or storage, checked by it |
//!
//! Every string may hold `${VAR}` or `$env{VAR}`. No message shows a value.

pub(super) mod interpolate;
mod json;
#[cfg(test)]
mod tests;
mod webhook;

use std::fmt;
use std::io::ErrorKind as IoKind;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use self::interpolate::Environment;
pub use self::webhook::Webhook;
use crate::client::Address;
use crate::error::{Code, Error, ErrorKind, Result};
use crate::runlog;
use crate::secret;
use crate::source::SOURCES;
use crate::spec::{Misread, misread, nearest};

/// `ds_type` of an entry that notifications are posted to.
const WEBHOOK: &str = "webhook";
const ENTRY_KEYS: [&str; 4] = ["ds_type", "storage_type", "auth_mode", "info"];
/// Databases that held LakeXpress' run log and do not hold ours, so that the message can say "not yet" and not "unknown".
const RUN_LOGS_TO_COME: [&str; 2] = ["mssql", "duckdb"];

/// A parsed auth file. `Debug` shows ids only.
pub struct AuthFile {
    path: PathBuf,
    entries: Map<String, Value>,
    environment: Environment,
}

/// Where an auth entry puts the run log.
#[derive(Debug, Clone)]
pub enum RunLogTarget {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database of a server.
    Server(Address),
}

impl fmt::Debug for AuthFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&String> = self.entries.keys().collect();
        f.debug_struct("AuthFile").field("path", &self.path).field("ids", &ids).finish_non_exhaustive()
    }
}

/// A checked entry, variables replaced.
struct Entry {
    kind: String,
    mode: Option<String>,
    info: Map<String, Value>,
}

/// An entry that is to be a storage; what its kind and keys mean is for the destination to say.
pub struct Storage {
    /// `ds_type` or `storage_type`, in lower case.
    pub kind: String,
    /// `auth_mode`.
    pub mode: Option<String>,
    /// The fields, variables replaced.
    pub info: Map<String, Value>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What an entry is asked to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Source,
    RunLog,
    Storage,
    Webhook,
}

impl AuthFile {
    /// Reads an auth file. One that others may read gets a warning.
    ///
    /// # Errors
    /// Unreadable file, invalid JSON (with line and column), a key twice, anything but an object.
    pub fn load(path: &Path) -> Result<Self> {
        let content = std::fs::read(path).map_err(|error| unreadable(path, error))?;
        secret::warn_if_others_may_read("auth file", path);
        Self::parse(path, &content, |name| std::env::var(name))
    }

    fn parse(path: &Path, content: &[u8], environment: Environment) -> Result<Self> {
        // Editors on Windows like to begin files with a byte order mark.
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let document = json::parse(content).map_err(|error| {
            Error::config(format!("auth file is not valid: {error}"))
                .coded(Code::AuthFileInvalid)
                .with("file", path.display())
                .hint("the auth file is one JSON object with ids as keys, each id once")
        })?;
        match document {
            Value::Object(entries) => Ok(Self { path: path.to_owned(), entries, environment }),
            other => Err(Error::config(format!("auth file holds {}, not an object", type_name(&other)))
                .coded(Code::AuthFileInvalid)
                .with("file", path.display())
                .hint("write {\"some_id\": {\"ds_type\": \"postgres\", \"info\": {...}}}")),
        }
    }

    /// The address of source `id`; `database` replaces the entry's own.
    ///
    /// # Errors
    /// Unknown id, a kind that is no source, and every wrong key of the entry at once.
    pub fn source(&self, id: &str, database: Option<&str>) -> Result<Address> {
        let entry = self.entry(id, Role::Source)?;
        Ok(Address::Entry {
            id: id.to_owned(),
            kind: entry.kind,
            info: entry.info,
            database: database.map(str::to_owned),
        })
    }

    /// Where entry `id` puts the run log.
    ///
    /// # Errors
    /// Unknown id, a kind that cannot hold a run log, and every wrong key of the entry at once.
    pub fn runlog(&self, id: &str) -> Result<RunLogTarget> {
        let entry = self.entry(id, Role::RunLog)?;
        if entry.kind != "sqlite" {
            let (id, kind, info) = (id.to_owned(), entry.kind, entry.info);
            return Ok(RunLogTarget::Server(Address::Entry { id, kind, info, database: None }));
        }
        match entry.info.get("filepath").and_then(Value::as_str) {
            Some(path) => match misread(path, std::iter::empty()) {
                Some(Misread { what, remedy }) => Err(Error::config(format!("{id}.info.filepath {what}"))
                    .coded(Code::AuthEntryInvalid)
                    .with("file", self.path.display())
                    .hint(remedy)
                    .hint("a file of such a name is written with ./ before it")),
                None => Ok(RunLogTarget::Sqlite(PathBuf::from(path))),
            },
            None => Err(Error::internal("a checked run log entry has no filepath")),
        }
    }

    /// Entry `id` as a storage.
    ///
    /// # Errors
    /// Unknown id, and everything that is wrong with the entry's shape.
    pub fn storage(&self, id: &str) -> Result<Storage> {
        let Entry { kind, mode, info } = self.entry(id, Role::Storage)?;
        Ok(Storage { kind, mode, info })
    }

    fn entry(&self, id: &str, role: Role) -> Result<Entry> {
        let Some(raw) = self.entries.get(id) else {
            return Err(self.unknown_id(id));
        };
        let mut problems = Vec::new();
        let mut raw = raw.clone();
        interpolate::interpolate(&mut raw, id, self.environment, &mut problems);
        let mut hints = Vec::new();
        let entry = check_entry(id, raw, role, &mut problems, &mut hints);
        match entry {
            Some(entry) if problems.is_empty() => {
                if entry.info.contains_key("password_command") && !super::own::is_own(&self.path) {
                    return Err(Error::denied(format!(
                        "entry {id} has a password_command, and other users can change what it runs"
                    )).coded(Code::AuthFileWritable)
                    .with("file", self.path.display())
                    .hint("chmod 600 the auth file and chmod go-w its directory; both belong to this user or to root"));
                }
                Ok(entry)
            }
            _ => {
                let error = Error::config(format!("auth entry is not valid: {}", problems.join("; ")))
                    .coded(Code::AuthEntryInvalid)
                    .with("file", self.path.display());
                Err(hints.into_iter().fold(error, Error::hint))
            }
        }
    }

    fn unknown_id(&self, id: &str) -> Error {
        let ids: Vec<&str> = self.entries.keys().map(String::as_str).collect();
        let error = Error::config(format!("no entry '{}' in the auth file", secret::value(id)))
            .coded(Code::AuthEntryMissing)
            .with("file", self.path.display());
        let error = match nearest(id, ids.iter().copied()) {
            Some(near) => error.hint(format!("did you mean '{near}'?")),
            None => error,
        };
        if ids.is_empty() {
            error.hint("the file has no entries")
        } else {
            error.hint(format!("ids in the file: {}", ids.join(", ")))
        }
    }
}

/// Checks shape, kind and mode. None only together with at least one problem.
fn check_entry(
    id: &str,
    raw: Value,
    role: Role,
    problems: &mut Vec<String>,
    hints: &mut Vec<String>,
) -> Option<Entry> {
    let mut fields = match raw {
        Value::Object(fields) => fields,
        other => {
            problems.push(format!("{id}: {}, not an object", type_name(&other)));
            return None;
        }
    };
    for key in fields.keys().filter(|key| !ENTRY_KEYS.contains(&key.as_str())) {
        let meant = match nearest(key, ENTRY_KEYS) {
            Some(near) => format!(", did you mean {near}?"),
            None if fields.get("info").is_none() => ", keys of the connection belong into info".to_owned(),
            None => String::new(),
        };
        problems.push(format!("{id}.{key}: unknown key{meant}"));
    }
    let kind = match (fields.remove("ds_type"), fields.remove("storage_type")) {
        (Some(_), Some(_)) => {
            problems.push(format!("{id}: ds_type and storage_type are the same key, keep one"));
            None
        }
        (Some(value), None) => string(value, &format!("{id}.ds_type"), problems),
        (None, Some(value)) => string(value, &format!("{id}.storage_type"), problems),
        (None, None) => {
            problems.push(format!("{id}.ds_type: missing"));
            None
        }
    };
    let kind = kind.map(|kind| kind.to_ascii_lowercase());
    let known = kind.as_deref().is_some_and(|kind| check_kind(id, kind, role, problems, hints));
    let mode = fields.remove("auth_mode").and_then(|v| string(v, &format!("{id}.auth_mode"), problems));
    if let Some(mode) = mode.as_ref().filter(|_| role != Role::Storage) {
        // A source may be a file; which of the two a kind means is clear without the mode.
        let expected: &[&str] = match role {
            Role::RunLog if kind.as_deref() == Some("sqlite") => &["filesystem"],
            Role::RunLog => &["classic"],
            _ => &["classic", "filesystem"],
        };
        if known && !expected.contains(&mode.as_str()) {
            let expected = expected.join("\" or \"");
            problems.push(format!(
                "{id}.auth_mode: '{}' is not supported, write \"{expected}\"",
                secret::value(mode)
            ));
        }
    }
    let info = match fields.remove("info") {
        Some(Value::Object(info)) => Some(info),
        Some(other) => {
            problems.push(format!("{id}.info: {}, not an object", type_name(&other)));
            None
        }
        None => {
            problems.push(format!("{id}.info: missing"));
            None
        }
    };
    if let (true, Role::RunLog, Some("sqlite"), Some(info)) = (known, role, kind.as_deref(), &info) {
        check_sqlite(id, info, problems);
    }
    Some(Entry { kind: kind?, mode, info: info? })
}

/// Whether `kind` can play `role`; says why not.
fn check_kind(id: &str, kind: &str, role: Role, problems: &mut Vec<String>, hints: &mut Vec<String>) -> bool {
    let shown = secret::value(kind);
    let sources = || SOURCES.iter().flat_map(|(names, _)| names.iter().copied());
    match role {
        Role::Source if sources().any(|name| name == kind) => return true,
        Role::Source => {
            let meant =
                nearest(kind, sources()).map_or(String::new(), |near| format!(", did you mean {near}?"));
            problems.push(format!("{id}.ds_type: '{shown}' is not a source this version can read{meant}"));
            hints.push(format!("sources so far: {}", sources().collect::<Vec<_>>().join(", ")));
        }
        Role::Storage => return true,
        Role::Webhook if kind == WEBHOOK => return true,
        Role::Webhook => {
            problems
                .push(format!("{id}.ds_type: '{shown}' is nothing that is posted to, write \"{}\"", WEBHOOK));
        }
        Role::RunLog if kind == "sqlite" || run_logs().any(|name| name == kind) => return true,
        Role::RunLog => {
            let when = if RUN_LOGS_TO_COME.contains(&kind) {
                "cannot hold a run log yet"
            } else {
                "cannot hold a run log"
            };
            let able: Vec<&str> = std::iter::once("sqlite").chain(run_logs()).collect();
            problems.push(format!("{id}.ds_type: '{shown}' {when}; these can: {}", able.join(", ")));
            hints.push(
                "use an entry of one of those, such as {\"ds_type\": \"sqlite\", \"info\": {\"filepath\": \
                 \"/path/runlog.sqlite\"}}, or leave out --log-db-auth-id to log to a sqlite file in your state directory"
                    .to_owned(),
            );
        }
    }
    false
}

/// Servers that can hold a run log.
fn run_logs() -> impl Iterator<Item = &'static str> {
    runlog::SERVERS.iter().flat_map(|(names, _)| names.iter().copied())
}

fn check_sqlite(id: &str, info: &Map<String, Value>, problems: &mut Vec<String>) {
    for key in info.keys().filter(|key| *key != "filepath") {
        problems.push(format!("{id}.info.{key}: unknown key, a sqlite run log has filepath only"));
    }
    match info.get("filepath") {
        Some(Value::String(path)) if path.is_empty() => problems.push(format!("{id}.info.filepath: empty")),
        Some(Value::String(path)) if path == ":memory:" => {
            problems.push(format!("{id}.info.filepath: a run log in memory would be lost, name a file"));
        }
        Some(Value::String(_)) => {}
        Some(other) => problems.push(format!("{id}.info.filepath: {}, not a string", type_name(other))),
        None => problems.push(format!("{id}.info.filepath: missing")),
    }
}

fn string(value: Value, path: &str, problems: &mut Vec<String>) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        other => {
            problems.push(format!("{path}: {}, not a string", type_name(&other)));
            None
        }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let (kind, hint) = match error.kind() {
        IoKind::NotFound => (ErrorKind::Config, "name an existing file with -a/--auth"),
        IoKind::PermissionDenied => {
            (ErrorKind::Denied, "give the user that runs this the right to read the file")
        }
        IoKind::IsADirectory => (ErrorKind::Config, "-a/--auth names a directory, name a file"),
        _ => (ErrorKind::Config, "check the file named with -a/--auth"),
    };
    let failed = Error::new(kind, "cannot read the auth file")
        .coded(Code::AuthFileUnreadable)
        .with("file", secret::value(&path.to_string_lossy()))
        .hint(hint);
    match misread(&path.to_string_lossy(), std::iter::empty()) {
        Some(misread) => failed.hint(misread.remedy).about_secret(&error),
        None => failed.about_secret(&error),
    }
}

/// An auth file and all its entries in every role, for `fuzz/`.
///
/// # Errors
/// Those of reading the file.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzzing(content: &[u8]) -> Result<()> {
    let file = AuthFile::parse(Path::new("auth.json"), content, |name| Ok(name.to_owned()))?;
    for id in file.entries.keys() {
        for result in [file.source(id, None).map(drop), file.runlog(id).map(drop), file.storage(id).map(drop)]
        {
            if let Some(error) = result.err().filter(|error| error.kind() == ErrorKind::Internal) {
                return Err(error);
            }
        }
        if let Ok(address) = file.source(id, None) {
            let _ = crate::source::open(&address, &Default::default(), &Default::default());
        }
    }
    file.source("", Some("db")).map(drop).or(Ok(()))
}
