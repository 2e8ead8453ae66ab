//! Which file: from a URL or an entry of the auth file, checked completely, all problems at once.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::client::Address;
use crate::error::{Error, Result};
use crate::spec::absolute;

/// How long a reader waits for another program's lock when the address does not say.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const URL_HINT: &str = "write sqlite:///absolute/path.db or sqlite:relative/path.db, with %XX for special characters (# is %23, ? is %3F)";

/// A database file and how to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteConfig {
    /// Absolute path, so that SQLite never takes it for a `file:` URI or an option.
    pub path: PathBuf,
    /// How long to wait for another program's lock.
    pub busy_timeout: Duration,
}

/// What a key sets, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Path,
    BusyTimeout,
}

/// Keys of an entry; the first name of a key is the one we suggest.
const ENTRY_KEYS: &[(&str, Key)] =
    &[("filepath", Key::Path), ("database", Key::Path), ("busy_timeout", Key::BusyTimeout)];

/// Keys of a URL's query.
const URL_KEYS: &[(&str, Key)] = &[("busy_timeout", Key::BusyTimeout)];

impl SqliteConfig {
    /// Reads a URL or the `info` of an auth file entry.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Config`] with every problem there is, each with its key's path.
    pub fn from_address(address: &Address) -> Result<Self> {
        match address {
            Address::Url(url) => of_url(url).build("the source URL").map_err(|e| e.hint(URL_HINT)),
            Address::Entry { id, info, database, .. } => {
                of_entry(id, info, database.as_deref()).build(&format!("entry {id}"))
            }
        }
    }
}

/// What an address says, and the problems found so far.
#[derive(Default)]
struct Fields {
    path: Option<(String, String)>,
    /// The path of a URL, if its bytes are no Unicode.
    bytes: Option<PathBuf>,
    busy_timeout: Option<(String, String)>,
    problems: Vec<String>,
}

fn of_url(url: &url::Url) -> Fields {
    let mut fields = Fields::default();
    if let Some(host) = url.host_str().filter(|host| !host.is_empty()) {
        fields.problems.push(format!("{host} stands where a server would"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
        fields.problems.push("a file has no user, password or port".into());
    }
    if url.fragment().is_some() {
        fields.problems.push("# begins a fragment".into());
    }
    match percent_decoded(url.path()) {
        Some(bytes) => match String::from_utf8(bytes) {
            Ok(path) => fields.put(Key::Path, "the path", path),
            Err(error) => fields.bytes = Some(OsString::from_vec(error.into_bytes()).into()),
        },
        None => fields.problems.push("the path is not percent-encoded (write % as %25)".into()),
    }
    for pair in url.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (URL_KEYS.iter().find(|(known, _)| *known == name), percent_decode(value)) {
            (Some((_, key)), Some(value)) => fields.put(*key, name, value),
            (Some(_), None) => fields.problems.push(format!("{name} is not valid percent-encoded UTF-8")),
            (None, _) => fields.unknown("", name, URL_KEYS),
        }
    }
    fields
}

fn of_entry(id: &str, info: &Map<String, Value>, database: Option<&str>) -> Fields {
    let mut fields = Fields::default();
    let prefix = format!("{id}.info.");
    for (name, value) in info {
        let Some((_, key)) = ENTRY_KEYS.iter().find(|(known, _)| known == name) else {
            fields.unknown(&prefix, name, ENTRY_KEYS);
            continue;
        };
        match value {
            Value::String(text) => fields.put(*key, &format!("{prefix}{name}"), text.clone()),
            Value::Number(number) if *key == Key::BusyTimeout => {
                fields.put(*key, &format!("{prefix}{name}"), number.to_string());
            }
            other => {
                let wanted = if *key == Key::BusyTimeout { "a number" } else { "a string" };
                fields.problems.push(format!("{prefix}{name} must be {wanted}, but is {other}"));
                // Known to be there: it must not be reported as missing too.
                fields.slot(*key).get_or_insert((String::new(), String::new()));
            }
        }
    }
    if let Some(database) = database {
        fields.path = None;
        fields.put(Key::Path, "--source-db-name", database.into());
    }
    if fields.path.is_none() {
        fields.problems.push(format!("{prefix}filepath is missing"));
    }
    fields
}

impl Fields {
    fn slot(&mut self, key: Key) -> &mut Option<(String, String)> {
        match key {
            Key::Path => &mut self.path,
            Key::BusyTimeout => &mut self.busy_timeout,
        }
    }

    fn put(&mut self, key: Key, name: &str, value: String) {
        let taken = self.slot(key).as_ref().map(|(other, _)| other.clone());
        if let Some(other) = taken {
            self.problems.push(format!("{name} says the same as {other}: keep one"));
        } else if value.contains('\0') {
            self.problems.push(format!("{name} contains a zero byte"));
        } else {
            *self.slot(key) = Some((name.to_owned(), value));
        }
    }

    fn unknown(&mut self, prefix: &str, name: &str, keys: &[(&str, Key)]) {
        let nearest = keys
            .iter()
            .map(|(known, _)| (strsim::jaro_winkler(known, &name.to_lowercase()), *known))
            .filter(|(likeness, _)| *likeness > 0.7)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let advice = match nearest {
            Some((_, known)) => format!("did you mean {known}?"),
            None => format!("known are {}", keys.iter().map(|(k, _)| *k).collect::<Vec<_>>().join(", ")),
        };
        self.problems.push(format!("{prefix}{name} is not a known key: {advice}"));
    }

    fn build(mut self, whole: &str) -> Result<SqliteConfig> {
        let mut busy_timeout = BUSY_TIMEOUT;
        if let Some((name, text)) = self.busy_timeout.take().filter(|(name, _)| !name.is_empty()) {
            match text.trim().parse::<f64>().ok().filter(|s| (0.0..=86_400.0).contains(s)) {
                Some(seconds) => busy_timeout = Duration::from_secs_f64(seconds),
                None => self
                    .problems
                    .push(format!("{name} must be a number of seconds from 0 to 86400, but is {text:?}")),
            }
        }
        let mut path = PathBuf::new();
        match self.path.take() {
            Some((name, text)) if text.is_empty() && !name.is_empty() => {
                self.problems.push(format!("{name} is empty"));
            }
            Some((name, text)) if text.starts_with(":memory:") => {
                self.problems.push(format!("{name}: a database in memory belongs to its own process"));
            }
            Some((_, text)) if !text.is_empty() => self.bytes = Some(text.into()),
            _ => {}
        }
        if let Some(given) = self.bytes.filter(|_| self.problems.is_empty()) {
            path = absolute(&given)?;
        }
        if self.problems.is_empty() {
            return Ok(SqliteConfig { path, busy_timeout });
        }
        let count = match self.problems.len() {
            1 => "a problem".to_owned(),
            more => format!("{more} problems"),
        };
        Err(Error::config(format!("{whole} has {count}: {}", self.problems.join("; "))))
    }
}

/// None when a `%` is not followed by two hexadecimal digits or the bytes are not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    String::from_utf8(percent_decoded(text)?).ok()
}

/// None when a `%` is not followed by two hexadecimal digits.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after.get(2..)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<SqliteConfig> {
        SqliteConfig::from_address(&Address::Url(url::Url::parse(text).unwrap()))
    }

    fn entry(info: Value, database: Option<&str>) -> Result<SqliteConfig> {
        let Value::Object(info) = info else { panic!("not an object") };
        let (id, kind) = ("lite".into(), "sqlite".into());
        SqliteConfig::from_address(&Address::Entry { id, kind, info, database: database.map(Into::into) })
    }

    #[test]
    fn urls_name_absolute_and_relative_files() {
        assert_eq!(url("sqlite:///data/a%20b%23.db").unwrap().path, PathBuf::from("/data/a b#.db"));
        assert_eq!(url("sqlite3:/data/x.db").unwrap().path, PathBuf::from("/data/x.db"));
        let relative = url("sqlite:sub/x%3F.db?busy_timeout=2.5").unwrap();
        assert_eq!(relative.path, std::env::current_dir().unwrap().join("sub/x?.db"));
        assert_eq!(relative.busy_timeout, Duration::from_millis(2500));
        assert!(url("sqlite:file:x.db").unwrap().path.is_absolute(), "no URI for SQLite");
    }

    #[test]
    fn url_problems_come_together() {
        let error = url("sqlite://u:p@host/x.db?busy_timout=1#y").unwrap_err();
        let message = error.message();
        for part in ["4 problems", "host stands", "no user", "fragment", "did you mean busy_timeout?"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(!message.contains("u:p"), "{message}");
        for wrong in
            ["sqlite:", "sqlite::memory:", "sqlite:///a%2", "sqlite:///a?busy_timeout=soon", "sqlite://x.db"]
        {
            let error = url(wrong).unwrap_err();
            assert_eq!(error.kind(), crate::error::ErrorKind::Config, "{wrong}");
            assert!(error.hints()[0].contains("sqlite:///"), "{wrong}");
        }
    }

    #[test]
    fn entries_take_either_name_and_a_number() {
        let config = entry(serde_json::json!({"filepath": "/a.db", "busy_timeout": 3}), None).unwrap();
        assert_eq!((config.path, config.busy_timeout), (PathBuf::from("/a.db"), Duration::from_secs(3)));
        assert_eq!(
            entry(serde_json::json!({"database": "/b.db"}), None).unwrap().path,
            PathBuf::from("/b.db")
        );
        let replaced = entry(serde_json::json!({"filepath": "/a.db"}), Some("/c.db")).unwrap();
        assert_eq!(replaced.path, PathBuf::from("/c.db"));
    }

    #[test]
    fn entry_problems_come_together() {
        let wrong = serde_json::json!({"filepth": "/a.db", "busy_timeout": "soon", "colour": 1});
        let message = entry(wrong, None).unwrap_err().message().to_owned();
        for part in [
            "4 problems",
            "lite.info.filepth",
            "did you mean filepath?",
            "lite.info.busy_timeout",
            "lite.info.colour",
            "lite.info.filepath is missing",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
        let both = serde_json::json!({"filepath": "/a.db", "database": "/a.db"});
        assert!(entry(both, None).unwrap_err().message().contains("keep one"));
        let number = entry(serde_json::json!({"filepath": 7}), None).unwrap_err();
        assert!(number.message().contains("a problem: lite.info.filepath must be a string"), "{number}");
    }
}
