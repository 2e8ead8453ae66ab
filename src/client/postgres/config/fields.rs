//! What an address says, key by key, and what is wrong with it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::client::password::Secret;
use crate::error::{Error, Result};
use crate::secret;

use super::settings::{Binding, PostgresConfig, ROOT_CERT_HINT, RootCert, SslMode};

/// `, but is "x"`, if `x` is short enough to be no secret.
pub(super) fn but_is(word: &str) -> String {
    secret::short(word).map_or(String::new(), |word| format!(", but is {word}"))
}

/// What a key sets, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    User,
    Password,
    Host,
    Port,
    Database,
    Mode,
    RootCertificate,
    Certificate,
    PrivateKeyFile,
    ConnectTimeout,
    ApplicationName,
    Options,
    ChannelBinding,
    Service,
    PasswordFile,
    FreshCommand,
    FreshFile,
    FreshLifetime,
}

impl Key {
    fn is_number(self) -> bool {
        matches!(self, Self::Port | Self::ConnectTimeout | Self::FreshLifetime)
    }
}

/// Keys of an entry; the first name of a key is the one we suggest.
pub(super) const ENTRY_KEYS: &[(&str, Key)] = &[
    ("username", Key::User),
    ("user", Key::User),
    ("password", Key::Password),
    ("server", Key::Host),
    ("host", Key::Host),
    ("port", Key::Port),
    ("database", Key::Database),
    ("sslmode", Key::Mode),
    ("sslrootcert", Key::RootCertificate),
    ("sslcert", Key::Certificate),
    ("sslkey", Key::PrivateKeyFile),
    ("connect_timeout", Key::ConnectTimeout),
    ("application_name", Key::ApplicationName),
    ("options", Key::Options),
    ("channel_binding", Key::ChannelBinding),
    ("service", Key::Service),
    ("passfile", Key::PasswordFile),
    ("password_command", Key::FreshCommand),
    ("password_file", Key::FreshFile),
    ("password_lifetime", Key::FreshLifetime),
];

/// Keys of a URL's query, libpq's.
pub(super) const URL_KEYS: &[(&str, Key)] = &[
    ("user", Key::User),
    ("password", Key::Password),
    ("host", Key::Host),
    ("port", Key::Port),
    ("dbname", Key::Database),
    ("sslmode", Key::Mode),
    ("sslrootcert", Key::RootCertificate),
    ("sslcert", Key::Certificate),
    ("sslkey", Key::PrivateKeyFile),
    ("connect_timeout", Key::ConnectTimeout),
    ("application_name", Key::ApplicationName),
    ("options", Key::Options),
    ("channel_binding", Key::ChannelBinding),
    ("service", Key::Service),
    ("passfile", Key::PasswordFile),
];

/// What an address says, as text, with the place of every value; then the problems found so far.
pub(super) struct Fields {
    pub(super) keys: &'static [(&'static str, Key)],
    /// Text before a key in the path of a value.
    pub(super) prefix: String,
    pub(super) values: BTreeMap<Key, (String, String)>,
    pub(super) problems: Vec<String>,
}

impl Fields {
    pub(super) fn empty() -> Self {
        Self { keys: URL_KEYS, prefix: String::new(), values: BTreeMap::new(), problems: Vec::new() }
    }

    pub(super) fn of_url(url: &url::Url) -> Self {
        let mut fields = Self::empty();
        fields.decoded(Key::User, "user", url.username());
        fields.decoded(Key::Password, "password", url.password().unwrap_or(""));
        match url.host() {
            Some(url::Host::Ipv6(address)) => fields.put(Key::Host, "host", address.to_string()),
            Some(url::Host::Ipv4(address)) => fields.put(Key::Host, "host", address.to_string()),
            Some(url::Host::Domain(host)) => fields.decoded(Key::Host, "host", host),
            None => {}
        }
        if let Some(port) = url.port() {
            fields.put(Key::Port, "port", port.to_string());
        }
        fields.decoded(Key::Database, "dbname", url.path().strip_prefix('/').unwrap_or(url.path()));
        for pair in url.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match URL_KEYS.iter().find(|(known, _)| *known == name) {
                Some((known, key)) => fields.decoded(*key, known, value),
                None => fields.unknown(name),
            }
        }
        fields
    }

    pub(super) fn of_entry(id: &str, info: &serde_json::Map<String, Value>, database: Option<&str>) -> Self {
        let mut fields = Self {
            keys: ENTRY_KEYS,
            prefix: format!("{id}.info."),
            values: BTreeMap::new(),
            problems: Vec::new(),
        };
        for (name, value) in info {
            let Some((_, key)) = ENTRY_KEYS.iter().find(|(known, _)| known == name) else {
                fields.unknown(name);
                continue;
            };
            if let Some((other, _)) = fields.values.get(key) {
                let problem = format!("{}{name} says the same as {other}: keep one", fields.prefix);
                fields.problems.push(problem);
                continue;
            }
            match value {
                Value::String(text) => fields.put(*key, name, text.clone()),
                Value::Number(number) if key.is_number() => fields.put(*key, name, number.to_string()),
                other => {
                    let wanted = if key.is_number() { "a number" } else { "a string" };
                    let problem =
                        format!("{}{name} must be {wanted}, but is {}", fields.prefix, type_of(other));
                    fields.problems.push(problem);
                    // Known to be there: it must not be reported as missing too.
                    fields.put(*key, name, "?".into());
                }
            }
        }
        if let Some(database) = database {
            fields.values.remove(&Key::Database);
            fields.put(Key::Database, "database", database.to_string());
        }
        fields
    }

    /// A later value replaces an earlier one, and an empty one counts as not given, as in libpq.
    fn put(&mut self, key: Key, name: &str, value: String) {
        let path = format!("{}{name}", self.prefix);
        if value.contains('\0') {
            self.problems.push(format!("{path} contains a zero byte"));
        } else if !value.is_empty() {
            self.values.insert(key, (path, value));
        }
    }

    /// A value that counts where none is given; `place` is where it stands.
    pub(super) fn default(&mut self, key: Key, place: &str, value: &str) {
        if !value.is_empty() {
            self.values.entry(key).or_insert_with(|| (place.to_owned(), value.to_owned()));
        }
    }

    fn decoded(&mut self, key: Key, name: &str, text: &str) {
        match percent_decode(text) {
            Some(value) => self.put(key, name, value),
            None => {
                let problem = format!("{name} is not valid percent-encoded UTF-8 (write % as %25)");
                self.problems.push(problem);
                self.values.insert(key, (name.to_string(), "?".into()));
            }
        }
    }

    fn unknown(&mut self, name: &str) {
        let nearest = self
            .keys
            .iter()
            .map(|(known, _)| (strsim::jaro_winkler(known, &name.to_lowercase()), *known))
            .filter(|(likeness, _)| *likeness > 0.6)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let advice = match nearest {
            Some((_, known)) => format!("did you mean {known}?"),
            None => {
                let known: Vec<_> = self.keys.iter().map(|(known, _)| *known).collect();
                format!("known are {}", known.join(", "))
            }
        };
        // In a URL it may be a piece of something else.
        let is_name = name.len() <= 24 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let name = if is_name || !self.prefix.is_empty() { name } else { "a name in the query" };
        self.problems.push(format!("{}{name} is not a known key: {advice}", self.prefix));
    }

    pub(super) fn take(&mut self, key: Key) -> Option<(String, String)> {
        self.values.remove(&key)
    }

    pub(super) fn text(&mut self, key: Key) -> Option<String> {
        self.take(key).map(|(_, value)| value)
    }

    fn required(&mut self, key: Key) -> String {
        if let Some(value) = self.text(key) {
            return value;
        }
        let name = self.keys.iter().find(|(_, known)| *known == key).map_or("", |(name, _)| *name);
        self.problems.push(format!("{}{name} is missing", self.prefix));
        String::new()
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self, key: Key, wanted: &str) -> Option<T> {
        let (path, value) = self.take(key)?;
        match value.trim().parse() {
            Ok(number) => Some(number),
            Err(_) if value == "?" => None,
            Err(_) => {
                self.problems.push(format!("{path} must be {wanted}{}", but_is(&value)));
                None
            }
        }
    }

    fn host(&mut self) -> String {
        let host = self.required(Key::Host);
        if host.contains(',') {
            self.problems.push(format!("{}host lists several hosts: name one", self.prefix));
        }
        host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&host).to_string()
    }

    fn sslmode(&mut self, sslrootcert: Option<&RootCert>) -> SslMode {
        let system = sslrootcert == Some(&RootCert::System);
        let Some((path, word)) = self.take(Key::Mode) else {
            return if system { SslMode::VerifyFull } else { SslMode::Prefer };
        };
        match SslMode::parse(&word) {
            // Any public certificate would pass a weaker check; libpq refuses this too.
            Some(mode) if system && mode != SslMode::VerifyFull => {
                self.problems
                    .push(format!("{path} must be verify-full with sslrootcert system, but is {mode}"));
                mode
            }
            Some(mode) => mode,
            None => {
                if word != "?" {
                    let all = SslMode::ALL.map(SslMode::as_str).join(", ");
                    self.problems.push(format!("{path} must be one of {all}{}", but_is(&word)));
                }
                SslMode::Prefer
            }
        }
    }

    fn channel_binding(&mut self) -> Binding {
        match self.take(Key::ChannelBinding) {
            None => Binding::Prefer,
            Some((path, word)) => match word.as_str() {
                "disable" => Binding::Disable,
                "prefer" => Binding::Prefer,
                "require" => Binding::Require,
                _ => {
                    if word != "?" {
                        self.problems
                            .push(format!("{path} must be disable, prefer or require{}", but_is(&word)));
                    }
                    Binding::Prefer
                }
            },
        }
    }

    pub(super) fn build(mut self, whole: &str) -> Result<PostgresConfig> {
        let user = self.required(Key::User);
        let host = self.host();
        let database = self.required(Key::Database);
        let mut config = PostgresConfig::new(host, user, database);
        config.fresh = self.fresh();
        config.password = self.text(Key::Password).map(Secret::new);
        match self.number::<u16>(Key::Port, "a number from 1 to 65535") {
            Some(0) => {
                self.problems.push(format!("{}port must be a number from 1 to 65535, but is 0", self.prefix));
            }
            Some(port) => config.port = port,
            None => {}
        }
        if let Some(seconds) = self.number::<u32>(Key::ConnectTimeout, "a whole number of seconds") {
            config.connect_timeout = Duration::from_secs(seconds.into());
        }
        config.sslrootcert = self.text(Key::RootCertificate).map(|word| RootCert::of(&word));
        config.sslmode = self.sslmode(config.sslrootcert.as_ref());
        config.sslcert = self.text(Key::Certificate).map(PathBuf::from);
        config.sslkey = self.text(Key::PrivateKeyFile).map(PathBuf::from);
        if config.sslcert.is_some() != config.sslkey.is_some() {
            self.problems.push(format!("{}sslcert and sslkey must be given together", self.prefix));
        }
        if let Some(name) = self.text(Key::ApplicationName) {
            config.application_name = name;
        }
        config.options = self.text(Key::Options);
        config.channel_binding = self.channel_binding();
        if matches!(config.sslmode, SslMode::VerifyCa | SslMode::VerifyFull)
            && config.sslrootcert.is_none()
            && !config.is_unix_socket()
        {
            self.problems.push(format!(
                "{}sslrootcert is missing: sslmode {} needs to know whom to trust",
                self.prefix, config.sslmode
            ));
        }
        if self.problems.is_empty() {
            return Ok(config);
        }
        Err(self.into_error(whole))
    }

    fn into_error(self, whole: &str) -> Error {
        let count = match self.problems.len() {
            1 => "a problem".to_string(),
            more => format!("{more} problems"),
        };
        let all = self.problems.join("; ");
        let mut error = Error::config(format!("{whole} has {count}: {all}"));
        if all.contains("sslrootcert is missing") {
            error = error.hint(ROOT_CERT_HINT);
        }
        if self.prefix.is_empty() {
            error = error.hint("write postgres://user:password@host:port/database?sslmode=...");
        }
        error
    }
}

pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// None when a `%` is not followed by two hexadecimal digits or the bytes are not UTF-8. `+` is itself.
pub(super) fn percent_decode(text: &str) -> Option<String> {
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
    String::from_utf8(bytes).ok()
}
