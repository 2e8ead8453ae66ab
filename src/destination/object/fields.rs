//! The keys of a storage entry: every problem at once, with its path in the auth file, and no value.

use std::fmt;

use serde_json::Value;

use super::super::StorageEntry;
use super::http::proxy_hint;
use crate::error::{Code, Error, Result};
use crate::plain::is_invisible;
use crate::spec::nearest;

/// A text that is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An `http://` or `https://` URL without credentials, query and fragment, whoever names it: it is shown in messages.
///
/// The error is a sentence without anything of the text.
pub(crate) fn plain_endpoint(text: &str) -> Result<url::Url, &'static str> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err("holds a line break or another control character");
    }
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            let bare = url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none();
            // What it is used with is stricter.
            let usable = url.as_str().parse::<::http::Uri>().is_ok();
            if bare && usable { Ok(url) } else { Err("holds more than scheme, host, port and path") }
        }
        _ => Err("not a URL: write https://host, or http://host:port for a plain connection"),
    }
}

/// Whether a secret may go to a URL: with TLS, or to this machine and through no proxy.
pub(crate) fn is_safe(endpoint: &str) -> bool {
    let Ok(url) = plain_endpoint(endpoint) else { return false };
    let loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" && url.has_host()
        || url.scheme() == "http" && loopback && proxy_hint(&url).is_none()
}

/// The fields of an entry, taken one by one.
pub(crate) struct Fields {
    entry: StorageEntry,
    known: Vec<&'static str>,
    problems: Vec<String>,
}

impl Fields {
    pub(crate) fn of(entry: &StorageEntry) -> Self {
        Self { entry: entry.clone(), known: Vec::new(), problems: Vec::new() }
    }

    /// `auth_mode` in lower case.
    pub(crate) fn mode(&self) -> Option<String> {
        self.entry.mode.as_ref().map(|mode| mode.to_ascii_lowercase())
    }

    /// A problem of `key` of the entry itself.
    pub(crate) fn wrong_mode(&mut self, what: impl fmt::Display) {
        self.problems.push(format!("{}.auth_mode: {what}", self.entry.id));
    }

    /// A problem of `key` of `info`.
    pub(crate) fn wrong(&mut self, key: &str, what: impl fmt::Display) {
        self.problems.push(format!("{}.info.{key}: {what}", self.entry.id));
    }

    /// The text under the first of `names`, which are spellings of one key, and the spelling used.
    pub(crate) fn named(&mut self, names: &[&'static str]) -> Option<(&'static str, String)> {
        self.known.extend(names);
        let mut found: Option<(&'static str, Value)> = None;
        for name in names {
            let Some(value) = self.entry.info.remove(*name) else { continue };
            match &found {
                Some((first, _)) => {
                    let what = format!("the same key as {first}, keep one");
                    self.wrong(name, what);
                }
                None => found = Some((name, value)),
            }
        }
        match found? {
            (name, Value::String(text)) if text.trim().is_empty() => {
                self.wrong(name, "empty");
                None
            }
            (name, Value::String(text)) if text.chars().any(char::is_control) => {
                self.wrong(name, "holds a line break or another control character");
                None
            }
            (name, Value::String(text)) => Some((name, text.trim().to_owned())),
            // A key that is there and says nothing, as templates have it.
            (_, Value::Null) => None,
            (name, _) => {
                self.wrong(name, "not a string");
                None
            }
        }
    }

    pub(crate) fn text(&mut self, names: &[&'static str]) -> Option<String> {
        self.named(names).map(|(_, text)| text)
    }

    pub(crate) fn secret(&mut self, names: &[&'static str]) -> Option<Secret> {
        let (name, text) = self.named(names)?;
        if let Some(c) = text.chars().find(|c| is_invisible(*c)) {
            self.wrong(
                name,
                format!("holds an invisible character (U+{:04X}): copy it once more", u32::from(c)),
            );
        }
        Some(Secret(text))
    }

    /// A text without which nothing can be done.
    pub(crate) fn needed(&mut self, names: &[&'static str], what: &str) -> Option<String> {
        let there = self.has(names);
        let text = self.text(names);
        if !there {
            self.wrong(names[0], format!("missing: {what}"));
        }
        text
    }

    /// Whether a key is there under any of `names`.
    pub(crate) fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.entry.info.get(*name).is_some_and(|value| !value.is_null()))
    }

    /// The first of `names` that is there; the first of all if none is.
    pub(crate) fn spelled(&self, names: &[&'static str]) -> &'static str {
        names.iter().find(|name| self.has(&[*name])).unwrap_or(&names[0])
    }

    /// Whether a key has exactly this value under any of `names`.
    pub(crate) fn is(&self, names: &[&str], value: &str) -> bool {
        names.iter().any(|name| self.entry.info.get(*name).is_some_and(|found| found == value))
    }

    /// A path below a bucket without slashes at its ends; empty for none.
    pub(crate) fn path(&mut self, names: &[&'static str]) -> String {
        let Some((name, text)) = self.named(names) else { return String::new() };
        let path = text.trim_matches('/');
        if path.split('/').any(|part| matches!(part, "." | "..")) || path.contains("//") {
            self.wrong(name, "not a path: write names with a single / between them, without . and ..");
        }
        path.to_owned()
    }

    /// An `http://` or `https://` URL without credentials and query.
    pub(crate) fn endpoint(&mut self, names: &[&'static str]) -> Option<url::Url> {
        let (name, text) = self.named(names)?;
        plain_endpoint(&text).map_err(|what| self.wrong(name, what)).ok()
    }

    /// Yes or no, as JSON or a text has it.
    pub(crate) fn flag(&mut self, names: &[&'static str]) -> Option<bool> {
        for name in names {
            if let Some(value) = self.entry.info.get_mut(*name)
                && let Value::Bool(flag) = *value
            {
                *value = Value::String(flag.to_string());
            }
        }
        let (name, text) = self.named(names)?;
        match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.wrong(name, "write true or false");
                None
            }
        }
    }

    /// Names with their texts: an object of strings, or one text that `read` takes apart.
    pub(crate) fn pairs(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Vec<(String, String)>,
    ) -> Option<Vec<(String, String)>> {
        let Some(Value::Object(pairs)) = self.entry.info.get(name).cloned() else {
            let text = self.text(&[name])?;
            let pairs = read(&text);
            if pairs.is_empty() {
                self.wrong(name, "write {\"name\": \"value\"}");
            }
            return Some(pairs);
        };
        self.known.push(name);
        self.entry.info.remove(name);
        let mut texts = Vec::new();
        for (key, value) in pairs {
            let path = format!("{name}.{}", crate::secret::value(&key));
            match value {
                Value::String(text) if text.chars().any(char::is_control) => {
                    self.wrong(&path, "holds a line break or another control character");
                }
                Value::String(text) => texts.push((key, text.trim().to_owned())),
                _ => self.wrong(&path, "not a string"),
            }
        }
        Some(texts)
    }

    pub(crate) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// A problem of something that the entry leaves to its surroundings.
    pub(crate) fn outside(&mut self, what: impl fmt::Display) {
        self.problems.push(format!("{}: {what}", self.entry.id));
    }

    /// All problems as one error; keys that nobody asked for are problems too.
    pub(crate) fn finish(mut self) -> Result<()> {
        let unknown: Vec<String> = self.entry.info.keys().cloned().collect();
        for key in unknown {
            let near = nearest(&key, self.known.iter().copied());
            let meant = near.map_or(String::new(), |name| format!(", did you mean {name}?"));
            self.wrong(&key, format!("unknown key{meant}"));
        }
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(Error::config(format!("auth entry is not valid: {}", self.problems.join("; ")))
            .coded(Code::AuthEntryInvalid)
            .hint("correct the entry in the auth file; docs/storage.md has every key"))
    }
}
