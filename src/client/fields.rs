//! What an address says, key by key, and what is wrong with it: one way for every kind of database.
//!
//! All problems come together, each with the place of its value. A value is in a message only if it is too short to be a
//! secret.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::password::{Fresh, LIFETIME, Origin};
use crate::error::{Code, Error, Result};
use crate::secret;
use crate::spec::nearest;

/// What a key of one kind of database sets, whatever the key is called.
pub(super) trait Key: Copy + Ord + 'static {
    /// In a URL a later value replaces an earlier one. It is a problem otherwise, as it is in an entry.
    const LATER_COUNTS: bool;

    /// Whether an entry may have a JSON number.
    fn is_number(self) -> bool;

    /// Whether an empty value counts as none. It is a problem otherwise.
    fn may_be_empty(self) -> bool;
}

/// Keys by name. The first name of a key is the one that messages suggest.
pub(super) type Keys<K> = &'static [(&'static str, K)];

/// What the parts of a server's URL before its query set.
pub(super) struct Parts<K> {
    pub(super) user: K,
    pub(super) password: K,
    pub(super) host: K,
    pub(super) port: K,
    pub(super) database: K,
}

/// Keys of a password that is asked for at each login, and the key of one that stands in the entry.
pub(super) struct FreshKeys<K> {
    pub(super) command: K,
    pub(super) file: K,
    pub(super) lifetime: K,
    pub(super) password: K,
}

/// The values found, as text, and the problems.
pub(super) struct Fields<K: 'static> {
    keys: Keys<K>,
    /// `the source URL`, `entry ID`: for messages.
    whole: String,
    /// Before the name of a key in the place of a value: `ID.info.`, and nothing in a URL.
    prefix: String,
    values: BTreeMap<K, Given>,
    problems: Vec<String>,
}

struct Given {
    place: String,
    /// None: what stands there is a problem already.
    text: Option<String>,
}

impl<K: Key> Fields<K> {
    /// Those of a URL, none yet.
    pub(super) fn of_no_url(keys: Keys<K>) -> Self {
        Self {
            keys,
            whole: "the source URL".to_owned(),
            prefix: String::new(),
            values: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    /// Those of a URL with a server.
    pub(super) fn of_server_url(url: &url::Url, keys: Keys<K>, parts: &Parts<K>) -> Self {
        let mut fields = Self::of_no_url(keys);
        let host = match url.host() {
            Some(url::Host::Ipv6(address)) => address.to_string(),
            Some(url::Host::Ipv4(address)) => address.to_string(),
            Some(url::Host::Domain(name)) => name.to_owned(),
            None => String::new(),
        };
        let port = url.port().map_or(String::new(), |port| port.to_string());
        for (key, text) in [
            (parts.user, url.username()),
            (parts.password, url.password().unwrap_or("")),
            (parts.host, host.as_str()),
            (parts.port, port.as_str()),
            (parts.database, url.path().strip_prefix('/').unwrap_or(url.path())),
        ] {
            if !text.is_empty() {
                fields.encoded(key, fields.name(key), text);
            }
        }
        fields.query(url);
        fields
    }

    /// Those of an entry of the auth file.
    pub(super) fn of_entry(id: &str, info: &Map<String, Value>, keys: Keys<K>) -> Self {
        let mut fields =
            Self { whole: format!("entry {id}"), prefix: format!("{id}.info."), ..Self::of_no_url(keys) };
        for (name, value) in info {
            let Some((_, key)) = keys.iter().find(|(known, _)| known == name) else {
                fields.unknown(name);
                continue;
            };
            if fields.is_doubled(*key, name) {
                continue;
            }
            match value {
                Value::String(text) => fields.put(*key, name, text.clone()),
                Value::Number(number) if key.is_number() => fields.put(*key, name, number.to_string()),
                other => {
                    let wanted = if key.is_number() { "a number" } else { "a string" };
                    fields.spoilt(*key, name, format!("must be {wanted}, but is {}", type_of(other)));
                }
            }
        }
        fields
    }

    /// Adds the pairs of a URL's query.
    pub(super) fn query(&mut self, url: &url::Url) {
        for pair in url.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match self.keys.iter().find(|(known, _)| *known == name) {
                Some((known, key)) => self.encoded(*key, known, value),
                None => self.unknown(name),
            }
        }
    }

    /// A value of a URL.
    fn encoded(&mut self, key: K, name: &str, text: &str) {
        let Some(value) = percent_decoded(text).and_then(|bytes| String::from_utf8(bytes).ok()) else {
            return self.spoilt(key, name, "is not valid percent-encoded UTF-8 (write % as %25)");
        };
        if K::LATER_COUNTS || value.is_empty() || !self.is_doubled(key, name) {
            self.put(key, name, value);
        }
    }

    /// Says that `name` is a second value of `key`, if it is one.
    fn is_doubled(&mut self, key: K, name: &str) -> bool {
        let Some(other) = self.values.get(&key) else { return false };
        self.problems.push(format!("{}{name} says the same as {}: keep one", self.prefix, other.place));
        true
    }

    /// A value, in place of one that is there.
    pub(super) fn put(&mut self, key: K, name: &str, value: String) {
        let place = format!("{}{name}", self.prefix);
        if value.contains('\0') {
            self.spoilt(key, name, "contains a zero byte");
        } else if !value.is_empty() {
            self.values.insert(key, Given { place, text: Some(value) });
        } else if !key.may_be_empty() {
            self.spoilt(key, name, "is empty");
        }
    }

    /// A value that counts where none is given. `place` is where it stands.
    pub(super) fn default(&mut self, key: K, place: &str, value: &str) {
        if !value.is_empty() {
            let given = || Given { place: place.to_owned(), text: Some(value.to_owned()) };
            self.values.entry(key).or_insert_with(given);
        }
    }

    /// A problem with the value at `name`: `key` is given, so that nobody misses it.
    fn spoilt(&mut self, key: K, name: &str, what: impl Display) {
        let place = format!("{}{name}", self.prefix);
        self.problems.push(format!("{place} {what}"));
        self.values.insert(key, Given { place, text: None });
    }

    /// A problem.
    pub(super) fn problem(&mut self, what: impl Into<String>) {
        self.problems.push(what.into());
    }

    fn unknown(&mut self, name: &str) {
        let known = || self.keys.iter().map(|(known, _)| *known);
        let advice = match nearest(&name.to_lowercase(), known()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
        };
        // In a URL it may be a piece of something else.
        let is_name = name.len() <= 24 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let name = if is_name || !self.prefix.is_empty() { name } else { "a name in the query" };
        self.problems.push(format!("{}{name} is not a known key: {advice}", self.prefix));
    }

    /// The suggested name of `key`.
    fn name(&self, key: K) -> &'static str {
        self.keys.iter().find(|(_, known)| *known == key).map_or("", |(name, _)| name)
    }

    /// Where a value of `key` would stand under its suggested name.
    pub(super) fn place(&self, key: K) -> String {
        format!("{}{}", self.prefix, self.name(key))
    }

    /// Whether there is a value, good or not.
    pub(super) fn has(&self, key: K) -> bool {
        self.values.contains_key(&key)
    }

    /// Place and text of a good value.
    pub(super) fn get(&self, key: K) -> Option<(&str, &str)> {
        let given = self.values.get(&key)?;
        Some((&given.place, given.text.as_deref()?))
    }

    /// As [`Self::get`]; it is gone then.
    pub(super) fn take(&mut self, key: K) -> Option<(String, String)> {
        let given = self.values.remove(&key)?;
        Some((given.place, given.text?))
    }

    /// The text of a good value; it is gone then.
    pub(super) fn text(&mut self, key: K) -> Option<String> {
        self.take(key).map(|(_, text)| text)
    }

    /// The same of a value that there must be. Empty when that is a problem.
    pub(super) fn required(&mut self, key: K) -> String {
        if !self.has(key) {
            self.problems.push(format!("{} is missing", self.place(key)));
        }
        self.text(key).unwrap_or_default()
    }

    /// What `read` makes of a value, which must be `wanted`.
    pub(super) fn read<T>(
        &mut self,
        key: K,
        wanted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let (place, text) = self.take(key)?;
        let value = read(text.trim());
        if value.is_none() {
            let but_is = secret::short(&text).map_or(String::new(), |text| format!(", but is {text}"));
            self.problems.push(format!("{place} must be {wanted}{but_is}"));
        }
        value
    }

    /// A number.
    pub(super) fn number<T: FromStr>(&mut self, key: K, wanted: &str) -> Option<T> {
        self.read(key, wanted, |text| text.parse().ok())
    }

    /// A TCP port.
    pub(super) fn port(&mut self, key: K) -> Option<u16> {
        self.read(key, "a number from 1 to 65535", |text| text.parse().ok().filter(|port| *port != 0))
    }

    /// Where the password comes from for each connection, if an entry says so. What the surroundings have counts less.
    pub(super) fn fresh(&mut self, keys: &FreshKeys<K>) -> Option<Arc<Fresh>> {
        let lifetime = self.number::<u32>(keys.lifetime, "a whole number of seconds");
        let (place, origin) = match (self.take(keys.command), self.take(keys.file)) {
            (Some((command, _)), Some((file, _))) => {
                self.problems.push(format!("{command} and {file} are both given: keep one"));
                return None;
            }
            (Some((place, line)), None) => (place, Origin::Command(line)),
            (None, Some((place, path))) => (place, Origin::File(path.into())),
            (None, None) => {
                if lifetime.is_some() {
                    let (lifetime, command, file) =
                        (self.place(keys.lifetime), self.name(keys.command), self.name(keys.file));
                    self.problems.push(format!("{lifetime} is given without {command} or {file}"));
                }
                return None;
            }
        };
        if let Some((place, _)) = self.take(keys.password)
            && place.starts_with(&self.prefix)
        {
            self.problems.push(format!("{place} is given as well as a command or file for it: keep one"));
        }
        let lifetime = lifetime.map_or(LIFETIME, |seconds| Duration::from_secs(seconds.into()));
        Some(Arc::new(Fresh::new(place, origin, lifetime)))
    }

    /// Whether this is a URL.
    pub(super) fn is_url(&self) -> bool {
        self.prefix.is_empty()
    }

    /// All problems as one error.
    pub(super) fn finish(self) -> Result<()> {
        let count = match self.problems.len() {
            0 => return Ok(()),
            1 => "a problem".to_owned(),
            more => format!("{more} problems"),
        };
        Err(Error::config(format!("{} has {count}: {}", self.whole, self.problems.join("; ")))
            .coded(Code::AuthEntryInvalid))
    }
}

/// Whether a part of the password was taken for a path, a query or a fragment, where messages and records would show it.
pub(super) fn is_misread(url: &url::Url) -> bool {
    let nobody = url.username().is_empty() && url.password().is_none();
    let mut names = url.query().unwrap_or("").split('&').map(|pair| pair.split('=').next().unwrap_or(""));
    url.fragment().is_some() || nobody && (url.path().contains('@') || names.any(|name| name.contains('@')))
}

/// The bytes of a percent-encoded text. None when a `%` is not followed by two hexadecimal digits. `+` is itself.
pub(super) fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let is_code = |after: &str| matches!(after.as_bytes(), [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    text.split('%').skip(1).all(is_code).then(|| percent_decode_str(text).collect())
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::percent_decoded;

    #[test]
    fn percent_codes_are_whole_or_wrong() {
        assert_eq!(percent_decoded("a%20b%2f+%ff").as_deref(), Some(&b"a b/+\xff"[..]));
        assert_eq!(percent_decoded("%2541").as_deref(), Some(&b"%41"[..]));
        for wrong in ["%", "%2", "%%41", "a%zz", "%+1", "100% sure"] {
            assert_eq!(percent_decoded(wrong), None, "{wrong}");
        }
    }
}
