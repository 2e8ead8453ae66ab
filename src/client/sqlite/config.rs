//! Which file: from a URL or an entry of the auth file, checked completely, all problems at once.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::client::Address;
use crate::client::fields::{self, Fields, Keys, percent_decoded};
use crate::error::Result;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Path,
    BusyTimeout,
}

impl fields::Key for Key {
    const LATER_COUNTS: bool = false;

    fn is_number(self) -> bool {
        self == Self::BusyTimeout
    }

    fn may_be_empty(self) -> bool {
        false
    }
}

/// Keys of an entry; the first name of a key is the one we suggest.
const ENTRY_KEYS: Keys<Key> =
    &[("filepath", Key::Path), ("database", Key::Path), ("busy_timeout", Key::BusyTimeout)];

/// Keys of a URL's query.
const URL_KEYS: Keys<Key> = &[("busy_timeout", Key::BusyTimeout)];

impl SqliteConfig {
    /// Reads a URL or the `info` of an auth file entry.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Config`] with every problem there is, each with its key's path.
    pub fn from_address(address: &Address) -> Result<Self> {
        match address {
            Address::Url(url) => of_url(url).map_err(|error| error.hint(URL_HINT)),
            Address::Entry { id, info, database, .. } => {
                let mut fields = Fields::of_entry(id, info, ENTRY_KEYS);
                if let Some(database) = database {
                    fields.put(Key::Path, "database", database.clone());
                }
                let path = fields.required(Key::Path);
                build(fields, path.into())
            }
        }
    }
}

fn of_url(url: &url::Url) -> Result<SqliteConfig> {
    let mut fields = Fields::of_no_url(URL_KEYS);
    if let Some(host) = url.host_str().filter(|host| !host.is_empty()) {
        fields.problem(format!("{host} stands where a server would"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
        fields.problem("a file has no user, password or port");
    }
    if url.fragment().is_some() {
        fields.problem("# begins a fragment");
    }
    // Its bytes may be no Unicode.
    let path = percent_decoded(url.path()).unwrap_or_else(|| {
        fields.problem("the path is not percent-encoded (write % as %25)");
        Vec::new()
    });
    match path.as_slice() {
        [] if !url.path().is_empty() => {}
        [] => fields.problem("the path is empty"),
        path if path.contains(&0) => fields.problem("the path contains a zero byte"),
        _ => {}
    }
    fields.query(url);
    build(fields, OsString::from_vec(path).into())
}

fn build(mut fields: Fields<Key>, path: PathBuf) -> Result<SqliteConfig> {
    if path.as_os_str().as_encoded_bytes().starts_with(b":memory:") {
        fields.problem("a database in memory belongs to its own process");
    }
    let seconds = fields.read(Key::BusyTimeout, "a number of seconds from 0 to 86400", |text| {
        text.parse::<f64>().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds))
    });
    fields.finish()?;
    Ok(SqliteConfig {
        path: absolute(&path)?,
        busy_timeout: seconds.map_or(BUSY_TIMEOUT, Duration::from_secs_f64),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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
